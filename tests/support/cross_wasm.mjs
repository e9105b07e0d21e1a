// cross_harness.cpp for WebAssembly: does the calls that a file asks for, on the module's own memory, and writes what
// they leave. Usage: node cross_wasm.mjs MODULE REQUEST ANSWER, in the format of cross_run.cpp.
import { readFileSync, writeFileSync } from "node:fs";

const [, , modulePath, requestPath, answerPath] = process.argv;
const { instance } = await WebAssembly.instantiate(readFileSync(modulePath));
const { memory, __heap_base, cross_entries, __indirect_function_table: functions } = instance.exports;
const request = readFileSync(requestPath);
const bytes = () => new Uint8Array(memory.buffer); // growing the memory replaces its buffer
const words = () => new DataView(memory.buffer);

let at = 0;
function number() {
  at += 8;
  return Number(request.readBigUInt64LE(at - 8));
}
function block() {
  const size = number();
  at += size;
  return request.subarray(at - size, at);
}
const blocks = () => Array.from({ length: number() }, block);

let free = __heap_base.value;
function room(size) {
  const place = Math.ceil(free / 64) * 64;
  free = place + size;
  const pages = Math.ceil((free - memory.buffer.byteLength) / 65536);
  if (pages > 0) memory.grow(pages);
  return place;
}
function place(block) {
  const to = room(block.length);
  bytes().set(block, to);
  return to;
}
function list(pointers) {
  const to = room(4 * pointers.length);
  pointers.forEach((pointer, i) => words().setUint32(to + 4 * i, pointer, true));
  return to;
}

// One call, on one thread whatever the request says: a module has no others. DescentCall as runtime/abi.h has it.
function run(arena) {
  const entry = number();
  const batch = number();
  number();
  const kept = free;
  const inputs = blocks().map(place);
  const outputs = blocks().map((output) => ({ at: place(output), size: output.length }));
  const [ins, outs] = [list(inputs), list(outputs.map((output) => output.at))];
  const call = room(32);
  [arena, ins, outs].forEach((pointer, i) => words().setUint32(call + 4 * i, pointer, true));
  words().setBigInt64(call + 16, BigInt(batch), true);
  words().setBigUint64(call + 24, 0n, true); // neither threads nor turns
  functions.get(words().getUint32(cross_entries.value + 4 * entry, true))(call);
  free = kept;
  return outputs.map((output) => bytes().slice(output.at, output.at + output.size));
}

const start = block();
const arena = place(start);
room(64); // what masked loads behind the end may touch
const outputs = [];
for (let calls = number(); calls > 0; --calls) outputs.push(...run(arena));
writeFileSync(answerPath, Buffer.concat([bytes().slice(arena, arena + start.length), ...outputs]));
