// A random node as one kernel: Philox in the op table's integer operations, element by element.
#pragma once

#include "ir/graph.h"
#include "passes/lower_sweep.h"

namespace descent {

// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011): Philox4x32-10.
// Its ten rounds are spelled out for speed, or a loop.
enum class Rounds : bool { spelled_out, looped };
LoweredKernel lower_random(const Random& random, const TensorType& type, const Home& result, const Home& seed,
                           const Home& step, const std::vector<loop::Buffer>& buffers, const std::vector<Axis>& scans,
                           Rounds rounds = Rounds::spelled_out);

}  // namespace descent
