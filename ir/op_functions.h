// What the rows of the op table point to: derivatives and expansions. Nothing but the table includes this.
#pragma once

#include "ir/scalar.h"

namespace descent {

// Partial derivatives by each operand (derivatives.cpp).
namespace derivative {
using Operands = std::span<const ScalarId>;
using Partials = std::vector<ScalarId>;

Partials of_add(BodyBuilder&, Operands, ScalarId result);
Partials of_sub(BodyBuilder&, Operands, ScalarId result);
Partials of_mul(BodyBuilder&, Operands, ScalarId result);
Partials of_div(BodyBuilder&, Operands, ScalarId result);
Partials of_neg(BodyBuilder&, Operands, ScalarId result);
Partials of_abs(BodyBuilder&, Operands, ScalarId result);
Partials of_sqrt(BodyBuilder&, Operands, ScalarId result);
Partials of_fma(BodyBuilder&, Operands, ScalarId result);
Partials of_min(BodyBuilder&, Operands, ScalarId result);
Partials of_max(BodyBuilder&, Operands, ScalarId result);
Partials of_select(BodyBuilder&, Operands, ScalarId result);
Partials of_conversion(BodyBuilder&, Operands, ScalarId result);
Partials of_power(BodyBuilder&, Operands, ScalarId result);
Partials of_pow(BodyBuilder&, Operands, ScalarId result);
Partials of_exp(BodyBuilder&, Operands, ScalarId result);
Partials of_expm1(BodyBuilder&, Operands, ScalarId result);
Partials of_log(BodyBuilder&, Operands, ScalarId result);
Partials of_log1p(BodyBuilder&, Operands, ScalarId result);
Partials of_sin(BodyBuilder&, Operands, ScalarId result);
Partials of_cos(BodyBuilder&, Operands, ScalarId result);
Partials of_tanh(BodyBuilder&, Operands, ScalarId result);
Partials of_sigmoid(BodyBuilder&, Operands, ScalarId result);
Partials of_erf(BodyBuilder&, Operands, ScalarId result);
}  // namespace derivative

// The operation in native ones (expansions*.cpp), for f32 and f64 operands alike.
namespace expansion {
using Operands = std::span<const ScalarId>;

ScalarId of_to_bool(BodyBuilder&, Operands);
ScalarId of_power(BodyBuilder&, Operands);
ScalarId of_pow(BodyBuilder&, Operands);
ScalarId of_exp(BodyBuilder&, Operands);
ScalarId of_expm1(BodyBuilder&, Operands);
ScalarId of_log(BodyBuilder&, Operands);
ScalarId of_log1p(BodyBuilder&, Operands);
ScalarId of_sin(BodyBuilder&, Operands);
ScalarId of_cos(BodyBuilder&, Operands);
ScalarId of_tanh(BodyBuilder&, Operands);
ScalarId of_sigmoid(BodyBuilder&, Operands);
ScalarId of_erf(BodyBuilder&, Operands);
ScalarId of_stop_gradient(BodyBuilder&, Operands);
}  // namespace expansion

}  // namespace descent
