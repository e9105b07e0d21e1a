// The schedule of a sum of products: which axis runs across vectors, which rows share what a vector loads, and which
// factor is packed.
//
// One factor, the right one, steps with the vector axis and not with the rows; the other one, the left, does not step
// with the vector axis. On a register tile of rows × vectors each term loads a few vectors of the right factor and one
// number of the left one per row:
//
//   for a block of rows                       what the left factor reads of them stays in the second-level cache
//     for a block of the vector axis            whose sums wait, where there are several blocks of the reduced axes
//       for a block of the reduced axes
//         left[tile, k, row] = left factor        where it strides with the terms, or its rows are long
//         for a tile of the vector axis
//           panel[k, lane] = right factor           contiguous, in the first-level cache, read by all rows
//           for a tile of rows
//             sum[row, lane] = fma(left, panel[k, lane], sum[row, lane])
//
// Where all terms of enough rows fit, a block of the vector axis is one tile, and sums need not wait long. A factor
// that lies along the terms is turned on its way into its copy, square by square, in registers. A tile so wide that a
// term of it takes many cycles leaves time for more: its panels may come from the second-level cache, and a left factor
// that lies along the terms from wherever it is, for one block of all rows.
//
// Matrix products in all transpositions, batched ones and windows (an index s·i + d·r is an affine read like any other)
// are this one nest. Sizes come from a model of the machine in the manner of Goto and van de Geijn (Anatomy of
// high-performance matrix multiplication, 2008) and Low et al. (Analytical modeling is enough for high-performance
// BLIS, 2016); nothing is searched by measuring.
#pragma once

#include "ir/graph.h"
#include "ir/machine.h"
#include "passes/schedule.h"

namespace descent {

// Is the sweep such a sum, added up in one chain?
bool is_contraction(const Sweep& sweep);

// Sets the vector and row axes (of `candidates`, no two points of which land on one place), the tile, the blocks and
// the packing of a contraction whose result has this shape; `plan` already has its serial axes and its lanes, more than
// one.
void plan_contraction(const Sweep& sweep, const Graph& graph, const Shape& result,
                      const std::vector<AxisId>& candidates, const Machine& machine, std::int64_t largest_batch,
                      const Layouts& layouts, Schedule& plan);

}  // namespace descent
