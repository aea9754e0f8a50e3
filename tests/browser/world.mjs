// What every case needs: the provider, two frontends, the service and the browser.
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { start } from '../harness/start.mjs'
import { Person, launch } from './browser.mjs'
import { Frontend } from './frontend.mjs'
import { OpenIdProvider } from './provider.mjs'
import { checkRecord } from './record.mjs'

/** How many returns from a provider one address may make in a minute. More than all cases need, and few enough to pass. */
export const CALLBACKS = 100
const LIMITS = `signup=1000/1m,signup_email=1000/1m,signin=1000/1m,signin_email=1000/1m,signin_email_day=1000/1m,public=1000/1m,oauth_callback=${CALLBACKS}/1m`

export class World {
  provider = new OpenIdProvider()
  /** On the service's own site, with cookies. */
  frontend = new Frontend()
  /** On another site, with tokens. */
  app = new Frontend()
  #ends = []
  #people = 0

  static async start(platform) {
    const world = new World()
    try {
      await world.#start(platform)
    } catch (error) {
      await world.stop()
      throw error
    }
    return world
  }

  async #start(platform) {
    this.browser = await launch()
    this.#ends.push(() => this.browser.close())
    await this.provider.listen()
    this.#ends.push(() => this.provider.close())
    await this.frontend.listen('localhost')
    this.#ends.push(() => this.frontend.close())
    await this.app.listen('127.0.0.1')
    this.#ends.push(() => this.app.close())
    this.service = await start(platform, this.#variables())
    this.#ends.push(() => this.service.stop())
    this.provider.serve(this.url)
    this.frontend.use(this.url)
    this.app.use(this.url)
  }

  get url() {
    return this.service.url
  }

  async stop() {
    for (const end of this.#ends.splice(0).reverse()) await end()
  }

  /** A name that nobody had yet, and an address to it. */
  someone() {
    const name = `Person ${(this.#people += 1)}`
    return { name, email: `person-${this.#people}@example.com`, password: 'seven green boats at noon' }
  }

  /** A case: `run` opens browsers of persons, and what they saw is checked afterwards. */
  test(name, run) {
    test(name, async (t) => {
      const people = []
      const open = async () => {
        const person = await Person.open(this.browser)
        people.push(person)
        return person
      }
      try {
        await run(open)
        for (const person of people) await checkRecord(person, this)
      } catch (error) {
        await pictures(people, t)
        throw error
      } finally {
        for (const person of people) await person.context.close()
      }
    })
  }

  #variables() {
    const known = this.provider.variables()
    return {
      ...known,
      // Nothing listens there.
      LATCHKEY_OIDC: `${known.LATCHKEY_OIDC},gone`,
      OIDC_GONE_ISSUER: 'http://127.0.0.1:9',
      OIDC_GONE_CLIENT_ID: 'gone',
      OIDC_GONE_CLIENT_SECRET: 'gone',
      LATCHKEY_ORIGINS: `${this.frontend.origin},${this.app.origin}`,
      LATCHKEY_LIMITS: LIMITS,
      // So that there is a refresh token to keep from the browser.
      LATCHKEY_PROVIDER_TOKENS: 'keep',
    }
  }
}

/** What each browser showed when a case failed. */
async function pictures(people, t) {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-browser-failed-'))
  for (const [index, { page }] of people.entries()) {
    const path = join(folder, `${index + 1}.png`)
    await page.screenshot({ path }).catch(() => {})
    t.diagnostic(`a browser was at ${page.url()}: ${path}`)
  }
}
