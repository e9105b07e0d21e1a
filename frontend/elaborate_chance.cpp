// Chance: uniform(a, b) is its only source, drawn by counter, so that a draw depends on the seed, the step, its site
// and its place alone. A site is a path, as a parameter's, and keeps its name when other lines change.
#include "frontend/elaborator.h"

namespace descent::frontend {

// a + (b - a) u with u uniform in [0, 1). After `~` it fills the declared shape; while training it gives each point of
// index notation a number of its own.
Operand Elaborator::uniform(const ast::Call& node, OpenSweep* elements, const Span& at) {
  const bool draws = !draws_.empty() && seed_;
  if (!draws && purpose_ == Purpose::judge) {
    return poison("misplaced-draw", at,
                  "'uniform' draws initial values and while training; expected it after '~' or in if training then …");
  }
  if (node.arguments.size() != 2 || node.arguments[0].name || node.arguments[1].name) {
    return poison("argument-count", at, "expected uniform(a, b)");
  }
  const Operand low = elements ? element_of(*node.arguments[0].value, *elements) : value_of(*node.arguments[0].value);
  const Operand high = elements ? element_of(*node.arguments[1].value, *elements) : value_of(*node.arguments[1].value);
  if (low.poisoned() || high.poisoned()) return {Poison{}};
  if (!is_number(low) || !is_number(high)) {
    return poison("not-a-number", at,
                  "expected two numbers in uniform(a, b), found " + describe(low) + " and " + describe(high));
  }
  if (!draws) return chance(node, low, high, elements, at);
  const Draw& target = draws_.back();
  const std::string site = target.site + (node.as ? "." + node.as->text : "");
  if (!claim_site(site, at)) return {Poison{}};
  const ValueId step = graph_->literal(0, DType::i32);
  const ValueId drawn = graph_->add(Random{site, *seed_, step}, {target.type}, site + ".uniform", origin(at))[0];
  OpenSweep sweep;
  return close(sweep, scaled(point_of({Whole{drawn}}, sweep, at), low, high, sweep, at), at);
}

Operand Elaborator::scaled(const Operand& u, const Operand& low, const Operand& high, OpenSweep& sweep,
                           const Span& at) {
  if (constant(low) == 0.0 && constant(high) == 1.0) return u;
  const Operand width = apply_numbers(Op::sub, {high, low});
  return apply(Op::add, {low, apply(Op::mul, {width, u}, sweep, at)}, sweep, at);
}

Operand Elaborator::chance(const ast::Call& node, const Operand& low, const Operand& high, OpenSweep* elements,
                           const Span& at) {
  const std::string site = path_of(node.as ? node.as->text : "");
  if (!claim_site(site, at)) return {Poison{}};
  const ValueId seed = captured(outermost_.input("seed", {DType::i32, {}, {}}), 0);
  TensorType type{DType::f32, {}, {}};
  for (const Axis& axis : elements ? elements->axes : std::vector<Axis>{}) type.shape.push_back(axis.extent);
  const std::size_t rank = type.shape.size();
  const ValueId drawn = graph_->add(Random{site, seed, clock_here()}, {std::move(type)}, site, origin(at))[0];
  if (!elements) {
    OpenSweep sweep;
    return close(sweep, scaled(point_of({Whole{drawn}}, sweep, at), low, high, sweep, at), at);
  }
  Read read{drawn, {}, {}};
  for (std::size_t axis = 0; axis < rank; ++axis) {
    read.at.push_back({Affine::axis(static_cast<AxisId>(axis)), no_scalar});
  }
  return scaled({Point{elements->body.read(std::move(read), DType::f32), {}}}, low, high, *elements, at);
}

// A site draws once a turn.
bool Elaborator::claim_site(const std::string& site, const Span& at) {
  const auto [known, fresh] = sites_.emplace(site, at);
  if (fresh) return true;
  error("second-draw", at, "a second draw for " + quoted(site) + " must be named: uniform(…) as NAME",
        {{origin(known->second), "the first draw"}});
  return false;
}

// The step, or the batch where a step has several; in loops a number that no other turn of any step has.
ValueId Elaborator::clock_here() {
  const ValueId step = captured(accumulates_ ? batch_number() : outermost_.input("step", {DType::i32, {}, {}}), 0);
  if (level_ == 0) return step;
  Affine turn;
  std::int64_t turns = 1;
  for (std::size_t level = 0; level < level_; ++level) {
    const std::int64_t extent = loops_[level]->axis.extent.size;
    turn = turn * extent + Affine::axis(static_cast<AxisId>(level) - static_cast<AxisId>(level_));
    turns *= extent;
  }
  return graph_->elementwise(
      {},
      [&](BodyBuilder& body, const std::vector<Affine>&) {
        const ScalarId all = body.literal(static_cast<double>(turns), DType::i32);
        return body.apply(Op::add,
                          {body.apply(Op::mul, {body.read({step, {}, {}}, DType::i32), all}), body.axis(turn)});
      },
      "turn");
}

}  // namespace descent::frontend
