// Trains XOR in WebAssembly, the bare artifact of examples/01_xor.descent; the weights go to a file.
// Usage: node xor.mjs xor.wasm CONTRACT MEMORY_BYTES WEIGHTS_BYTES OUT, the numbers from xor.h.
import { readFileSync, writeFileSync } from "node:fs";

const [, , modulePath, contract, memoryBytes, weightsBytes, outPath] = process.argv;
const { instance } = await WebAssembly.instantiate(readFileSync(modulePath));
const xor = instance.exports;
xor.memory.grow(1);
let free = Math.ceil(xor.__heap_base.value / 64) * 64;
function room(bytes) {
  const at = free;
  free += Math.ceil(bytes / 64) * 64;
  return at;
}
function floats(values) {
  const at = room(4 * values.length);
  new Float32Array(xor.memory.buffer, at, values.length).set(values);
  return at;
}

const x = floats([0, 0, 0, 1, 1, 0, 1, 1]);
const y = floats([0, 1, 1, 0]);
const weights = room(Number(weightsBytes));
const trainer = xor.xor_create(BigInt(contract), room(Number(memoryBytes)), 1);
if (trainer === 0) throw new Error("no trainer");
function check(status) {
  if (status === 0) return;
  const bytes = new Uint8Array(xor.memory.buffer, xor.xor_error(trainer));
  throw new Error(new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0))));
}
check(xor.xor_init(trainer, 3n));
check(xor.xor_train(trainer, 100n, 4n, x, y, 0, 0));
check(xor.xor_step(trainer, 3n, x, y, 0));
check(xor.xor_pack(trainer, weights));
writeFileSync(outPath, new Uint8Array(xor.memory.buffer, weights, Number(weightsBytes)));
try {
  check(xor.xor_step(trainer, 5n, x, y, 0));
} catch (error) {
  console.log(error.message);
}
