// node smoke.mjs, with UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN set: Upstash's own clients against the endpoint of
// `latchkey-services`. Prints one line, or fails.
import assert from 'node:assert/strict'
import { Ratelimit } from '@upstash/ratelimit'
import { Redis } from '@upstash/redis'

process.env.UPSTASH_DISABLE_TELEMETRY = '1'
const redis = Redis.fromEnv()
const prefix = `smoke:${process.pid}:${Date.now()}`
const key = (name) => `${prefix}:${name}`
let checks = 0
const same = (actual, expected, what) => {
  assert.deepEqual(actual, expected, what)
  checks += 1
}

// Texts, numbers, objects, and what JSON and base64 could break.
same(await redis.set(key('text'), 'value'), 'OK')
same(await redis.get(key('text')), 'value')
for (const value of ['OK', '', ' ', 'é 😀', '\u0000\n', 'null', { a: [1, null, 'é'] }, 12.5, true]) {
  await redis.set(key('any'), value)
  same(await redis.get(key('any')), value === 'null' ? null : value)
}
same(await redis.get(key('missing')), null)
same(await redis.set(key('text'), 'other', { nx: true }), null)
same(await redis.set(key('brief'), 'value', { px: 60_000 }), 'OK')
assert.ok((await redis.pttl(key('brief'))) > 0)
same([await redis.incr(key('n')), await redis.incrby(key('n'), 41), await redis.decr(key('n'))], [1, 42, 41])
same(await redis.mget(key('text'), key('missing')), ['value', null])
same(await redis.exists(key('text'), key('missing')), 1)
same(await redis.type(key('text')), 'string')
same(await redis.del(key('text')), 1)
same(await redis.ping(), 'PONG')

// Hashes, lists, sets, sorted sets.
same(await redis.hset(key('hash'), { name: 'Ada', age: 36, tags: ['x'] }), 3)
same(await redis.hgetall(key('hash')), { name: 'Ada', age: 36, tags: ['x'] })
same(await redis.hmget(key('hash'), 'name', 'none'), { name: 'Ada', none: null })
same(await redis.hincrby(key('hash'), 'age', 1), 37)
same(await redis.hgetall(key('missing')), null)
same(await redis.rpush(key('list'), 'a', 'b', 'c'), 3)
same(await redis.lrange(key('list'), 0, -1), ['a', 'b', 'c'])
same([await redis.lpop(key('list')), await redis.llen(key('list'))], ['a', 2])
same(await redis.sadd(key('set'), 'a', 'b', 'a'), 2)
same((await redis.smembers(key('set'))).sort(), ['a', 'b'])
same(await redis.zadd(key('zset'), { score: 2, member: 'two' }, { score: 1.5, member: 'one' }), 2)
same(await redis.zrange(key('zset'), 0, -1, { withScores: true }), ['one', 1.5, 'two', 2])
same([await redis.zscore(key('zset'), 'one'), await redis.zrank(key('zset'), 'two')], [1.5, 1])
const [cursor, found] = await redis.scan(0, { match: `${prefix}:zse*`, count: 1000 })
same([cursor, found], ['0', [key('zset')]])

// Several at once: a pipeline, commands that the client gathers itself, a transaction, scripts.
const pipeline = redis.pipeline()
pipeline.set(key('p'), 1)
pipeline.incr(key('p'))
pipeline.get(key('p'))
same(await pipeline.exec(), ['OK', 2, 2])
const mixed = redis.pipeline().set(key('p'), 'text').incr(key('p')).get(key('p'))
const answers = await mixed.exec({ keepErrors: true })
same([answers[0].result, answers[2].result], ['OK', 'text'])
assert.match(answers[1].error, /not an integer/)
await assert.rejects(redis.pipeline().set(key('p'), 'text').incr(key('p')).exec(), /Command 2 \[ incr \] failed/)
same(await Promise.all(Array.from({ length: 20 }, (_, n) => redis.set(key(`auto${n}`), n))), Array(20).fill('OK'))
same(await redis.multi().set(key('m'), 1).incrby(key('m'), 9).get(key('m')).exec(), ['OK', 10, 10])
same(await redis.eval('return {KEYS[1], ARGV[1], {1, false}}', [key('e')], ['a']), [key('e'), 'a', [1, null]])
const script = redis.createScript('return redis.call("INCRBY", KEYS[1], ARGV[1])')
// EVALSHA first, which a fresh server does not know.
same(await script.exec([key('s')], ['5']), 5)
same(await script.exec([key('s')], ['5']), 10)

// What is refused.
await assert.rejects(redis.lpush(key('n'), 'x'), /WRONGTYPE/)
const stranger = new Redis({ url: process.env.UPSTASH_REDIS_REST_URL, token: 'wrong', retry: false })
await assert.rejects(stranger.get(key('n')), /WRONGPASS|Unauthorized/)
const plain = new Redis({
  url: process.env.UPSTASH_REDIS_REST_URL,
  token: process.env.UPSTASH_REDIS_REST_TOKEN,
  responseEncoding: false,
})
same(await plain.hgetall(key('hash')), { name: 'Ada', age: 37, tags: ['x'] })

// Rate limits, each by a script of its own. The windows are long, so that none ends here.
const limits = {
  fixedWindow: Ratelimit.fixedWindow(3, '10 m'),
  slidingWindow: Ratelimit.slidingWindow(3, '10 m'),
  tokenBucket: Ratelimit.tokenBucket(3, '10 m', 3),
}
for (const [name, limiter] of Object.entries(limits)) {
  const limit = new Ratelimit({ redis, limiter, prefix: key(name), ephemeralCache: false, analytics: false, timeout: 0 })
  const admitted = []
  for (let n = 0; n < 5; n += 1) admitted.push((await limit.limit('ada')).success)
  same(admitted, [true, true, true, false, false], name)
  same((await limit.limit('grace')).remaining, 2, name)
  same((await limit.getRemaining('ada')).remaining, 0, name)
  await limit.resetUsedTokens('ada')
  same((await limit.limit('ada')).success, true, name)
}
const crowd = new Ratelimit({ redis, limiter: Ratelimit.slidingWindow(5, '10 m'), prefix: key('crowd'), timeout: 0 })
const many = await Promise.all(Array.from({ length: 25 }, () => crowd.limit('ada')))
same(many.filter(({ success }) => success).length, 5)

console.log(`@upstash/redis and @upstash/ratelimit agree with the bridge in ${checks} checks`)
