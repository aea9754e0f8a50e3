import assert from 'node:assert/strict'
import { cancel, consent, shown, signIn } from '../steps.mjs'

export default function cases(world) {
  const begin = async (person) => {
    await person.page.goto(`${world.app.origin}/bearer`)
    await shown(person.page)
    await person.page.getByRole('button', { name: 'Sign in with Acme' }).click()
  }

  world.test('an app on another site gets its tokens for a one-time code, and no cookies', async (open) => {
    const { name, email } = world.someone()
    const login = world.provider.account({ name, email, email_verified: true })
    const person = await open()
    await begin(person)
    await consent(person, login)
    await person.page.waitForURL(`${world.app.origin}/bearer`)
    const { user, who } = await shown(person.page)
    assert.equal(who, `Signed in as ${name}, ${email} (bearer)`)
    assert.equal((await person.cookies('latchkey-')).length, 0)
    await person.settle()
    const held = person.answers.filter(({ body }) => body.includes('lkr_')).map(({ url }) => new URL(url).pathname)
    assert.deepEqual(held, ['/v1/oauth/exchange'], 'the refresh token came once, in a body')
    assert.equal((await signIn(await open(), world, login)).user, user, 'it is the account of the provider')
  })

  world.test('a code is good once, and with the verifier of the app that asked', async (open) => {
    const login = world.provider.account({ ...world.someone(), email_verified: true })
    const person = await open()
    await begin(person)
    await consent(person, login)
    await person.page.waitForURL(`${world.app.origin}/bearer`)
    assert.ok((await shown(person.page)).user)
    const { url } = person.requests.findLast(({ url }) => url.includes('code=lkc_'))
    await person.page.goto(url)
    assert.equal((await shown(person.page)).problem, '401 invalid_signin_code', 'it was used')

    // Where another app would have got the code, its verifier is another too.
    const thief = await open()
    await thief.page.goto(`${world.app.origin}/bearer`)
    await thief.page.evaluate("sessionStorage.setItem('verifier', 'x'.repeat(43))")
    const { url: unused } = await person.stopBefore(`${world.app.origin}/bearer?code=*`)
    await begin(person)
    await thief.page.goto(await unused)
    assert.equal((await shown(thief.page)).problem, '401 invalid_signin_code', 'it needs the verifier')
  })

  world.test('an app learns that the sign-in was cancelled', async (open) => {
    const person = await open()
    await begin(person)
    await cancel(person)
    await person.page.waitForURL(`${world.app.origin}/bearer`)
    assert.equal((await shown(person.page)).problem, 'signin_cancelled')
  })
}
