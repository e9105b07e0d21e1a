// The oracle's sweep: naive loops over the box.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace descent {

using TensorRef = std::shared_ptr<const Tensor>;

struct Surroundings {
  const Graph& graph;
  const std::vector<TensorRef>& values;  // of the Graph, those that stand before the sweep
  std::int64_t batch = 1;
  const std::vector<std::int64_t>& loops;  // the indices of the enclosing scans, innermost first
};

std::int64_t actual(Extent extent, std::int64_t batch);
// Zeros.
Tensor make_tensor(const TensorType& type, std::int64_t batch);

// The result, or nothing and `problem` says what went wrong.
std::optional<Tensor> evaluate_sweep(const Surroundings& around, const Sweep& sweep, const TensorType& type,
                                     std::string& problem);

}  // namespace descent
