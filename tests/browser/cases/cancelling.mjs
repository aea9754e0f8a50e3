import assert from 'node:assert/strict'
import { cancel, consent, leave, returned, shown, visit, withPassword } from '../steps.mjs'

export default function cases(world) {
  world.test('whoever does not sign in at the provider finds the way back, and can try again', async (open) => {
    const login = world.provider.account({ ...world.someone(), email_verified: true })
    const person = await open()
    await visit(person, world)
    await leave(person)
    await cancel(person)
    await returned(person, world, 'signin_cancelled')
    assert.equal((await shown(person.page)).who, 'Not signed in')
    await leave(person)
    await consent(person, login)
    await person.page.waitForURL(/\/welcome/)
    assert.ok((await shown(person.page)).user)
  })

  world.test('whoever does not consent at the provider is not signed in', async (open) => {
    const person = await open()
    await visit(person, world)
    await leave(person)
    await person.page.getByLabel('Account').fill(world.provider.account({ ...world.someone(), email_verified: true }))
    await person.page.getByRole('button', { name: 'Continue' }).click()
    await person.page.getByRole('button', { name: 'Allow' }).waitFor()
    await cancel(person)
    await returned(person, world, 'signin_cancelled')
    assert.equal((await shown(person.page)).who, 'Not signed in')
  })

  world.test('a link that was cancelled leaves the account and the session as they were', async (open) => {
    const person = await open()
    const user = await withPassword(person, world, 'Sign up', world.someone())
    await person.page.getByRole('button', { name: 'Link Acme', exact: true }).click()
    await cancel(person)
    await returned(person, world, 'signin_cancelled')
    assert.equal((await shown(person.page)).user, user)
    assert.equal(await person.page.locator('#identities').textContent(), '')
  })
}
