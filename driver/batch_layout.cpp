// Walks the runs of values that a dense array and a buffer with gaps share.
#include "driver/batch_layout.h"

#include <cstring>

#include "ir/diagnostics.h"

namespace descent {
namespace {

// Calls move(dense offset, buffer offset, bytes) for each run of values that both hold side by side.
template <class Move>
void for_each_run(const TensorType& type, std::int64_t rows, std::int64_t largest, const Move& move) {
  const Shape& shape = type.shape;
  std::size_t last = 0;  // the last axis of extent batch
  for (std::size_t d = 0; d < shape.size(); ++d) last = shape[d].is_batch() ? d : last;
  const Shape outer(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(last));
  const Shape inner(shape.begin() + static_cast<std::ptrdiff_t>(last), shape.end());
  const std::int64_t run = count(inner, rows) * size_of(type.dtype);
  const std::int64_t stride = count(inner, largest) * size_of(type.dtype);

  std::vector<std::int64_t> at(outer.size(), 0);
  for (std::int64_t number = 0; number < count(outer, rows); ++number) {
    std::int64_t place = 0;
    for (std::size_t d = 0; d < outer.size(); ++d)
      place = place * (outer[d].is_batch() ? largest : outer[d].size) + at[d];
    move(number * run, place * stride, static_cast<std::size_t>(run));
    for (std::size_t d = outer.size(); d-- > 0 && ++at[d] == (outer[d].is_batch() ? rows : outer[d].size);) at[d] = 0;
  }
}

}  // namespace

bool has_no_gaps(const Shape& shape) {
  for (std::size_t d = 1; d < shape.size(); ++d) {
    if (shape[d].is_batch()) return false;
  }
  return true;
}

std::vector<std::int64_t> actual_shape(const Shape& shape, std::int64_t rows) {
  std::vector<std::int64_t> actual;
  for (Extent extent : shape) actual.push_back(extent.is_batch() ? rows : extent.size);
  return actual;
}

data::DType data_type(DType type) {
  switch (type) {
    case DType::f32:
      return data::DType::f32;
    case DType::f64:
      return data::DType::f64;
    case DType::i32:
      return data::DType::i32;
    case DType::u8:
      return data::DType::u8;
    case DType::boolean:
      return data::DType::boolean;
    case DType::u32:
      break;
  }
  DESCENT_CHECK(false, "a u32 tensor at the door");
}

void pack_rows(const TensorType& type, std::int64_t rows, std::int64_t largest, const std::byte* dense,
               std::byte* buffer) {
  for_each_run(type, rows, largest, [&](std::int64_t from, std::int64_t to, std::size_t bytes) {
    std::memcpy(buffer + to, dense + from, bytes);
  });
}

void unpack_rows(const TensorType& type, std::int64_t rows, std::int64_t largest, const std::byte* buffer,
                 std::byte* dense) {
  for_each_run(type, rows, largest, [&](std::int64_t to, std::int64_t from, std::size_t bytes) {
    std::memcpy(dense + to, buffer + from, bytes);
  });
}

}  // namespace descent
