// Expansions around log x: log, log1p, pow.
//
//   x = 2^e · m with √½ < m ≤ √2, f = m - 1, s = f / (2 + f)
//   log m = log((1 + s) / (1 - s)) = 2s + s³·tail(s²) = f - (f²/2 - s·(f²/2 + s²·tail(s²)))
//
// The arrangement is that of fdlibm's e_log.c (K. C. Ng, 1993): what is added to f is small. pow carries the logarithm
// in pairs of floats.
#include <limits>
#include <numbers>

#include "ir/expansion_coefficients.h"
#include "ir/op_functions.h"
#include "ir/writer.h"

namespace descent::expansion {

namespace {

struct Split {
  ScalarId mantissa = no_scalar;  // in (√½, √2]
  ScalarId exponent = no_scalar;  // as a float
};

// Of a normal positive number.
Split split(const Writer& w, ScalarId x) {
  const ScalarId mantissa = w.apply(Op::mantissa, x);
  const ScalarId exponent = w.to_float(w.apply(Op::exponent, x));
  const ScalarId large = w.greater(mantissa, std::numbers::sqrt2);
  return {w.select(large, w.times(mantissa, 0.5), mantissa), w.select(large, w.plus(exponent, 1), exponent)};
}

// Of a positive number, subnormals too.
Split split_any(const Writer& w, ScalarId x) {
  const ScalarId subnormal = w.less(x, w.constant(0x1p-126, 0x1p-1022));
  const Split s = split(w, w.select(subnormal, w.times(x, w.constant(0x1p24, 0x1p53)), x));
  return {s.mantissa, w.add(s.exponent, w.choice(subnormal, w.constant(-24, -53), 0))};
}

// log(2^e · m) + correction
ScalarId log_of_split(const Writer& w, const Split& x, ScalarId correction) {
  const LogTwo log2 = log_two(w.type());
  const ScalarId f = w.minus(x.mantissa, 1);
  const ScalarId s = w.div(f, w.plus(f, 2));
  const ScalarId square = w.mul(s, s);
  const ScalarId tail = w.polynomial(square, coefficients::log_tail_f32, coefficients::log_tail_f64);
  const ScalarId half = w.times(w.mul(f, f), 0.5);
  const ScalarId small = w.fma(s, w.fma(square, tail, half), w.fma(x.exponent, w.literal(log2.low), correction));
  return w.fma(x.exponent, w.literal(log2.high), w.sub(f, w.sub(half, small)));
}

// `value` for 0 < x < ∞; ∞ at ∞, -∞ at ±0, NaN below and for NaN.
ScalarId with_log_ends(const Writer& w, ScalarId x, ScalarId value) {
  const double infinity = std::numeric_limits<double>::infinity();
  const ScalarId above = w.select(w.less(x, infinity), value, x);
  const ScalarId below = w.select(w.equal(x, 0), w.literal(-infinity), w.nan());
  return w.select(w.greater(x, 0), above, below);
}

// log(2^e · m) to nearly twice the precision: s as a pair by its division's remainder, the first coefficient of the
// tail as a pair.
Pair log_pair(const Writer& w, const Split& x) {
  const LogTwo log2 = log_two(w.type());
  const ScalarId f = w.minus(x.mantissa, 1);
  const Pair divisor = w.fast_sum(w.literal(1), x.mantissa);  // the error of 1 + m is exact either way round
  const ScalarId quotient = w.div(f, divisor.high);
  const ScalarId remainder = w.fma(w.neg(quotient), divisor.low, w.fma(w.neg(quotient), divisor.high, f));
  const Pair s = {quotient, w.div(remainder, divisor.high)};

  const Pair square = w.product(s, s);
  const ScalarId rest = w.polynomial(square.high, coefficients::pow_tail_f32, coefficients::pow_tail_f64);
  const double two_thirds = w.constant(0x1.555556p-1, 0x1.5555555555555p-1);
  const double two_thirds_low = w.constant(-0x1.555556p-26, 0x1.5555555555555p-55);
  Pair tail = w.fast_sum(w.literal(two_thirds), w.mul(square.high, rest));
  tail.low = w.plus(tail.low, two_thirds_low);
  const Pair cubic = w.product(w.product(s, square), tail);

  const Pair mantissa_log = w.fast_sum(w.times(s.high, 2), cubic.high);
  const ScalarId mantissa_low = w.add(mantissa_log.low, w.fma(s.low, w.literal(2), cubic.low));
  const Pair scale = w.product(x.exponent, w.literal(log2.high));
  const Pair total = w.fast_sum(scale.high, mantissa_log.high);
  const ScalarId scale_low = w.fma(x.exponent, w.literal(log2.low), scale.low);
  return {total.high, w.add(total.low, w.add(mantissa_low, scale_low))};
}

// e^(high + low), as in exp, with the low part added to the reduced argument.
ScalarId exp_of_pair(const Writer& w, Pair x) {
  const LogTwo log2 = log_two(w.type());
  const double lowest = w.constant(-104, -746);
  const double highest = w.constant(89, 710);
  const ScalarId high = w.at_most(w.at_least(x.high, lowest), highest);
  const ScalarId low = w.select(w.apply(Op::equal, high, x.high), x.low, w.literal(0));
  const ScalarId n = w.apply(Op::round, w.times(high, std::numbers::log2e));
  const ScalarId rest = w.add(w.fma(n, w.literal(-log2.high), high), w.fma(n, w.literal(-log2.low), low));
  const ScalarId tail = w.polynomial(rest, coefficients::exp_tail_f32, coefficients::exp_tail_f64);
  const ScalarId value = w.plus(w.fma(w.mul(rest, rest), tail, rest), 1);
  return w.scaled(value, n);
}

}  // namespace

ScalarId of_log(BodyBuilder& builder, Operands at) {
  const Writer w(builder, at[0]);
  return with_log_ends(w, at[0], log_of_split(w, split_any(w, at[0]), w.literal(0)));
}

// log(u) + c/u with u + c = 1 + x exactly.
ScalarId of_log1p(BodyBuilder& builder, Operands at) {
  const Writer w(builder, at[0]);
  const Pair u = w.sum(at[0], w.literal(1));
  const ScalarId value = log_of_split(w, split(w, u.high), w.div(u.low, u.high));
  // -0 keeps its sign.
  return w.select(w.equal(at[0], 0), at[0], with_log_ends(w, u.high, value));
}

// e^(y · log x). NaN for x < 0; both zeros count as +0; 1 where y is 0 or x is 1, as in IEEE 754.
ScalarId of_pow(BodyBuilder& builder, Operands at) {
  const Writer w(builder, at[0]);
  const ScalarId x = at[0];
  const ScalarId y = at[1];
  const Pair log = log_pair(w, split_any(w, x));
  const Pair scaled = w.product(with_log_ends(w, x, log.high), y);
  const ScalarId low = w.fma(log.low, y, scaled.low);
  const ScalarId one = w.apply(Op::logical_or, w.equal(y, 0), w.equal(x, 1));
  return w.select(one, w.literal(1), exp_of_pair(w, {scaled.high, low}));
}

}  // namespace descent::expansion
