// The training step as an entry that takes many steps in one call (loop::Entry::turns).
//
//   entry step { %x = input x : f32[batch, 2] … sweep [b < batch, j < 3] … }
// → entry steps { %x = input x : f32[4, 2] … sweep [b < 4, j < 3] … }
//
// Its batches are whole, so their rows are a constant: no loop has ends to look for, and loops over few elements can be
// unrolled. The order of every reduction was written before and stays, and so do the bits. Made of steps only that are
// so small that what surrounds the arithmetic counts; a larger one gains nothing and would be compiled twice. A step of
// several batches (the entry `accumulate`) has none: between two steps other batches come.
#pragma once

#include <optional>
#include <vector>

#include "ir/graph.h"
#include "passes/schedule.h"

namespace descent {

inline constexpr const char* whole_loop_entry = "steps";

struct WholeLoop {
  Graph graph;
  // Per node: the axis that was batch, if it is a sweep with one such axis; whether it is one with any.
  std::vector<std::optional<AxisId>> rows;
  std::vector<bool> runs_over_batch;
  bool is_spelled_out = false;  // every sweep over rows can be, see below

  std::optional<AxisId> rows_of(const Node& node) const {
    return rows[static_cast<std::size_t>(&node - graph.nodes.data())];
  }
};
// `model`: ordered (passes/order.h). Nothing when it has no step, one that is too large, or one of several batches.
std::optional<WholeLoop> whole_loop(const Model& model, std::int64_t largest_batch);

// Operations of one call of an entry with so many rows, roughly.
double operations_of(const Graph& graph, std::int64_t batch);

// The schedule, with every point of the sweep spelled out where they are few: rows side by side in lanes, so that
// sweeps over them join into one loop and what they hand on stays in registers.
Schedule unrolled(const Sweep& sweep, std::optional<AxisId> rows, const Shape& result, const Schedule& schedule);

}  // namespace descent
