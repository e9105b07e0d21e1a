// Which tensors lie in panels (loop::Array): states and intermediate values that contractions read or write in vectors
// along their last axis, tile by tile. What lies as its kernels want it need not be packed, and what is updated on a
// register tile (weights, moments) is one stream instead of one per row.
//
// The states that are updated from one another, element by element, lie alike.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "ir/graph.h"
#include "ir/machine.h"

namespace descent {

class Panels {
 public:
  Panels(const Model& model, const Machine& machine, int lanes, std::int64_t largest_batch);

  // Elements of a panel; 0: row-major.
  std::int64_t of_state(const std::string& name) const;
  std::int64_t of_value(const Graph& graph, ValueId value) const;

 private:
  std::map<std::string, std::int64_t> states_;
  std::map<std::pair<const Graph*, ValueId>, std::int64_t> values_;
};

}  // namespace descent
