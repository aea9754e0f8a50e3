// A page on another site: it holds its tokens itself, and gets them for a one-time code and its own PKCE verifier.
const { service } = await (await fetch('/config.json')).json()
const at = (id) => document.getElementById(id)
const here = `${location.origin}/bearer`
const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')

at('acme').onclick = async () => {
  const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)))
  sessionStorage.setItem('verifier', verifier)
  const challenge = base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))))
  const query = new URLSearchParams({ redirect_to: here, code_challenge: challenge, code_challenge_method: 'S256' })
  location.assign(`${service}/v1/oauth/acme/start?${query}`)
}

async function exchange(code) {
  const body = { code, code_verifier: sessionStorage.getItem('verifier'), redirect_to: here }
  return fetch(`${service}/v1/oauth/exchange`, {
    method: 'POST',
    credentials: 'omit',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
}

const query = new URLSearchParams(location.search)
// Out of the address bar, the history and what a copied link would carry.
history.replaceState(null, '', '/bearer')
if (query.has('error')) {
  at('problem').textContent = query.get('error')
} else if (query.has('code')) {
  const answer = await exchange(query.get('code'))
  const json = await answer.json()
  if (answer.ok) {
    const headers = { Authorization: `Bearer ${json.access_token}` }
    const { user, session } = await (await fetch(`${service}/v1/session`, { headers })).json()
    at('who').dataset.user = user.id
    at('who').textContent = `Signed in as ${user.name}, ${user.email} (${session.transport})`
  } else {
    at('problem').textContent = `${json.status} ${json.code}`
  }
}
document.body.dataset.state = 'shown'
