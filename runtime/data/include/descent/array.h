// A host array: what every reader gives and every writer takes. Row-major, in the byte order of the host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "descent/data_error.h"

namespace descent::data {

// `boolean` is one byte, 0 or 1.
enum class DType : std::uint8_t { f32, f64, i32, i64, u8, boolean };
std::string_view name_of(DType type);  // "f32" … "bool"
std::int64_t size_of(DType type);      // bytes

using Shape = std::vector<std::int64_t>;
std::string to_string(const Shape& shape);  // "[60000, 28, 28]"

struct Array {
  DType dtype = DType::f32;
  Shape shape;
  std::vector<std::byte> bytes;

  std::int64_t count() const { return static_cast<std::int64_t>(bytes.size()) / size_of(dtype); }
  std::int64_t rows() const { return shape.empty() ? 1 : shape[0]; }
  std::int64_t row_bytes() const { return rows() == 0 ? 0 : static_cast<std::int64_t>(bytes.size()) / rows(); }

  // The elements as T, which must be the C++ type of `dtype` (std::uint8_t for boolean).
  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  template <class T>
  std::span<T> as() {
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  bool operator==(const Array&) const = default;
};

// An array of zeros. The shape is trusted: readers check theirs with `bytes_of` first.
Array zeros(DType dtype, Shape shape);

// Bytes that an array of this shape takes; nothing when an extent is negative or the product passes `limit`.
std::optional<std::int64_t> bytes_of(DType dtype, const Shape& shape, std::int64_t limit);

// The same numbers in another type. Floats are rounded to nearest; a number that an integer type does not hold
// exactly (300 in u8, 0.5 in i32) is an error that names it and its place.
Expected<Array> convert(const Array& array, DType dtype);

// result[i] = array[rows[i]]; every row lies inside.
Array take_rows(const Array& array, std::span<const std::int64_t> rows);

}  // namespace descent::data
