import assert from 'node:assert/strict'

const JWT = /eyJ[\w-]+\.[\w-]+\.[\w-]*/
const REFRESH_TOKEN = /lkr_[\w-]+/

/** What holds for everything that a browser sent and got, in every case. */
export async function checkRecord(person, { provider, url: service }) {
  await person.settle()
  assert.deepEqual(person.violations, [], 'a content security policy was violated')
  for (const seen of [...person.requests, ...person.answers]) {
    const text = JSON.stringify(seen)
    for (const token of provider.issued) assert.ok(!text.includes(token), `a token of the provider was at ${seen.url}`)
  }
  for (const { url, headers } of person.requests) {
    // A fragment is not sent, and stays in the history all the same.
    for (const text of [url, headers.referer ?? '']) {
      assert.doesNotMatch(text, JWT, 'a token was in a URL')
      assert.doesNotMatch(text, REFRESH_TOKEN, 'a refresh token was in a URL')
    }
    const from = new URL(headers.referer ?? url)
    if (from.origin !== new URL(url).origin) assert.equal(from.search, '', `the Referer to ${url} says more than where`)
  }
  for (const { url, headers } of person.answers.filter(({ url }) => url.startsWith(`${service}/`))) {
    for (const { value } of headers.filter(({ name }) => name.toLowerCase() === 'set-cookie')) {
      assert.match(value, /; HttpOnly/, `a cookie that scripts can read came from ${url}`)
      assert.match(value, /; SameSite=Lax/, `a cookie that other sites could send came from ${url}`)
    }
  }
}
