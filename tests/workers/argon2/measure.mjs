// Times the builds of argon2id that ./measure has made in a folder, in turns, so that all see the same machine.
import { execFileSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const ROUNDS = 40;
const WARM_UP = 10;
/** OWASP's minimum, the default, in KiB and passes. */
const STRENGTH = [19456, 2];

const folder = process.argv[2];
const load = createRequire(import.meta.url);

/** What one hash took of this process's CPU, its compiler's threads among it, and the hash. */
function timed(hash) {
  const before = process.cpuUsage();
  const value = hash(...STRENGTH);
  const { user, system } = process.cpuUsage(before);
  return { ms: (user + system) / 1000, text: Buffer.from(value).toString("hex") };
}

/** The same of a process of its own, which tells what its thread took. */
function native(runs) {
  const said = execFileSync(join(folder, "native"), [...STRENGTH, runs].map(String)).toString();
  return said.trim().split("\n").map((line) => {
    const [ms, ...bytes] = line.split(/[\s,[\]]+/).filter(Boolean);
    return { ms: Number(ms), text: bytes.join("") };
  });
}

const builds = readdirSync(folder)
  .filter((name) => name.startsWith("opt-level"))
  .flatMap((name) => {
    const { hash, hash_in_vectors } = load(join(folder, name, "hash.js"));
    const crate = { name: `wasm, ${name}`, bytes: statSync(join(folder, name, "hash_bg.wasm")).size, hash, times: [] };
    // Its level is the one of the profile.
    if (!name.startsWith("opt-level=3 simd128")) return [crate];
    return [crate, { name: `wasm in vectors, ${name}`, hash: hash_in_vectors, times: [] }];
  });
const [expected] = native(1);
const check = ({ ms, text }, name) => {
  if (text !== expected.text) throw new Error(`${name} computes ${text}, not ${expected.text}`);
  return ms;
};
for (const build of builds) build.first = check(timed(build.hash), build.name);
for (let round = 0; round < WARM_UP + ROUNDS; round += 1) {
  for (const build of builds) {
    const ms = check(timed(build.hash), build.name);
    if (round >= WARM_UP) build.times.push(ms);
  }
}
const times = native(WARM_UP + ROUNDS).map(({ ms }) => ms);
builds.unshift({ name: "native, as in a release build", first: times[0], times: times.slice(WARM_UP) });

const cell = (value) => (value === undefined ? "" : value.toFixed(1)).padStart(9);
console.log(`ms of CPU for m=${STRENGTH[0]},t=${STRENGTH[1]},p=1; ${ROUNDS} each, V8 ${process.versions.v8}`);
console.log(`${"".padEnd(56)}${["bytes", "first", "best", "median"].map((name) => name.padStart(9)).join("")}`);
for (const { name, bytes, first, times } of builds) {
  times.sort((a, b) => a - b);
  console.log(`${name.padEnd(56)}${String(bytes ?? "").padStart(9)}${cell(first)}${cell(times[0])}${cell(times[times.length >> 1])}`);
}
