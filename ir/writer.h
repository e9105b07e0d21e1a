// Writes scalar expressions of one float type, for the derivatives and expansions of the op table.
#pragma once

#include <array>
#include <limits>

#include "ir/scalar.h"

namespace descent {

// An unevaluated sum: `low` is what rounding took from `high`.
struct Pair {
  ScalarId high = no_scalar;
  ScalarId low = no_scalar;
};

class Writer {
 public:
  Writer(BodyBuilder& builder, DType type) : builder_(builder), type_(type) {}
  Writer(BodyBuilder& builder, ScalarId like) : Writer(builder, builder.type(like)) {}

  BodyBuilder& builder() const { return builder_; }
  DType type() const { return type_; }
  bool is_f32() const { return type_ == DType::f32; }

  ScalarId literal(double value) const { return builder_.literal(value, type_); }
  // A constant that depends on the type.
  double constant(double f32, double f64) const { return is_f32() ? f32 : f64; }
  ScalarId literal(double f32, double f64) const { return literal(constant(f32, f64)); }
  ScalarId infinity() const { return literal(std::numeric_limits<double>::infinity()); }
  ScalarId nan() const { return literal(std::numeric_limits<double>::quiet_NaN()); }
  ScalarId integer(double value) const { return builder_.literal(value, DType::i32); }

  ScalarId apply(Op op, ScalarId a) const { return builder_.apply(op, {a}); }
  ScalarId apply(Op op, ScalarId a, ScalarId b) const { return builder_.apply(op, {a, b}); }

  ScalarId add(ScalarId a, ScalarId b) const { return apply(Op::add, a, b); }
  ScalarId sub(ScalarId a, ScalarId b) const { return apply(Op::sub, a, b); }
  ScalarId mul(ScalarId a, ScalarId b) const { return apply(Op::mul, a, b); }
  ScalarId div(ScalarId a, ScalarId b) const { return apply(Op::div, a, b); }
  ScalarId neg(ScalarId a) const { return apply(Op::neg, a); }
  ScalarId abs(ScalarId a) const { return apply(Op::abs, a); }
  ScalarId fma(ScalarId a, ScalarId b, ScalarId c) const { return builder_.apply(Op::fma, {a, b, c}); }
  // With a number: names of their own, for an id is an int and would take it.
  ScalarId plus(ScalarId a, double b) const { return add(a, literal(b)); }
  ScalarId minus(ScalarId a, double b) const { return sub(a, literal(b)); }
  ScalarId times(ScalarId a, double b) const { return mul(a, literal(b)); }
  ScalarId less(ScalarId a, double b) const { return apply(Op::less, a, literal(b)); }
  ScalarId greater(ScalarId a, double b) const { return apply(Op::greater, a, literal(b)); }
  ScalarId equal(ScalarId a, double b) const { return apply(Op::equal, a, literal(b)); }
  ScalarId select(ScalarId condition, ScalarId yes, ScalarId no) const {
    return builder_.apply(Op::select, {condition, yes, no});
  }
  ScalarId choice(ScalarId condition, double yes, double no) const {
    return select(condition, literal(yes), literal(no));
  }
  // low ≤ a ≤ high; NaN stays.
  ScalarId at_least(ScalarId a, double low) const { return apply(Op::max, a, literal(low)); }
  ScalarId at_most(ScalarId a, double high) const { return apply(Op::min, a, literal(high)); }
  // `magnitude` where x ≥ 0 or NaN, its negative elsewhere.
  ScalarId with_sign_of(ScalarId x, ScalarId magnitude) const { return select(less(x, 0), neg(magnitude), magnitude); }

  ScalarId to_float(ScalarId a) const { return apply(is_f32() ? Op::to_f32 : Op::to_f64, a); }
  // value · 2^n for a whole n of either sign up to twice the normal exponents, rounded once: the first of the two
  // halves leaves a value near 1 normal.
  ScalarId scaled(ScalarId value, ScalarId n) const {
    const ScalarId half = apply(Op::round, times(n, 0.5));
    return mul(mul(value, apply(Op::power_of_two, half)), apply(Op::power_of_two, sub(n, half)));
  }

  // Horner's rule in fused steps; the coefficients of the constant term come first.
  template <std::size_t N32, std::size_t N64>
  ScalarId polynomial(ScalarId x, const std::array<double, N32>& f32, const std::array<double, N64>& f64) const {
    return is_f32() ? horner(x, f32) : horner(x, f64);
  }

  // Error-free: a + b for |a| ≥ |b| or a = 0; a + b; a · b (Dekker 1971, Knuth; with a fused step).
  Pair fast_sum(ScalarId a, ScalarId b) const {
    const ScalarId sum = add(a, b);
    return {sum, sub(b, sub(sum, a))};
  }
  Pair sum(ScalarId a, ScalarId b) const {
    const ScalarId sum = add(a, b);
    const ScalarId from_b = sub(sum, a);
    return {sum, add(sub(a, sub(sum, from_b)), sub(b, from_b))};
  }
  Pair product(ScalarId a, ScalarId b) const {
    const ScalarId high = mul(a, b);
    return {high, fma(a, b, neg(high))};
  }
  Pair product(Pair a, Pair b) const {
    const Pair high = product(a.high, b.high);
    return {high.high, fma(a.high, b.low, fma(a.low, b.high, high.low))};
  }

 private:
  ScalarId horner(ScalarId x, std::span<const double> coefficients) const {
    ScalarId value = literal(coefficients.back());
    for (std::size_t i = coefficients.size() - 1; i-- > 0;) value = fma(value, x, literal(coefficients[i]));
    return value;
  }

  BodyBuilder& builder_;
  DType type_;
};

// log 2 = high + low to twice the precision of the type.
struct LogTwo {
  double high;
  double low;
};
inline LogTwo log_two(DType type) {
  return type == DType::f32 ? LogTwo{0x1.62e43p-1, -0x1.05c61p-29}
                            : LogTwo{0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};
}

}  // namespace descent
