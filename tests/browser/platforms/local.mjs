// The local server, in a folder that is there for this run alone.
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LATCHKEY, Program } from './process.mjs'

export default async function local(variables) {
  if (!existsSync(LATCHKEY)) throw new Error(`there is no ${LATCHKEY}; run: cargo build -p latchkey`)
  const data = await mkdtemp(join(tmpdir(), 'latchkey-browser-'))
  // Its own folder, so that no .env is read.
  const server = new Program(LATCHKEY, ['serve', '--listen', '127.0.0.1:0', '--data', data], variables, data)
  const stop = async () => {
    await server.stop()
    await rm(data, { recursive: true })
  }
  try {
    const url = await server.line((line) => line.match(/^Latchkey is at\s+(\S+)$/)?.[1])
    return { url, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
