// The pages that the service makes itself.
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import axe from 'axe-core'

/** The page that says what went wrong: its status, what it says, and the way on by the keyboard alone. */
export async function refused(person, world, { status, code, title, says, back = `${world.frontend.origin}/` }) {
  const { page } = person
  await page.locator('.code').waitFor()
  const at = page.url()
  await checkHeaders(person, at, status)
  assert.equal(await page.title(), title)
  assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), title)
  const text = await page.getByRole('main').textContent()
  assert.ok(text.includes(code), `${code} is not in: ${text}`)
  assert.match(text, says)
  assert.ok(!text.includes('onerror'), 'it repeats what the provider said')
  await checkLooks(page, code)
  await followBack(page, back)
}

async function checkHeaders(person, url, status) {
  await person.settle()
  const answer = person.answers.findLast((answer) => answer.url === url)
  assert.equal(answer.status, status)
  const header = (name) => answer.headers.find((header) => header.name.toLowerCase() === name)?.value
  assert.equal(header('content-type'), 'text/html; charset=utf-8')
  assert.equal(header('cache-control'), 'no-store')
  assert.equal(header('referrer-policy'), 'no-referrer')
  assert.match(header('content-security-policy'), /^default-src 'none';.*frame-ancestors 'none'/)
}

/** In both colour schemes, on a desk and in a hand. */
async function checkLooks(page, name) {
  const screens = [
    ['light', 1280, 720],
    ['dark', 1280, 720],
    ['light', 320, 640],
  ]
  const size = page.viewportSize()
  for (const [colorScheme, width, height] of screens) {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize({ width, height })
    await picture(page, `${name}-${colorScheme}-${width}`)
    const wide = await page.evaluate('document.documentElement.scrollWidth > innerWidth')
    assert.ok(!wide, `it is wider than a window of ${width} pixels`)
    await page.evaluate(axe.source)
    const { violations, incomplete } = await page.evaluate('axe.run()')
    const findings = [...violations, ...incomplete].map(({ id, help, nodes }) => `${id}: ${help}: ${nodes[0]?.html}`)
    assert.deepEqual(findings, [], `axe found something in ${colorScheme} at ${width}`)
  }
  await page.emulateMedia({ colorScheme: null })
  await page.setViewportSize(size)
}

async function followBack(page, back) {
  await page.keyboard.press('Tab')
  const link = page.getByRole('link')
  assert.equal(await link.count(), 1)
  assert.ok(await link.evaluate((element) => element === document.activeElement), 'Tab does not reach the link')
  assert.equal(await link.evaluate((element) => getComputedStyle(element).outlineStyle), 'solid')
  assert.equal(await link.evaluate((element) => element.href), back)
  await page.keyboard.press('Enter')
  await page.locator('body[data-state=shown]').waitFor()
}

async function picture(page, name) {
  const folder = process.env.SCREENSHOTS
  if (!folder) return
  await mkdir(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`) })
}
