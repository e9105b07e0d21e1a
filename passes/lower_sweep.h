// One sweep as one kernel.
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"
#include "ir/loop.h"
#include "passes/schedule.h"

namespace descent {

// Where a value lives: a part of a buffer, its first axes fixed at forms over the enclosing scans (axes -1, -2 …).
struct Home {
  loop::BufferId buffer = -1;
  std::vector<Affine> prefix;
};

struct SweepJob {
  const Graph* graph = nullptr;
  const Sweep* sweep = nullptr;
  TensorType type;  // of the result
  Home result;
  std::function<Home(ValueId)> home;  // of every value read
  const std::vector<loop::Buffer>* buffers = nullptr;
  std::vector<Axis> scans;  // enclosing, outermost first
  std::int64_t largest_batch = 1;
  std::string name, comment;
  Span origin;
};

// The kernel and the buffers its parameters stand for, in order. Its index parameters are the enclosing scans'
// variables, outermost first.
struct LoweredKernel {
  loop::Kernel kernel;
  std::vector<loop::BufferId> buffers;
};
LoweredKernel lower_sweep(const SweepJob& job, const Schedule& schedule);

}  // namespace descent
