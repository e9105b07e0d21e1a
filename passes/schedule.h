// How one sweep becomes loops: which axis runs across a vector, which rows share its loads, which axes surround them.
// Decided from the sweep's index maps and the machine alone; no decision here can change a bit.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ir/graph.h"
#include "ir/machine.h"

namespace descent {

struct Schedule {
  std::vector<AxisId> free;      // land alone: any order, any thread; the vector and row axes are not repeated here
  std::vector<AxisId> serial;    // reduced, or meeting in the landing: in box order
  std::optional<AxisId> vector;  // of the axes that land alone
  std::optional<AxisId> row;     // of the axes that land alone: unrolled around the vector
  int lanes = 1;                 // elements of the result in a vector register
  std::int64_t vector_tile = 1;  // elements of `vector` in a register tile
  std::int64_t row_tile = 1;
  bool scatters = false;
};

// A schedule by the dimensions of the result: what another sweep needs to run over the same tiles.
struct Tiling {
  Shape shape;
  std::vector<std::size_t> free;
  std::optional<std::size_t> vector, row;
  int lanes = 1;
  std::int64_t vector_tile = 1, row_tile = 1;
};
// Of a result of this shape; nothing when some axis does not have a dimension to itself.
std::optional<Tiling> tiling_of(const Sweep& sweep, const Schedule& schedule, const Shape& shape);
// The tiling as the schedule of a sweep that computes the points of its result one by one, each of the same shape or of
// its first axes only; nothing when `sweep` is another kind, or when its lanes, as `own` has them, are others.
std::optional<Schedule> with_tiling(const Sweep& sweep, const Schedule& own, const Tiling& tiling);

// `lanes`: f32 elements of a vector; 1: no vectors.
Schedule schedule(const Sweep& sweep, const Graph& graph, DType result, const Machine& machine, int lanes);

}  // namespace descent
