// Element types, extents, shapes and tensor types: what a value is, without its bits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace descent {

// u32 lives inside Loop programs and scalar expansions only (Philox). `boolean` is one byte in memory, 0 or 1.
enum class DType : std::uint8_t { f32, f64, i32, u32, u8, boolean };

std::string_view name_of(DType type);  // "f32" … "bool"
std::optional<DType> dtype_named(std::string_view name);
int size_of(DType type);  // bytes
inline bool is_float(DType type) { return type == DType::f32 || type == DType::f64; }

// How long an axis is: a positive number, or `batch`, the one symbolic extent (compiled for a largest batch, run with
// any smaller one, at least 1).
struct Extent {
  std::int64_t size = 1;  // 0 stands for batch

  static Extent batch() { return {0}; }
  bool is_batch() const { return size == 0; }
  bool operator==(const Extent&) const = default;
};
using Shape = std::vector<Extent>;

// Integers low ≤ v < high.
struct Range {
  std::int64_t low = 0;
  std::int64_t high = 0;
  bool operator==(const Range&) const = default;
};

// The type of a tensor. `range` is known for i32 only: from `in 0 ..< 10` on an input, from argmax.
struct TensorType {
  DType dtype = DType::f32;
  Shape shape;
  std::optional<Range> range;
  bool operator==(const TensorType&) const = default;
};

std::string to_string(Extent extent);           // "batch", "784"
std::string to_string(const Shape& shape);      // "[batch, 784]"
std::string to_string(const TensorType& type);  // "f32[batch, 784]", "i32[batch] in 0 ..< 10"

// Number of elements with `batch` standing for the symbolic extent; saturates at 2^62.
std::int64_t count(const Shape& shape, std::int64_t batch);

}  // namespace descent
