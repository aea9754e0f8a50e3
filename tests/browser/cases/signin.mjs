import assert from 'node:assert/strict'
import { consent, leave, press, shown, signIn, visit } from '../steps.mjs'

export default function cases(world) {
  world.test('a first sign-in makes the account, and comes back to redirect_to with its session', async (open) => {
    const { name, email } = world.someone()
    const login = world.provider.account({ name, email, email_verified: true })
    const person = await open()
    assert.equal((await visit(person, world)).who, 'Not signed in')
    const { user, who } = await signIn(person, world, login)
    assert.ok(user)
    assert.equal(who, `Signed in as ${name}, ${email}`)
    const [access, ...others] = await person.cookies('-access')
    assert.equal(others.length, 0)
    assert.deepEqual([access.httpOnly, access.sameSite, access.path], [true, 'Lax', '/'])
    assert.equal((await person.cookies('-refresh')).length, 1)
    assert.equal((await person.cookies('-oauth-')).length, 0, 'the cookie of the flow is gone')
    assert.equal(await person.page.evaluate('document.cookie'), '')
  })

  world.test('PKCE goes to the provider, and its iss comes back', async (open) => {
    const login = world.provider.account({ ...world.someone(), email_verified: true })
    const person = await open()
    await signIn(person, world, login)
    const asked = new URL(person.last('/auth').url).searchParams
    assert.equal(asked.get('code_challenge_method'), 'S256')
    assert.equal(asked.get('response_type'), 'code')
    assert.equal(new URL(person.last('/callback').url).searchParams.get('iss'), world.provider.issuer)
    // What the record of every browser is searched for.
    assert.ok(world.provider.issued.size >= 3, 'an access, an ID and a refresh token were issued')
  })

  world.test('whoever signs in again is the same user, here and in another browser', async (open) => {
    const { name, email } = world.someone()
    const login = world.provider.account({ name, email, email_verified: true })
    const person = await open()
    const first = await signIn(person, world, login)
    assert.equal((await press(person.page, 'Sign out')).who, 'Not signed in')
    // The provider knows the browser still, and asks nothing.
    await leave(person)
    await person.page.waitForURL(/\/welcome/)
    assert.equal((await shown(person.page)).user, first.user)
    assert.equal((await signIn(await open(), world, login)).user, first.user)
  })

  world.test('the session is good for a page that opens later, and ends with signing out', async (open) => {
    const login = world.provider.account({ ...world.someone(), email_verified: true })
    const person = await open()
    const { user } = await signIn(person, world, login)
    assert.equal((await visit(person, world)).user, user)
    await press(person.page, 'Sign out')
    assert.equal((await person.tokens()).length, 0)
    assert.equal((await visit(person, world)).who, 'Not signed in')
  })

  world.test('two tabs of one browser, each on its way, both come back', async (open) => {
    const login = world.provider.account({ ...world.someone(), email_verified: true })
    const person = await open()
    const second = await person.context.newPage()
    await visit(person, world)
    await visit({ page: second }, world)
    await leave(person)
    await person.page.getByLabel('Account').waitFor()
    await leave({ page: second })
    await second.getByLabel('Account').waitFor()
    await consent(person, login)
    await person.page.waitForURL(/\/welcome/)
    const { user } = await shown(person.page)
    // The person consented already.
    await second.getByLabel('Account').fill(login)
    await second.getByRole('button', { name: 'Continue' }).click()
    await second.waitForURL(/\/welcome/)
    assert.equal((await shown(second)).user, user)
  })
}
