import assert from 'node:assert/strict'
import { refused } from '../pages.mjs'
import { consent, leave, returned, shown, signIn, visit } from '../steps.mjs'

const invalid = { status: 400, code: 'invalid_state', title: 'The sign-in failed', says: /not started in this browser/ }

/** Goes to the provider and consents; gives the way back, which the browser does not take. */
async function wayBack(person, world, login) {
  await visit(person, world)
  const { url } = await person.stopBefore('*/v1/oauth/*/callback?*')
  await leave(person)
  await consent(person, login)
  return url
}

export default function cases(world) {
  world.test('the way back is open to the browser that set out, and to no other', async (open) => {
    const login = world.provider.account({ ...world.someone(), email_verified: true })
    const [person, other] = [await open(), await open()]
    const callback = await wayBack(person, world, login)
    await other.page.goto(callback)
    await refused(other, world, invalid)
    assert.equal((await shown(other.page)).who, 'Not signed in')
    assert.equal((await other.cookies('latchkey-')).length, 0)
    // The code is as good as it was: nothing was sent to the provider for the other.
    await person.page.goto(callback)
    await person.page.waitForURL(/\/welcome/)
    assert.ok((await shown(person.page)).user)
  })

  world.test('the way back leads nowhere a second time, and the session stays', async (open) => {
    const login = world.provider.account({ ...world.someone(), email_verified: true })
    const person = await open()
    const { user } = await signIn(person, world, login)
    const { url } = person.last('/callback')
    await person.page.goto(url)
    await refused(person, world, invalid)
    assert.equal((await shown(person.page)).user, user)
  })

  world.test('with its cookie kept, the way back leads nowhere a second time either', async (open) => {
    const login = world.provider.account({ ...world.someone(), email_verified: true })
    const person = await open()
    const callback = await wayBack(person, world, login)
    const flow = await person.cookies('-oauth-')
    assert.equal(flow.length, 1)
    await person.page.goto(callback)
    await person.page.waitForURL(/\/welcome/)
    const { user } = await shown(person.page)
    await person.context.addCookies(flow)
    await person.page.goto(callback)
    // The flow is used up, and nobody asks the provider again.
    await person.page.waitForURL(/\/welcome\?from=here&error=invalid_state$/)
    assert.equal((await visit(person, world)).user, user)
  })

  world.test('the back button does not come past the way back', async (open) => {
    const login = world.provider.account({ ...world.someone(), email_verified: true })
    const person = await open()
    const { user } = await signIn(person, world, login)
    const returns = person.requests.filter(({ url }) => url.includes('/callback')).length
    await person.page.goBack()
    assert.equal(new URL(person.page.url()).origin, world.provider.issuer)
    await person.page.goForward()
    await person.page.waitForURL(/\/welcome/)
    assert.equal((await shown(person.page)).user, user)
    await person.settle()
    assert.equal(person.requests.filter(({ url }) => url.includes('/callback')).length, returns)
  })

  world.test('an answer to one provider is not taken for another', async (open) => {
    const login = world.provider.account({ ...world.someone(), email_verified: true })
    const person = await open()
    const callback = await wayBack(person, world, login)
    await person.page.goto(callback.replace('/oauth/acme/', '/oauth/beta/'))
    await refused(person, world, invalid)
    assert.equal((await shown(person.page)).who, 'Not signed in')
  })

  world.test('an answer in the name of another issuer is not taken', async (open) => {
    const login = world.provider.account({ ...world.someone(), email_verified: true })
    const person = await open()
    const callback = new URL(await wayBack(person, world, login))
    callback.searchParams.set('iss', 'https://other.example')
    await person.page.goto(callback.href)
    assert.equal((await returned(person, world, 'issuer_mismatch')).who, 'Not signed in')
  })
}
