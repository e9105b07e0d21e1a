#include "ir/stack.h"

#include <algorithm>

namespace descent {

std::size_t stacked_axes(std::string_view name) {
  return static_cast<std::size_t>(std::count(name.begin(), name.end(), '*'));
}

std::vector<std::string> part_names(const std::string& name, const Shape& shape) {
  std::vector<std::string> names = {name};
  for (std::size_t axis = 0; axis < stacked_axes(name); ++axis) {
    std::vector<std::string> longer;
    for (const std::string& one : names) {
      const std::size_t star = one.find('*');
      for (std::int64_t turn = 0; turn < shape[axis].size; ++turn) {
        longer.push_back(one.substr(0, star) + std::to_string(turn) + one.substr(star + 1));
      }
    }
    names = std::move(longer);
  }
  return names;
}

TensorType part_type(std::string_view name, const TensorType& type) {
  TensorType part = type;
  part.shape.erase(part.shape.begin(), part.shape.begin() + static_cast<std::ptrdiff_t>(stacked_axes(name)));
  return part;
}

}  // namespace descent
