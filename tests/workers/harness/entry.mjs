// The Worker as it is deployed, with a door for tests below /harness/: what its memory is, and faults of what it runs on.
import { latest } from "./instance.mjs";
import Worker from "./index.js";

const PAGE = 65536;
/** What is named here fails each time it is asked. */
const broken = new Set();

// With D1's own name, which the Worker looks at.
class D1Database {
  prepare() {
    return { bind: () => this };
  }
  async batch() {
    throw new Error("D1_ERROR: Network connection lost.");
  }
}
const lost = async () => {
  throw new Error("KV is lost: 500 Internal Server Error");
};
const failing = { DB: new D1Database(), CACHE: { get: lost, put: lost, delete: lost, list: lost } };

const faults = {
  "/harness/memory": () => latest.memory.buffer.byteLength,
  "/harness/break/DB": () => broken.add("DB").size,
  "/harness/break/CACHE": () => broken.add("CACHE").size,
  "/harness/mend/DB": () => broken.delete("DB"),
  "/harness/mend/CACHE": () => broken.delete("CACHE"),
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
  constructor(context, env) {
    const whole = Object.entries(env).map(([name, value]) => [name, broken.has(name) ? failing[name] : value]);
    super(context, Object.fromEntries(whole));
  }

  async fetch(request) {
    const fault = faults[new URL(request.url).pathname];
    return fault ? Response.json(fault()) : super.fetch(request);
  }
}
