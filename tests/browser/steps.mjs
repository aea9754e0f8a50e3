// What people do at the frontend and at the provider.
import assert from 'node:assert/strict'

/** Waits until the app has said who is there. */
export async function shown(page) {
  await page.locator('body[data-state=shown]').waitFor()
  const user = await page.locator('#who').getAttribute('data-user')
  const text = (id) => page.locator(`#${id}`).textContent()
  return { user, who: await text('who'), problem: await text('problem') }
}

/** What the app with cookies shows. */
export async function visit({ page }, world) {
  await page.goto(world.frontend.origin)
  return shown(page)
}

/** Does something in the app that stays on its page. */
export async function press(page, button) {
  await page.getByRole('button', { name: button, exact: true }).click()
  const { user, who, problem } = await shown(page)
  return { user, who, problem, identities: await page.locator('#identities').textContent() }
}

/** At the app: fills in the form, and signs up or in with the password. */
export async function withPassword(person, world, button, { email, password }) {
  await visit(person, world)
  await person.page.getByLabel('E-mail').fill(email)
  await person.page.getByLabel('Password').fill(password)
  const { user, problem } = await press(person.page, button)
  assert.equal(problem, '')
  assert.ok(user)
  return user
}

/** At the app: goes to the provider. */
export async function leave({ page }, name = 'Acme') {
  await page.getByRole('link', { name: `Sign in with ${name}` }).click()
}

/** At the provider: signs in, if it asks, and consents. */
export async function consent({ page }, login) {
  await page.getByLabel('Account').fill(login)
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('button', { name: 'Allow' }).click()
}

/** At the provider. */
export async function cancel({ page }) {
  await page.getByRole('button', { name: 'Cancel' }).click()
}

/** Back at the app with the word for what went wrong, and no page of the service in between. */
export async function returned({ page }, world, code) {
  await page.waitForURL(`${world.frontend.origin}/welcome?from=here&error=${code}`)
  const { problem, who, user } = await shown(page)
  assert.equal(problem, code)
  return { who, user }
}

/** From the app to the provider and back, signed in. */
export async function signIn(person, world, login, name) {
  await visit(person, world)
  await leave(person, name)
  await consent(person, login)
  await person.page.waitForURL(`${world.frontend.origin}/welcome?from=here`)
  return shown(person.page)
}
