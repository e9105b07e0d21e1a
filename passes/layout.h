// Gives contractions the memory order they run in: where the axis that will run across vectors steps through a tensor
// in strides, a transposed copy is made once and read instead.
//
//   %d_h = sweep [b < batch, k < 512, j < 256] sum chain fused at [b, k] { %d_y[b, j] * %w[k, j] }
// → %w.t = sweep [j < 256, k < 512] { %w[k, j] } : f32[256, 512]
//   %d_h = sweep [b < batch, k < 512, j < 256] sum chain fused at [b, k] { %d_y[b, j] * %w.t[j, k] }
//
// Only where an element of the copy is read often enough to pay for making it. Values and order stay as they are.
#pragma once

#include "ir/graph.h"

namespace descent {

Model layout(const Model& model);

}  // namespace descent
