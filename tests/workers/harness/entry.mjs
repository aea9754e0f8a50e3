// The Worker as it is deployed, with a door for tests below /harness/: its memory, its clock, the rows that D1 counts, and
// faults of the platform.
import { latest } from "./instance.mjs";
import Worker from "./index.js";

const PAGE = 65536;
/** What is named here fails each time it is asked. */
const broken = new Set();
/** The batches that D1 ran since the last question about them, each a list of statements; undefined until the first question. */
let batches;

// With D1's own name, which the Worker looks at.
class D1Database {
  constructor(database) {
    this.database = database;
  }
  prepare(sql) {
    return { bind: (...values) => ({ sql, values }) };
  }
  async batch(statements) {
    if (broken.has("DB")) throw new Error("D1_ERROR: Network connection lost.");
    const results = await this.database.batch(statements.map(({ sql, values }) => this.database.prepare(sql).bind(...values)));
    batches?.push(statements.map((statement, n) => ({ ...statement, meta: results[n].meta })));
    return results;
  }
}

/** The batches so far, which are forgotten: of each statement its SQL and the rows that it read and wrote. */
function rows() {
  const taken = batches ?? [];
  batches = [];
  return taken.map((batch) => batch.map(({ sql, meta }) => ({ sql, read: meta.rows_read, written: meta.rows_written })));
}

/** The plan of each statement in the batches so far, one line a step. */
async function plans({ DB }) {
  const statements = (batches ?? []).flat();
  const explained = await DB.database.batch(
    statements.map(({ sql, values }) => DB.database.prepare(`EXPLAIN QUERY PLAN ${sql}`).bind(...values)),
  );
  return explained.map(({ results }, n) => ({ sql: statements[n].sql, plan: results.map(({ detail }) => detail) }));
}

const now = Date.now.bind(Date);
let ahead = 0;
Date.now = () => now() + ahead;

const lost = async () => {
  throw new Error("KV is lost: 500 Internal Server Error");
};
const failing = { get: lost, put: lost, delete: lost, list: lost };

const doors = {
  "/harness/memory": () => latest.memory.buffer.byteLength,
  "/harness/break/DB": () => broken.add("DB").size,
  "/harness/break/CACHE": () => broken.add("CACHE").size,
  "/harness/fix/DB": () => broken.delete("DB"),
  "/harness/fix/CACHE": () => broken.delete("CACHE"),
  "/harness/rows": rows,
  "/harness/plans": (_, env) => plans(env),
  // Sets the Worker's clock ahead by so many milliseconds more, and tells it.
  "/harness/advance": ({ searchParams }) => {
    ahead += Number(searchParams.get("ms"));
    return Date.now();
  },
  // Does what the hourly event does.
  "/harness/scheduled": (_, __, worker) => worker.scheduled({ cron: "", scheduledTime: Date.now() }).then(() => null),
  // From here on it gets no more memory.
  "/harness/exhaust": () => {
    for (let pages = 1 << 15; pages >= 1; pages >>= 1) {
      try {
        for (;;) latest.memory.grow(pages);
      } catch {
        // So much at once does not fit.
      }
    }
    return latest.memory.buffer.byteLength / PAGE;
  },
};

export default class extends Worker {
  constructor(context, { DB, CACHE, ...env }) {
    if (DB) env.DB = new D1Database(DB);
    if (CACHE) env.CACHE = broken.has("CACHE") ? failing : CACHE;
    super(context, env);
  }

  async fetch(request) {
    const url = new URL(request.url);
    const door = doors[url.pathname];
    return door ? Response.json(await door(url, this.env, this)) : super.fetch(request);
  }
}
