// Sixteen-bit floats, which files hold and Array does not: each is exactly an f32.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace descent::data {

// IEEE 754 binary16.
float half_to_float(std::uint16_t half);

// The upper half of an f32.
inline float bfloat_to_float(std::uint16_t bfloat) { return std::bit_cast<float>(std::uint32_t{bfloat} << 16); }

// `count` of them, which need not be aligned.
template <float (*wide)(std::uint16_t)>
void widen_half(const std::byte* source, std::int64_t count, std::byte* target) {
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint16_t stored;
    std::memcpy(&stored, source + 2 * i, 2);
    const float value = wide(stored);
    std::memcpy(target + 4 * i, &value, 4);
  }
}

}  // namespace descent::data
