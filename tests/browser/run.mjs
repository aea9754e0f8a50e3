// node --test-reporter=spec run.mjs [local | workers | lambda]: signs people in with a provider, in Chromium, on one platform.
// CHROMIUM names the browser; SCREENSHOTS a folder that gets a picture of every page that the service makes.
import { after } from 'node:test'

const PLATFORMS = ['local', 'workers', 'lambda']
const CASES = ['signin', 'linking', 'refusals', 'cancelling', 'binding', 'tokens', 'settings', 'limits']

const [name = 'local'] = process.argv.slice(2)
if (!PLATFORMS.includes(name)) {
  console.error(`browser: there is no platform ${name}; there are ${PLATFORMS.join(', ')}`)
  process.exit(2)
}
let world
try {
  const { World } = await import('./world.mjs')
  world = await World.start(name)
} catch (error) {
  const fix = error.code === 'ERR_MODULE_NOT_FOUND' ? '; run: npm ci --prefix tests/browser' : ''
  console.error(`browser: ${error.message}${fix}`)
  process.exit(1)
}
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => world.stop().finally(() => process.exit(1)))
after(() => world.stop())
for (const file of CASES) {
  const { default: cases } = await import(`./cases/${file}.mjs`)
  cases(world)
}
