// A page on the service's own site: the browser keeps the session in cookies.
const { service } = await (await fetch('/config.json')).json()
const at = (id) => document.getElementById(id)

async function call(method, path, body) {
  const answer = await fetch(service + path, {
    method,
    credentials: 'include',
    headers: body ? { 'Content-Type': 'application/json' } : {},
    body: body && JSON.stringify(body),
  })
  const json = answer.status === 204 ? {} : await answer.json()
  at('problem').textContent = answer.ok || answer.status === 401 ? '' : `${json.status} ${json.code}: ${json.detail}`
  return { ok: answer.ok, json }
}

// Tells who is there, and in `data-state` that it is told.
async function show() {
  const problem = at('problem').textContent
  const { ok, json } = await call('GET', '/v1/session')
  const who = at('who')
  who.dataset.user = ok ? json.user.id : ''
  who.textContent = ok ? `Signed in as ${json.user.name ?? 'someone'}, ${json.user.email}` : 'Not signed in'
  const list = ok ? (await call('GET', '/v1/identities')).json.identities : []
  at('identities').textContent = list.map(({ provider }) => provider).join(' ')
  at('problem').textContent = problem
  document.body.dataset.state = 'shown'
}

function act(does) {
  return async (event) => {
    event.preventDefault()
    document.body.dataset.state = 'busy'
    await does(event)
    await show()
  }
}

// Why a trip to a provider led to nothing.
at('problem').textContent = new URLSearchParams(location.search).get('error') ?? ''

const back = encodeURIComponent(`${location.origin}/welcome?from=here`)
for (const name of ['acme', 'beta']) {
  at(name).href = `${service}/v1/oauth/${name}/start?redirect_to=${back}`
  at(`unlink-${name}`).onclick = act(() => call('DELETE', `/v1/identities/${name}`))
  at(`link-${name}`).onclick = act(async () => {
    const { ok, json } = await call('POST', `/v1/oauth/${name}/link?redirect_to=${back}`)
    if (ok) location.assign(json.location)
  })
}
at('signout').onclick = act(() => call('POST', '/v1/signout'))
document.forms[0].onsubmit = act((event) => {
  const { email, password } = event.target.elements
  return call('POST', `/v1/${event.submitter.value}`, { email: email.value, password: password.value })
})
await show()
