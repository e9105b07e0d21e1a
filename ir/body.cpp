// Building scalar bodies: interning, folding what is exact to fold, copying, and the canonical order.
#include <functional>
#include <string>

#include "ir/diagnostics.h"
#include "ir/match.h"
#include "ir/scalar.h"

namespace descent {

namespace {

std::size_t mixed(std::size_t seed, std::uint64_t value) {
  return (seed ^ static_cast<std::size_t>(value)) * 0x9E3779B97F4A7C15u + (seed >> 29);
}

std::size_t hash_of(const Affine& form, std::size_t seed) {
  seed = mixed(seed, static_cast<std::uint64_t>(form.constant));
  for (const Term& term : form.terms) {
    seed = mixed(mixed(seed, static_cast<std::uint64_t>(term.axis)), static_cast<std::uint64_t>(term.coefficient));
  }
  return seed;
}

std::size_t hash_of(const Scalar& scalar) {
  std::size_t seed = mixed(static_cast<std::size_t>(scalar.type) + 1, scalar.node.index());
  match(
      scalar.node, [&](const Literal& literal) { seed = mixed(seed, std::bit_cast<std::uint64_t>(literal.value)); },
      [&](const AxisValue& value) { seed = hash_of(value.form, seed); },
      [&](const AxisExtent& extent) { seed = mixed(seed, static_cast<std::uint64_t>(extent.axis)); },
      [&](const Read& read) {
        seed = mixed(seed, static_cast<std::uint64_t>(read.tensor));
        for (const Index& index : read.at) {
          seed = mixed(hash_of(index.offset, seed), static_cast<std::uint64_t>(index.through));
        }
      },
      [&](const Apply& apply) {
        seed = mixed(seed, static_cast<std::uint64_t>(apply.op));
        for (const ScalarId operand : apply.operands) seed = mixed(seed, static_cast<std::uint64_t>(operand));
      });
  return seed;
}

// Looks at scalars of a builder through the eyes of an identity.
struct View {
  const BodyBuilder& builder;

  const Apply* applied(ScalarId id, Op op) const {
    const Apply* apply = std::get_if<Apply>(&builder[id].node);
    return apply && apply->op == op ? apply : nullptr;
  }
  const Literal* literal(ScalarId id) const { return std::get_if<Literal>(&builder[id].node); }
  bool is(ScalarId id, double value) const { return literal(id) && *literal(id) == Literal{value}; }
  bool negation(ScalarId a, ScalarId b) const {
    const auto is_not = [&](ScalarId outer, ScalarId inner) {
      const Apply* apply = applied(outer, Op::logical_not);
      return apply && apply->operands[0] == inner;
    };
    return is_not(a, b) || is_not(b, a);
  }
  bool is_integer(ScalarId id) const { return builder.type(id) == DType::i32 || builder.type(id) == DType::u32; }
};

// Sums and products: 1·x, -1·x, x/1, fma(1, x, y), x^1 and x^0 hold for every IEEE value; those with 0 for integers
// only.
ScalarId arithmetic_identity(BodyBuilder& builder, Op op, const std::vector<ScalarId>& at) {
  const View view{builder};
  const bool integer = view.is_integer(at[0]);
  switch (op) {
    case Op::add:
      if (integer && view.is(at[0], 0)) return at[1];
      if (integer && view.is(at[1], 0)) return at[0];
      return no_scalar;
    case Op::sub:
      return integer && view.is(at[1], 0) ? at[0] : no_scalar;
    case Op::mul:
      for (const int side : {0, 1}) {
        const ScalarId other = at[1 - static_cast<std::size_t>(side)];
        const ScalarId factor = at[static_cast<std::size_t>(side)];
        if (view.is(factor, 1)) return other;
        if (view.is(factor, -1)) return builder.apply(Op::neg, {other});
        if (integer && view.is(factor, 0)) return factor;
      }
      return no_scalar;
    case Op::div:
      return view.is(at[1], 1) ? at[0] : no_scalar;
    case Op::fma:
      if (view.is(at[0], 1)) return builder.apply(Op::add, {at[1], at[2]});
      if (view.is(at[1], 1)) return builder.apply(Op::add, {at[0], at[2]});
      return no_scalar;
    case Op::power:
      if (view.is(at[1], 0)) return builder.literal(1, builder.type(at[0]));
      return view.is(at[1], 1) ? at[0] : no_scalar;
    default:
      return no_scalar;
  }
}

// Signs, choices and truth values.
ScalarId logical_identity(BodyBuilder& builder, Op op, const std::vector<ScalarId>& at) {
  const View view{builder};
  switch (op) {
    case Op::neg:
      if (const Apply* inner = view.applied(at[0], Op::neg)) return inner->operands[0];
      return no_scalar;
    case Op::abs:
      if (view.applied(at[0], Op::abs)) return at[0];
      if (const Apply* inner = view.applied(at[0], Op::neg)) return builder.apply(Op::abs, {inner->operands[0]});
      return no_scalar;
    case Op::min:
    case Op::max:
      return at[0] == at[1] ? at[0] : no_scalar;
    case Op::select:
      if (const Literal* condition = view.literal(at[0])) return condition->value != 0 ? at[1] : at[2];
      return at[1] == at[2] ? at[1] : no_scalar;
    case Op::logical_not:
      if (const Apply* inner = view.applied(at[0], Op::logical_not)) return inner->operands[0];
      return no_scalar;
    case Op::logical_and:
    case Op::logical_or:
      if (at[0] == at[1]) return at[0];
      if (view.negation(at[0], at[1])) return builder.literal(op == Op::logical_or, DType::boolean);
      for (const std::size_t side : {0u, 1u}) {
        if (const Literal* value = view.literal(at[side])) {
          const bool decides = (value->value != 0) == (op == Op::logical_or);
          return decides ? at[side] : at[1 - side];
        }
      }
      return no_scalar;
    default:
      return no_scalar;
  }
}

// A scalar that stands for `op` of these operands already, or no_scalar.
ScalarId identity(BodyBuilder& builder, Op op, DType type, const std::vector<ScalarId>& at) {
  if (row(op).typing == Typing::conversion && builder.type(at[0]) == type) return at[0];
  const ScalarId found = arithmetic_identity(builder, op, at);
  return found != no_scalar ? found : logical_identity(builder, op, at);
}

std::string described(Op op, std::span<const DType> types) {
  std::string out = "'" + std::string(row(op).name) + "' does not take (";
  for (const DType type : types) {
    if (out.back() != '(') out += ", ";
    out += name_of(type);
  }
  return out + ")";
}

using Copied = std::function<ScalarId(ScalarId)>;
using ApplyRule = std::function<ScalarId(BodyBuilder&, Op, std::vector<ScalarId>)>;

// One scalar of another body, its operands already copied.
ScalarId rebuild(BodyBuilder& builder, const Scalar& scalar, const Copied& copied, const BodyBuilder::Rewrite& rewrite,
                 const ApplyRule& apply_rule) {
  const auto renamed = [&](const Affine& form) { return rewrite.axis ? substitute(form, rewrite.axis) : form; };
  return match(
      scalar.node, [&](const Literal& literal) { return builder.literal(literal.value, scalar.type); },
      [&](const AxisValue& value) { return builder.axis(renamed(value.form)); },
      [&](const AxisExtent& value) { return builder.extent(rewrite.extent ? rewrite.extent(value.axis) : value.axis); },
      [&](const Read& read) {
        if (rewrite.read) return rewrite.read(builder, read, scalar.type, copied);
        Read moved = read;
        for (Index& index : moved.at) {
          index.offset = renamed(index.offset);
          if (index.through != no_scalar) index.through = copied(index.through);
        }
        return builder.read(std::move(moved), scalar.type);
      },
      [&](const Apply& apply) {
        std::vector<ScalarId> operands;
        for (const ScalarId operand : apply.operands) operands.push_back(copied(operand));
        return apply_rule(builder, apply.op, std::move(operands));
      });
}

}  // namespace

std::vector<ScalarId> operands_of(const Scalar& scalar) {
  if (const Apply* apply = std::get_if<Apply>(&scalar.node)) return apply->operands;
  std::vector<ScalarId> out;
  if (const Read* read = std::get_if<Read>(&scalar.node)) {
    for (const Index& index : read->at) {
      if (index.through != no_scalar) out.push_back(index.through);
    }
  }
  return out;
}

ScalarId BodyBuilder::intern(Scalar scalar) {
  const std::size_t hash = hash_of(scalar);
  const auto [first, last] = interned_.equal_range(hash);
  for (auto found = first; found != last; ++found) {
    if ((*this)[found->second] == scalar) return found->second;
  }
  scalars_.push_back(std::move(scalar));
  const auto id = static_cast<ScalarId>(scalars_.size()) - 1;
  interned_.emplace(hash, id);
  return id;
}

ScalarId BodyBuilder::literal(double value, DType type) {
  return intern({type, Literal{double_of(word_of(value, type), type)}});
}

ScalarId BodyBuilder::axis(Affine form) {
  if (form.is_constant()) return literal(static_cast<double>(form.constant), DType::i32);
  return intern({DType::i32, AxisValue{std::move(form)}});
}

ScalarId BodyBuilder::extent(AxisId axis) { return intern({DType::i32, AxisExtent{axis}}); }

ScalarId BodyBuilder::read(Read read, DType type) { return intern({type, std::move(read)}); }

ScalarId BodyBuilder::apply(Op op, std::vector<ScalarId> operands) {
  std::vector<DType> types;
  std::vector<Word> words;
  for (const ScalarId operand : operands) {
    DESCENT_CHECK(operand >= 0 && operand < static_cast<ScalarId>(scalars_.size()), "an operand that does not exist");
    types.push_back(type(operand));
    if (const Literal* literal = std::get_if<Literal>(&(*this)[operand].node)) {
      words.push_back(word_of(literal->value, types.back()));
    }
  }
  const std::optional<DType> result = result_type(op, types);
  DESCENT_CHECK(result.has_value(), described(op, types));
  if (words.size() == operands.size() && is_native(op)) {
    return literal(double_of(apply_exact(op, types.back(), *result, words.data()), *result), *result);
  }
  const ScalarId same = identity(*this, op, *result, operands);
  return same != no_scalar ? same : intern({*result, Apply{op, std::move(operands)}});
}

ScalarId BodyBuilder::copy(const Body& from, ScalarId id, const Rewrite& rewrite) {
  std::vector<bool> needed(from.scalars.size());
  needed[static_cast<std::size_t>(id)] = true;
  for (ScalarId user = id; user >= 0; --user) {
    if (!needed[static_cast<std::size_t>(user)]) continue;
    for (const ScalarId operand : operands_of(from[user])) needed[static_cast<std::size_t>(operand)] = true;
  }
  return copy_needed(from, needed, rewrite)[static_cast<std::size_t>(id)];
}

std::vector<ScalarId> BodyBuilder::copy_all(const Body& from, const Rewrite& rewrite) {
  return copy_needed(from, std::vector<bool>(from.scalars.size(), true), rewrite);
}

std::vector<ScalarId> BodyBuilder::copy_needed(const Body& from, const std::vector<bool>& needed,
                                               const Rewrite& rewrite) {
  std::vector<ScalarId> to(from.scalars.size(), no_scalar);
  const Copied copied = [&](ScalarId old) { return to[static_cast<std::size_t>(old)]; };
  const auto apply_as_is = [](BodyBuilder& builder, Op op, std::vector<ScalarId> operands) {
    return builder.apply(op, std::move(operands));
  };
  for (ScalarId old = 0; old <= from.root(); ++old) {
    if (!needed[static_cast<std::size_t>(old)]) continue;
    to[static_cast<std::size_t>(old)] = rebuild(*this, from[old], copied, rewrite, apply_as_is);
  }
  return to;
}

Body BodyBuilder::finish(ScalarId root) const {
  std::vector<ScalarId> keep;
  return finish(root, keep);
}

Body BodyBuilder::finish(ScalarId root, std::vector<ScalarId>& keep) const {
  Body body;
  std::vector<ScalarId> to(scalars_.size(), no_scalar);
  const auto moved = [&](ScalarId id) -> ScalarId& { return to[static_cast<std::size_t>(id)]; };
  for (const ScalarId kept : keep) place(kept, body, to);
  place(root, body, to);
  for (ScalarId& kept : keep) kept = moved(kept);
  if (moved(root) != body.root()) body.scalars.push_back(Scalar(body[moved(root)]));  // the root stands last
  return body;
}

// Appends `root` and what it needs and `to` does not know yet: depth first without recursion, a scalar is placed when
// it is met again after its operands.
void BodyBuilder::place(ScalarId root, Body& body, std::vector<ScalarId>& to) const {
  const auto moved = [&](ScalarId id) -> ScalarId& { return to[static_cast<std::size_t>(id)]; };
  std::vector<ScalarId> stack = {root};
  while (!stack.empty()) {
    const ScalarId id = stack.back();
    if (moved(id) != no_scalar) {
      stack.pop_back();
      continue;
    }
    const std::vector<ScalarId> operands = operands_of((*this)[id]);
    bool ready = true;
    for (auto operand = operands.rbegin(); operand != operands.rend(); ++operand) {
      if (moved(*operand) != no_scalar) continue;
      stack.push_back(*operand);
      ready = false;
    }
    if (!ready) continue;
    stack.pop_back();
    Scalar scalar = (*this)[id];
    if (Apply* apply = std::get_if<Apply>(&scalar.node)) {
      for (ScalarId& operand : apply->operands) operand = moved(operand);
    } else if (Read* read = std::get_if<Read>(&scalar.node)) {
      for (Index& index : read->at) {
        if (index.through != no_scalar) index.through = moved(index.through);
      }
    }
    moved(id) = static_cast<ScalarId>(body.scalars.size());
    body.scalars.push_back(std::move(scalar));
  }
}

Body expand(const Body& body) {
  std::vector<ScalarId> keep;
  return expand(body, keep);
}

Body expand(const Body& body, std::vector<ScalarId>& keep) {
  BodyBuilder builder;
  std::vector<ScalarId> to;
  const Copied copied = [&](ScalarId old) { return to[static_cast<std::size_t>(old)]; };
  const auto apply_expanded = [](BodyBuilder& builder, Op op, std::vector<ScalarId> operands) {
    const Expansion expansion = row(op).expansion;
    return expansion ? expansion(builder, operands) : builder.apply(op, std::move(operands));
  };
  for (const Scalar& scalar : body.scalars) to.push_back(rebuild(builder, scalar, copied, {}, apply_expanded));
  for (ScalarId& kept : keep) kept = copied(kept);
  Body out = builder.finish(to.back(), keep);

  // An expansion may be written with operations that have one themselves.
  for (const Scalar& scalar : out.scalars) {
    const Apply* apply = std::get_if<Apply>(&scalar.node);
    if (apply && row(apply->op).expansion) return expand(out, keep);
  }
  return out;
}

}  // namespace descent
