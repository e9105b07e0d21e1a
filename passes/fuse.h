// Two kernels that follow one another as one, and what that saves.
//
//   parallel b { serial j step 8 { vector v { s[b, j+v] = x[b, j+v] + bias[j+v] } } }
//   parallel b { serial j step 8 { vector v { y[b, j+v] = max(s[b, j+v], 0.0) } } }
// → parallel b { serial j step 8 { vector v { let t = x[b, j+v] + bias[j+v]; s[b, j+v] = t; y[b, j+v] = max(t, 0.0) } }
// }
//
// A loop of the second kernel joins the loop of the first that runs over the same numbers, when it may move up to it
// and different iterations of the two touch no common place: the same test that makes a loop parallel. Their bodies
// join in the same way. Serial loops may carry sums of their own where fuse() is told so: then only what one of the two
// computes must stay apart from the other's iterations. So neither the bits nor the parallel axes can change, and no
// operation is named here: chains of elementwise sweeps, rows with several reductions, and what follows a contraction
// on its register tile are one rule.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "passes/lower_sweep.h"

namespace descent {

struct Fusion {
  std::optional<LoweredKernel> kernel;
  std::string why_not;  // when there is none
};
// The two as one kernel, all loops of the second inside loops of the first. Both have the same index parameters,
// `indices` their ranges. `carries`: serial loops join although they carry values from iteration to iteration, such as
// two reductions of what both read.
Fusion fuse(const LoweredKernel& first, const LoweredKernel& second, const std::vector<Range>& indices,
            std::int64_t largest_batch, bool carries = false);

// The two as one kernel whatever their loops: what fits nowhere stands for itself, as early as it may. Loops that carry
// values from iteration to iteration join too, so fewer of them can be told to be parallel: of a whole loop, which has
// no threads. No kernel when together they are too large.
std::optional<LoweredKernel> fuse_whole(const LoweredKernel& first, const LoweredKernel& second,
                                        const std::vector<Range>& indices, std::int64_t largest_batch);

// What a store has just written is not loaded again. Then, of buffers that `is_private` says nobody else sees, those
// that are no longer loaded are not written either and are parameters no more.
void forward_stores(LoweredKernel& lowered, const std::function<bool(loop::BufferId)>& is_private);

}  // namespace descent
