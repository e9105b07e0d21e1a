// The op table: one row per scalar primitive. To add a primitive, add it to `Op` and its row here, in the same place.
#include <array>
#include <cmath>
#include <limits>

#include "ir/diagnostics.h"
#include "ir/op_functions.h"

namespace descent {

namespace {

// Meanings in double. Arithmetic of u32 wraps in what back ends compute; here it is computed modulo 2^32 too.
std::uint32_t u32(double value) {
  return static_cast<std::uint32_t>(double_of(word_of(value, DType::u32), DType::u32));
}

double sigmoid(double x) {
  const double decayed = std::exp(-std::abs(x));  // never overflows
  return (x < 0 ? decayed : 1) / (1 + decayed);
}

double truncated(double x, DType type) { return double_of(word_of(std::trunc(x), type), type); }

// As the expansion has it: real powers of what is not negative, with both zeros alike.
double pow(double x, double y) {
  if (x < 0 && y != 0) return std::numeric_limits<double>::quiet_NaN();
  return std::pow(x == 0 ? 0.0 : x, y);
}

double mantissa(double x) {
  int shift = 0;
  return 2 * std::frexp(x, &shift);
}

double exponent(double x) { return std::isfinite(x) && x != 0 ? std::ilogb(x) : 0; }

using enum Typing;
using At = const double*;

constexpr std::array<OpRow, op_count> table = {{
    {Op::add, "add", "+", 2, 2, numeric, [](At x) { return x[0] + x[1]; }, derivative::of_add, nullptr, 1},
    {Op::sub, "sub", "-", 2, 2, numeric, [](At x) { return x[0] - x[1]; }, derivative::of_sub, nullptr, 1},
    {Op::mul, "mul", "*", 3, 2, numeric, [](At x) { return x[0] * x[1]; }, derivative::of_mul, nullptr, 1},
    {Op::div, "div", "/", 3, 2, floating, [](At x) { return x[0] / x[1]; }, derivative::of_div, nullptr, 1},
    {Op::neg, "neg", "", 0, 1, numeric, [](At x) { return -x[0]; }, derivative::of_neg, nullptr, 1},
    {Op::abs, "abs", "", 0, 1, numeric, [](At x) { return std::abs(x[0]); }, derivative::of_abs, nullptr, 1},
    {Op::sqrt, "sqrt", "", 0, 1, floating, [](At x) { return std::sqrt(x[0]); }, derivative::of_sqrt, nullptr, 1},
    {Op::fma, "fma", "", 0, 3, floating, [](At x) { return std::fma(x[0], x[1], x[2]); }, derivative::of_fma, nullptr,
     2},
    {Op::min, "min", "", 0, 2, numeric, [](At x) { return x[1] < x[0] ? x[1] : x[0]; }, derivative::of_min, nullptr, 1},
    {Op::max, "max", "", 0, 2, numeric, [](At x) { return x[1] > x[0] ? x[1] : x[0]; }, derivative::of_max, nullptr, 1},
    {Op::floor, "floor", "", 0, 1, floating, [](At x) { return std::floor(x[0]); }, nullptr, nullptr, 1},
    {Op::round, "round", "", 0, 1, floating, [](At x) { return std::nearbyint(x[0]); }, nullptr, nullptr, 1},

    {Op::less, "less", "<", 1, 2, comparison, [](At x) { return double(x[0] < x[1]); }, nullptr, nullptr, 1},
    {Op::less_equal, "less_equal", "<=", 1, 2, comparison, [](At x) { return double(x[0] <= x[1]); }, nullptr, nullptr,
     1},
    {Op::greater, "greater", ">", 1, 2, comparison, [](At x) { return double(x[0] > x[1]); }, nullptr, nullptr, 1},
    {Op::greater_equal, "greater_equal", ">=", 1, 2, comparison, [](At x) { return double(x[0] >= x[1]); }, nullptr,
     nullptr, 1},
    {Op::equal, "equal", "==", 1, 2, comparison, [](At x) { return double(x[0] == x[1]); }, nullptr, nullptr, 1},
    {Op::not_equal, "not_equal", "!=", 1, 2, comparison, [](At x) { return double(x[0] != x[1]); }, nullptr, nullptr,
     1},
    {Op::logical_and, "and", "&&", 1, 2, logical, [](At x) { return double(x[0] != 0 && x[1] != 0); }, nullptr, nullptr,
     0},
    {Op::logical_or, "or", "||", 1, 2, logical, [](At x) { return double(x[0] != 0 || x[1] != 0); }, nullptr, nullptr,
     0},
    {Op::logical_not, "not", "", 0, 1, logical, [](At x) { return double(x[0] == 0); }, nullptr, nullptr, 0},
    {Op::select, "select", "", 0, 3, selection, [](At x) { return x[0] != 0 ? x[1] : x[2]; }, derivative::of_select,
     nullptr, 1},

    {Op::to_f32, "f32", "", 0, 1, conversion, [](At x) { return x[0]; }, derivative::of_conversion, nullptr, 1},
    {Op::to_f64, "f64", "", 0, 1, conversion, [](At x) { return x[0]; }, derivative::of_conversion, nullptr, 1},
    {Op::to_i32, "i32", "", 0, 1, conversion, [](At x) { return truncated(x[0], DType::i32); }, nullptr, nullptr, 1},
    {Op::to_u32, "u32", "", 0, 1, conversion, [](At x) { return truncated(x[0], DType::u32); }, nullptr, nullptr, 1},
    {Op::to_u8, "u8", "", 0, 1, conversion, [](At x) { return truncated(x[0], DType::u8); }, nullptr, nullptr, 1},
    {Op::to_bool, "bool", "", 0, 1, conversion, [](At x) { return double(x[0] != 0); }, nullptr, expansion::of_to_bool,
     1},
    {Op::power_of_two, "power_of_two", "", 0, 1, floating, [](At x) { return std::exp2(x[0]); }, nullptr, nullptr, 2},
    {Op::exponent, "exponent", "", 0, 1, to_exponent, [](At x) { return exponent(x[0]); }, nullptr, nullptr, 1},
    {Op::mantissa, "mantissa", "", 0, 1, floating, [](At x) { return mantissa(x[0]); }, nullptr, nullptr, 1},
    {Op::multiply_high, "multiply_high", "", 0, 2, bits,
     [](At x) { return double(std::uint64_t{u32(x[0])} * u32(x[1]) >> 32); }, nullptr, nullptr, 1},
    {Op::bit_and, "bit_and", "&", 3, 2, bits, [](At x) { return double(u32(x[0]) & u32(x[1])); }, nullptr, nullptr, 1},
    {Op::bit_or, "bit_or", "|", 2, 2, bits, [](At x) { return double(u32(x[0]) | u32(x[1])); }, nullptr, nullptr, 1},
    {Op::bit_xor, "bit_xor", "^", 2, 2, bits, [](At x) { return double(u32(x[0]) ^ u32(x[1])); }, nullptr, nullptr, 1},
    {Op::shift_left, "shift_left", "<<", 3, 2, bits, [](At x) { return double(u32(x[0]) << (u32(x[1]) & 31)); },
     nullptr, nullptr, 1},
    {Op::shift_right, "shift_right", ">>", 3, 2, bits, [](At x) { return double(u32(x[0]) >> (u32(x[1]) & 31)); },
     nullptr, nullptr, 1},

    // The cost of an expanded row is what its f32 expansion holds (power: of a square); a test keeps the two together.
    {Op::power, "power", "", 0, 2, Typing::integer_power, [](At x) { return std::pow(x[0], x[1]); },
     derivative::of_power, expansion::of_power, 1},
    {Op::pow, "pow", "", 0, 2, floating, [](At x) { return pow(x[0], x[1]); }, derivative::of_pow, expansion::of_pow,
     124},
    {Op::exp, "exp", "", 0, 1, floating, [](At x) { return std::exp(x[0]); }, derivative::of_exp, expansion::of_exp,
     29},
    {Op::expm1, "expm1", "", 0, 1, floating, [](At x) { return std::expm1(x[0]); }, derivative::of_expm1,
     expansion::of_expm1, 35},
    {Op::log, "log", "", 0, 1, floating, [](At x) { return std::log(x[0]); }, derivative::of_log, expansion::of_log,
     39},
    {Op::log1p, "log1p", "", 0, 1, floating, [](At x) { return std::log1p(x[0]); }, derivative::of_log1p,
     expansion::of_log1p, 43},
    {Op::sin, "sin", "", 0, 1, floating, [](At x) { return std::sin(x[0]); }, derivative::of_sin, expansion::of_sin,
     187},
    {Op::cos, "cos", "", 0, 1, floating, [](At x) { return std::cos(x[0]); }, derivative::of_cos, expansion::of_cos,
     184},
    {Op::tanh, "tanh", "", 0, 1, floating, [](At x) { return std::tanh(x[0]); }, derivative::of_tanh,
     expansion::of_tanh, 44},
    {Op::sigmoid, "sigmoid", "", 0, 1, floating, [](At x) { return sigmoid(x[0]); }, derivative::of_sigmoid,
     expansion::of_sigmoid, 45},
    {Op::erf, "erf", "", 0, 1, floating, [](At x) { return std::erf(x[0]); }, derivative::of_erf, expansion::of_erf,
     59},
    {Op::stop_gradient, "stop_gradient", "", 0, 1, floating, [](At x) { return x[0]; }, nullptr,
     expansion::of_stop_gradient, 0},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (static_cast<std::size_t>(table[i].op) != i) return false;
  }
  return true;
}
static_assert(in_order(), "rows stand in the order of Op");

}  // namespace

const OpRow& row(Op op) { return table[static_cast<std::size_t>(op)]; }

std::span<const OpRow> op_table() { return table; }

const OpRow* find_op(std::string_view name) {
  for (const OpRow& entry : table) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

const OpRow* find_infix(std::string_view sign) {
  for (const OpRow& entry : table) {
    if (!entry.infix.empty() && entry.infix == sign) return &entry;
  }
  return nullptr;
}

}  // namespace descent
