// Platforms of this crate for tests in JavaScript.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Starts the platform of this name with these variables, and waits until it answers. */
export async function start(name, variables) {
  const harness = spawn('cargo', ['run', '--quiet', '-p', 'latchkey-harness', '--', name], {
    cwd: ROOT,
    env: { ...process.env, ...variables },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(harness, 'exit')
  const early = ended.then(([code]) => Promise.reject(new Error(`${name} ended with ${code} before it answered`)))
  const [line] = await Promise.race([once(createInterface({ input: harness.stdout }), 'line'), early])
  early.catch(() => {})
  const { url } = JSON.parse(line)
  const stop = async () => {
    harness.stdin.end()
    await ended
  }
  return { url, stop }
}
