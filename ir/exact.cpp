// Words and native operations, bit for bit as every back end must compute them: f32 in f32, f64 in f64, integers
// wrapping, conversions saturating. The floating-point mode is the default one (to nearest, ties to even), and nothing
// is contracted (CMakeLists.txt).
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

#include "ir/diagnostics.h"
#include "ir/scalar.h"

static_assert(std::numeric_limits<float>::is_iec559 && std::numeric_limits<double>::is_iec559);

namespace descent {

namespace {

// The bits of a word as a value, and back. `boolean` and u8 share a representation.
template <class T>
T get(Word word) {
  if constexpr (std::is_same_v<T, float>) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(word.bits));
  } else if constexpr (std::is_same_v<T, double>) {
    return std::bit_cast<double>(word.bits);
  } else {
    return static_cast<T>(word.bits);
  }
}
template <class T>
Word put(T value) {
  if constexpr (std::is_same_v<T, float>) {
    return {std::bit_cast<std::uint32_t>(value)};
  } else if constexpr (std::is_same_v<T, double>) {
    return {std::bit_cast<std::uint64_t>(value)};
  } else if constexpr (std::is_same_v<T, std::int32_t>) {
    return {static_cast<std::uint32_t>(value)};
  } else {
    return {value};
  }
}

// How the bits of a float are laid out.
template <class T>
struct Layout;
template <>
struct Layout<float> {
  using Bits = std::uint32_t;
  static constexpr int fraction_bits = 23;
  static constexpr int bias = 127;
};
template <>
struct Layout<double> {
  using Bits = std::uint64_t;
  static constexpr int fraction_bits = 52;
  static constexpr int bias = 1023;
};
template <class T>
constexpr typename Layout<T>::Bits exponent_mask =
    (typename Layout<T>::Bits{2} * Layout<T>::bias + 1) << Layout<T>::fraction_bits;

// In the sum a whole x stands in the lowest bits.
template <class T>
T power_of_two(T x) {
  using Bits = typename Layout<T>::Bits;
  const T sum = x + (T{3} * static_cast<T>(Bits{1} << (Layout<T>::fraction_bits - 1)) + Layout<T>::bias);
  return std::bit_cast<T>(static_cast<Bits>(std::bit_cast<Bits>(sum) << Layout<T>::fraction_bits));
}

template <class T>
std::int32_t exponent(T x) {
  const auto bits = std::bit_cast<typename Layout<T>::Bits>(x);
  return static_cast<std::int32_t>((bits & exponent_mask<T>) >> Layout<T>::fraction_bits) - Layout<T>::bias;
}

template <class T>
T mantissa(T x) {
  using Bits = typename Layout<T>::Bits;
  const auto bits = std::bit_cast<Bits>(x);
  return std::bit_cast<T>((bits & ~exponent_mask<T>) | (Bits{Layout<T>::bias} << Layout<T>::fraction_bits));
}

// Toward zero, saturating, NaN to 0. Every integer type's limits are exact in double.
template <class To>
To saturated(double value) {
  using Limits = std::numeric_limits<To>;
  if (std::isnan(value)) return 0;
  if (value <= static_cast<double>(Limits::min())) return Limits::min();
  if (value >= static_cast<double>(Limits::max())) return Limits::max();
  return static_cast<To>(value);
}

template <class T>
Word compare(Op op, T a, T b) {
  switch (op) {
    case Op::less:
      return put<std::uint8_t>(a < b);
    case Op::less_equal:
      return put<std::uint8_t>(a <= b);
    case Op::greater:
      return put<std::uint8_t>(a > b);
    case Op::greater_equal:
      return put<std::uint8_t>(a >= b);
    case Op::equal:
      return put<std::uint8_t>(a == b);
    case Op::not_equal:
      return put<std::uint8_t>(a != b);
    default:
      internal_error(__FILE__, __LINE__, "'" + std::string(row(op).name) + "' is not a native operation here");
  }
}

template <class T>
Word apply_float(Op op, const Word* operands) {
  const T a = get<T>(operands[0]);
  const T b = row(op).arity > 1 ? get<T>(operands[1]) : a;
  switch (op) {
    case Op::add:
      return put<T>(a + b);
    case Op::sub:
      return put<T>(a - b);
    case Op::mul:
      return put<T>(a * b);
    case Op::div:
      return put<T>(a / b);
    case Op::neg:
      return put<T>(-a);
    case Op::abs:
      return put<T>(std::abs(a));
    case Op::sqrt:
      return put<T>(std::sqrt(a));
    case Op::fma:
      return put<T>(std::fma(a, b, get<T>(operands[2])));
    case Op::min:
      return put<T>(b < a ? b : a);
    case Op::max:
      return put<T>(b > a ? b : a);
    case Op::floor:
      return put<T>(std::floor(a));
    case Op::round:
      return put<T>(std::nearbyint(a));
    case Op::power_of_two:
      return put<T>(power_of_two(a));
    case Op::exponent:
      return put<std::int32_t>(exponent(a));
    case Op::mantissa:
      return put<T>(mantissa(a));
    default:
      return compare<T>(op, a, b);
  }
}

// On i32 and u32: both wrap, so both are computed in u32 but for what looks at the sign.
template <class T>
Word apply_integer(Op op, const Word* operands) {
  const T a = get<T>(operands[0]);
  const T b = row(op).arity > 1 ? get<T>(operands[1]) : a;
  const auto x = static_cast<std::uint32_t>(a);
  const auto y = static_cast<std::uint32_t>(b);
  switch (op) {
    case Op::add:
      return {static_cast<std::uint32_t>(x + y)};
    case Op::sub:
      return {static_cast<std::uint32_t>(x - y)};
    case Op::mul:
      return {static_cast<std::uint32_t>(x * y)};
    case Op::neg:
      return {static_cast<std::uint32_t>(0u - x)};
    case Op::abs:
      return {a < T{0} ? static_cast<std::uint32_t>(0u - x) : x};
    case Op::min:
      return put<T>(b < a ? b : a);
    case Op::max:
      return put<T>(b > a ? b : a);
    case Op::multiply_high:
      return {std::uint64_t{x} * y >> 32};
    case Op::bit_and:
      return {x & y};
    case Op::bit_or:
      return {x | y};
    case Op::bit_xor:
      return {x ^ y};
    case Op::shift_left:
      return {static_cast<std::uint32_t>(x << (y & 31))};
    case Op::shift_right:
      return {x >> (y & 31)};
    default:
      return compare<T>(op, a, b);
  }
}

Word apply_logical(Op op, const Word* operands) {
  switch (op) {
    case Op::logical_and:
      return {operands[0].bits & operands[1].bits};
    case Op::logical_or:
      return {operands[0].bits | operands[1].bits};
    case Op::logical_not:
      return {operands[0].bits ^ 1};
    default:
      return compare<std::uint8_t>(op, get<std::uint8_t>(operands[0]), get<std::uint8_t>(operands[1]));
  }
}

}  // namespace

Word word_of(double value, DType type) {
  switch (type) {
    case DType::f32:
      return put<float>(static_cast<float>(value));
    case DType::f64:
      return put<double>(value);
    case DType::i32:
      return put<std::int32_t>(saturated<std::int32_t>(std::nearbyint(value)));
    case DType::u32:
      return put<std::uint32_t>(saturated<std::uint32_t>(std::nearbyint(value)));
    case DType::u8:
      return put<std::uint8_t>(saturated<std::uint8_t>(std::nearbyint(value)));
    case DType::boolean:
      return put<std::uint8_t>(value != 0);
  }
  internal_error(__FILE__, __LINE__, "an element type that does not exist");
}

double double_of(Word word, DType type) {
  switch (type) {
    case DType::f32:
      return get<float>(word);
    case DType::f64:
      return get<double>(word);
    case DType::i32:
      return get<std::int32_t>(word);
    case DType::u32:
      return get<std::uint32_t>(word);
    case DType::u8:
    case DType::boolean:
      return get<std::uint8_t>(word);
  }
  internal_error(__FILE__, __LINE__, "an element type that does not exist");
}

Word apply_exact(Op op, DType operand_type, DType type, const Word* operands) {
  if (op == Op::select) return operands[0].bits != 0 ? operands[1] : operands[2];
  if (row(op).typing == Typing::conversion) {
    // Through double, in which every value of every type is exact. To an integer toward zero, else to nearest.
    const double value = double_of(operands[0], operand_type);
    return word_of(is_float(type) || type == DType::boolean ? value : std::trunc(value), type);
  }
  switch (operand_type) {
    case DType::f32:
      return apply_float<float>(op, operands);
    case DType::f64:
      return apply_float<double>(op, operands);
    case DType::i32:
      return apply_integer<std::int32_t>(op, operands);
    case DType::u32:
      return apply_integer<std::uint32_t>(op, operands);
    case DType::u8:
    case DType::boolean:
      return apply_logical(op, operands);
  }
  internal_error(__FILE__, __LINE__, "an element type that does not exist");
}

std::optional<DType> result_type(Op op, std::span<const DType> types) {
  const OpRow& entry = row(op);
  if (static_cast<int>(types.size()) != entry.arity) return std::nullopt;
  const DType first = types.front();
  const DType last = types.back();
  const bool same = std::all_of(types.begin(), types.end(), [&](DType type) { return type == first; });
  const auto when = [](bool fits, DType type) { return fits ? std::optional(type) : std::nullopt; };
  switch (entry.typing) {
    case Typing::floating:
      return when(same && is_float(first), first);
    case Typing::numeric:
      return when(same && (is_float(first) || first == DType::i32 || first == DType::u32), first);
    case Typing::comparison:
      return when(same, DType::boolean);
    case Typing::logical:
      return when(same && first == DType::boolean, first);
    case Typing::selection:
      return when(first == DType::boolean && types[1] == types[2], types[1]);
    case Typing::conversion:
      return dtype_named(entry.name);
    case Typing::bits:
      return when(same && first == DType::u32, first);
    case Typing::to_exponent:
      return when(is_float(first), DType::i32);
    case Typing::integer_power:
      return when(is_float(first) && last == DType::i32, first);
  }
  internal_error(__FILE__, __LINE__, "a typing that does not exist");
}

}  // namespace descent
