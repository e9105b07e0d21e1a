// The training step as an entry that takes many steps in one call (loop::Entry::turns).
//
//   entry step { %x = input x : f32[batch, 2] … sweep [b < batch, j < 3] … }
// → entry steps { %x = input x : f32[4, 2] … sweep [b < 4, j < 3] … }
//
// Its batches are whole, so their rows are a constant: no loop has ends to look for, and loops over few elements can be
// unrolled. The order of every reduction was written before and stays, and so do the bits. Made of steps only that are
// so small that what surrounds the arithmetic counts; a larger one gains nothing and would be compiled twice.
#pragma once

#include <optional>

#include "ir/graph.h"

namespace descent {

inline constexpr const char* whole_loop_entry = "steps";

// `model`: ordered (passes/order.h). Nothing when it has no step, or one that is too large.
std::optional<Graph> whole_loop(const Model& model, std::int64_t largest_batch);

}  // namespace descent
