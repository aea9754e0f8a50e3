import { get } from 'node:http'
import assert from 'node:assert/strict'
import { refused } from '../pages.mjs'
import { CALLBACKS } from '../world.mjs'

export default function cases(world) {
  // The last of all cases: nobody comes back from a provider for a minute.
  world.test('too many returns from one address', async (open) => {
    const callback = `${world.url}/v1/oauth/acme/callback`
    const statuses = new Set()
    for (let sent = 0; sent <= CALLBACKS; sent += 1) statuses.add(await status(callback))
    assert.deepEqual([...statuses], [400, 429])
    const person = await open()
    // The window slides: what the cases before sent may make room for a few more.
    let last = 0
    for (let more = 0; last !== 429 && more < CALLBACKS; more += 1) last = (await person.page.goto(callback)).status()
    await refused(person, world, { status: 429, code: 'rate_limited', title: 'The sign-in failed', says: /too many/i })
  })
}

/** The status of a navigation. Node's `fetch` says that it is none (`Sec-Fetch-Mode`). */
function status(url) {
  return new Promise((resolve, reject) => {
    get(url, (answer) => resolve(answer.resume().statusCode)).on('error', reject)
  })
}
