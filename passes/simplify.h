// Removes what need not be computed: nodes that nobody uses, copies, and arithmetic that changes nothing.
//
//   %z = sweep [b < batch, j < 3] { %y[b, j] * 1.0 + 0.0 } ;  %t = sweep [j < 3, b < batch] { %z[b, j] }
//   %u = sweep [j < 3, b < batch] { exp(%t[j, b]) }
// → %u = sweep [j < 3, b < batch] { exp(%y[b, j]) }
//
// Equal nodes are one by construction (GraphBuilder). Runs before differentiation too: what is gone needs no adjoint.
#pragma once

#include "ir/graph.h"

namespace descent {

Model simplify(const Model& model);

// The same after differentiation: what only stopped a gradient is gone too.
Model tidy(const Model& model);

}  // namespace descent
