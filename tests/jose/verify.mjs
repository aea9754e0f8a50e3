// node verify.mjs ALGORITHM: starts the local server with keys of this algorithm, signs up, and verifies the access token as another
// service would, with nothing but the key set that the server publishes. Prints one line, or fails.
import assert from 'node:assert/strict'
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'
import { start } from '../harness/start.mjs'

const [algorithm] = process.argv.slice(2)
const { url, stop } = await start('local', { LATCHKEY_SIGNING_ALG: algorithm })
const discovery = await (await fetch(`${url}/.well-known/openid-configuration`)).json()
const keys = createRemoteJWKSet(new URL(discovery.jwks_uri))
const rules = { issuer: url, audience: url, typ: 'at+jwt', algorithms: [algorithm] }

const answer = await fetch(`${url}/v1/signup`, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ email: 'ada@example.com', password: 'seven green boats at noon', transport: 'bearer' }),
})
const { user, session, access_token: token } = await answer.json()
assert.equal(answer.status, 201)

const { payload, protectedHeader } = await jwtVerify(token, keys, rules)
assert.equal(protectedHeader.alg, algorithm)
assert.equal(discovery.issuer, url)
assert.ok(discovery.id_token_signing_alg_values_supported.includes(algorithm))
assert.deepEqual([payload.sub, payload.sid, payload.roles], [user.id, session.id, ['user']])
assert.equal(payload.exp - payload.iat, 900)
assert.ok(payload.jti)

const [head, body, signature] = token.split('.')
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const decode = (text) => JSON.parse(Buffer.from(text, 'base64url'))
// The first character carries six bits of the signature; the last of some carries padding.
const flipped = (signature[0] === 'A' ? 'B' : 'A') + signature.slice(1)
const refused = [
  ['a claim was changed', `${head}.${encode({ ...decode(body), roles: ['admin'] })}.${signature}`, rules, errors.JWSSignatureVerificationFailed],
  ['the signature was changed', `${head}.${body}.${flipped}`, rules, errors.JWSSignatureVerificationFailed],
  ['there is no signature', `${encode({ ...decode(head), alg: 'none' })}.${body}.`, rules, errors.JOSEAlgNotAllowed],
  ['the key is another', `${encode({ ...decode(head), kid: 'x' })}.${body}.${signature}`, rules, errors.JWKSNoMatchingKey],
  ['it is for others', token, { ...rules, audience: 'https://other.example' }, errors.JWTClaimValidationFailed],
  ['it is by others', token, { ...rules, issuer: 'https://other.example' }, errors.JWTClaimValidationFailed],
  ['it has ended', token, { ...rules, currentDate: new Date((payload.exp + 1) * 1000) }, errors.JWTExpired],
]
for (const [why, bad, how, error] of refused) {
  await assert.rejects(jwtVerify(bad, keys, how), error, why)
}
await stop()
console.log(`jose verifies ${algorithm} tokens, and refuses ${refused.length} that are not good`)
