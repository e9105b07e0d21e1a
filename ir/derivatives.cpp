// Partial derivatives of the scalar primitives, in terms of operands and result.
//
// A partial that chooses (max, abs, select) is a `select` between literals: differentiation selects the gradient then
// instead of multiplying it, so that a loser's infinity never meets a zero.
#include <numbers>

#include "ir/op_functions.h"

namespace descent::derivative {

namespace {

// Writes expressions of one float type.
struct Writer {
  BodyBuilder& builder;
  DType type;

  Writer(BodyBuilder& builder, ScalarId like) : builder(builder), type(builder.type(like)) {}
  ScalarId literal(double value) const { return builder.literal(value, type); }
  ScalarId operator()(Op op, ScalarId a) const { return builder.apply(op, {a}); }
  ScalarId operator()(Op op, ScalarId a, ScalarId b) const { return builder.apply(op, {a, b}); }
  ScalarId select(ScalarId condition, double yes, double no) const {
    return builder.apply(Op::select, {condition, literal(yes), literal(no)});
  }
};

}  // namespace

Partials of_add(BodyBuilder& builder, Operands at, ScalarId) {
  const ScalarId one = builder.literal(1, builder.type(at[0]));
  return {one, one};
}

Partials of_sub(BodyBuilder& builder, Operands at, ScalarId) {
  const Writer write(builder, at[0]);
  return {write.literal(1), write.literal(-1)};
}

Partials of_mul(BodyBuilder&, Operands at, ScalarId) { return {at[1], at[0]}; }

Partials of_div(BodyBuilder& builder, Operands at, ScalarId result) {
  const Writer write(builder, result);
  return {write(Op::div, write.literal(1), at[1]), write(Op::neg, write(Op::div, result, at[1]))};
}

Partials of_neg(BodyBuilder& builder, Operands at, ScalarId) { return {builder.literal(-1, builder.type(at[0]))}; }

// 0 at 0, the middle of the subgradients.
Partials of_abs(BodyBuilder& builder, Operands at, ScalarId) {
  const Writer write(builder, at[0]);
  const ScalarId positive = write(Op::greater, at[0], write.literal(0));
  const ScalarId negative = write(Op::less, at[0], write.literal(0));
  return {builder.apply(Op::select, {positive, write.literal(1), write.select(negative, -1, 0)})};
}

Partials of_sqrt(BodyBuilder& builder, Operands, ScalarId result) {
  const Writer write(builder, result);
  return {write(Op::div, write.literal(0.5), result)};
}

Partials of_fma(BodyBuilder& builder, Operands at, ScalarId result) {
  return {at[1], at[0], builder.literal(1, builder.type(result))};
}

Partials of_min(BodyBuilder& builder, Operands at, ScalarId) {
  const Writer write(builder, at[0]);
  const ScalarId second = write(Op::less, at[1], at[0]);
  return {write.select(second, 0, 1), write.select(second, 1, 0)};
}

Partials of_max(BodyBuilder& builder, Operands at, ScalarId) {
  const Writer write(builder, at[0]);
  const ScalarId second = write(Op::greater, at[1], at[0]);
  return {write.select(second, 0, 1), write.select(second, 1, 0)};
}

Partials of_select(BodyBuilder& builder, Operands at, ScalarId result) {
  const Writer write(builder, result);
  return {no_scalar, write.select(at[0], 1, 0), write.select(at[0], 0, 1)};
}

Partials of_conversion(BodyBuilder& builder, Operands at, ScalarId) {
  return {builder.literal(1, builder.type(at[0]))};
}

// n · x^(n-1); nothing at all for n = 0, where x^-1 may be infinite.
Partials of_power(BodyBuilder& builder, Operands at, ScalarId result) {
  const Writer write(builder, result);
  const ScalarId none = write(Op::equal, at[1], builder.literal(0, DType::i32));
  const ScalarId lower = write(Op::power, at[0], write(Op::sub, at[1], builder.literal(1, DType::i32)));
  const ScalarId factor = builder.apply(write.type == DType::f32 ? Op::to_f32 : Op::to_f64, {at[1]});
  return {builder.apply(Op::select, {none, write.literal(0), write(Op::mul, factor, lower)}), no_scalar};
}

// y · x^(y-1) and x^y · log x; the latter's limit for x → 0 is 0.
Partials of_pow(BodyBuilder& builder, Operands at, ScalarId result) {
  const Writer write(builder, result);
  const ScalarId lower = write(Op::pow, at[0], write(Op::sub, at[1], write.literal(1)));
  const ScalarId zero = write.literal(0);
  const ScalarId by_exponent = write(Op::mul, result, write(Op::log, at[0]));
  return {write(Op::mul, at[1], lower), builder.apply(Op::select, {write(Op::equal, at[0], zero), zero, by_exponent})};
}

Partials of_exp(BodyBuilder&, Operands, ScalarId result) { return {result}; }

Partials of_expm1(BodyBuilder& builder, Operands, ScalarId result) {
  const Writer write(builder, result);
  return {write(Op::add, result, write.literal(1))};
}

Partials of_log(BodyBuilder& builder, Operands at, ScalarId result) {
  const Writer write(builder, result);
  return {write(Op::div, write.literal(1), at[0])};
}

Partials of_log1p(BodyBuilder& builder, Operands at, ScalarId result) {
  const Writer write(builder, result);
  return {write(Op::div, write.literal(1), write(Op::add, write.literal(1), at[0]))};
}

Partials of_sin(BodyBuilder& builder, Operands at, ScalarId) { return {builder.apply(Op::cos, {at[0]})}; }

Partials of_cos(BodyBuilder& builder, Operands at, ScalarId) {
  return {builder.apply(Op::neg, {builder.apply(Op::sin, {at[0]})})};
}

// 1 - y²
Partials of_tanh(BodyBuilder& builder, Operands, ScalarId result) {
  const Writer write(builder, result);
  return {builder.apply(Op::fma, {write(Op::neg, result), result, write.literal(1)})};
}

// y (1 - y)
Partials of_sigmoid(BodyBuilder& builder, Operands, ScalarId result) {
  const Writer write(builder, result);
  return {write(Op::mul, result, write(Op::sub, write.literal(1), result))};
}

// 2/√π · exp(-x²)
Partials of_erf(BodyBuilder& builder, Operands at, ScalarId result) {
  const Writer write(builder, result);
  const ScalarId bell = write(Op::exp, write(Op::neg, write(Op::mul, at[0], at[0])));
  return {write(Op::mul, write.literal(2 * std::numbers::inv_sqrtpi), bell)};
}

}  // namespace descent::derivative
