import { refused } from '../pages.mjs'
import { consent } from '../steps.mjs'

export default function cases(world) {
  const title = 'The sign-in could not begin'

  world.test('where it may not return to, it does not set out', async (open) => {
    for (const place of ['https://evil.example/', '//evil.example/', 'javascript:alert(1)']) {
      const person = await open()
      await person.page.goto(`${world.url}/v1/oauth/acme/start?redirect_to=${encodeURIComponent(place)}`)
      await refused(person, world, { status: 400, code: 'invalid_redirect', title, says: /not an allowed return address/ })
    }
  })

  world.test('a provider that is not there', async (open) => {
    const person = await open()
    await person.page.goto(`${world.url}/v1/oauth/nobody/start`)
    await refused(person, world, { status: 404, code: 'not_found', title, says: /No provider has this name/ })
    await person.page.goto(`${world.url}/v1/oauth/nobody/callback`)
    await refused(person, world, { status: 404, code: 'not_found', title: 'The sign-in failed', says: /No provider has this name/ })
  })

  world.test('a provider that does not answer', async (open) => {
    const person = await open()
    await person.page.goto(`${world.url}/v1/oauth/gone/start`)
    await refused(person, world, { status: 502, code: 'provider_failed', title, says: /try again later/ })
  })

  world.test('a secret that the provider does not take', async (open) => {
    const person = await open()
    await person.page.goto(`${world.url}/v1/oauth/wrong/start`)
    await consent(person, world.provider.account({ ...world.someone(), email_verified: true }))
    await refused(person, world, { status: 502, code: 'provider_refused', title: 'The sign-in failed', says: /settings/ })
  })
}
