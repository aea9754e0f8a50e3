// node run.mjs nginx|caddy: the example of docs/guides/proxies.md, as it stands there, between a client, the real server and an
// application. LATCHKEY is the server's program.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const kind = process.argv[2]
const install = 'install it: infra/setup/proxies'
const scratch = await mkdtemp(join(tmpdir(), 'latchkey-proxies-'))
const running = []

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}

function start(program, args, options) {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], ...options })
  child.said = ''
  child.stderr.on('data', (text) => (child.said += text))
  child.on('error', (error) => (child.said += error.code === 'ENOENT' ? `there is no ${program}; ${install}` : error))
  running.push(child)
  return child
}

async function answers(port, child) {
  for (let tries = 0; tries < 200; tries++) {
    assert.equal(child.exitCode, null, child.said)
    const socket = net.connect(port, '127.0.0.1')
    const open = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(() => false)
    socket.destroy()
    if (open) return
    await new Promise((wake) => setTimeout(wake, 50))
  }
  assert.fail(`nothing listens on ${port}: ${child.said}`)
}

async function send(port, method, path, headers = {}, body) {
  const request = http.request({ host: '127.0.0.1', port, method, path, headers: { host: `localhost:${port}`, ...headers } })
  request.end(body)
  const [response] = await once(request, 'response')
  let text = ''
  for await (const piece of response) text += piece
  return { status: response.statusCode, headers: response.headers, text }
}

// The application notes what reaches it, and would let everybody keep its answers.
const seen = []
const app = http.createServer(async (request, response) => {
  let body = ''
  for await (const piece of request) body += piece
  seen.push({ method: request.method, url: request.url, headers: request.headers, body })
  response.writeHead(200, { 'Cache-Control': 'public, max-age=600' }).end('the application')
})
app.listen(0, '127.0.0.1')
await once(app, 'listening')

const document = await readFile(new URL('../../docs/guides/proxies.md', import.meta.url), 'utf8')
function example(latchkey, port, permission) {
  const [, block] = document.match(new RegExp('```' + (kind === 'nginx' ? 'nginx' : 'caddyfile') + '\n(.*?)```', 's'))
  const own = block
    .replaceAll('127.0.0.1:8787', `127.0.0.1:${latchkey}`)
    .replaceAll('127.0.0.1:3000', `127.0.0.1:${app.address().port}`)
    .replaceAll('products:read', permission)
  return kind === 'nginx'
    ? `daemon off; pid nginx.pid; error_log stderr; worker_processes 1;
events {}
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server {
    listen 127.0.0.1:${port};
${own}  }
}
`
    : `{\n\tadmin off\n\tauto_https off\n}\n${own.replace('example.com {', `http://localhost:${port} {`)}`
}

async function proxy(latchkey, port, permission) {
  const folder = join(scratch, `${kind}-${port}`)
  await mkdir(folder)
  const config = join(folder, kind === 'nginx' ? 'nginx.conf' : 'Caddyfile')
  await writeFile(config, example(latchkey, port, permission))
  const path = `${process.env.PATH}:/usr/sbin`
  const child =
    kind === 'nginx'
      ? start('nginx', ['-p', folder, '-e', 'stderr', '-c', config], { env: { PATH: path } })
      : start('caddy', ['run', '--adapter', 'caddyfile', '--config', config], { env: { PATH: path, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder } })
  await answers(port, child)
}

try {
  const [latchkey, open, closed] = [await freePort(), await freePort(), await freePort()]
  const url = `http://localhost:${open}`
  const server = start(process.env.LATCHKEY, ['serve', '--listen', `127.0.0.1:${latchkey}`, '--data', join(scratch, 'data')], {
    cwd: scratch,
    env: { LATCHKEY_URL: url, LATCHKEY_TRUSTED_PROXIES: '1' },
  })
  await answers(latchkey, server)
  await proxy(latchkey, open, 'products:read')
  await proxy(latchkey, closed, 'products:delete')

  const stranger = await send(open, 'GET', '/')
  assert.equal(stranger.status, 401)
  assert.equal(stranger.headers['x-latchkey-reason'], 'not_signed_in')

  const here = { origin: url, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' }
  const ada = JSON.stringify({ email: 'ada@example.com', password: 'seven green boats at noon' })
  const signed = await send(open, 'POST', '/v1/signup', here, ada)
  assert.equal(signed.status, 201, signed.text)
  const id = JSON.parse(signed.text).user.id
  const cookie = signed.headers['set-cookie'].map((value) => value.split(';')[0]).join('; ')
  assert.equal(seen.length, 0)

  const allowed = await send(open, 'GET', '/', { cookie, 'x-latchkey-user': 'root', 'x-latchkey-roles': 'admin' })
  assert.equal(allowed.status, 200)
  assert.equal(allowed.headers['cache-control'], 'no-store')
  const [{ headers }] = seen.splice(0)
  assert.deepEqual([headers['x-latchkey-user'], headers['x-latchkey-roles']], [id, 'user'])

  const denied = await send(closed, 'GET', '/', { cookie })
  assert.equal(denied.status, 403)
  assert.equal(denied.headers['x-latchkey-reason'], 'permission_denied')

  // The cookie comes along; whose page it is tells. What a client says of the method counts for nothing.
  const evil = { cookie, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
  for (const own of [{}, { 'x-forwarded-method': 'GET' }, { 'x-original-method': 'GET' }]) {
    const forged = await send(open, 'POST', '/', { ...evil, ...own }, 'x')
    assert.equal(forged.status, 403)
    assert.equal(forged.headers['x-latchkey-reason'], 'cross_site_request')
  }
  assert.equal(seen.length, 0)
  assert.equal((await send(open, 'GET', '/', { ...evil, 'sec-fetch-mode': 'navigate' })).status, 200)
  assert.equal((await send(open, 'POST', '/', { ...here, cookie }, 'a change')).status, 200)
  assert.deepEqual(seen.splice(0).map(({ method, body }) => [method, body]), [['GET', ''], ['POST', 'a change']])

  // Twenty pages of forty files are more than a session may ask in a minute; none is counted.
  for (let page = 0; page < 20; page++) {
    const files = await Promise.all(Array.from({ length: 40 }, (_, n) => send(open, 'GET', `/asset-${page}-${n}`, { cookie })))
    assert.ok(files.every(({ status }) => status === 200), `page ${page}`)
  }
  assert.equal((await send(open, 'GET', '/v1/session', { cookie })).status, 200)
  // Caddy repeats a GET whose connection broke (RFC 9110, section 9.2.2), so some may come twice.
  assert.equal(new Set(seen.splice(0).map(({ url }) => url)).size, 800)

  server.kill()
  await once(server, 'exit')
  const away = await send(open, 'GET', '/', { cookie })
  assert.equal(away.status, kind === 'nginx' ? 503 : 502)
  assert.equal(seen.length, 0)
  console.log(`${kind}: allowed, denied, not signed in, forged, 800 assets, Latchkey away`)
} finally {
  for (const child of running) child.kill()
  app.close()
  app.closeAllConnections()
  await rm(scratch, { recursive: true, force: true })
}
