// Runs Loop programs by the interpreter and by compiled code, on the same bits, and compares what they leave.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "codegen/llvm.h"
#include "ir/loop.h"

namespace descent::test {

using Bytes = std::vector<std::byte>;

// What a program finds and leaves: the arena, and one block of memory per input and output of the entry.
struct Memory {
  Bytes arena;
  std::vector<Bytes> inputs;
  std::vector<Bytes> outputs;
  loop::Turns turns{};  // of an entry with turns; inputs hold turn_batches values, outputs one per turn
};
inline constexpr std::int64_t turn_count = 4, turn_batches = 3;

// A program of one kernel and one entry `run`: each parameter a buffer of the arena, index parameters 0.
loop::Program program_of(loop::Kernel kernel, std::int64_t largest_batch = 8);

// Offsets for all states and arena buffers, one behind the other.
void place_buffers(loop::Program& program);

// Every buffer filled with values of its type: small numbers, all magnitudes, and every kind of special value.
Memory random_memory(const loop::Program& program, const std::string& entry, std::uint64_t seed);

// Tame: floats in [-1, 1], integers in [0, 8), for programs whose indices come from memory.
Memory tame_memory(const loop::Program& program, const std::string& entry, std::uint64_t seed);

Memory interpret(const loop::Program& program, const std::string& entry, std::int64_t batch, Memory memory);
// Without threads when `threads` is 0, else with a pool of that many and every parallel loop forced into parts.
Memory run(DescentEntry entry, std::int64_t batch, Memory memory, int threads = 0);

// Of states and outputs, and of what else is in the arena unless the entry has turns (loop::Entry).
// The first element that differs ("y[17]: 0x3f800000 and 0x3f800001"), NaNs being equal; empty: none.
std::string difference(const loop::Program& program, const std::string& entry, const Memory& a, const Memory& b);

// Interprets and compiles; "" when 0, 1, 2 and 3 threads leave the interpreter's bits from each memory.
std::string compiled_difference(const loop::Program& program, const std::string& entry, std::int64_t batch,
                                const std::vector<Memory>& memories);

}  // namespace descent::test
