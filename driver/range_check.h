// `in 0 ..< 10` holds at the door, so that a lookup can't go astray.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "ir/diagnostics.h"
#include "ir/type.h"

namespace descent {

// A diagnostic for the first value outside of the type's range, by row and value.
Diagnostics check_range(const std::string& input, const TensorType& type, std::span<const std::int32_t> values,
                        const Span& at);

}  // namespace descent
