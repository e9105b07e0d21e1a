// Writes into every reduction the order in which it adds up, from logical extents alone: before fusion, blind to the
// target. From here on the bits are fixed; whatever runs after may move work but not reorder it (design, section 6).
//
//   %y = sweep [b < batch, j < 32, k < 64] sum at [b, j] { %x[b, k] * %w[k, j] }
// → %y = sweep [b < batch, j < 32, k < 64] sum chain fused at [b, j] { … }
//   %l = sweep [b < batch] sum at [] { %nll[b] }
// → %l = sweep [b < batch] sum lanes piece 4096 at [] { … }
//
// A product that meets one sum inside a body becomes a fused multiply-add here too: a*b + c → fma(a, b, c).
#pragma once

#include "ir/graph.h"

namespace descent {

// A reduction longer than this is cut into pieces of about as many terms.
inline constexpr std::int64_t piece_terms = 4096;
// A sum of products with this many results besides the batch runs as chains side by side.
inline constexpr std::int64_t chain_results = 16;
// A reduction of at most this many terms is one chain.
inline constexpr std::int64_t chain_terms = 32;

Model order(const Model& model);

}  // namespace descent
