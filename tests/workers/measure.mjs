// What a Worker costs in workerd. One client, in this process: the numbers compare Workers, they are no record.
//
// CPU time is that of the workerd process divided by the requests, one after the other: V8's and workerd's own work is in it,
// and D1's SQLite and KV, which at Cloudflare run elsewhere. Nothing is subtracted: the bare Workers show what is not ours.
//
// With folders of built Workers as arguments: sign-ins, checks, sessions and starts of each of them alone, in turns, so that all see
// the same machine.
import { Agent, request } from "node:http";
import { running } from "./workerd.mjs";

const CONNECTIONS = 16;
const MANY_CONNECTIONS = 32;
const SECONDS = 5;
const STARTS = 9;
const ROUNDS = 3;
const PASSWORD = "seven green boats at noon";
/** The default and OWASP's other choices of the same strength, then what is weaker. */
const STRENGTHS = ["m=19456,t=2,p=1", "m=12288,t=3,p=1", "m=9216,t=4,p=1", "m=7168,t=5,p=1", "m=8192,t=1,p=1", "m=4096,t=1,p=1", "m=2048,t=1,p=1"];

const agent = new Agent({ keepAlive: true, maxSockets: MANY_CONNECTIONS });

function send(url, { method = "GET", body, token, address } = {}) {
  const headers = {};
  if (address) headers["cf-connecting-ip"] = address;
  if (body !== undefined) headers["content-type"] = "application/json";
  if (token) headers.authorization = `Bearer ${token}`;
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => resolve({ status: answer.statusCode, text: Buffer.concat(chunks).toString() }));
    });
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const expect = (answer, status) => {
  if (answer.status !== status) throw new Error(`${answer.status} instead of ${status}: ${answer.text.slice(0, 300)}`);
  return answer.text ? JSON.parse(answer.text) : undefined;
};

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Milliseconds of CPU and of wall time for one of `count` requests, after as many as it takes until V8 has compiled it all. */
async function oneByOne(cpu, work, count = 500) {
  for (let n = 0; n < count / 5; n += 1) await work(n);
  const times = [];
  const before = cpu();
  for (let n = 0; n < count; n += 1) {
    const begin = performance.now();
    await work(n);
    times.push(performance.now() - begin);
  }
  return { cpu: (cpu() - before) / count, wall: median(times) };
}

async function perSecond(work, connections = CONNECTIONS) {
  let done = 0;
  const end = performance.now() + SECONDS * 1000;
  await Promise.all(
    Array.from({ length: connections }, async (_, connection) => {
      for (; performance.now() < end; done += 1) await work(connection);
    }),
  );
  return done / SECONDS;
}

const number = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : "").padStart(10);
const line = (what, { cpu, wall }, rate) => console.log(`${what.padEnd(44)}${number(cpu, 2)}${number(wall, 1)}${number(rate, 0)}`);

const BARE = "export default { fetch: () => Response.json({ allowed: true }) };";
/** The same of a request with a body, which it reads. */
const BARE_BODY = "export default { fetch: async (request) => Response.json({ allowed: (await request.json()).permission !== '' }) };";
const BARE_QUERY = `export default { fetch: async (_, env) => Response.json(await env.DB.prepare("SELECT 1").all()) };`;

/** Evaluates the Worker, which means to instantiate its wasm, when it is first asked, and has it answer when asked again. */
const IN_STEPS = `let worker;
export default {
  async fetch(request, env, context) {
    if (worker) return new worker(context, env).fetch(request);
    worker = (await import("./index.js")).default;
    return new Response();
  },
};`;
/** The same with nothing to evaluate. */
const BARE_IN_STEPS = "export default { fetch: () => new Response(null, { status: 404 }) };";

/** First requests that need no store: of a path that nobody has, and of one that has a handler and a caller to look for. */
const FIRST = [
  { path: "/nowhere", status: 404 },
  { path: "/v1/permissions/check", method: "POST", body: { permission: "products:read" }, status: 401 },
];

/**
 * CPU milliseconds of workerd: to start with the Worker and compile its wasm, to evaluate it, and to answer `first`. The medians
 * of several starts.
 */
async function startUp(what, { path, status, ...first }) {
  const steps = [[], [], []];
  for (let n = 0; n < STARTS; n += 1) {
    await running(what, async (url, cpu) => {
      let before = 0;
      const step = (times) => {
        const now = cpu();
        times.push(now - before);
        before = now;
      };
      step(steps[0]);
      await send(url);
      step(steps[1]);
      const response = await send(`${url}${path}`, first);
      step(steps[2]);
      if (response.status !== status) throw new Error(`${response.status} instead of ${status}: ${response.text}`);
    });
  }
  return steps.map(median);
}

/** One line: until ready, evaluation, then each first response, which a bare Worker has only one of. */
async function starts(name, what, firsts = FIRST) {
  const measured = [];
  for (const first of firsts) measured.push(await startUp(what, first));
  const [ready, evaluation] = measured[0];
  console.log(`${name.padEnd(44)}${[ready, evaluation, ...measured.map((steps) => steps[2])].map((ms) => number(ms, 1)).join("")}`);
}

function startsHead() {
  const columns = ["ready", "evaluation", ...FIRST.map(({ status }) => `first ${status}`)];
  console.log(`\n${"ms of CPU from the start of workerd".padEnd(44)}${columns.map((name) => name.padStart(10)).join("")}`);
}

const LATCHKEY_LIMITS = ["signup", "signin", "signup_email", "signin_email", "signin_email_day", "public", "session"].map((name) => `${name}=10000/1s`).join(",");

/** Runs `work` with the Worker of every operation, from `folder`, over an empty database. */
const service = (strength, work, folder = "target/workers/all") =>
  running({ folder, tables: true, bindings: { LATCHKEY_LIMITS, LATCHKEY_ARGON2: strength } }, async (url, cpu) => {
    const post = (path, body, token, address) => send(`${url}${path}`, { method: "POST", body, token, address });
    const person = (n) => ({ email: `m${n}@example.com`, password: PASSWORD, transport: "bearer" });
    let signedUp = 0;
    const signUp = async () => expect(await post("/v1/signup", person((signedUp += 1))), 201);
    const signInAs = async (n, address) => expect(await post("/v1/signin", person(n), undefined, address), 200);
    return work({ url, cpu, post, signUp, signInAs, signIn: () => signInAs(1) });
  });

let addresses = 0;
/** One that asks for the first time. */
function newAddress() {
  addresses += 1;
  return `10.${(addresses >> 16) & 255}.${(addresses >> 8) & 255}.${addresses & 255}`;
}

/** CPU of a sign-in at the default strength, then sign-ins a second with one connection and with many, every one from a new address. */
const signIns = (folder) =>
  service(STRENGTHS[0], async ({ cpu, signUp, signInAs }) => {
    for (let n = 0; n < MANY_CONNECTIONS; n += 1) await signUp();
    const work = (connection) => signInAs(connection + 1, newAddress());
    const alone = await oneByOne(cpu, () => work(0), 50);
    return { cpu: alone.cpu, one: await perSecond(work, 1), many: await perSecond(work, MANY_CONNECTIONS) };
  }, folder);

/** CPU of a warm check, a warm session and a signing-key set. */
const warm = (folder) =>
  service(STRENGTHS[0], async ({ url, cpu, post, signUp }) => {
    const { access_token: token } = await signUp();
    const check = async () => expect(await post("/v1/permissions/check", { permission: "products:read" }, token), 200);
    const session = async () => expect(await send(`${url}/v1/session`, { token }), 200);
    const keys = async () => expect(await send(`${url}/.well-known/jwks.json`), 200);
    const cost = async (work) => (await oneByOne(cpu, work, 1000)).cpu;
    return { check: await cost(check), session: await cost(session), keys: await cost(keys) };
  }, folder);

const body = { permission: "products:read" };
const bare = () => running({ main: BARE }, async (url, cpu) => ({ bare: (await oneByOne(cpu, () => send(url), 1000)).cpu }));
const bareBody = () =>
  running({ main: BARE_BODY }, async (url, cpu) => ({ body: (await oneByOne(cpu, () => send(url, { method: "POST", body }), 1000)).cpu }));

/** The medians of several rounds for each folder: `columns` by the name of what `measure` gives. */
async function compare(title, columns, digits, folders, measure) {
  const rounds = folders.map(() => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [at, folder] of folders.entries()) rounds[at].push(await measure(folder));
  }
  console.log(`${title.padEnd(44)}${Object.values(columns).map((name) => name.padStart(10)).join("")}`);
  for (const [at, folder] of folders.entries()) {
    const middle = (name) => number(median(rounds[at].map((round) => round[name])), digits);
    console.log(`${folder.padEnd(44)}${Object.keys(columns).map(middle).join("")}`);
  }
}

const compareSignIns = (folders) =>
  compare(`sign-in, ${STRENGTHS[0]}, addresses vary`, { cpu: "ms CPU", one: "1 conn/s", many: `${MANY_CONNECTIONS} conn/s` }, 1, folders, signIns);

const compareWarm = (folders) =>
  compare("warm, ms of CPU", { bare: "bare JS", body: "reads body", check: "check", session: "session", keys: "keys" }, 3, folders,
    async (folder) => ({ ...(await bare()), ...(await bareBody()), ...(await warm(folder)) }));

const folders = process.argv.slice(2);
try {
  if (folders.length > 0) {
    await compareWarm(folders);
    startsHead();
    for (const folder of folders) await starts(folder, { main: IN_STEPS, folder });
    console.log();
    await compareSignIns(folders);
    process.exit();
  }
  console.log(`${"in workerd, for one request".padEnd(44)}${"ms CPU".padStart(10)}${"ms wall".padStart(10)}${"req/s".padStart(10)}`);
  await running({ main: BARE }, async (url, cpu) =>
    line("bare JavaScript", await oneByOne(cpu, () => send(url)), await perSecond(() => send(url))));
  await running({ main: BARE_BODY }, async (url, cpu) => {
    const work = () => send(url, { method: "POST", body });
    line("bare JavaScript that reads a body", await oneByOne(cpu, work), await perSecond(work));
  });
  await running({ main: BARE_QUERY }, async (url, cpu) =>
    line("bare JavaScript, with one query of D1", await oneByOne(cpu, () => send(url)), await perSecond(() => send(url))));

  await service(STRENGTHS[0], async ({ url, cpu, post, signUp, signIn }) => {
    const people = [];
    for (let n = 0; n < CONNECTIONS; n += 1) people.push(await signUp());
    const token = (n) => people[n % CONNECTIONS].access_token;
    const check = async (n, fresh) => expect(await post("/v1/permissions/check", { permission: "products:read", fresh }, token(n)), 200);
    const session = async (n) => expect(await send(`${url}/v1/session`, { token: token(n) }), 200);
    const keys = async () => expect(await send(`${url}/.well-known/jwks.json`), 200);
    const refresh = async (n) => {
      const mine = people[n % CONNECTIONS];
      mine.refresh_token = expect(await post("/v1/token/refresh", { refresh_token: mine.refresh_token }), 200).refresh_token;
    };
    for (const [what, work] of [
      ["permission check", (n) => check(n, false)],
      ["permission check, fresh", (n) => check(n, true)],
      ["session", session],
      ["signing keys (JWKS)", keys],
      ["refresh", refresh],
    ]) {
      line(what, await oneByOne(cpu, work), await perSecond(work));
    }
    line(`sign-up, ${STRENGTHS[0]}`, await oneByOne(cpu, signUp, 100));
    line(`sign-in, ${STRENGTHS[0]}`, await oneByOne(cpu, signIn, 100));
  });
  for (const strength of STRENGTHS.slice(1)) {
    await service(strength, async ({ cpu, signUp, signIn }) => {
      await signUp();
      line(`sign-in, ${strength}`, await oneByOne(cpu, signIn, 100));
    });
  }

  console.log();
  await compareSignIns(["target/workers/all"]);

  startsHead();
  await starts("bare JavaScript", { main: BARE_IN_STEPS }, FIRST.slice(0, 1));
  for (const name of ["permission-check", "all"]) await starts(name, { main: IN_STEPS, folder: `target/workers/${name}` });
} finally {
  agent.destroy();
}
