// From what was read to the entries of a Model: keeping what an entry needs, and who learns.
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace descent::frontend {

// The nodes that the outputs (of the Graph) and updates need, with these inputs first, in this order; or without
// updates.
enum class Updates : bool { left_out, kept };
Graph keep_needed(const Graph& graph, const std::vector<std::string>& inputs, const std::vector<Output>& outputs,
                  Updates updates = Updates::kept);
// The names among `inputs` that the outputs need.
std::vector<std::string> needed_inputs(const Graph& graph, const std::vector<std::string>& inputs,
                                       const std::vector<ValueId>& values);
// By value: does a gradient of `loss` reach it?
std::vector<bool> reached_by_gradient(const Graph& graph, ValueId loss);

}  // namespace descent::frontend
