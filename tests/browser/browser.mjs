// Headless Chromium, and everything that a browser of one person gets to see.
import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'

const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export async function launch() {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
  if (!existsSync(executablePath)) {
    throw new Error(`there is no ${executablePath}; run: infra/setup/chromium, or set CHROMIUM to a Chromium or Chrome`)
  }
  return chromium.launch({ executablePath, args: ARGS })
}

/** A browser of one person: cookies of its own, and a record of what went in and out. */
export class Person {
  /** Each request: its URL, headers and body. */
  requests = []
  /** Each answer: its URL, status, headers and body. */
  answers = []
  /** What a content security policy stopped. */
  violations = []
  #pending = []

  static async open(browser) {
    const person = new Person()
    person.context = await browser.newContext()
    await person.context.exposeBinding('reportViolation', (_, what) => person.violations.push(what))
    await person.context.addInitScript(() =>
      addEventListener('securitypolicyviolation', (event) =>
        globalThis.reportViolation(`${event.documentURI}: ${event.violatedDirective} stopped ${event.blockedURI}`),
      ),
    )
    person.context.on('request', (request) => person.#pending.push(person.#sent(request)))
    person.context.on('response', (response) => person.#pending.push(person.#got(response)))
    person.context.on('console', (message) => {
      if (/content security policy/i.test(message.text())) person.violations.push(message.text())
    })
    person.page = await person.context.newPage()
    return person
  }

  /** What was seen, once all of it is in. */
  async settle() {
    await Promise.all(this.#pending)
  }

  /** The last request whose path ends so. */
  last(path) {
    return this.requests.findLast(({ url }) => new URL(url).pathname.endsWith(path))
  }

  /** The cookies that say who is signed in, or on the way to it: all but those that remember the device. */
  async tokens() {
    return (await this.cookies('latchkey-')).filter(({ name }) => !name.includes('-device-'))
  }

  /** The cookies whose names have this part: on http the port stands in the name too. */
  async cookies(part) {
    return (await this.context.cookies()).filter(({ name }) => name.includes(part))
  }

  /** The next time that the page goes to a URL like `pattern`, it does not get there: gives that URL. */
  async stopBefore(pattern) {
    // Not page.route, which does not see where a redirect leads.
    const session = await this.context.newCDPSession(this.page)
    await session.send('Fetch.enable', { patterns: [{ urlPattern: pattern }] })
    const url = new Promise((resolve) => {
      session.once('Fetch.requestPaused', async ({ requestId, request }) => {
        await session.send('Fetch.failRequest', { requestId, errorReason: 'Aborted' })
        await session.send('Fetch.disable')
        resolve(request.url)
      })
    })
    return { url }
  }

  async #sent(request) {
    const sent = { url: request.url(), headers: {}, body: request.postData() ?? '' }
    this.requests.push(sent)
    sent.headers = await request.allHeaders().catch(() => request.headers())
  }

  async #got(response) {
    const got = { url: response.url(), status: response.status(), headers: [], body: '' }
    this.answers.push(got)
    got.headers = await response.headersArray().catch(() => [])
    // A redirect has no body that could be asked for.
    got.body = await response.text().catch(() => '')
  }
}
