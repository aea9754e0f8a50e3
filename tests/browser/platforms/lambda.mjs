// Every function as Lambda runs it, in cargo lambda watch, over the stores that `latchkey-services` starts. That command must have
// been built, beside `latchkey`.
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseEnv } from 'node:util'
import { close, listen } from '../servers.mjs'
import { LATCHKEY, Program } from './process.mjs'

const SERVICES = join(dirname(LATCHKEY), 'latchkey-services')

export default async function lambda(variables) {
  if (!existsSync(SERVICES)) throw new Error(`there is no ${SERVICES}; run: cargo build -p latchkey-services`)
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-browser-'))
  const file = join(folder, 'env')
  const programs = []
  const stop = async () => {
    for (const program of programs.reverse()) await program.stop()
    await rm(folder, { recursive: true })
  }
  try {
    const addresses = ['--dynamodb', '127.0.0.1:0', '--upstash', '127.0.0.1:0']
    const stores = new Program(SERVICES, [...addresses, '--env-file', file], {})
    programs.push(stores)
    await stores.line((line) => line.startsWith('# Stop with'))
    const port = await freePort()
    const url = `http://localhost:${port}`
    const environment = { ...parseEnv(await readFile(file, 'utf8')), ...variables, LATCHKEY_URL: url }
    const functions = new Program('infra/lambda-watch', [String(port)], environment)
    programs.push(functions)
    await functions.line((line) => line.startsWith('Ready at'))
    return { url, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function freePort() {
  const server = createServer()
  const port = await listen(server)
  await close(server)
  return port
}
