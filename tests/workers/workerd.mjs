// A Worker in workerd as wrangler dev runs it, without wrangler's proxy in front, and what that process computes.
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const settings = readFileSync(join(root, "wrangler.toml"), "utf8");

/** workerd with the bindings that wrangler.toml gives a Worker, and what `options` of Miniflare say besides. An empty variable is none. */
export function workerd({ bindings, ...options }) {
  const variables = { LATCHKEY_URL: "http://localhost", LATCHKEY_SECRET: randomBytes(32).toString("base64"), ...bindings };
  return new Miniflare({
    compatibilityDate: /^compatibility_date = "(.*)"/m.exec(settings)[1],
    bindings: Object.fromEntries(Object.entries(variables).filter(([, value]) => value)),
    d1Databases: { DB: /^d1_databases = .*database_id = "(.*?)"/m.exec(settings)[1] },
    kvNamespaces: ["CACHE"],
    // Or it would ask Cloudflare where this machine stands.
    cf: false,
    ...options,
  });
}

/** Makes the tables, unless they are there. Splits at semicolons, of which these files have none elsewhere. */
export async function migrate(miniflare) {
  const database = await miniflare.getD1Database("DB");
  const tables = await database.prepare("SELECT name FROM sqlite_master WHERE name = 'item'").all();
  if (tables.results.length > 0) return;
  const migrations = join(root, "shared/sql/migrations");
  for (const name of readdirSync(migrations).sort()) {
    const text = readFileSync(join(migrations, name), "utf8").replace(/--.*$/gm, "");
    const statements = text.split(";").filter((statement) => statement.trim());
    await database.batch(statements.map((statement) => database.prepare(statement)));
  }
}

/** What a file of /proc says; nothing when its process or thread has ended. */
function read(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** The workerd that this process has started; one at a time. */
export function child() {
  const mine = new RegExp(`^\\d+ \\(workerd\\) \\S ${process.pid} `);
  const found = readdirSync("/proc").filter((pid) => mine.test(read(`/proc/${pid}/stat`)));
  if (found.length !== 1) throw new Error(`${found.length} workerd processes instead of one`);
  return found[0];
}

/** The milliseconds of CPU time that the threads of a process have taken. It keeps its threads. */
function taken(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, thread) => sum + Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(" ")[0]), 0) / 1e6;
}

/**
 * Runs `work` with a Worker: its URL, and `cpu`, which gives the milliseconds of CPU time that workerd has taken so far, with
 * all its threads; undefined on a system without /proc. The Worker is `main`, a text in JavaScript, or what
 * infra/worker-build has put into `folder`, or both, where `main` imports "./index.js". With `tables` its database has them.
 */
export async function running({ folder, main, bindings, tables = false }, work) {
  const file = (type, name) => ({ type, path: name, contents: readFileSync(join(folder, name)) });
  const modules = main ? [{ type: "ESModule", path: "main.mjs", contents: main }] : [];
  if (folder) modules.push(file("ESModule", "index.js"), file("CompiledWasm", "index_bg.wasm"));
  const miniflare = workerd({ modules, bindings, host: "127.0.0.1", port: 0 });
  try {
    const url = (await miniflare.ready).origin;
    if (tables) await migrate(miniflare);
    const pid = existsSync("/proc/self/task") ? child() : undefined;
    return await work(url, () => pid && taken(pid));
  } finally {
    await miniflare.dispose();
  }
}
