// An OpenID provider that is not ours: npm's oidc-provider on loopback, with pages to sign in, to consent and to cancel.
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'
import { close, listen, text } from './servers.mjs'

const secret = () => randomBytes(24).toString('base64url')

// Clients of it, each a provider to the service, with its own way to authenticate and to sign. What the service is told of the
// last one's secret is wrong.
const CLIENTS = {
  acme: { secret: secret(), method: 'client_secret_basic', algorithm: 'RS256' },
  beta: { secret: secret(), method: 'client_secret_post', algorithm: 'ES256' },
  wrong: { secret: secret(), told: secret(), method: 'client_secret_basic', algorithm: 'RS256' },
}

export class OpenIdProvider {
  /** Every token that it issued, which no browser may ever see. */
  issued = new Set()
  #accounts = new Map()
  #server
  #provider

  /** Listens, so that its issuer is known; `serve` lets it answer. */
  async listen() {
    this.#server = createServer((request, response) => {
      if (this.#provider) this.#answer(request, response)
      else response.writeHead(503).end()
    })
    // Another site than the service and its frontend, as in life.
    this.issuer = `http://127.0.0.1:${await listen(this.#server)}`
  }

  /** The variables that make the service know it. */
  variables() {
    const variables = { LATCHKEY_OIDC: Object.keys(CLIENTS).join(',') }
    for (const [name, { secret, told }] of Object.entries(CLIENTS)) {
      const prefix = `OIDC_${name.toUpperCase()}`
      variables[`${prefix}_ISSUER`] = this.issuer
      variables[`${prefix}_CLIENT_ID`] = name
      variables[`${prefix}_CLIENT_SECRET`] = told ?? secret
    }
    return variables
  }

  /** Answers from now on, for a service at `url`. */
  serve(url) {
    this.#provider = new Provider(this.issuer, configuration(url, this.#accounts))
    this.#provider.on('grant.success', ({ body }) => {
      for (const token of [body.access_token, body.refresh_token, body.id_token]) {
        if (token) this.issued.add(token)
      }
    })
    this.#provider.on('server_error', (_, error) => console.error(error))
  }

  /** A person with an account there: `claims` is what it says of them. Signs in by the name that comes back. */
  account(claims) {
    const login = `person-${this.#accounts.size + 1}`
    this.#accounts.set(login, claims)
    return login
  }

  close() {
    return close(this.#server)
  }

  async #answer(request, response) {
    if (!request.url.startsWith('/interaction/')) return this.#provider.callback()(request, response)
    try {
      await this.#interact(request, response)
    } catch (error) {
      response.writeHead(400, { 'Content-Type': 'text/plain' }).end(`${error.name}: ${error.error_description ?? ''}`)
    }
  }

  async #interact(request, response) {
    const details = await this.#provider.interactionDetails(request, response)
    if (request.method !== 'POST') {
      response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(page(details.prompt.name))
      return
    }
    const form = new URLSearchParams(await text(request))
    const result = form.has('cancel') ? DENIED : await this.#result(details, form)
    await this.#provider.interactionFinished(request, response, result, { mergeWithLastSubmission: result !== DENIED })
  }

  async #result({ prompt, params, session }, form) {
    if (prompt.name === 'login') {
      if (!this.#accounts.has(form.get('login'))) throw new Error('there is no such account')
      return { login: { accountId: form.get('login') } }
    }
    const grant = new this.#provider.Grant({ accountId: session.accountId, clientId: params.client_id })
    grant.addOIDCScope(params.scope)
    return { consent: { grantId: await grant.save() } }
  }
}

/** HTML in the description, which must not come out at the other end. */
const DENIED = { error: 'access_denied', error_description: "<img src=x onerror=alert(1)> said 'no'" }

function configuration(url, accounts) {
  const clients = Object.entries(CLIENTS).map(([name, { secret, method, algorithm }]) => ({
    client_id: name,
    client_secret: secret,
    redirect_uris: [`${url}/v1/oauth/${name}/callback`],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: method,
    id_token_signed_response_alg: algorithm,
    // One issuer must not name a person alike to two clients: to Latchkey that is one identity.
    subject_type: name === 'acme' ? 'public' : 'pairwise',
  }))
  return {
    clients,
    jwks: { keys: [key('rsa', 'RS256', { modulusLength: 2048 }), key('ec', 'ES256', { namedCurve: 'P-256' })] },
    cookies: { keys: [secret()] },
    pkce: { required: () => true },
    subjectTypes: ['public', 'pairwise'],
    pairwiseIdentifier: (_, account, { clientId }) => `${clientId}-${account}`,
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...accounts.get(sub) }) }),
    // Always: there is one more token that must not get out.
    issueRefreshToken: () => true,
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: false } },
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 3600, IdToken: 600, Interaction: 600, RefreshToken: 3600, Session: 3600 },
    renderError(ctx, { error, error_description: description }) {
      ctx.type = 'text'
      ctx.body = `the provider refuses: ${error}: ${description}`
    },
  }
}

function key(type, alg, options) {
  const { privateKey } = generateKeyPairSync(type, options)
  return { ...privateKey.export({ format: 'jwk' }), kid: alg, alg, use: 'sig' }
}

function page(prompt) {
  const fields = {
    login: '<p><label>Account <input name="login" required autofocus></label></p><button>Continue</button>',
    consent: '<p>An app asks for your name and e-mail address.</p><button autofocus>Allow</button>',
  }
  return `<!DOCTYPE html><html lang="en"><title>Provider</title><h1>Provider: ${prompt}</h1>
<form method="post">${fields[prompt]} <button name="cancel" value="yes" formnovalidate>Cancel</button></form></html>`
}
