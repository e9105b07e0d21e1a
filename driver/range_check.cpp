// Finds the first value that is not where the type says.
#include "driver/range_check.h"

#include <algorithm>

#include "fmt/format.h"

namespace descent {

Diagnostics check_range(const std::string& input, const TensorType& type, std::span<const std::int32_t> values,
                        const Span& at) {
  const auto [low, high] = *type.range;
  const auto outside = std::find_if(values.begin(), values.end(), [low = low, high = high](std::int64_t value) {
    return value < low || value >= high;
  });
  if (outside == values.end()) return {};
  const bool by_row = !type.shape.empty() && type.shape[0].is_batch();
  const std::int64_t per_row = by_row ? count({type.shape.begin() + 1, type.shape.end()}, 1) : 1;
  return {{"value-out-of-range",
           at,
           fmt::format("{} {} of input '{}' holds {}, expected a value in {} ..< {}", by_row ? "row" : "element",
                       (outside - values.begin()) / per_row, input, *outside, low, high),
           {}}};
}

}  // namespace descent
