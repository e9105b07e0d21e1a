// Replaces every gradient node by the nodes that compute it. Reverse mode, one backward loop over the nodes.
//
//   %y  = sweep [b < batch, j < 3, k < 2] sum at [b, j] { %x[b, k] * %w[k, j] }
//   %dw = gradient %l by %w
// →
//   %d_w = sweep [b < batch, j < 3, k < 2] sum at [k, j] { %x[b, k] * %d_y[b, j] }
//
// General over the one node: the adjoint of a read of a sum swaps the landing with the read's own map and multiplies
// by the body's derivative by that read (the op table's). max and min pass to the first winner; product multiplies the
// product over the smaller by that over the larger points, never divides. A scan's reverse is a scan; what a captured
// value receives leaves the loop as one sweep with the loop index among its axes. The result contains no gradient
// node and consists of the same nodes, so a gradient of a gradient is one more turn of the same loop.
// Sources: Griewank & Walther, Evaluating Derivatives (2008), ch. 3 (reverse mode) and ch. 12 (checkpoints: here every
// carried value of a scan is kept and what a turn added up of many terms, and the rest of the body recomputed).
#pragma once

#include "ir/graph.h"

namespace descent {

Model differentiate(const Model& model);

}  // namespace descent
