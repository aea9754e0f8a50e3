import assert from 'node:assert/strict'
import { refused } from '../pages.mjs'
import { CALLBACKS } from '../world.mjs'

export default function cases(world) {
  // The last of all cases: nobody comes back from a provider for a minute.
  world.test('too many returns from one address', async (open) => {
    const callback = `${world.url}/v1/oauth/acme/callback`
    const statuses = new Set()
    for (let sent = 0; sent <= CALLBACKS; sent += 1) statuses.add((await fetch(callback)).status)
    assert.deepEqual([...statuses], [400, 429])
    const person = await open()
    await person.page.goto(callback)
    await refused(person, world, { status: 429, code: 'rate_limited', title: 'You are not signed in', says: /too many/i })
  })
}
