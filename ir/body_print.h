// Prints a sweep's scalar expression: infix with the fewest brackets, shared scalars named.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace descent {

struct BodyNames {
  std::function<std::string(ValueId)> value;  // without '%'
  std::function<std::string(AxisId)> axis;
  std::function<DType(ValueId)> dtype;
};

// "{ e = exp(%x[i]); e / (1.0 + e) }"
std::string print_body(const Body& body, const BodyNames& names);
// "b, 2*i + r - 1, %idx[b] + 1"
std::string print_indices(const Body& body, const std::vector<Index>& indices, const BodyNames& names);

}  // namespace descent
