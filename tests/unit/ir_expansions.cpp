// The expansions of the op table, bit for bit as back ends run them, against references of higher precision.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <limits>

#include "ir/scalar.h"
#include "tests/support/body_values.h"
#include "tests/support/sanitizer.h"

using namespace descent;
using namespace descent::test;

namespace {

using Reference = long double (*)(long double);

long double sigmoid(long double x) {
  const long double z = std::exp(-std::abs(x));
  return (x < 0 ? z : 1) / (1 + z);
}

struct Case {
  Op op;
  Reference reference;  // 64 bits of precision: worth 11 more than f64, 40 more than f32
};
const std::vector<Case> unary = {
    {Op::exp, [](long double x) { return std::exp(x); }},   {Op::expm1, [](long double x) { return std::expm1(x); }},
    {Op::log, [](long double x) { return std::log(x); }},   {Op::log1p, [](long double x) { return std::log1p(x); }},
    {Op::sin, [](long double x) { return std::sin(x); }},   {Op::cos, [](long double x) { return std::cos(x); }},
    {Op::tanh, [](long double x) { return std::tanh(x); }}, {Op::sigmoid, sigmoid},
    {Op::erf, [](long double x) { return std::erf(x); }},
};

template <class T>
constexpr DType dtype = std::is_same_v<T, float> ? DType::f32 : DType::f64;
template <class T>
using BitsOf = std::conditional_t<std::is_same_v<T, float>, std::uint32_t, std::uint64_t>;

template <class T>
ExactBody expanded(Op op) {
  BodyBuilder builder;
  std::vector<ScalarId> operands;
  for (int i = 0; i < row(op).arity; ++i) operands.push_back(read_of(builder, i, dtype<T>));
  return ExactBody(expand(builder.finish(builder.apply(op, operands))));
}

template <class T>
T run(ExactBody& body, T x, T y = 0) {
  const Word words[] = {{std::bit_cast<BitsOf<T>>(x)}, {std::bit_cast<BitsOf<T>>(y)}};
  return std::bit_cast<T>(static_cast<BitsOf<T>>(body(words).bits));
}

// Distance from the true value in units of the last place of its neighbourhood, gradual underflow included.
template <class T>
double ulp_error(T found, long double expected) {
  if (std::isnan(expected) || std::isnan(found)) return std::isnan(expected) == std::isnan(found) ? 0 : 1e30;
  const T rounded = static_cast<T>(expected);
  if (std::isinf(rounded) || std::isinf(found)) {
    if (rounded == found) return 0;
    const long double end = std::ldexp(1.0L, std::numeric_limits<T>::max_exponent);
    const long double near = std::copysign(end, std::isinf(found) ? static_cast<long double>(found) : expected);
    const long double other = std::isinf(found) ? expected : static_cast<long double>(found);
    const int last = std::numeric_limits<T>::max_exponent - std::numeric_limits<T>::digits;
    return static_cast<double>(std::abs(near - other) / std::ldexp(1.0L, last));
  }
  const int exponent =
      std::max(expected == 0 ? -20000 : std::ilogb(expected), std::numeric_limits<T>::min_exponent - 1);
  const long double ulp = std::ldexp(1.0L, exponent - std::numeric_limits<T>::digits + 1);
  return static_cast<double>(std::abs(static_cast<long double>(found) - expected) / ulp);
}

struct Worst {
  double error = 0;
  double x = 0;
  double y = 0;
  template <class T>
  void see(T found, long double expected, T at, T and_at = 0) {
    const double distance = ulp_error(found, expected);
    if (!(distance <= error)) *this = {distance, static_cast<double>(at), static_cast<double>(and_at)};
  }
};

// `whole` floats `step` bits apart; where they are fewer, as much further apart.
template <class T>
Worst worst_of(const Case& entry, BitsOf<T> first, BitsOf<T> step, int whole) {
  const int count = repetitions(whole);
  step = step * static_cast<BitsOf<T>>(whole / count) | 1;
  ExactBody body = expanded<T>(entry.op);
  Worst worst;
  BitsOf<T> bits = first;
  for (int i = 0; i < count; ++i, bits += step) {
    const T x = std::bit_cast<T>(bits);
    worst.see(run<T>(body, x), entry.reference(x), x);
  }
  return worst;
}

}  // namespace

TEST_CASE("f32 expansions are within two units of the last place over all floats") {
  for (const Case& entry : unary) {
    const Worst worst = worst_of<float>(entry, 0, 4099, static_cast<int>((std::int64_t{1} << 32) / 4099));
    std::printf("  %-8s f32 %.3f ulp at %.9g\n", std::string(row(entry.op).name).c_str(), worst.error, worst.x);
    CAPTURE(row(entry.op).name, worst.x);
    CHECK(worst.error <= 2);
  }
}

TEST_CASE("f64 expansions are within two units of the last place") {
  for (const Case& entry : unary) {
    const Worst worst = worst_of<double>(entry, 12345, (std::uint64_t{1} << 46) - 987654321, (1 << 18));
    std::printf("  %-8s f64 %.3f ulp at %.17g\n", std::string(row(entry.op).name).c_str(), worst.error, worst.x);
    CAPTURE(row(entry.op).name, worst.x);
    CHECK(worst.error <= 2);
  }
}

TEST_CASE("sin and cos keep their precision beside multiples of a quarter turn") {
  const auto check = [](auto zero) {
    using T = decltype(zero);
    for (const Case& entry : unary) {
      if (entry.op != Op::sin && entry.op != Op::cos) continue;
      ExactBody body = expanded<T>(entry.op);
      Worst worst;
      const auto see = [&](T x) { worst.see(run<T>(body, x), entry.reference(x), x); };
      const int turns = repetitions(20000);
      for (int n = 1; n < turns; ++n) {
        const auto x = static_cast<T>(n * 1.570796326794896619231321691639751442L);
        for (const T near : {std::nextafter(x, T{0}), x, std::nextafter(x, std::numeric_limits<T>::infinity())})
          see(near);
      }
      // The multiples of π/2 that floats come closest to (J.-M. Muller, Elementary Functions, table 11.1), and the end.
      see(sizeof(T) == 4 ? static_cast<T>(16367173 * 0x1p72) : static_cast<T>(6381956970095103.0 * 0x1p797));
      see(std::numeric_limits<T>::max());
      CAPTURE(row(entry.op).name, sizeof(T), worst.x);
      CHECK(worst.error <= 2);
    }
  };
  check(float{});
  check(double{});
}

TEST_CASE("pow is within two units of the last place where its result is finite") {
  const auto check = [](auto zero, std::uint64_t seed, int count) {
    using T = decltype(zero);
    ExactBody body = expanded<T>(Op::pow);
    Worst worst;
    const auto draw = [&] { return seed = seed * 6364136223846793005u + 1442695040888963407u; };
    for (int i = 0; i < count; ++i) {
      // Any positive x; y so that x^y spreads over the whole range of results and a little beyond.
      const bool near_one = i % 3 == 0;
      auto bits = static_cast<BitsOf<T>>(draw() >> (65 - 8 * sizeof(T)));
      T x = std::bit_cast<T>(bits);
      const double unit = static_cast<double>(draw() >> 11) * 0x1p-53;
      if (near_one) x = static_cast<T>(1 + (unit - 0.5) * std::exp2(-static_cast<double>(draw() >> 59)));
      if (!(x > 0) || !std::isfinite(x)) continue;
      const double reach = std::numeric_limits<T>::max_exponent * 1.2;
      const double power = static_cast<double>(draw() >> 11) * 0x1p-52 - 1;
      const auto y = static_cast<T>(power * reach / std::max(std::abs(std::log2(static_cast<double>(x))), 1e-3));
      worst.see(run<T>(body, x, y), std::pow(static_cast<long double>(x), static_cast<long double>(y)), x, y);
    }
    std::printf("  %-8s %s %.3f ulp at (%.17g, %.17g)\n", "pow", sizeof(T) == 4 ? "f32" : "f64", worst.error, worst.x,
                worst.y);
    CAPTURE(worst.x, worst.y);
    CHECK(worst.error <= 2);
  };
  check(float{}, 1, repetitions(1 << 20));
  check(double{}, 2, repetitions(1 << 18));
}
