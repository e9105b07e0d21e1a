// What joins a parameter and the sum of its gradients over the batches of a step that takes several.
#pragma once

#include <string_view>

namespace descent {

// "hidden.linear.weight.accumulated", an optimizer's state.
inline constexpr std::string_view accumulated_suffix = ".accumulated";

}  // namespace descent
