// A printed Graph with the places of its parts, so that a diagnostic can point into the text of a graph that came from
// nowhere else.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ir/graph.h"

namespace descent {

struct PrintedGraph {
  std::string text;
  // Bytes begin ≤ i < end of the line that prints a node (Node), an output (Output), a state (StateDeclaration) or
  // the head of a Graph.
  std::unordered_map<const void*, std::pair<std::uint32_t, std::uint32_t>> places;
  // Names of values, without '%', as printed.
  std::unordered_map<const Value*, std::string> value_names;
};

// Comment lines above and below nodes, an empty line before them.
struct Remarks {
  std::unordered_map<const Node*, std::vector<std::string>> above, below;
};

// Malformed graphs print too, with '?' where something is missing.
PrintedGraph print_with_places(const Model& model, const Remarks& remarks = {});

// Names of a sweep's axes as they are printed: unique, none empty. `loops`: names of the enclosing scans' axes,
// innermost first.
std::vector<std::string> axis_names(const std::vector<Axis>& axes, const std::vector<std::string>& loops);
// The name of an axis: of the sweep, or of an enclosing scan when negative.
std::string axis_name(AxisId axis, const std::vector<std::string>& axes, const std::vector<std::string>& loops);

}  // namespace descent
