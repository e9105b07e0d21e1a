// Scalar literals as both texts write them: f32 always with '.', 'e', inf or nan (0.5, 1.0, -inf), i32 as bare
// integers, the others with a suffix (0.5_f64, 3_u32, 1_u8, inf_f64), true and false. The shortest decimals that give
// the same bits back. And types: f32[batch, 784], i32[batch] in 0 ..< 10.
#pragma once

#include <string>

#include "ir/text_lexer.h"
#include "ir/type.h"

namespace descent {

std::string print_literal(double value, DType type);

struct TypedLiteral {
  double value = 0;
  DType type = DType::f32;
};
// Whether the next tokens begin a literal: a number, '-' before a number or inf, inf, nan, true, false.
bool at_literal(const TokenStream& stream);
TypedLiteral parse_literal(TokenStream& stream);

Extent parse_extent(TokenStream& stream);
TensorType parse_type(TokenStream& stream);

}  // namespace descent
