// Turns sweeps that scatter into sweeps that gather, so that the backward pass stays parallel and free of atomics.
//
//   %d_x = sweep [b < batch, o < 4, i < 6, r < 3] sum at [b, 2*i + r] { %d_y[b, o, i] * %w[o, r] }      : f32[batch,
//   13]
// → one sweep per residue of r by 2 (r = 2*m + ρ, q = i + m), each with a landing of its own:
//   %even = sweep [b < batch, o < 4, q < 7, m < 2] sum at [b, 2*q]     where q - m >= 0, 5 - q + m >= 0 { … }
//   %odd  = sweep [b < batch, o < 4, q < 6, m < 1] sum at [b, 2*q + 1] where …                          { … }
//   %d_x  = %even + %odd
//
// For axes that meet as s·o + d·r: s' = s/gcd, d' = d/gcd, r = s'·m + ρ, o = q - d'·m, and the place is s·q + d·ρ. No
// division stands in an index. Where that would make very many phases, the place becomes an axis of its own and guards
// skip every point that does not land on it. A landing through an integer tensor cannot be inverted and stays.
#pragma once

#include "ir/graph.h"

namespace descent {

Model gather(const Model& model);

}  // namespace descent
