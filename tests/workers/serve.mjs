#!/usr/bin/env node
// Runs target/workers/NAME in workerd itself until it is stopped (SIGTERM) or its input ends: no proxy of wrangler's in front of
// it, which drops some of a hundred connections, and no request to it but the tests' own.
//   tests/workers/serve.mjs all
// Says "workerd is PID", then "Ready at URL" once workerd listens: the Worker has answered nothing by then. What it logs goes
// to standard error. Variables LATCHKEY_* and UPSTASH_* are passed on; one that is empty is left out. Options:
//   --data DIR      where its database stays, as wrangler's --persist-to has it; in no place when not given
//   --no-tables     a database without tables
//   --without NAME  the binding DB or CACHE is missing
//   --sql FILE      SQL that is run first, such as that of `latchkey d1 first-admin`
// Needs Linux: it finds its own child there.
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { child, migrate, root, workerd } from "./workerd.mjs";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { data: { type: "string" }, "no-tables": { type: "boolean" }, without: { type: "string" }, sql: { type: "string" } },
});
if (positionals.length !== 1) throw new Error("name one Worker, such as: tests/workers/serve.mjs all");
const folder = join(root, "target/workers", positionals[0]);

const variables = Object.entries(process.env).filter(([name]) => /^(LATCHKEY|UPSTASH)_/.test(name));

const module = (type, path) => ({ type, path: join(folder, path) });
const harness = (name) => ({
  ...module("ESModule", name),
  contents: readFileSync(join(root, "tests/workers/harness", name), "utf8"),
});
const server = workerd({
  modules: [harness("entry.mjs"), harness("instance.mjs"), module("ESModule", "index.js"), module("CompiledWasm", "index_bg.wasm")],
  modulesRoot: folder,
  bindings: Object.fromEntries(variables),
  ...(values.without === "DB" && { d1Databases: {} }),
  ...(values.without === "CACHE" && { kvNamespaces: [] }),
  d1Persist: values.data && join(resolve(values.data), "v3/d1"),
  unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
  handleRuntimeStdio: (output, errors) => {
    output.pipe(process.stderr);
    errors.pipe(process.stderr);
  },
});
const end = () => server.dispose().then(() => process.exit(0));
process.on("SIGTERM", end);
process.on("SIGINT", end);
process.stdin.resume().on("end", end);

await server.ready;
if (!values["no-tables"] && values.without !== "DB") await migrate(server);
if (values.sql) {
  // A statement a line, and comments.
  const statements = readFileSync(values.sql, "utf8").replace(/^--.*$/gm, "").split(";\n").filter((statement) => statement.trim());
  const database = await server.getD1Database("DB");
  await database.batch(statements.map((statement) => database.prepare(statement)));
}
console.log(`workerd is ${child()}`);
console.log(`Ready at ${(await server.unsafeGetDirectURL()).href.replace(/\/$/, "")}`);
