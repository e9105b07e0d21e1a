// Integer bounds inside a sweep: what affine forms and i32 scalars can be at the points that run.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "ir/graph.h"

namespace descent {

// The extents of the enclosing scans, innermost first: axis -1 runs over loops[0].
using Loops = std::span<const std::int64_t>;

// An axis of extent batch counts as this long.
inline constexpr std::int64_t longest_batch = std::int64_t{1} << 31;

// Bounds of the form over the points of the box that pass every guard. An axis of a scan that `loops` does not know
// makes them endless.
Bounds bounds_within(const Affine& form, const Sweep& sweep, Loops loops);

// Per scalar of the body: the integers an i32 scalar stays within, where that can be told.
std::vector<std::optional<Range>> scalar_ranges(const Graph& graph, const Sweep& sweep, Loops loops);

// The range of the sweep's i32 result, where it can be told.
std::optional<Range> range_of(const Graph& graph, const Sweep& sweep, const Shape& shape, Loops loops = {});

}  // namespace descent
