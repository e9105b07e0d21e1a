#include "ir/loop_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace descent::loop {

namespace {

// The shape as it lies: with the last panel filled up.
Shape filled_up(Shape shape, std::int64_t panel) {
  if (panel > 0) shape.back().size = (shape.back().size + panel - 1) / panel * panel;
  return shape;
}

// Calls move(dense, stored, bytes), the offsets in bytes, for each run of values that both hold side by side.
template <class Move>
void for_each_run(const Buffer& buffer, std::int64_t batch, const Move& move) {
  const Shape& shape = buffer.type.shape;
  const std::int64_t size = size_of(buffer.type.dtype), all = count(shape, batch);
  if (buffer.panel == 0) return move(std::int64_t{0}, std::int64_t{0}, all * size);
  const std::int64_t row = shape.back().size, rows = row == 0 ? 0 : all / row;
  for (std::int64_t begin = 0; begin < row; begin += buffer.panel) {
    const std::int64_t run = std::min(buffer.panel, row - begin);
    for (std::int64_t i = 0; i < rows; ++i) {
      move((i * row + begin) * size, (begin * rows + i * buffer.panel) * size, run * size);
    }
  }
}

}  // namespace

std::int64_t stored_count(const Shape& shape, std::int64_t panel, std::int64_t batch) {
  return count(filled_up(shape, panel), batch);
}

std::int64_t stored_bytes(const Buffer& buffer, std::int64_t batch) {
  const std::int64_t elements = stored_count(buffer.type.shape, buffer.panel, batch);
  return elements > (std::int64_t{1} << 58) ? elements : elements * size_of(buffer.type.dtype);
}

Strides strides_of(const Shape& shape, std::int64_t panel, std::int64_t batch) {
  Strides strides{std::vector<std::int64_t>(shape.size(), 1), 0};
  std::int64_t step = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    strides.axes[axis] = step;
    const bool is_last = axis + 1 == shape.size();
    step *= is_last && panel > 0 ? panel : shape[axis].is_batch() ? batch : shape[axis].size;
  }
  if (panel > 0) strides.panel = step;
  return strides;
}

void store_dense(const Buffer& buffer, std::int64_t batch, const std::byte* dense, std::byte* arena) {
  for_each_run(buffer, batch, [&](std::int64_t from, std::int64_t to, std::int64_t bytes) {
    std::memcpy(arena + buffer.offset + to, dense + from, static_cast<std::size_t>(bytes));
  });
}

void load_dense(const Buffer& buffer, std::int64_t batch, const std::byte* arena, std::byte* dense) {
  for_each_run(buffer, batch, [&](std::int64_t to, std::int64_t from, std::int64_t bytes) {
    std::memcpy(dense + to, arena + buffer.offset + from, static_cast<std::size_t>(bytes));
  });
}

std::string panel_text(std::int64_t panel) { return panel == 0 ? "" : fmt::format(" panel {}", panel); }

std::string why_no_panels(const Shape& shape, std::int64_t panel) {
  constexpr std::int64_t most = 4096;
  if (panel == 0) return {};
  if (panel < 2 || panel > most || (panel & (panel - 1)) != 0) {
    return fmt::format("expected panels of 2 to {} elements, a power of two, found {}", most, panel);
  }
  if (shape.empty() || shape.back().is_batch()) {
    return fmt::format("expected a last axis of fixed extent to cut into panels, found {}", to_string(shape));
  }
  return {};
}

}  // namespace descent::loop
