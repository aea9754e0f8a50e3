// A Worker in workerd as wrangler dev runs it, without wrangler's proxy in front, and what that process computes.
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Miniflare } from "miniflare";

/** What a file of /proc says; nothing when its process or thread has ended. */
function read(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** The workerd that this process has started; one at a time. */
function child() {
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
 * infra/worker-build has put into `folder`, or both, where `main` imports "./index.js".
 */
export async function running({ folder, main, variables = {}, migrations = [] }, work) {
  const file = (type, name) => ({ type, path: name, contents: readFileSync(join(folder, name)) });
  const modules = main ? [{ type: "ESModule", path: "main.mjs", contents: main }] : [];
  if (folder) modules.push(file("ESModule", "index.js"), file("CompiledWasm", "index_bg.wasm"));
  const miniflare = new Miniflare({
    modules,
    compatibilityDate: "2026-04-01",
    bindings: { LATCHKEY_URL: "http://localhost", LATCHKEY_SECRET: randomBytes(32).toString("base64"), ...variables },
    d1Databases: ["DB"],
    kvNamespaces: ["CACHE"],
    // Or it would ask Cloudflare where this machine stands.
    cf: false,
    host: "127.0.0.1",
    port: 0,
  });
  try {
    const url = (await miniflare.ready).origin;
    if (migrations.length > 0) {
      const database = await miniflare.getD1Database("DB");
      await database.batch(migrations.flatMap(statements).map((statement) => database.prepare(statement)));
    }
    const pid = existsSync("/proc/self/task") ? child() : undefined;
    return await work(url, () => pid && taken(pid));
  } finally {
    await miniflare.dispose();
  }
}

/** The statements of a file of SQL. */
function statements(file) {
  const text = readFileSync(file, "utf8").replaceAll(/^\s*--.*$/gm, "");
  return text.split(/;\s*$/m).map((statement) => statement.trim()).filter(Boolean);
}
