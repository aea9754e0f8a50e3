// The function with every operation as Lambda runs it, in cargo lambda watch, over the stores that `latchkey services` starts:
// the command must have been built with that feature.
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseEnv } from 'node:util'
import { close, listen } from '../servers.mjs'
import { LATCHKEY, Program } from './process.mjs'

export default async function lambda(variables) {
  if (!existsSync(LATCHKEY)) throw new Error(`there is no ${LATCHKEY}; run: cargo build -p latchkey-local --features services`)
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-browser-'))
  const file = join(folder, 'env')
  const programs = []
  const stop = async () => {
    for (const program of programs.reverse()) await program.stop()
    await rm(folder, { recursive: true })
  }
  try {
    const addresses = ['--dynamodb', '127.0.0.1:0', '--upstash', '127.0.0.1:0']
    const stores = new Program(LATCHKEY, ['services', ...addresses, '--env-file', file], {})
    programs.push(stores)
    await stores.line((line) => line.startsWith('# Stop with'))
    const port = await freePort()
    const environment = { ...parseEnv(await readFile(file, 'utf8')), ...variables }
    const functions = new Program('infra/lambda-watch', ['--all', String(port)], environment)
    programs.push(functions)
    const url = `http://localhost:${port}`
    await Promise.race([answers(url), functions.ended.then((how) => Promise.reject(new Error(how)))])
    return { url, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** No line tells when it is ready, and it may have everything to compile first. */
async function answers(url) {
  for (const end = Date.now() + 900_000; Date.now() < end; await setTimeout(200)) {
    const answer = await fetch(`${url}/health`).catch(() => undefined)
    if (answer?.ok) return
  }
  throw new Error(`${url}/health did not answer`)
}

async function freePort() {
  const server = createServer()
  const port = await listen(server)
  await close(server)
  return port
}
