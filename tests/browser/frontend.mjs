// The app that people sign in to: static files, and where the service is.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { close, listen } from './servers.mjs'

const FILES = {
  '/app.js': ['app.js', 'text/javascript'],
  '/bearer.js': ['bearer.js', 'text/javascript'],
  '/style.css': ['style.css', 'text/css'],
}

export class Frontend {
  #server = createServer((request, response) => this.#answer(request, response))
  #service = ''

  /** Listens at `host`: a name of this machine that is, or is not, the service's own site. */
  async listen(host) {
    this.origin = `http://${host}:${await listen(this.#server)}`
  }

  /** Tells its pages where the service is. */
  use(service) {
    this.#service = service
  }

  close() {
    return close(this.#server)
  }

  async #answer(request, response) {
    const { pathname } = new URL(request.url, this.origin)
    if (pathname === '/config.json') {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ service: this.#service }))
      return
    }
    const page = pathname.startsWith('/bearer') ? 'bearer.html' : 'index.html'
    const [file, kind] = FILES[pathname] ?? [page, 'text/html; charset=utf-8']
    const body = await readFile(new URL(`frontend/${file}`, import.meta.url))
    const policy = `default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ${this.#service}`
    response.writeHead(200, { 'Content-Type': kind, 'Content-Security-Policy': policy }).end(body)
  }
}
