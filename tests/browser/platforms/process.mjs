import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** Where the repository is. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** The `latchkey` command: LATCHKEY names it; else the last `cargo build`. */
export const LATCHKEY = resolve(
  process.env.LATCHKEY ?? resolve(ROOT, process.env.CARGO_TARGET_DIR ?? 'target', 'debug/latchkey'),
)

/** What the names of variables begin with that the service reads. */
const READ = /^(LATCHKEY|OIDC|UPSTASH|MAIL|GOOGLE|GITHUB|DISCORD|LINKEDIN|MICROSOFT|APPLE)_/

/** A program that runs in `folder`, with `variables` and no others that the service reads. */
export class Program {
  #child
  /** Resolves when it has ended. */
  ended
  #lines

  constructor(program, args, variables, folder = ROOT) {
    const others = Object.entries(process.env).filter(([name]) => !READ.test(name))
    this.#child = spawn(program, args, {
      cwd: folder,
      env: { ...Object.fromEntries(others), ...variables },
      stdio: ['ignore', 'pipe', 'inherit'],
      // A group of its own, so that what it leaves behind can be ended too.
      detached: true,
    })
    this.#lines = createInterface({ input: this.#child.stdout })
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(error.message))
      this.#child.once('exit', (code, signal) => resolve(`${program} ended with ${signal ?? code}`))
    })
  }

  /** What `find` finds first in a line of its output. */
  async line(find) {
    const found = new Promise((resolve) => {
      this.#lines.on('line', (line) => {
        const what = find(line)
        if (what) resolve(what)
      })
    })
    const early = this.ended.then((how) => Promise.reject(new Error(`${how}, before it was ready`)))
    return Promise.race([found, early])
  }

  async stop() {
    this.#child.kill('SIGTERM')
    await this.ended
    try {
      process.kill(-this.#child.pid, 'SIGKILL')
    } catch {
      // Nothing was left.
    }
  }
}
