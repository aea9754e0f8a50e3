// What a Worker costs in workerd. One client, in this process: the numbers compare Workers, they are no record.
//
// Time per operation is wall time at the client with one request at a time: workerd does not tell CPU time here.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, request } from "node:http";
import { Miniflare } from "miniflare";

const ONE_BY_ONE = 50;
const CONNECTIONS = 16;
const SECONDS = 5;
const STARTS = 7;
const PASSWORD = "seven green boats at noon";

const scratch = mkdtempSync(join(tmpdir(), "latchkey-measure-"));
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

function send(url, { method = "GET", body, token } = {}) {
  const headers = {};
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

/** Runs `work` with the URL of a server that `command` starts, and ends it. */
async function serving(command, options, env, work) {
  const server = spawn(command, options, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "ignore"] });
  try {
    const url = await new Promise((resolve, reject) => {
      let said = "";
      server.stdout.on("data", (chunk) => {
        said += chunk;
        const ready = /^(?:Ready at|\[wrangler:info\] Ready on) (\S+)/m.exec(said);
        if (ready) resolve(ready[1].replace("localhost", "127.0.0.1"));
      });
      server.on("exit", (code) => reject(new Error(`${command} ended with ${code}`)));
    });
    return await work(url);
  } finally {
    server.kill("SIGTERM");
    await new Promise((resolve) => server.on("close", resolve));
  }
}

async function timed(work) {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

async function oneByOne(work) {
  const times = [];
  for (let n = 0; n < ONE_BY_ONE; n += 1) times.push(await timed(() => work(n)));
  return median(times);
}

async function perSecond(work) {
  let done = 0;
  const end = performance.now() + SECONDS * 1000;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, connection) => {
      for (let n = 0; performance.now() < end; n += 1) {
        await work(connection, n);
        done += 1;
      }
    }),
  );
  return done / SECONDS;
}

const expect = (answer, status) => {
  if (answer.status !== status) throw new Error(`${answer.status} instead of ${status}: ${answer.text.slice(0, 300)}`);
  return answer.text ? JSON.parse(answer.text) : undefined;
};

const bare = join(scratch, "bare");
writeFileSync(join(scratch, "bare.mjs"), 'export default { fetch: () => Response.json({ allowed: true }) };\n');
writeFileSync(join(scratch, "bare.toml"), 'name = "bare"\nmain = "bare.mjs"\ncompatibility_date = "2026-04-01"\n');

/** Milliseconds from starting workerd with the Worker in `folder` until it has answered once; the median of several starts. */
async function startUp(folder, main, wasm) {
  const modules = [{ type: "ESModule", path: join(folder, main) }];
  if (wasm) modules.push({ type: "CompiledWasm", path: join(folder, wasm) });
  const times = [];
  for (let n = 0; n < STARTS; n += 1) {
    const options = {
      modules,
      modulesRoot: folder,
      compatibilityDate: "2026-04-01",
      bindings: { LATCHKEY_URL: "http://localhost", LATCHKEY_SECRET: randomBytes(32).toString("base64") },
      d1Databases: ["DB"],
      kvNamespaces: ["CACHE"],
    };
    let server;
    times.push(
      await timed(async () => {
        server = new Miniflare(options);
        // A path that nobody has: the service is put together for it, and it asks no store.
        const answer = await server.dispatchFetch("http://localhost/nowhere");
        await answer.arrayBuffer();
        if (wasm && answer.status !== 404) throw new Error(`${folder} answers ${answer.status}`);
      }),
    );
    await server.dispose();
  }
  return median(times);
}

const lines = [];
const line = (what, ms, rate) =>
  lines.push(`${what.padEnd(28)}${ms === undefined ? "".padStart(10) : ms.toFixed(1).padStart(10)}${rate === undefined ? "".padStart(10) : String(Math.round(rate)).padStart(10)}`);

try {
  const empty = await startUp(scratch, "bare.mjs");
  line("start-up: bare JavaScript", empty);
  for (const name of ["all", "permission-check"]) {
    const folder = join("target/workers", name);
    if (existsSync(join(folder, "index.js"))) line(`start-up: ${name}`, await startUp(folder, "index.js", "index_bg.wasm"));
  }
  const floor = await serving("infra/worker-dev", ["--config", join(scratch, "bare.toml"), "--data", bare], {}, async (url) => ({
    ms: await oneByOne(() => send(url)),
    rate: await perSecond(() => send(url)),
  }));
  line("bare JavaScript", floor.ms, floor.rate);

  const generous = "10000/1m";
  const env = {
    LATCHKEY_LIMITS: ["signup", "signin", "signup_email", "public", "session"].map((name) => `${name}=${generous}`).join(","),
  };
  await serving("infra/worker-dev", [], env, async (url) => {
    const post = (path, body, token) => send(`${url}${path}`, { method: "POST", body, token });
    const enter = async (n) =>
      expect(await post("/v1/signup", { email: `m${n}@example.com`, password: PASSWORD, transport: "bearer" }), 201);
    const people = [];
    for (let n = 0; n < CONNECTIONS; n += 1) people.push(await enter(`p${n}`));
    const token = (n) => people[n % CONNECTIONS].access_token;
    const check = async (n, fresh) => expect(await post("/v1/permissions/check", { permission: "products:read", fresh }, token(n)), 200);
    const session = async (n) => expect(await send(`${url}/v1/session`, { token: token(n) }), 200);
    const refresh = async (n) => {
      const mine = people[n % CONNECTIONS];
      mine.refresh_token = expect(await post("/v1/token/refresh", { refresh_token: mine.refresh_token }), 200).refresh_token;
    };
    line("permission check", await oneByOne((n) => check(n, false)), await perSecond((c) => check(c, false)));
    line("permission check, fresh", await oneByOne((n) => check(n, true)), await perSecond((c) => check(c, true)));
    line("session", await oneByOne(session), await perSecond((c) => session(c)));
    line("refresh", await oneByOne(refresh), await perSecond((c) => refresh(c)));
    line("sign-up", await oneByOne(enter));
    line("sign-in", await oneByOne(async (n) =>
      expect(await post("/v1/signin", { email: `m${n}@example.com`, password: PASSWORD, transport: "bearer" }), 200)));
  });

  console.log(`${"in workerd".padEnd(28)}${"ms each".padStart(10)}${"req/s".padStart(10)}`);
  for (const text of lines) console.log(text);
} finally {
  agent.destroy();
  rmSync(scratch, { recursive: true, force: true });
}
