// Runs the comparison that ./compare has built. It prints the seed, which can be passed in again.
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";

const [module, drawn = "2000", seed = randomBytes(32).toString("hex")] = process.argv.slice(2);
const bytes = Buffer.from(seed, "hex");
if (bytes.length !== 32) throw new Error("a seed is 64 hexadecimal digits");

console.log(`seed ${seed}`);
const begin = performance.now();
const compared = createRequire(import.meta.url)(module).compare(bytes, Number(drawn));
if (!(compared > 2 * Number(drawn))) throw new Error(`only ${compared} cases were compared`);
console.log(`${compared} cases are equal bit for bit, in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
