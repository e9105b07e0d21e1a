// States of a repeat. `block.*.up.weight : f32[3, 8, 16]` holds the weights of three turns one after another; outside,
// in files, each has a name of its own: `block.0.up.weight : f32[8, 16]` … `block.2.up.weight`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ir/type.h"

namespace descent {

// More turns than this have no parameters of their own.
inline constexpr std::int64_t most_parts = 10'000;

// How many first axes of the state are turns: one for each `*` in its name.
std::size_t stacked_axes(std::string_view name);
// The names of the parts in the order in which they lie; the name itself when nothing is stacked.
std::vector<std::string> part_names(const std::string& name, const Shape& shape);
// The type of one part.
TensorType part_type(std::string_view name, const TensorType& type);

}  // namespace descent
