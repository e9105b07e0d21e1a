// What a Loop program costs to run, counted from its text: floating-point operations and the bytes that a kernel must
// move.
//
// Operations weigh what their rows of the op table say: one each, a fused multiply-add two, and none where neither
// operand nor result is a float (indices, the integers of a random draw). A Loop program holds expansions in place of
// transcendental functions, so an f32 `exp` is the 25 operations of its expansion that are not on integers. Lanes that
// fill up a vector at the end of an axis count: they are computed, though not stored. A branch counts as taken, both
// sides of a `select` count: it computes both.
//
// Bytes are compulsory traffic: every element of a parameter that a call can touch counts once however often it is
// loaded, at most as often as it is accessed; what is updated is read and written.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/loop.h"

namespace descent::loop {

// The bytes of one buffer that a call moves.
struct Traffic {
  BufferId buffer = -1;
  double read = 0;
  double written = 0;
};
// Of one call in one entry, in a repeat of its middle turn.
struct CallCost {
  KernelId kernel = -1;
  double times = 0;              // turns of the repeats around it
  double flops = 0;              // of one turn, like the bytes
  std::vector<Traffic> traffic;  // each buffer once
  bool exact = true;
};
// In the order of the calls. 1 ≤ batch ≤ program.largest_batch.
std::vector<CallCost> cost_of_calls(const Program& program, const Entry& entry, std::int64_t batch);

// Of one kernel in one entry, all its calls together. Numbers beyond 2^53 are rounded.
struct KernelCost {
  KernelId kernel = -1;
  double calls = 0;
  double flops = 0;
  double bytes_read = 0;
  double bytes_written = 0;
  bool exact = true;  // false: there was too much to go through, and the numbers are near; or a branch, counted as
                      // taken, holds operations, and they are an upper bound
};

// The same by kernel, in the order of their first calls.
std::vector<KernelCost> cost_of(const Program& program, const Entry& entry, std::int64_t batch);

}  // namespace descent::loop
