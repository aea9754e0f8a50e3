import assert from 'node:assert/strict'
import { refused } from '../pages.mjs'
import { consent, leave, returned, shown, signIn, visit, withPassword } from '../steps.mjs'

const title = 'The sign-in failed'

export default function cases(world) {
  const come = async (open, claims) => {
    const person = await open()
    await visit(person, world)
    await leave(person)
    await consent(person, world.provider.account(claims))
    return person
  }
  const remainsOutside = async (person) => {
    assert.equal((await shown(person.page)).who, 'Not signed in')
    assert.equal((await person.cookies('latchkey-')).length, 0)
  }

  world.test('the address of another account lets nobody into it', async (open) => {
    const owner = world.someone()
    const browser = await open()
    const login = world.provider.account({ ...owner, email_verified: true })
    const { user } = await signIn(browser, world, login)
    const person = await come(open, { name: owner.name, email: owner.email.toUpperCase(), email_verified: true })
    await returned(person, world, 'account_exists')
    await remainsOutside(person)
    assert.equal((await signIn(await open(), world, login)).user, user)
    assert.equal((await visit(browser, world)).user, user)
    assert.equal(await browser.page.locator('#identities').textContent(), 'acme', 'no other identity was linked')
  })

  world.test('an account that never proved its address gives way to the owner of the address', async (open) => {
    const owner = world.someone()
    const squatter = await open()
    const user = await withPassword(squatter, world, 'Sign up', owner)
    const login = world.provider.account({ name: owner.name, email: owner.email, email_verified: true })
    const entered = await signIn(await open(), world, login)
    assert.ok(entered.user && entered.user !== user)
    assert.ok(entered.who.endsWith(owner.email))
    // As of now: elsewhere what a process remembers may be a minute old.
    const fresh = `${world.url}/v1/authorize?signed_in=true&fresh=true`
    const answer = await squatter.page.request.get(fresh, { headers: { 'x-forwarded-method': 'GET' } })
    assert.equal(answer.status(), 401)
  })

  world.test('where no app waits, a page says it', async (open) => {
    const owner = world.someone()
    await signIn(await open(), world, world.provider.account({ ...owner, email_verified: true }))
    const person = await open()
    await person.page.goto(`${world.url}/v1/oauth/acme/start`)
    await consent(person, world.provider.account({ ...owner, email_verified: true }))
    await refused(person, world, { status: 409, code: 'account_exists', title, says: /sign in as before, and link/ })
    await remainsOutside(person)
  })

  world.test('an address that the provider has not verified makes no account', async (open) => {
    const { name, email } = world.someone()
    const person = await come(open, { name, email, email_verified: false })
    await returned(person, world, 'no_verified_email')
    await remainsOutside(person)
  })

  world.test('without an address there is no account', async (open) => {
    const person = await come(open, { name: world.someone().name })
    await returned(person, world, 'no_verified_email')
    await remainsOutside(person)
  })
}
