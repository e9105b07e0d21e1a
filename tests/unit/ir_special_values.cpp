// What the operations give at zeros, infinities, NaN and the ends of their domains, in both float types; and that a
// row's meaning and the bits that back ends compute say the same.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "ir/scalar.h"
#include "tests/support/body_values.h"

using namespace descent;
using namespace descent::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

bool same(double a, double b) { return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b); }

double exact_value(Op op, DType type, std::vector<double> arguments, DType last) {
  BodyBuilder builder;
  std::vector<ScalarId> operands;
  std::vector<Word> words;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const DType of = i + 1 == arguments.size() ? last : type;
    operands.push_back(read_of(builder, static_cast<int>(i), of));
    words.push_back(word_of(arguments[i], of));
  }
  const Body body = expand(builder.finish(builder.apply(op, operands)));
  return double_of(ExactBody(body)(words), body.type());
}

struct Special {
  Op op;
  std::vector<double> at;
  double value;
};
const std::vector<Special> specials = {
    {Op::exp, {0}, 1},
    {Op::exp, {-0.0}, 1},
    {Op::exp, {inf}, inf},
    {Op::exp, {-inf}, 0},
    {Op::exp, {1000}, inf},
    {Op::exp, {-1000}, 0},
    {Op::exp, {nan_value}, nan_value},
    {Op::expm1, {-0.0}, -0.0},
    {Op::expm1, {0}, 0},
    {Op::expm1, {inf}, inf},
    {Op::expm1, {-inf}, -1},
    {Op::expm1, {1000}, inf},
    {Op::expm1, {-1000}, -1},
    {Op::expm1, {nan_value}, nan_value},
    {Op::log, {0}, -inf},
    {Op::log, {-0.0}, -inf},
    {Op::log, {1}, 0},
    {Op::log, {inf}, inf},
    {Op::log, {-1}, nan_value},
    {Op::log, {-inf}, nan_value},
    {Op::log, {nan_value}, nan_value},
    {Op::log1p, {0}, 0},
    {Op::log1p, {-0.0}, -0.0},
    {Op::log1p, {-1}, -inf},
    {Op::log1p, {inf}, inf},
    {Op::log1p, {-2}, nan_value},
    {Op::log1p, {-inf}, nan_value},
    {Op::log1p, {nan_value}, nan_value},
    {Op::sin, {0}, 0},
    {Op::sin, {-0.0}, -0.0},
    {Op::sin, {inf}, nan_value},
    {Op::sin, {-inf}, nan_value},
    {Op::sin, {nan_value}, nan_value},
    {Op::cos, {0}, 1},
    {Op::cos, {-0.0}, 1},
    {Op::cos, {inf}, nan_value},
    {Op::cos, {-inf}, nan_value},
    {Op::cos, {nan_value}, nan_value},
    {Op::tanh, {0}, 0},
    {Op::tanh, {-0.0}, -0.0},
    {Op::tanh, {inf}, 1},
    {Op::tanh, {-inf}, -1},
    {Op::tanh, {1e30}, 1},
    {Op::tanh, {-50}, -1},
    {Op::tanh, {nan_value}, nan_value},
    {Op::sigmoid, {0}, 0.5},
    {Op::sigmoid, {-0.0}, 0.5},
    {Op::sigmoid, {inf}, 1},
    {Op::sigmoid, {-inf}, 0},
    {Op::sigmoid, {1000}, 1},
    {Op::sigmoid, {-1000}, 0},
    {Op::sigmoid, {nan_value}, nan_value},
    {Op::erf, {0}, 0},
    {Op::erf, {-0.0}, -0.0},
    {Op::erf, {inf}, 1},
    {Op::erf, {-inf}, -1},
    {Op::erf, {10}, 1},
    {Op::erf, {nan_value}, nan_value},
    {Op::pow, {0, 0}, 1},
    {Op::pow, {nan_value, 0}, 1},
    {Op::pow, {1, nan_value}, 1},
    {Op::pow, {inf, 0}, 1},
    {Op::pow, {0, 2}, 0},
    {Op::pow, {0, -1}, inf},
    {Op::pow, {-0.0, 3}, 0},
    {Op::pow, {-0.0, -3}, inf},
    {Op::pow, {inf, 2}, inf},
    {Op::pow, {inf, -2}, 0},
    {Op::pow, {2, inf}, inf},
    {Op::pow, {2, -inf}, 0},
    {Op::pow, {0.5, inf}, 0},
    {Op::pow, {0.5, -inf}, inf},
    {Op::pow, {1, inf}, 1},
    {Op::pow, {1, -inf}, 1},
    {Op::pow, {-1, 2}, nan_value},
    {Op::pow, {-1, 0}, 1},
    {Op::pow, {-inf, 2}, nan_value},
    {Op::pow, {2, nan_value}, nan_value},
    {Op::pow, {nan_value, 2}, nan_value},
    {Op::pow, {0, inf}, 0},
    {Op::pow, {inf, inf}, inf},
    {Op::pow, {0, nan_value}, nan_value},
    {Op::pow, {2, 10}, 1024},
    {Op::pow, {2, -3}, 0.125},
    {Op::pow, {7, 1e30}, inf},
    {Op::pow, {7, -1e30}, 0},
    {Op::power, {0, 0}, 1},
    {Op::power, {nan_value, 0}, 1},
    {Op::power, {0, -1}, inf},
    {Op::power, {-0.0, -1}, -inf},
    {Op::power, {2, 10}, 1024},
    {Op::power, {2, -1}, 0.5},
    {Op::power, {-2, 3}, -8},
    {Op::power, {inf, -2}, 0},
    {Op::power, {-1, -2147483648.0}, 1},
    {Op::power, {-1, 2147483647.0}, -1},
    {Op::power, {1.5, 2147483647.0}, inf},
    {Op::power, {nan_value, 3}, nan_value},
    {Op::power, {-inf, 3}, -inf},
    {Op::max, {1, nan_value}, 1},
    {Op::max, {0, -0.0}, 0},
    {Op::max, {-0.0, 0}, -0.0},
    {Op::max, {nan_value, 1}, nan_value},
    {Op::min, {1, nan_value}, 1},
    {Op::min, {0, -0.0}, 0},
    {Op::min, {-0.0, 0}, -0.0},
    {Op::min, {nan_value, 1}, nan_value},
    {Op::round, {0.5}, 0},
    {Op::round, {1.5}, 2},
    {Op::round, {-0.5}, -0.0},
    {Op::round, {-2.5}, -2},
    {Op::round, {inf}, inf},
    {Op::round, {16777217}, 16777217},
    {Op::floor, {-0.5}, -1},
    {Op::floor, {-0.0}, -0.0},
    {Op::sqrt, {-0.0}, -0.0},
    {Op::sqrt, {-1}, nan_value},
    {Op::to_i32, {2.9}, 2},
    {Op::to_i32, {-2.9}, -2},
    {Op::to_i32, {1e10}, 2147483647.0},
    {Op::to_i32, {-1e10}, -2147483648.0},
    {Op::to_i32, {nan_value}, 0},
    {Op::to_u32, {-3}, 0},
    {Op::to_u32, {1e10}, 4294967295.0},
    {Op::to_u8, {300}, 255},
    {Op::to_u8, {-0.5}, 0},
    {Op::to_bool, {0.5}, 1},
    {Op::to_bool, {-0.0}, 0},
    {Op::to_bool, {nan_value}, 1},
    {Op::mantissa, {-6}, -1.5},
    {Op::exponent, {-6}, 2},
    {Op::exponent, {0.375}, -2},
    {Op::power_of_two, {0}, 1},
    {Op::power_of_two, {-0.0}, 1},
    {Op::power_of_two, {-126}, 0x1p-126},
    {Op::power_of_two, {127}, 0x1p127},
};

// Arguments that a row is asked about below.
std::vector<double> samples(DType type) {
  switch (type) {
    case DType::boolean:
      return {0, 1};
    case DType::u8:
      return {0, 1, 2, 200, 255};
    case DType::i32:
      return {-7, -1, 0, 1, 2, 5, 30};
    case DType::u32:
      return {0, 1, 5, 31, 65535, 4294967295.0};
    default:
      return {-inf, -2.5, -1, -0.0, 0, 0.3, 1, 2, 7.5, 20, inf, nan_value};
  }
}

void for_each_sample(const std::vector<DType>& types, std::vector<double>& at, const std::function<void()>& check) {
  if (at.size() == types.size()) return check();
  for (const double value : samples(types[at.size()])) {
    at.push_back(value);
    for_each_sample(types, at, check);
    at.pop_back();
  }
}

bool agrees(const OpRow& row, const std::vector<DType>& types, const std::vector<double>& at, DType result) {
  BodyBuilder builder;
  std::vector<ScalarId> operands;
  std::vector<Word> words;
  for (std::size_t i = 0; i < at.size(); ++i) {
    operands.push_back(read_of(builder, static_cast<int>(i), types[i]));
    words.push_back(word_of(at[i], types[i]));
  }
  const Body body = expand(builder.finish(builder.apply(row.op, operands)));
  const double found = double_of(ExactBody(body)(words), result);
  const double expected = double_of(word_of(row.meaning(at.data()), result), result);
  if (is_native(row.op) || std::isnan(expected) || std::isinf(expected)) return same(found, expected);
  return std::abs(found - expected) <= 1e-13 * std::max(std::abs(expected), 1e-300);
}

bool has_meaning_everywhere(const OpRow& row, DType type, const std::vector<double>& at) {
  const bool field = row.typing == Typing::to_exponent || row.op == Op::mantissa;
  if (field) return std::isnormal(at[0]);
  if (row.op == Op::power_of_two) return std::abs(at[0]) <= 1022 && std::floor(at[0]) == at[0];
  // What wraps is not what the mathematics says.
  const bool arithmetic = row.op == Op::add || row.op == Op::sub || row.op == Op::mul || row.op == Op::neg;
  return !(arithmetic && type == DType::u32);
}

}  // namespace

TEST_CASE("special values") {
  for (const Special& special : specials) {
    for (const DType type : {DType::f32, DType::f64}) {
      if (type == DType::f32 && special.at[0] == 16777217) continue;
      const DType last = special.op == Op::power ? DType::i32 : type;
      const double found = exact_value(special.op, type, special.at, last);
      CAPTURE(row(special.op).name, special.at, name_of(type), found, special.value);
      CHECK(same(found, special.value));
      const double meaning = row(special.op).meaning(special.at.data());
      CAPTURE(meaning);
      CHECK(same(meaning, special.value));
    }
  }
}

TEST_CASE("tiny arguments are kept to the bit") {
  for (const Op op : {Op::expm1, Op::log1p, Op::sin, Op::tanh}) {
    for (const double x : {0x1p-149, -0x1p-149, 0x1.8p-148, 0x1p-126, -0x1.fp-100}) {
      CAPTURE(row(op).name, x);
      CHECK(exact_value(op, DType::f32, {x}, DType::f32) == x);
    }
    for (const double x : {0x1p-1074, -0x1p-1074, 0x1.8p-1073, 0x1p-1022}) {
      CAPTURE(row(op).name, x);
      CHECK(exact_value(op, DType::f64, {x}, DType::f64) == x);
    }
  }
}

TEST_CASE("every row's meaning is what back ends compute") {
  constexpr DType all[] = {DType::f64, DType::i32, DType::u32, DType::u8, DType::boolean};
  for (const OpRow& row : op_table()) {
    int typings = 0;
    const auto arity = static_cast<std::size_t>(row.arity);
    for (const DType first : all) {
      for (const DType last : all) {
        std::vector<DType> types(arity, last);
        types.front() = first;
        const std::optional<DType> result = result_type(row.op, types);
        if (!result || *result == DType::f32) continue;
        ++typings;
        std::vector<double> at;
        for_each_sample(types, at, [&] {
          if (!has_meaning_everywhere(row, types.back(), at)) return;
          CAPTURE(row.name, at);
          if (!agrees(row, types, at, *result)) CHECK(agrees(row, types, at, *result));
        });
      }
    }
    CAPTURE(row.name);
    CHECK((typings > 0 || row.op == Op::to_f32));
  }
}

TEST_CASE("a literal exponent gives the bits of the same exponent at run time") {
  BodyBuilder run_time;
  const ScalarId x = read_of(run_time, 0, DType::f32);
  ExactBody general(expand(run_time.finish(run_time.apply(Op::power, {x, read_of(run_time, 1, DType::i32)}))));
  for (const int n : {-2147483647 - 1, -100, -17, -2, -1, 0, 1, 2, 3, 7, 10, 13, 31, 64, 1000, 2147483647}) {
    BodyBuilder builder;
    const ScalarId base = read_of(builder, 0, DType::f32);
    const Body body = expand(builder.finish(builder.apply(Op::power, {base, builder.literal(n, DType::i32)})));
    for (const Scalar& scalar : body.scalars) CHECK((is_float(scalar.type)));
    ExactBody literal(body);
    for (const double value : {1.0000001, -0.9999, 1.37, -3.3, 1e-20, 0.0, inf}) {
      const Word words[] = {word_of(value, DType::f32), word_of(n, DType::i32)};
      CAPTURE(n, value);
      CHECK(literal(words).bits == general(words).bits);
    }
  }
}

TEST_CASE("integers wrap and bits are bits") {
  const auto u32 = [](Op op, double a, double b) { return exact_value(op, DType::u32, {a, b}, DType::u32); };
  CHECK(u32(Op::add, 4294967295.0, 2) == 1);
  CHECK(u32(Op::sub, 0, 1) == 4294967295.0);
  CHECK(u32(Op::mul, 65536, 65537) == 65536);
  CHECK(u32(Op::multiply_high, 4294967295.0, 4294967295.0) == 4294967294.0);
  CHECK(u32(Op::shift_right, 0x80000000u, 31) == 1);
  const auto i32 = [](Op op, double a, double b) { return exact_value(op, DType::i32, {a, b}, DType::i32); };
  CHECK(i32(Op::add, 2147483647, 1) == -2147483648.0);
  CHECK(i32(Op::mul, -2147483648.0, -1) == -2147483648.0);
  CHECK(exact_value(Op::neg, DType::i32, {-2147483648.0}, DType::i32) == -2147483648.0);
  CHECK(exact_value(Op::to_f32, DType::i32, {16777217}, DType::i32) == 16777216);
  CHECK(exact_value(Op::fma, DType::f32, {0x1.001p0, 0x1.001p0, -1}, DType::f32) == 0x1.0008p-11);
}
