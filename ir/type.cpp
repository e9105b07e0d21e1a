// Names and sizes of element types; shapes and tensor types as text.
#include "ir/type.h"

#include <array>

#include "fmt/format.h"

namespace descent {

namespace {

struct DTypeRow {
  DType type;
  std::string_view name;
  int size;
};
constexpr std::array dtypes = {
    DTypeRow{DType::f32, "f32", 4}, DTypeRow{DType::f64, "f64", 8}, DTypeRow{DType::i32, "i32", 4},
    DTypeRow{DType::u32, "u32", 4}, DTypeRow{DType::u8, "u8", 1},   DTypeRow{DType::boolean, "bool", 1},
};
const DTypeRow& row_of(DType type) { return dtypes[static_cast<std::size_t>(type)]; }

constexpr std::int64_t largest_count = std::int64_t{1} << 62;

}  // namespace

std::string_view name_of(DType type) { return row_of(type).name; }

std::optional<DType> dtype_named(std::string_view name) {
  for (const DTypeRow& row : dtypes) {
    if (row.name == name) return row.type;
  }
  return std::nullopt;
}

int size_of(DType type) { return row_of(type).size; }

std::string to_string(Extent extent) { return extent.is_batch() ? "batch" : fmt::format("{}", extent.size); }

std::string to_string(const Shape& shape) {
  std::string out = "[";
  for (const Extent extent : shape) {
    if (out.size() > 1) out += ", ";
    out += to_string(extent);
  }
  return out + "]";
}

std::string to_string(const TensorType& type) {
  std::string out = fmt::format("{}{}", name_of(type.dtype), to_string(type.shape));
  if (type.range) out += fmt::format(" in {} ..< {}", type.range->low, type.range->high);
  return out;
}

std::int64_t count(const Shape& shape, std::int64_t batch) {
  std::int64_t total = 1;
  bool saturated = false;
  for (const Extent extent : shape) {
    const std::int64_t size = extent.is_batch() ? batch : extent.size;
    if (size == 0) return 0;
    saturated = saturated || __builtin_mul_overflow(total, size, &total) || total > largest_count;
  }
  return saturated ? largest_count : total;
}

}  // namespace descent
