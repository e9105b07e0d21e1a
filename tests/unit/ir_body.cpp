// Scalar bodies: interning, folding, copying, canonical order, typing, expansion, and the op table's own order.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <set>

#include "ir/scalar.h"
#include "tests/support/body_values.h"

using namespace descent;
using namespace descent::test;

namespace {

struct Fixture {
  BodyBuilder b;
  ScalarId x = read_of(b, 0, DType::f32);
  ScalarId y = read_of(b, 1, DType::f32);
  ScalarId i = b.axis(Affine::axis(0));
  ScalarId c = b.apply(Op::less, {x, y});
  ScalarId f32(double value) { return b.literal(value, DType::f32); }
  ScalarId i32(double value) { return b.literal(value, DType::i32); }
};

std::vector<Op> ops_of(const Body& body) {
  std::vector<Op> out;
  for (const Scalar& scalar : body.scalars) {
    if (const Apply* apply = std::get_if<Apply>(&scalar.node)) out.push_back(apply->op);
  }
  return out;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "equal scalars are one") {
  CHECK(b.apply(Op::add, {x, y}) == b.apply(Op::add, {x, y}));
  CHECK(b.apply(Op::add, {x, y}) != b.apply(Op::add, {y, x}));
  CHECK(b.axis(Affine::axis(0)) == i);
  CHECK(b.axis(Affine::axis(0) + 1) != i);
  CHECK(b.axis(Affine::of(3)) == i32(3));
  CHECK(b.extent(0) == b.extent(0));
  CHECK(b.extent(0) != b.extent(1));
  CHECK(f32(0) != f32(-0.0));
  CHECK(f32(1) != b.literal(1, DType::f64));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(f32(nan) == f32(nan));
  const auto padded = [&](std::optional<double> otherwise) {
    return b.read(Read{2, {{Affine::axis(0), no_scalar}}, otherwise}, DType::f32);
  };
  CHECK(padded(0.0) == padded(0.0));
  CHECK(padded(0.0) != padded(-0.0));
  CHECK(padded(0.0) != padded({}));
}

TEST_CASE_METHOD(Fixture, "literals are rounded to their type") {
  CHECK(f32(0.1) == f32(static_cast<double>(0.1f)));
  CHECK(std::get<Literal>(b[b.literal(0.1, DType::f64)].node).value == 0.1);
  CHECK(b.literal(1e12, DType::i32) == i32(2147483647));
}

TEST_CASE_METHOD(Fixture, "constants of native operations fold in their type") {
  CHECK(b.apply(Op::add, {f32(16777216), f32(1)}) == f32(16777216));
  CHECK(b.apply(Op::add, {i32(2147483647), i32(1)}) == i32(-2147483648.0));
  CHECK(b.apply(Op::div, {f32(1), f32(3)}) == f32(static_cast<double>(1.0f / 3.0f)));
  CHECK(b.apply(Op::less, {f32(1), f32(2)}) == b.literal(1, DType::boolean));
  CHECK(b.apply(Op::to_i32, {f32(-2.5)}) == i32(-2));
  // What expands is left for the expansion, so that its bits are the same everywhere.
  CHECK(std::holds_alternative<Apply>(b[b.apply(Op::exp, {f32(1)})].node));
}

TEST_CASE_METHOD(Fixture, "identities that hold for every value") {
  const ScalarId yes = b.literal(1, DType::boolean);
  const ScalarId no = b.literal(0, DType::boolean);
  const ScalarId not_c = b.apply(Op::logical_not, {c});
  const std::vector<std::pair<ScalarId, ScalarId>> same = {
      {b.apply(Op::mul, {x, f32(1)}), x},
      {b.apply(Op::mul, {f32(1), x}), x},
      {b.apply(Op::mul, {f32(-1), x}), b.apply(Op::neg, {x})},
      {b.apply(Op::div, {x, f32(1)}), x},
      {b.apply(Op::neg, {b.apply(Op::neg, {x})}), x},
      {b.apply(Op::abs, {b.apply(Op::neg, {x})}), b.apply(Op::abs, {x})},
      {b.apply(Op::fma, {f32(1), x, y}), b.apply(Op::add, {x, y})},
      {b.apply(Op::fma, {x, f32(1), y}), b.apply(Op::add, {x, y})},
      {b.apply(Op::power, {x, i32(1)}), x},
      {b.apply(Op::power, {x, i32(0)}), f32(1)},
      {b.apply(Op::max, {x, x}), x},
      {b.apply(Op::to_f32, {x}), x},
      {b.apply(Op::select, {yes, x, y}), x},
      {b.apply(Op::select, {no, x, y}), y},
      {b.apply(Op::select, {c, x, x}), x},
      {b.apply(Op::add, {i, i32(0)}), i},
      {b.apply(Op::sub, {i, i32(0)}), i},
      {b.apply(Op::mul, {i, i32(0)}), i32(0)},
      {b.apply(Op::logical_and, {c, yes}), c},
      {b.apply(Op::logical_and, {no, c}), no},
      {b.apply(Op::logical_or, {c, yes}), yes},
      {b.apply(Op::logical_or, {c, no}), c},
      {b.apply(Op::logical_or, {c, not_c}), yes},
      {b.apply(Op::logical_and, {not_c, c}), no},
      {b.apply(Op::logical_not, {not_c}), c},
  };
  for (std::size_t n = 0; n < same.size(); ++n) {
    CAPTURE(n);
    CHECK(same[n].first == same[n].second);
  }
}

TEST_CASE_METHOD(Fixture, "what some value breaks is left alone") {
  for (const ScalarId id : {b.apply(Op::add, {x, f32(0)}), b.apply(Op::sub, {x, f32(0)}), b.apply(Op::mul, {x, f32(0)}),
                            b.apply(Op::sub, {x, x}), b.apply(Op::div, {x, x}), b.apply(Op::equal, {x, x})}) {
    CHECK(std::holds_alternative<Apply>(b[id].node));
  }
}

TEST_CASE_METHOD(Fixture, "a finished body is in canonical order, without what it does not use") {
  b.apply(Op::exp, {y});
  const ScalarId late = b.apply(Op::sub, {y, x});
  const ScalarId root = b.apply(Op::mul, {late, b.apply(Op::add, {x, late})});
  const Body body = b.finish(root);
  CHECK(body.scalars.size() == 5);
  CHECK(std::get<Read>(body[0].node).tensor == 1);
  CHECK(std::get<Read>(body[1].node).tensor == 0);
  CHECK(ops_of(body) == std::vector{Op::sub, Op::add, Op::mul});

  // The order of building does not matter.
  BodyBuilder other;
  const ScalarId x2 = read_of(other, 0, DType::f32);
  const ScalarId late2 = other.apply(Op::sub, {read_of(other, 1, DType::f32), x2});
  CHECK(other.finish(other.apply(Op::mul, {late2, other.apply(Op::add, {x2, late2})})) == body);
}

TEST_CASE("a body of a hundred thousand scalars needs no deep stack") {
  BodyBuilder b;
  ScalarId sum = read_of(b, 0);
  const ScalarId y = read_of(b, 1);
  for (int n = 0; n < 100'000; ++n) sum = b.apply(Op::add, {sum, y});
  const Body body = b.finish(sum);
  CHECK(body.scalars.size() == 100'002);
  BodyBuilder copy;
  CHECK(copy.finish(copy.copy(body, body.root())) == body);
  CHECK(expand(body) == body);
}

TEST_CASE_METHOD(Fixture, "copies rewrite reads, axes and extents") {
  const ScalarId lookup = b.read(Read{3, {{Affine::axis(1), no_scalar}}, {}}, DType::i32);
  const ScalarId row = b.read(Read{4, {{Affine::of(0), lookup}, {Affine::axis(0), no_scalar}}, 0.5}, DType::f32);
  const ScalarId position = b.apply(Op::to_f32, {b.apply(Op::add, {i, b.extent(0)})});
  const Body body = b.finish(b.apply(Op::mul, {row, position}));

  BodyBuilder plain;
  CHECK(plain.finish(plain.copy(body, body.root())) == body);

  BodyBuilder shifted;
  BodyBuilder::Rewrite rewrite;
  rewrite.axis = [](AxisId axis) { return Affine::axis(axis + 5, 2); };
  rewrite.extent = [](AxisId axis) { return axis + 5; };
  const Body moved = shifted.finish(shifted.copy(body, body.root(), rewrite));
  CHECK(std::get<Read>(moved[0].node).at[0].offset == Affine::axis(6, 2));
  CHECK(std::get<Read>(moved[1].node).at[0].through == 0);
  CHECK(std::get<Read>(moved[1].node).at[1].offset == Affine::axis(5, 2));
  CHECK(std::get<Read>(moved[1].node).otherwise == 0.5);
  CHECK(std::get<AxisValue>(moved[2].node).form == Affine::axis(5, 2));
  CHECK(std::get<AxisExtent>(moved[3].node).axis == 5);

  // A read becomes an expression; the index it went through is at hand.
  BodyBuilder inlined;
  rewrite = {};
  rewrite.read = [](BodyBuilder& to, const Read& read, DType type, const auto& copy) {
    if (type == DType::i32) return to.literal(7, type);
    return to.apply(Op::to_f32, {copy(read.at[0].through)});
  };
  const Body replaced = inlined.finish(inlined.copy(body, body.root(), rewrite));
  CHECK(std::get<Literal>(replaced[0].node).value == 7);
  for (const Scalar& scalar : replaced.scalars) CHECK(!std::holds_alternative<Read>(scalar.node));
}

TEST_CASE("operand types decide the result's") {
  const auto gives = [](Op op, std::vector<DType> types) { return result_type(op, types); };
  CHECK(gives(Op::add, {DType::f32, DType::f32}) == DType::f32);
  CHECK(gives(Op::add, {DType::u32, DType::u32}) == DType::u32);
  CHECK(!gives(Op::add, {DType::f32, DType::f64}));
  CHECK(!gives(Op::add, {DType::f32}));
  CHECK(!gives(Op::add, {DType::boolean, DType::boolean}));
  CHECK(!gives(Op::add, {DType::u8, DType::u8}));
  CHECK(!gives(Op::div, {DType::i32, DType::i32}));
  CHECK(gives(Op::less, {DType::u8, DType::u8}) == DType::boolean);
  CHECK(gives(Op::select, {DType::boolean, DType::i32, DType::i32}) == DType::i32);
  CHECK(!gives(Op::select, {DType::i32, DType::i32, DType::i32}));
  CHECK(!gives(Op::select, {DType::boolean, DType::i32, DType::f32}));
  CHECK(gives(Op::power, {DType::f64, DType::i32}) == DType::f64);
  CHECK(!gives(Op::power, {DType::f64, DType::f64}));
  CHECK(gives(Op::to_bool, {DType::u8}) == DType::boolean);
  CHECK(gives(Op::power_of_two, {DType::f64}) == DType::f64);
  CHECK(!gives(Op::power_of_two, {DType::i32}));
  CHECK(gives(Op::exponent, {DType::f64}) == DType::i32);
  CHECK(!gives(Op::shift_left, {DType::i32, DType::i32}));
}

TEST_CASE("the table finds every row by name and by sign") {
  std::set<std::string_view> names;
  for (const OpRow& entry : op_table()) {
    CAPTURE(entry.name);
    CHECK(names.insert(entry.name).second);
    CHECK(find_op(entry.name) == &entry);
    CHECK(&row(entry.op) == &entry);
    if (!entry.infix.empty()) CHECK((find_infix(entry.infix) == &entry && entry.arity == 2));
    CHECK((entry.precedence > 0) == !entry.infix.empty());
    CHECK((is_native(entry.op) || entry.expansion));
  }
  CHECK(!find_op("arctangent"));
  CHECK(!find_infix(""));
}

TEST_CASE("expansions are native, branch-free and cost what their row says") {
  for (const OpRow& entry : op_table()) {
    if (!entry.expansion) continue;
    for (const DType type : {DType::f32, DType::f64}) {
      BodyBuilder b;
      std::vector<ScalarId> operands;
      for (int k = 0; k < entry.arity; ++k) operands.push_back(read_of(b, k, type));
      if (entry.op == Op::power) operands[1] = b.literal(2, DType::i32);
      const Body body = expand(b.finish(b.apply(entry.op, operands)));
      int flops = 0;
      for (const Scalar& scalar : body.scalars) {
        if (const Apply* apply = std::get_if<Apply>(&scalar.node)) {
          CHECK(!row(apply->op).expansion);
          flops += row(apply->op).flops;
        }
        // Nothing of f32 is computed in f64: half as many lanes.
        if (type == DType::f32) CHECK(scalar.type != DType::f64);
      }
      CAPTURE(entry.name);
      if (type == DType::f32) CHECK(flops == entry.flops);
    }
  }
}
