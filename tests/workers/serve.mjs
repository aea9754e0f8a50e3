#!/usr/bin/env node
// Runs target/workers/NAME in workerd itself until it is stopped (SIGTERM): no proxy of wrangler's in front of it, which drops
// some of a hundred connections, and no request to it but the tests' own.
//   tests/workers/serve.mjs all
// Says "workerd is PID", then "Ready at URL" once workerd listens: the Worker has answered nothing by then. What it logs goes
// to standard error. Variables LATCHKEY_* and UPSTASH_* are passed on; one that is empty is left out. Options:
//   --data DIR      where its database stays, as wrangler's --persist-to has it; in no place when not given
//   --no-tables     a database without tables
// Needs Linux: it finds its own child there.
import { randomBytes } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Miniflare } from "miniflare";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { data: { type: "string" }, "no-tables": { type: "boolean" } },
});
if (positionals.length !== 1) throw new Error("name one Worker, such as: tests/workers/serve.mjs all");
const folder = join(root, "target/workers", positionals[0]);

const environment = {
  LATCHKEY_URL: "http://localhost",
  LATCHKEY_SECRET: randomBytes(32).toString("base64"),
  ...process.env,
};
const variables = Object.entries(environment).filter(([name, value]) => /^(LATCHKEY|UPSTASH)_/.test(name) && value);

const settings = readFileSync(join(root, "wrangler.toml"), "utf8");
const module = (type, path) => ({ type, path: join(folder, path) });
const harness = (name) => ({
  ...module("ESModule", name),
  contents: readFileSync(join(root, "tests/workers/harness", name), "utf8"),
});
const server = new Miniflare({
  modules: [harness("entry.mjs"), harness("instance.mjs"), module("ESModule", "index.js"), module("CompiledWasm", "index_bg.wasm")],
  modulesRoot: folder,
  compatibilityDate: /^compatibility_date = "(.*)"/m.exec(settings)[1],
  bindings: Object.fromEntries(variables),
  d1Databases: { DB: /^d1_databases = .*database_id = "(.*?)"/m.exec(settings)[1] },
  d1Persist: values.data && join(resolve(values.data), "v3/d1"),
  kvNamespaces: ["CACHE"],
  // Or it would ask Cloudflare where this machine stands.
  cf: false,
  unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
  handleRuntimeStdio: (output, errors) => {
    output.pipe(process.stderr);
    errors.pipe(process.stderr);
  },
});
const end = () => server.dispose().then(() => process.exit(0));
process.on("SIGTERM", end);
process.on("SIGINT", end);

await server.ready;
if (!values["no-tables"]) await migrate(await server.getD1Database("DB"));
console.log(`workerd is ${child()}`);
console.log(`Ready at ${(await server.unsafeGetDirectURL()).href.replace(/\/$/, "")}`);

/** Makes the tables, unless they are there. Splits at semicolons, of which these files have none elsewhere. */
async function migrate(database) {
  const tables = await database.prepare("SELECT name FROM sqlite_master WHERE name = 'item'").all();
  if (tables.results.length > 0) return;
  const migrations = join(root, "shared/sql/migrations");
  for (const name of readdirSync(migrations).sort()) {
    const text = readFileSync(join(migrations, name), "utf8").replace(/--.*$/gm, "");
    const statements = text.split(";").filter((statement) => statement.trim());
    await database.batch(statements.map((statement) => database.prepare(statement)));
  }
}

/** The one process that this one has started and that is workerd. */
function child() {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8").trim().split(/\s+/);
  return children.find((pid) => readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("workerd"));
}
