// Derivatives: every row of the op table against central differences, whole bodies, and what must not poison.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "ir/scalar.h"
#include "tests/support/body_values.h"

using namespace descent;
using namespace descent::test;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// The adjoint of read `tensor` in a body of f64 reads, with upstream 1, as a body; nothing if none flows.
std::optional<Body> gradient_of(const Body& body, int tensor, double upstream = 1) {
  BodyBuilder builder;
  std::vector<ScalarId> copied;
  for (ScalarId id = 0; id <= body.root(); ++id) copied.push_back(builder.copy(body, id));
  for (const auto& [read, adjoint] : body_adjoints(builder, body, copied, builder.literal(upstream, body.type()))) {
    if (std::get<Read>(body[read].node).tensor == tensor && adjoint != no_scalar) return builder.finish(adjoint);
  }
  return std::nullopt;
}

double central_difference(const Body& body, std::vector<double> reads, std::size_t at) {
  const double step = 1e-6 * std::max(1.0, std::abs(reads[at]));
  const double centre = reads[at];
  reads[at] = centre + step;
  const double right = meaning_of(body, reads);
  reads[at] = centre - step;
  return (right - meaning_of(body, reads)) / (2 * step);
}

void check_gradients(const Body& body, const std::vector<double>& reads, const std::vector<bool>& wanted) {
  for (std::size_t i = 0; i < reads.size(); ++i) {
    if (!wanted[i]) continue;
    const std::optional<Body> gradient = gradient_of(body, static_cast<int>(i));
    const double expected = central_difference(body, reads, i);
    const double found = gradient ? meaning_of(*gradient, reads) : 0;
    CHECK(found == Approx(expected).epsilon(1e-6).margin(1e-8));
  }
}

// Types of operands that a row takes, floats where it can.
std::vector<DType> operand_types(const OpRow& row) {
  const auto arity = static_cast<std::size_t>(row.arity);
  switch (row.typing) {
    case Typing::selection:
      return {DType::boolean, DType::f64, DType::f64};
    case Typing::integer_power:
      return {DType::f64, DType::i32};
    case Typing::logical:
      return std::vector(arity, DType::boolean);
    case Typing::bits:
      return std::vector(arity, DType::u32);
    default:
      return std::vector(arity, DType::f64);
  }
}

bool is_integer(DType type) { return !is_float(type); }

Body composed(const std::function<ScalarId(BodyBuilder&, ScalarId, ScalarId)>& write) {
  BodyBuilder builder;
  const ScalarId x = read_of(builder, 0);
  const ScalarId y = read_of(builder, 1);
  return builder.finish(write(builder, x, y));
}

}  // namespace

TEST_CASE("every row's derivative agrees with central differences") {
  const std::vector<std::vector<double>> points = {{0.7, 1.3, 0.4}, {1.9, 0.6, 2.5}, {0.2, 2.0, 1.1}, {1, 3, 2}};
  for (const OpRow& row : op_table()) {
    if (!row.derivative) continue;
    CAPTURE(row.name);
    const std::vector<DType> types = operand_types(row);
    BodyBuilder builder;
    std::vector<ScalarId> operands;
    std::vector<bool> wanted;
    for (std::size_t i = 0; i < types.size(); ++i) {
      operands.push_back(read_of(builder, static_cast<int>(i), types[i]));
      wanted.push_back(is_float(types[i]));
    }
    // to_f32 gives f32, of which the gradient is taken as well.
    const Body body = builder.finish(builder.apply(row.op, operands));
    for (std::vector<double> reads : points) {
      reads.resize(types.size());
      for (std::size_t i = 0; i < types.size(); ++i) {
        if (is_integer(types[i])) reads[i] = types[i] == DType::boolean ? reads[i] > 1 : std::floor(reads[i]);
      }
      CAPTURE(reads);
      check_gradients(body, reads, wanted);
      const bool everywhere = row.op != Op::pow && row.op != Op::log && row.op != Op::log1p && row.op != Op::sqrt;
      if (!everywhere) continue;
      for (std::size_t i = 0; i < types.size(); ++i) {
        if (is_float(types[i])) reads[i] = -reads[i];
      }
      check_gradients(body, reads, wanted);
    }
  }
}

TEST_CASE("adjoints add up over uses") {
  const Body body = composed([](BodyBuilder& b, ScalarId x, ScalarId y) {
    const ScalarId product = b.apply(Op::mul, {x, y});
    const ScalarId sum = b.apply(Op::add, {product, b.apply(Op::tanh, {x})});
    return b.apply(Op::div, {b.apply(Op::mul, {sum, product}), b.apply(Op::exp, {y})});
  });
  check_gradients(body, {0.7, -0.3}, {true, true});
  check_gradients(body, {-1.5, 2.25}, {true, true});
}

TEST_CASE("literal partials leave no multiplication") {
  const Body difference = composed([](BodyBuilder& b, ScalarId x, ScalarId y) { return b.apply(Op::sub, {x, y}); });
  CHECK(gradient_of(difference, 0)->scalars == std::vector<Scalar>{{DType::f64, Literal{1}}});
  CHECK(gradient_of(difference, 1)->scalars == std::vector<Scalar>{{DType::f64, Literal{-1}}});
  // max(x, y): select(y > x, 0, g)
  const Body larger = composed([](BodyBuilder& b, ScalarId x, ScalarId y) { return b.apply(Op::max, {x, y}); });
  const Body gradient = *gradient_of(larger, 0, 3);
  CHECK(std::get<Apply>(gradient.scalars.back().node).op == Op::select);
  for (const Scalar& scalar : gradient.scalars) {
    if (const Apply* apply = std::get_if<Apply>(&scalar.node)) CHECK(apply->op != Op::mul);
  }
}

TEST_CASE("an unselected branch does not poison the gradient") {
  // x > 0 ? sqrt(x) + log(x) : y, at x = 0 and beyond the domain
  const Body guarded = composed([](BodyBuilder& b, ScalarId x, ScalarId y) {
    const ScalarId sum = b.apply(Op::add, {b.apply(Op::sqrt, {x}), b.apply(Op::log, {x})});
    return b.apply(Op::select, {b.apply(Op::greater, {x, b.literal(0, DType::f64)}), sum, y});
  });
  for (const double x : {0.0, -1.0, -infinity}) {
    CHECK(meaning_of(*gradient_of(guarded, 0), std::vector{x, 2.0}) == 0);
    CHECK(meaning_of(*gradient_of(guarded, 1), std::vector{x, 2.0}) == 1);
  }
  CHECK(meaning_of(*gradient_of(guarded, 0), std::vector{4.0, 2.0}) == 0.5);

  // max(y, log(x)): the loser's 1/0 stays out
  const Body loser =
      composed([](BodyBuilder& b, ScalarId x, ScalarId y) { return b.apply(Op::max, {y, b.apply(Op::log, {x})}); });
  CHECK(meaning_of(*gradient_of(loser, 0), std::vector{0.0, 2.0}) == 0);
  CHECK(meaning_of(*gradient_of(loser, 0), std::vector{100.0, 2.0}) == 0.01);

  // A nested choice: (x > 0 ? (y > 0 ? x / y : x) : 0)
  const Body nested = composed([](BodyBuilder& b, ScalarId x, ScalarId y) {
    const ScalarId zero = b.literal(0, DType::f64);
    const ScalarId ratio = b.apply(Op::div, {x, y});
    const ScalarId inner = b.apply(Op::select, {b.apply(Op::greater, {y, zero}), ratio, x});
    return b.apply(Op::select, {b.apply(Op::greater, {x, zero}), inner, zero});
  });
  CHECK(meaning_of(*gradient_of(nested, 0), std::vector{3.0, 0.0}) == 1);
  CHECK(meaning_of(*gradient_of(nested, 1), std::vector{3.0, 0.0}) == 0);
  CHECK(meaning_of(*gradient_of(nested, 1), std::vector{-3.0, 0.0}) == 0);
  CHECK(meaning_of(*gradient_of(nested, 1), std::vector{3.0, 2.0}) == -0.75);
}

TEST_CASE("a value that both branches use keeps its gradient") {
  // log(x) shared by both sides is always live: its gradient needs no second select.
  const Body shared = composed([](BodyBuilder& b, ScalarId x, ScalarId y) {
    const ScalarId log = b.apply(Op::log, {x});
    const ScalarId condition = b.apply(Op::greater, {y, b.literal(0, DType::f64)});
    return b.apply(Op::select, {condition, log, b.apply(Op::neg, {log})});
  });
  CHECK(meaning_of(*gradient_of(shared, 0), std::vector{4.0, 1.0}) == 0.25);
  CHECK(meaning_of(*gradient_of(shared, 0), std::vector{4.0, -1.0}) == -0.25);
  CHECK(meaning_of(*gradient_of(shared, 0), std::vector{0.0, 1.0}) == infinity);
}

TEST_CASE("no gradient flows through integers and steps") {
  BodyBuilder builder;
  const ScalarId x = read_of(builder, 0);
  const Body stepped = builder.finish(builder.apply(Op::floor, {x}));
  CHECK(!gradient_of(stepped, 0));
  const Body rounded = builder.finish(builder.apply(Op::to_f64, {builder.apply(Op::to_i32, {x})}));
  CHECK(!gradient_of(rounded, 0));
}
