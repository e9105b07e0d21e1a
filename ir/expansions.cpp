// Expansions without transcendental functions: truth values, integer powers, the end of a gradient.
#include "ir/op_functions.h"

namespace descent::expansion {

ScalarId of_to_bool(BodyBuilder& builder, Operands at) {
  return builder.apply(Op::not_equal, {at[0], builder.literal(0, builder.type(at[0]))});
}

ScalarId of_stop_gradient(BodyBuilder&, Operands at) { return at[0]; }

// Repeated squaring from the lowest bit: x^13 = x · x^4 · x^8. A literal exponent takes the same way: its bits fold,
// which leaves exactly the multiplications that the selects of an exponent known at run time let through.
ScalarId of_power(BodyBuilder& builder, Operands at) {
  const ScalarId exponent = at[1];
  const auto integer = [&](double value) { return builder.literal(value, DType::i32); };
  const auto bits = [&](double value) { return builder.literal(value, DType::u32); };
  const ScalarId one = builder.literal(1, builder.type(at[0]));

  // |n| in u32, where the least i32 has one: for n < 0 it is (-(n + 1)) + 1.
  const ScalarId negative = builder.apply(Op::less, {exponent, integer(0)});
  const ScalarId mirrored = builder.apply(Op::neg, {builder.apply(Op::add, {exponent, integer(1)})});
  const ScalarId size =
      builder.apply(Op::select, {negative, builder.apply(Op::add, {builder.apply(Op::to_u32, {mirrored}), bits(1)}),
                                 builder.apply(Op::to_u32, {exponent})});

  ScalarId result = one;
  ScalarId square = at[0];
  for (int bit = 0; bit < 32; ++bit) {
    if (bit > 0) square = builder.apply(Op::mul, {square, square});
    const ScalarId masked = builder.apply(Op::bit_and, {size, bits(static_cast<double>(std::uint32_t{1} << bit))});
    const ScalarId wanted = builder.apply(Op::not_equal, {masked, bits(0)});
    result = builder.apply(Op::select, {wanted, builder.apply(Op::mul, {result, square}), result});
  }
  return builder.apply(Op::select, {negative, builder.apply(Op::div, {one, result}), result});
}

}  // namespace descent::expansion
