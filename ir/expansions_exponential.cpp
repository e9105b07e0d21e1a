// Expansions around e^x: exp, expm1, sigmoid, tanh, erf.
//
//   n = round(x / log 2), r = x - n·log 2 in two fused steps, |r| ≤ log(2)/2
//   e^x = 2^n · (1 + (r + r²·tail(r)))
//
// The method is Cody and Waite's (Software Manual for the Elementary Functions, 1980), the polynomials are minimax.
#include <numbers>

#include "ir/expansion_coefficients.h"
#include "ir/op_functions.h"
#include "ir/writer.h"

namespace descent::expansion {

namespace {

struct Reduced {
  ScalarId n = no_scalar;
  ScalarId rest = no_scalar;
};

Reduced reduced(const Writer& w, ScalarId x) {
  const LogTwo log2 = log_two(w.type());
  const ScalarId n = w.apply(Op::round, w.times(x, std::numbers::log2e));
  const ScalarId rest = w.fma(n, w.literal(-log2.high), x);  // exact
  return {n, w.fma(n, w.literal(-log2.low), rest)};
}

// e^rest in [√½, √2]
ScalarId exp_of_rest(const Writer& w, ScalarId rest) {
  const ScalarId tail = w.polynomial(rest, coefficients::exp_tail_f32, coefficients::exp_tail_f64);
  return w.plus(w.fma(w.mul(rest, rest), tail, rest), 1);
}

// e^x where it is a normal number: x within (-87, 88) in f32, (-708, 709) in f64.
ScalarId exp_of_moderate(const Writer& w, ScalarId x) {
  const Reduced r = reduced(w, x);
  return w.mul(exp_of_rest(w, r.rest), w.apply(Op::power_of_two, r.n));
}

// e^x where it is at most a normal number. The scaling is split, so that what is gradually lost is rounded once.
ScalarId exp_of_non_positive(const Writer& w, ScalarId x) {
  const Reduced r = reduced(w, w.at_least(x, w.constant(-104, -746)));
  return w.scaled(exp_of_rest(w, r.rest), r.n);
}

}  // namespace

ScalarId of_exp(BodyBuilder& builder, Operands at) {
  const Writer w(builder, at[0]);
  const Reduced r = reduced(w, w.at_most(w.at_least(at[0], w.constant(-104, -746)), w.constant(89, 710)));
  return w.scaled(exp_of_rest(w, r.rest), r.n);
}

// 2·((2^(n-1) - ½) + 2^(n-1)·(e^r - 1)): half the result, for 2^n may be one power too large; what the leading sum
// loses to rounding joins the tail.
ScalarId of_expm1(BodyBuilder& builder, Operands at) {
  const Writer w(builder, at[0]);
  const ScalarId x = at[0];
  const Reduced r = reduced(w, w.at_most(w.at_least(x, w.constant(-20, -40)), w.constant(89, 710)));
  const ScalarId half = w.apply(Op::power_of_two, w.minus(r.n, 1));
  const Pair leading = w.fast_sum(w.minus(half, 0.5), w.mul(half, r.rest));
  const ScalarId tail = w.polynomial(r.rest, coefficients::expm1_tail_f32, coefficients::expm1_tail_f64);
  const ScalarId correction = w.fma(w.mul(half, w.mul(r.rest, r.rest)), tail, leading.low);
  const ScalarId result = w.times(w.add(leading.high, correction), 2);
  // Halving would cost a subnormal its last bit, and -0 its sign.
  return w.select(w.less(w.abs(x), w.constant(0x1p-30, 0x1p-60)), x, result);
}

// With z = e^-|x| it is 1 / (1 + z), and z / (1 + z) for negative x: nothing overflows, and far below zero the result
// keeps its relative accuracy. One step of Newton's method takes what 1 + z and the quotient lost; the reciprocal of
// 1 + z that it needs is the quotient itself or what is missing to 1.
ScalarId of_sigmoid(BodyBuilder& builder, Operands at) {
  const Writer w(builder, at[0]);
  const ScalarId negative = w.less(at[0], 0);
  const ScalarId z = exp_of_non_positive(w, w.neg(w.abs(at[0])));
  const ScalarId dividend = w.select(negative, z, w.literal(1));
  const Pair divisor = w.fast_sum(w.literal(1), z);
  const ScalarId quotient = w.div(dividend, divisor.high);
  const ScalarId back = w.neg(quotient);
  const ScalarId remainder = w.fma(back, divisor.low, w.fma(back, divisor.high, dividend));
  return w.fma(remainder, w.select(negative, w.plus(back, 1), quotient), quotient);
}

// x·(1 + x²·tail) near zero, else 1 - 2 / (e^2|x| + 1).
ScalarId of_tanh(BodyBuilder& builder, Operands at) {
  const Writer w(builder, at[0]);
  const ScalarId x = at[0];
  const ScalarId size = w.abs(x);
  const ScalarId square = w.mul(x, x);
  const ScalarId tail = w.polynomial(square, coefficients::tanh_tail_f32, coefficients::tanh_tail_f64);
  const ScalarId near = w.mul(x, w.fma(square, tail, w.literal(1)));
  const ScalarId grown = exp_of_moderate(w, w.at_most(w.times(size, 2), w.constant(20, 44)));
  const ScalarId far = w.sub(w.literal(1), w.div(w.literal(2), w.plus(grown, 1)));
  return w.select(w.less(size, 0.6), near, w.with_sign_of(x, far));
}

// x + x·q(x²) near zero, else 1 - e^g(|x|) with g the logarithm of erfc.
ScalarId of_erf(BodyBuilder& builder, Operands at) {
  const Writer w(builder, at[0]);
  const ScalarId x = at[0];
  const ScalarId size = w.abs(x);
  const ScalarId near_factor = w.polynomial(w.mul(x, x), coefficients::erf_near_f32, coefficients::erf_near_f64);
  const ScalarId near = w.fma(x, near_factor, x);
  const ScalarId beyond = w.minus(w.at_most(size, w.constant(4.0, 6.0)), 0.92);
  const ScalarId log_erfc = w.polynomial(beyond, coefficients::erf_far_f32, coefficients::erf_far_f64);
  const ScalarId far = w.sub(w.literal(1), exp_of_moderate(w, log_erfc));
  return w.select(w.less(size, 0.92), near, w.with_sign_of(x, far));
}

}  // namespace descent::expansion
