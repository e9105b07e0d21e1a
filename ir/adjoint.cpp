// Reverse mode over one scalar body.
//
//   y = select(c, log(x), 0)   with the adjoint g of y   →   x gets select(c, g / x, 0)
//
// Poison. 0 · inf is NaN, so it is not enough that the gradient entering an unselected branch is 0. Beside its adjoint
// every scalar has a condition, `live`: its value entered the result. A partial that is a select between literals
// (rows select, min, max) passes the gradient on by a select and makes the loser's condition false; whatever is
// multiplied by a partial in a scalar that may be dead is selected again, by its condition, against 0. A gradient that
// is truly 0 · inf keeps its NaN.
#include "ir/diagnostics.h"
#include "ir/scalar.h"

namespace descent {

namespace {

class Adjoints {
 public:
  Adjoints(BodyBuilder& builder, const Body& body, const std::vector<ScalarId>& copied)
      : builder_(builder), body_(body), copied_(copied), parts_(body.scalars.size()) {}

  void run(ScalarId upstream) {
    parts_.back() = {upstream, builder_.literal(1, DType::boolean)};
    for (ScalarId user = body_.root(); user >= 0; --user) {
      const Apply* apply = std::get_if<Apply>(&body_[user].node);
      if (apply && part(user).adjoint != no_scalar) pass_on(user, *apply);
    }
  }

  ScalarId adjoint(ScalarId id) const { return parts_[static_cast<std::size_t>(id)].adjoint; }

 private:
  struct Part {
    ScalarId adjoint = no_scalar;
    ScalarId live = no_scalar;  // boolean: the value entered the result
  };

  Part& part(ScalarId id) { return parts_[static_cast<std::size_t>(id)]; }

  // What a partial makes of the gradient g, and when anything comes through.
  struct Flow {
    ScalarId value = no_scalar;
    ScalarId live = no_scalar;
    bool multiplied = false;
  };

  void pass_on(ScalarId user, const Apply& apply) {
    const Derivative derivative = row(apply.op).derivative;
    if (!derivative) return;
    std::vector<ScalarId> operands;
    for (const ScalarId operand : apply.operands) operands.push_back(copied_[static_cast<std::size_t>(operand)]);
    const std::vector<ScalarId> partials = derivative(builder_, operands, copied_[static_cast<std::size_t>(user)]);
    for (std::size_t i = 0; i < partials.size(); ++i) {
      const ScalarId operand = apply.operands[i];
      if (partials[i] == no_scalar || !is_float(body_[operand].type)) continue;
      add_to(operand, through(part(user), partials[i], body_[operand].type));
    }
  }

  Flow through(const Part& from, ScalarId partial, DType type) {
    Flow flow = scaled(converted(from.adjoint, type), from.live, partial);
    const Literal* always = std::get_if<Literal>(&builder_[from.live].node);
    if (flow.multiplied && !(always && always->value != 0)) {
      flow.value = builder_.apply(Op::select, {from.live, flow.value, builder_.literal(0, type)});
    }
    return flow;
  }

  ScalarId converted(ScalarId value, DType type) {
    return builder_.apply(type == DType::f32 ? Op::to_f32 : Op::to_f64, {value});
  }

  // gradient · partial. Copies nodes of the builder: applying may move them.
  Flow scaled(ScalarId gradient, ScalarId live, ScalarId partial) {
    const Scalar node = builder_[partial];
    if (const Literal* literal = std::get_if<Literal>(&node.node)) {
      if (literal->value == 0) return {partial, builder_.literal(0, DType::boolean)};
      return {builder_.apply(Op::mul, {gradient, partial}), live};
    }
    const Apply* apply = std::get_if<Apply>(&node.node);
    if (apply && apply->op == Op::select && chooses_literals(partial)) {
      const ScalarId condition = apply->operands[0];
      const Flow yes = scaled(gradient, live, apply->operands[1]);
      const Flow no = scaled(gradient, live, apply->operands[2]);
      return {builder_.apply(Op::select, {condition, yes.value, no.value}), chosen(condition, yes.live, no.live)};
    }
    // g · (1 / x) is g / x: one rounding less.
    if (apply && apply->op == Op::div && builder_[apply->operands[0]].node == decltype(Scalar::node)(Literal{1})) {
      return {builder_.apply(Op::div, {gradient, apply->operands[1]}), live, true};
    }
    return {builder_.apply(Op::mul, {gradient, partial}), live, true};
  }

  bool chooses_literals(ScalarId id) const {
    const Apply* apply = std::get_if<Apply>(&builder_[id].node);
    if (!apply) return std::holds_alternative<Literal>(builder_[id].node);
    return apply->op == Op::select && chooses_literals(apply->operands[1]) && chooses_literals(apply->operands[2]);
  }

  // condition ? yes : no, of truth values: the identities of `and` and `or` leave what is needed.
  ScalarId chosen(ScalarId condition, ScalarId yes, ScalarId no) {
    if (yes == no) return yes;
    const ScalarId otherwise = builder_.apply(Op::logical_not, {condition});
    return builder_.apply(Op::logical_or, {builder_.apply(Op::logical_and, {condition, yes}),
                                           builder_.apply(Op::logical_and, {otherwise, no})});
  }

  void add_to(ScalarId operand, const Flow& flow) {
    Part& to = part(operand);
    const Literal* literal = std::get_if<Literal>(&builder_[flow.value].node);
    if (literal && literal->value == 0) return;
    to.adjoint = to.adjoint == no_scalar ? flow.value : builder_.apply(Op::add, {to.adjoint, flow.value});
    to.live = to.live == no_scalar ? flow.live : builder_.apply(Op::logical_or, {to.live, flow.live});
  }

  BodyBuilder& builder_;
  const Body& body_;
  const std::vector<ScalarId>& copied_;
  std::vector<Part> parts_;
};

}  // namespace

std::vector<std::pair<ScalarId, ScalarId>> body_adjoints(BodyBuilder& builder, const Body& body,
                                                         const std::vector<ScalarId>& copied, ScalarId upstream) {
  DESCENT_CHECK(copied.size() == body.scalars.size(), "every scalar of the body needs its copy");
  DESCENT_CHECK(is_float(body.type()) && builder.type(upstream) == body.type(), "the adjoint of a float of its type");
  Adjoints adjoints(builder, body, copied);
  adjoints.run(upstream);
  std::vector<std::pair<ScalarId, ScalarId>> out;
  for (ScalarId id = 0; id <= body.root(); ++id) {
    if (std::holds_alternative<Read>(body[id].node)) out.emplace_back(id, adjoints.adjoint(id));
  }
  return out;
}

}  // namespace descent
