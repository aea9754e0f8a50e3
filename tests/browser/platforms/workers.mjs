// The Worker with every operation, in wrangler dev.
import { Program } from './process.mjs'

export default async function workers(variables) {
  const server = new Program('infra/worker-dev', ['--port', '0'], variables)
  const url = await server.line((line) => line.match(/^Ready at (\S+)$/)?.[1])
  return { url, stop: () => server.stop() }
}
