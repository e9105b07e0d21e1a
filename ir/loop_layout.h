// How the arrays and buffers of a Loop program lie in memory: row-major, or in panels (loop::Array).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "ir/loop.h"

namespace descent::loop {

// Elements that a shape takes, those that fill the last panel up included; saturates at 2^62.
std::int64_t stored_count(const Shape& shape, std::int64_t panel, std::int64_t batch);
std::int64_t stored_bytes(const Buffer& buffer, std::int64_t batch);

// How far one step along each axis goes, in elements; along the last one within a panel, and from panel to panel (0:
// there are none).
struct Strides {
  std::vector<std::int64_t> axes;
  std::int64_t panel = 0;
};
Strides strides_of(const Shape& shape, std::int64_t panel, std::int64_t batch);

// Copies all values of a planned buffer, of the largest batch, between its place in the arena and a dense row-major
// array.
void store_dense(const Buffer& buffer, std::int64_t batch, const std::byte* dense, std::byte* arena);
void load_dense(const Buffer& buffer, std::int64_t batch, const std::byte* arena, std::byte* dense);

// Empty: an array of this shape can lie in panels of so many elements, or 0: in none.
std::string why_no_panels(const Shape& shape, std::int64_t panel);
std::string panel_text(std::int64_t panel);  // " panel 16"; nothing for 0

}  // namespace descent::loop
