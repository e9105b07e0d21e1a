// Host arrays: sizes with overflow checked, conversion that loses nothing silently, selection of rows.
#include "runtime/data/array.h"

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

namespace descent::data {

static_assert(std::endian::native == std::endian::little, "the file formats are little endian and so are arrays");

std::string_view name_of(DType type) {
  switch (type) {
    case DType::f32:
      return "f32";
    case DType::f64:
      return "f64";
    case DType::i32:
      return "i32";
    case DType::i64:
      return "i64";
    case DType::u8:
      return "u8";
    case DType::boolean:
      return "bool";
  }
  return "?";
}

std::int64_t size_of(DType type) {
  switch (type) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::f64:
    case DType::i64:
      return 8;
    case DType::u8:
    case DType::boolean:
      return 1;
  }
  return 1;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::optional<std::int64_t> bytes_of(DType dtype, const Shape& shape, std::int64_t limit) {
  std::int64_t total = size_of(dtype);
  // An empty axis makes the array empty only if the others are sane, so that row counts stay trustworthy.
  bool empty = false;
  for (const std::int64_t extent : shape) {
    if (extent < 0) return std::nullopt;
    if (extent == 0) {
      empty = true;
    } else if (total > limit / extent) {
      return std::nullopt;
    } else {
      total *= extent;
    }
  }
  if (empty) return 0;
  return total <= limit ? std::optional(total) : std::nullopt;
}

Array zeros(DType dtype, Shape shape) {
  Array array{dtype, std::move(shape), {}};
  const auto bytes = bytes_of(dtype, array.shape, std::numeric_limits<std::int64_t>::max());
  array.bytes.resize(static_cast<std::size_t>(bytes.value_or(0)));
  return array;
}

namespace {

// The C++ type of a dtype, as a value to dispatch on. A bool in memory is a byte that may only be 0 or 1.
struct Truth {
  std::uint8_t value;
};

template <class Function>
auto with_type(DType type, Function function) {
  switch (type) {
    case DType::f32:
      return function(float{});
    case DType::f64:
      return function(double{});
    case DType::i32:
      return function(std::int32_t{});
    case DType::i64:
      return function(std::int64_t{});
    case DType::u8:
      return function(std::uint8_t{});
    case DType::boolean:
      break;
  }
  return function(Truth{});
}

template <class From>
auto number_of(From value) {
  if constexpr (std::is_same_v<From, Truth>) {
    return value.value;
  } else {
    return value;
  }
}

// `value` as To: rounded when To is a float, exact or nothing when it is not.
template <class To, class From>
std::optional<To> converted(From value) {
  if constexpr (std::is_same_v<To, Truth>) {
    if (value == From{0}) return Truth{0};
    if (value == From{1}) return Truth{1};
    return std::nullopt;
  } else if constexpr (std::is_floating_point_v<To>) {
    return static_cast<To>(value);
  } else if constexpr (std::is_floating_point_v<From>) {
    // 2^digits is exact in a double, the largest integer of 64 bits is not.
    const double end = std::ldexp(1.0, std::numeric_limits<To>::digits);
    const double begin = std::is_signed_v<To> ? -end : 0.0;
    const double wide = value;
    if (!(wide >= begin && wide < end) || wide != std::floor(wide)) return std::nullopt;
    return static_cast<To>(wide);
  } else {
    if (!std::in_range<To>(value)) return std::nullopt;
    return static_cast<To>(value);
  }
}

std::string place_of(std::size_t element, const Shape& shape) {
  Shape at(shape.size());
  auto rest = static_cast<std::int64_t>(element);
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    at[axis] = rest % shape[axis];
    rest /= shape[axis];
  }
  return to_string(at);
}

std::string text_of_number(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return std::to_string(static_cast<std::int64_t>(value));
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

}  // namespace

Expected<Array> convert(const Array& array, DType dtype) {
  if (array.dtype == dtype) return array;
  Array result = zeros(dtype, array.shape);
  const auto failed = with_type(array.dtype, [&](auto from) {
    return with_type(dtype, [&](auto to) -> std::optional<Error> {
      using From = decltype(from);
      using To = decltype(to);
      const std::span<const From> source = array.as<From>();
      const std::span<To> target = result.as<To>();
      for (std::size_t i = 0; i < source.size(); ++i) {
        const auto value = converted<To>(number_of(source[i]));
        if (!value) {
          return Error{{},
                       {},
                       "element " + place_of(i, array.shape) + " is " +
                           text_of_number(static_cast<double>(number_of(source[i]))) + ", which " +
                           std::string(name_of(dtype)) + " does not hold"};
        }
        target[i] = *value;
      }
      return std::nullopt;
    });
  });
  if (failed) return *failed;
  return result;
}

Array take_rows(const Array& array, std::span<const std::int64_t> rows) {
  const auto width = static_cast<std::size_t>(array.row_bytes());
  Array result{array.dtype, array.shape, {}};
  result.shape[0] = static_cast<std::int64_t>(rows.size());
  result.bytes.resize(rows.size() * width);
  for (std::size_t i = 0; i < rows.size() && width > 0; ++i) {
    std::memcpy(result.bytes.data() + i * width, array.bytes.data() + static_cast<std::size_t>(rows[i]) * width, width);
  }
  return result;
}

}  // namespace descent::data
