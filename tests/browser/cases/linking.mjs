import assert from 'node:assert/strict'
import { consent, press, returned, shown, signIn, visit, withPassword } from '../steps.mjs'

export default function cases(world) {
  const link = async (person, login, name = 'Acme') => {
    await person.page.getByRole('button', { name: `Link ${name}`, exact: true }).click()
    await consent(person, login)
  }
  const back = async ({ page }) => {
    await page.waitForURL(`${world.frontend.origin}/welcome?from=here`)
    return shown(page)
  }

  world.test('an account with a password gets a provider, and its owner enters by it', async (open) => {
    const someone = world.someone()
    // Another address there: nothing but the link says that they are one.
    const login = world.provider.account({ ...world.someone(), email_verified: true })
    const person = await open()
    const user = await withPassword(person, world, 'Sign up', someone)
    await link(person, login)
    assert.equal((await back(person)).user, user)
    assert.equal(await person.page.locator('#identities').textContent(), 'acme')
    const elsewhere = await signIn(await open(), world, login)
    assert.equal(elsewhere.user, user)
    assert.ok(elsewhere.who.endsWith(someone.email))
  })

  world.test('unlinked, the provider is no way in any more', async (open) => {
    const login = world.provider.account({ ...world.someone(), email_verified: true })
    const person = await open()
    const user = await withPassword(person, world, 'Sign up', world.someone())
    await link(person, login)
    await back(person)
    const after = await press(person.page, 'Unlink Acme')
    assert.deepEqual([after.identities, after.problem], ['', ''])
    const other = await signIn(await open(), world, login)
    assert.ok(other.user && other.user !== user, 'it is free, and makes an account of its own')
  })

  world.test('the last way in stays, and one of two goes', async (open) => {
    const someone = { ...world.someone(), email_verified: true }
    const login = world.provider.account(someone)
    const person = await open()
    const { user } = await signIn(person, world, login)
    const kept = await press(person.page, 'Unlink Acme')
    assert.match(kept.problem, /^409 last_way_in: /)
    assert.equal(kept.identities, 'acme')
    await person.page.getByRole('button', { name: 'Link Beta', exact: true }).click()
    await person.page.getByRole('button', { name: 'Allow' }).click()
    await back(person)
    assert.equal(await person.page.locator('#identities').textContent(), 'acme beta')
    const after = await press(person.page, 'Unlink Acme')
    assert.deepEqual([after.identities, after.problem], ['beta', ''])
    assert.equal((await signIn(await open(), world, login, 'Beta')).user, user)
  })

  world.test('an identity of one account is not linked to another', async (open) => {
    const login = world.provider.account({ ...world.someone(), email_verified: true })
    await signIn(await open(), world, login)
    const person = await open()
    const user = await withPassword(person, world, 'Sign up', world.someone())
    await link(person, login)
    await returned(person, world, 'identity_taken')
    assert.equal((await visit(person, world)).user, user)
    assert.equal(await person.page.locator('#identities').textContent(), '')
  })

  world.test('an account takes one identity of each provider', async (open) => {
    const person = await open()
    await signIn(person, world, world.provider.account({ ...world.someone(), email_verified: true }))
    // At the provider somebody else is there now.
    await person.context.clearCookies({ domain: '127.0.0.1' })
    await link(person, world.provider.account({ ...world.someone(), email_verified: true }))
    await returned(person, world, 'provider_linked')
  })

  world.test('a link is not finished for whoever signed in to the browser meanwhile', async (open) => {
    const login = world.provider.account({ ...world.someone(), email_verified: true })
    const person = await open()
    await withPassword(person, world, 'Sign up', world.someone())
    await person.page.getByRole('button', { name: 'Link Acme', exact: true }).click()
    await person.page.getByLabel('Account').waitFor()
    const tab = await person.context.newPage()
    await visit({ page: tab }, world)
    await press(tab, 'Sign out')
    const other = await withPassword({ page: tab }, world, 'Sign up', world.someone())
    await consent(person, login)
    await returned(person, world, 'other_account')
    assert.equal((await visit(person, world)).user, other)
    assert.equal(await person.page.locator('#identities').textContent(), '')
  })
}
