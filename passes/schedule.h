// How one sweep becomes loops: which axis runs across a vector, which rows share its loads, which axes surround them.
// Decided from the sweep's index maps and the machine alone; no decision here can change a bit.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "ir/graph.h"
#include "ir/machine.h"

namespace descent {

// The factors of a fused product may be copied to where they are read again and again: the one that steps with the
// vector axis into panels [reduced axes…, elements of the vector tile] for all rows, the other one into
// [tile of rows, reduced axes…, row] for all tiles of the vector axis. Serial axes before `cut` step around the copies,
// `cut` itself in blocks, those behind it whole.
struct Packing {
  std::size_t factor = 0;    // the one that steps with the vector axis
  std::size_t cut = 0;       // of Schedule::serial
  std::int64_t block = 0;    // steps of serial[cut]
  bool copies = true;        // false: it lies in such panels already, or too few rows read them
  bool copies_left = false;  // the other one
  // Instead of panels: what a read covers while the terms, the inner axes, and the rows or the vector axis move
  // (patch.h).
  bool patches = false, patches_left = false;
  // Read in squares of the innermost reduced axis and the other one: it lies along the former.
  bool turns = false, turns_left = false;
  bool strips_left = false;   // copied some terms of all rows at a time: it lies along the rows
  std::int64_t together = 0;  // terms that are turned at a time without a copy
  bool lands_last = false;  // the last block's sums land from registers: too many wait for a pass over them to be cheap
};

struct Unrolled {
  std::optional<AxisId>
      rows;  // side by side in lanes, around all other axes: whole blocks of lane_count, then the rest
};

struct Schedule {
  std::vector<AxisId> free;      // land alone: any order, any thread; the vector and row axes are not repeated here
  std::vector<AxisId> inner;     // as free, but around the rows of a tile, inside the copies of a contraction
  std::vector<AxisId> serial;    // reduced, or meeting in the landing: in box order
  std::optional<AxisId> vector;  // of the axes that land alone
  std::optional<AxisId> row;     // of the axes that land alone: unrolled around the vector
  int lanes = 1;                 // elements of the result in a vector register
  std::int64_t vector_tile = 1;  // elements of `vector` in a register tile
  std::int64_t row_tile = 1;
  std::int64_t row_block = 0;     // rows for which the vector axis takes its turn; 0: all
  std::int64_t vector_block = 0;  // elements of `vector` for which blocks of the reduced axes take their turn, in
                                  // whole tiles; 0: all
  std::int64_t panel_block = 0;   // elements of `vector` whose panels are copied together, in whole tiles; 0: one tile
  bool masks_rest = false;        // what fills no tile of `vector` runs in masked lanes, else in narrower tiles
  std::int64_t rest_step = 1;     // masked tiles are multiples of so many elements
  bool inner_first = false;       // the inner axes stand around the tiles of `vector` too: lines are written in order
  std::optional<Packing> packing;
  bool scatters = false;
  std::optional<Unrolled> unrolled;  // every point spelled out, of a whole loop; of the rest only free and serial count
};

// A schedule by the dimensions of the result: what another sweep needs to run over the same tiles.
struct Tiling {
  Shape shape;
  std::vector<std::size_t> free, inner;
  std::optional<std::size_t> vector, row;
  int lanes = 1;
  std::int64_t vector_tile = 1, row_tile = 1, row_block = 0, vector_block = 0, panel_block = 0;
  bool masks_rest = false, inner_first = false;
  std::int64_t rest_step = 1;
};
// Of the tiles for so many elements that fill none: one, a multiple of `step`. `divide`: each of them, two if need be,
// divides the whole tile, so that what begins in a block of the vector axis at a multiple of it ends there.
//   rest 33, tile 64, step 8 → 40; to divide → 32, 8
std::vector<std::int64_t> rest_widths(std::int64_t rest, std::int64_t tile, std::int64_t step, bool divide);
// Of a result of this shape; nothing when some axis does not have a dimension to itself.
std::optional<Tiling> tiling_of(const Sweep& sweep, const Schedule& schedule, const Shape& shape);
// The tiling as the schedule of a sweep that computes the points of its result one by one, each of the same shape or of
// its first axes only; nothing when `sweep` is another kind, or when its lanes, as `own` has them, are others.
std::optional<Schedule> with_tiling(const Sweep& sweep, const Schedule& own, const Tiling& tiling);

// Elements of a panel of the result and of what is read (loop::Array); 0: it is row-major.
struct Layouts {
  std::int64_t result = 0;
  std::function<std::int64_t(ValueId)> of;  // absent: all row-major
};
// `lanes`: f32 elements of a vector; 1: no vectors.
Schedule schedule(const Sweep& sweep, const Graph& graph, const TensorType& result, const Machine& machine, int lanes,
                  std::int64_t largest_batch, const Layouts& layouts);

// How memory is walked when `axis` steps by one: not at all, element by element, over a few elements, or in strides.
// Dimensions of one element at the end of a shape, as in [batch, 1], do not count.
enum class Stride { none, one, near, far };
Stride stride_of(const std::vector<Index>& at, const Shape& shape, AxisId axis);

}  // namespace descent
