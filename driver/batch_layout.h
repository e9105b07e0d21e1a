// Between dense arrays of the actual batch and buffers laid out for the largest one: where batch is not the first
// axis, a smaller batch leaves gaps in a buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ir/type.h"
#include "runtime/data/array.h"

namespace descent {

// Whether the actual values stand without gaps at the front of the buffer.
bool has_no_gaps(const Shape& shape);

std::vector<std::int64_t> actual_shape(const Shape& shape, std::int64_t rows);
data::DType data_type(DType type);  // u32 has none: an internal error

// Copies the values of `rows` rows. `dense`: their bytes without gaps; `buffer`: laid out for `largest` rows.
void pack_rows(const TensorType& type, std::int64_t rows, std::int64_t largest, const std::byte* dense,
               std::byte* buffer);
void unpack_rows(const TensorType& type, std::int64_t rows, std::int64_t largest, const std::byte* buffer,
                 std::byte* dense);

}  // namespace descent
