// Partial derivatives of the scalar primitives, in terms of operands and result.
//
// A partial that chooses (max, abs, select) is a `select` between literals: differentiation selects the gradient then
// instead of multiplying it, so that a loser's infinity never meets a zero.
#include <numbers>

#include "ir/op_functions.h"
#include "ir/writer.h"

namespace descent::derivative {

Partials of_add(BodyBuilder& builder, Operands at, ScalarId) {
  const ScalarId one = builder.literal(1, builder.type(at[0]));
  return {one, one};
}

Partials of_sub(BodyBuilder& builder, Operands at, ScalarId) {
  const Writer w(builder, at[0]);
  return {w.literal(1), w.literal(-1)};
}

Partials of_mul(BodyBuilder&, Operands at, ScalarId) { return {at[1], at[0]}; }

Partials of_div(BodyBuilder& builder, Operands at, ScalarId result) {
  const Writer w(builder, result);
  return {w.div(w.literal(1), at[1]), w.neg(w.div(result, at[1]))};
}

Partials of_neg(BodyBuilder& builder, Operands at, ScalarId) { return {builder.literal(-1, builder.type(at[0]))}; }

// 0 at 0, the middle of the subgradients.
Partials of_abs(BodyBuilder& builder, Operands at, ScalarId) {
  const Writer w(builder, at[0]);
  const ScalarId positive = w.greater(at[0], 0);
  const ScalarId negative = w.less(at[0], 0);
  return {w.select(positive, w.literal(1), w.choice(negative, -1, 0))};
}

Partials of_sqrt(BodyBuilder& builder, Operands, ScalarId result) {
  const Writer w(builder, result);
  return {w.div(w.literal(0.5), result)};
}

Partials of_fma(BodyBuilder& builder, Operands at, ScalarId result) {
  return {at[1], at[0], builder.literal(1, builder.type(result))};
}

Partials of_min(BodyBuilder& builder, Operands at, ScalarId) {
  const Writer w(builder, at[0]);
  const ScalarId second = w.apply(Op::less, at[1], at[0]);
  return {w.choice(second, 0, 1), w.choice(second, 1, 0)};
}

Partials of_max(BodyBuilder& builder, Operands at, ScalarId) {
  const Writer w(builder, at[0]);
  const ScalarId second = w.apply(Op::greater, at[1], at[0]);
  return {w.choice(second, 0, 1), w.choice(second, 1, 0)};
}

Partials of_select(BodyBuilder& builder, Operands at, ScalarId result) {
  const Writer w(builder, result);
  return {no_scalar, w.choice(at[0], 1, 0), w.choice(at[0], 0, 1)};
}

Partials of_conversion(BodyBuilder& builder, Operands at, ScalarId) {
  return {builder.literal(1, builder.type(at[0]))};
}

// n · x^(n-1); nothing at all for n = 0, where x^-1 may be infinite.
Partials of_power(BodyBuilder& builder, Operands at, ScalarId result) {
  const Writer w(builder, result);
  const ScalarId none = w.apply(Op::equal, at[1], builder.literal(0, DType::i32));
  const ScalarId lower = w.apply(Op::power, at[0], w.sub(at[1], builder.literal(1, DType::i32)));
  const ScalarId factor = w.to_float(at[1]);
  return {w.select(none, w.literal(0), w.mul(factor, lower)), no_scalar};
}

// y · x^(y-1) and x^y · log x; the latter's limit for x → 0 is 0.
Partials of_pow(BodyBuilder& builder, Operands at, ScalarId result) {
  const Writer w(builder, result);
  const ScalarId lower = w.apply(Op::pow, at[0], w.sub(at[1], w.literal(1)));
  const ScalarId zero = w.literal(0);
  const ScalarId by_exponent = w.mul(result, w.apply(Op::log, at[0]));
  return {w.mul(at[1], lower), w.select(w.apply(Op::equal, at[0], zero), zero, by_exponent)};
}

Partials of_exp(BodyBuilder&, Operands, ScalarId result) { return {result}; }

Partials of_expm1(BodyBuilder& builder, Operands, ScalarId result) {
  const Writer w(builder, result);
  return {w.add(result, w.literal(1))};
}

Partials of_log(BodyBuilder& builder, Operands at, ScalarId result) {
  const Writer w(builder, result);
  return {w.div(w.literal(1), at[0])};
}

Partials of_log1p(BodyBuilder& builder, Operands at, ScalarId result) {
  const Writer w(builder, result);
  return {w.div(w.literal(1), w.add(w.literal(1), at[0]))};
}

Partials of_sin(BodyBuilder& builder, Operands at, ScalarId) { return {builder.apply(Op::cos, {at[0]})}; }

Partials of_cos(BodyBuilder& builder, Operands at, ScalarId) {
  return {builder.apply(Op::neg, {builder.apply(Op::sin, {at[0]})})};
}

// 1 - y²
Partials of_tanh(BodyBuilder& builder, Operands, ScalarId result) {
  const Writer w(builder, result);
  return {w.fma(w.neg(result), result, w.literal(1))};
}

// y (1 - y)
Partials of_sigmoid(BodyBuilder& builder, Operands, ScalarId result) {
  const Writer w(builder, result);
  return {w.mul(result, w.sub(w.literal(1), result))};
}

// 2/√π · exp(-x²)
Partials of_erf(BodyBuilder& builder, Operands at, ScalarId result) {
  const Writer w(builder, result);
  const ScalarId bell = w.apply(Op::exp, w.neg(w.mul(at[0], at[0])));
  return {w.mul(w.literal(2 * std::numbers::inv_sqrtpi), bell)};
}

}  // namespace descent::derivative
