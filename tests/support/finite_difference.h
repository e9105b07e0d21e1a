// What a gradient is by its definition.
#pragma once

#include <functional>

#include "tests/support/graph_run.h"

namespace descent::test {

// Central differences in double of `loss` by `values.at(by)`, at about `most` of its places; elsewhere what is found
// stays.
inline Tensor central_difference(const std::function<double(const Values&)>& loss, Values values, const std::string& by,
                                 Tensor found, std::size_t most) {
  constexpr double step = 1e-5;
  std::vector<double>& places = values.at(by).data;
  const std::size_t stride = std::max<std::size_t>(1, found.data.size() / most);
  for (std::size_t i = 0; i < found.data.size(); i += stride) {
    const double old = places.at(i);
    places[i] = old + step;
    const double above = loss(values);
    places[i] = old - step;
    const double below = loss(values);
    places[i] = old;
    found.data[i] = (above - below) / (2 * step);
  }
  return found;
}

}  // namespace descent::test
