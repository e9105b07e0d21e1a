#include "passes/order.h"

#include <algorithm>

#include "passes/graph_tools.h"
#include "passes/sweep_tools.h"

namespace descent {
namespace {

constexpr std::int64_t unbounded = std::int64_t{1} << 40;

// The product of extents, a symbolic one counting as unbounded.
std::int64_t points(const Sweep& sweep, const std::vector<AxisId>& axes) {
  Shape box;
  for (AxisId axis : axes) box.push_back(sweep.axes[static_cast<std::size_t>(axis)].extent);
  return std::min(unbounded, count(box, unbounded));
}

std::int64_t results_besides_batch(const Shape& shape) { return std::min(unbounded, count(shape, 1)); }

bool is_product(const Body& body) {
  const Apply* apply = std::get_if<Apply>(&body.scalars.back().node);
  return apply && apply->op == Op::mul && is_float(body.type());
}

bool has_scatter(const Sweep& sweep) {
  std::string why = why_scatters(sweep);
  return !why.empty();
}

Order order_of(const Sweep& sweep, const Shape& shape) {
  Order order;
  order.fused = sweep.combiner == Combiner::sum && is_product(sweep.body);
  if (has_scatter(sweep) || sweep.combiner == Combiner::argmax) return order;
  std::vector<AxisId> reduced = reduced_axes(sweep);
  if (reduced.empty()) return order;
  const std::int64_t terms = points(sweep, reduced);
  const bool chain = (order.fused && results_besides_batch(shape) >= chain_results) || terms <= chain_terms;
  order.kind = chain ? Order::Kind::chain : Order::Kind::lanes;
  const std::int64_t outermost = points(sweep, {reduced[0]});
  const std::int64_t inner = points(sweep, {reduced.begin() + 1, reduced.end()});
  const std::int64_t piece = std::max<std::int64_t>(1, piece_terms / inner);
  if (outermost > piece) order.piece = piece;
  return order;
}

// Rebuilds the body with a*b + c, c + a*b, a*b - c and c - a*b fused; a product with another use stays one.
class Fuser {
 public:
  explicit Fuser(const Body& body) : body_(body), uses_(body.scalars.size(), 0) {
    for (const Scalar& scalar : body.scalars) {
      if (const Apply* apply = std::get_if<Apply>(&scalar.node)) {
        for (ScalarId operand : apply->operands) ++uses_[static_cast<std::size_t>(operand)];
      }
    }
  }

  // The scalar of `to` that stands for `id`, given where its operands went.
  std::optional<ScalarId> fuse(BodyBuilder& to, ScalarId id, const std::vector<ScalarId>& moved) const {
    const Scalar& scalar = body_[id];
    const Apply* apply = std::get_if<Apply>(&scalar.node);
    if (!apply || !is_float(scalar.type) || (apply->op != Op::add && apply->op != Op::sub)) return std::nullopt;
    const ScalarId left = apply->operands[0], right = apply->operands[1];
    auto at = [&](ScalarId of) { return moved[static_cast<std::size_t>(of)]; };
    auto negated = [&](ScalarId value) { return to.apply(Op::neg, {value}); };
    const bool minus = apply->op == Op::sub;
    if (const Apply* product = product_of(left)) {
      return to.apply(Op::fma,
                      {at(product->operands[0]), at(product->operands[1]), minus ? negated(at(right)) : at(right)});
    }
    if (const Apply* product = product_of(right)) {
      ScalarId first = at(product->operands[0]);
      return to.apply(Op::fma, {minus ? negated(first) : first, at(product->operands[1]), at(left)});
    }
    return std::nullopt;
  }

 private:
  const Apply* product_of(ScalarId id) const {
    const Apply* apply = std::get_if<Apply>(&body_[id].node);
    return apply && apply->op == Op::mul && uses_[static_cast<std::size_t>(id)] == 1 ? apply : nullptr;
  }

  const Body& body_;
  std::vector<int> uses_;
};

Sweep with_fused_body(const Sweep& sweep) {
  Fuser fuser(sweep.body);
  SweepDraft draft = draft_of(sweep);
  draft.body = BodyBuilder();
  std::vector<ScalarId> moved;
  for (ScalarId id = 0; id <= sweep.body.root(); ++id) {
    if (std::optional<ScalarId> fused = fuser.fuse(draft.body, id, moved)) {
      moved.push_back(*fused);
    } else {
      moved.push_back(append(draft.body, sweep.body[id], moved));
    }
  }
  draft.root = moved.back();
  for (std::size_t d = 0; d < sweep.landing.size(); ++d) {
    ScalarId through = sweep.landing[d].through;
    draft.landing[d].through = through == no_scalar ? no_scalar : moved[static_cast<std::size_t>(through)];
  }
  return draft.finish();
}

void order_node(GraphBuilder& builder, const Graph& graph, NodeId id, std::vector<ValueId>& to) {
  const Node& node = graph.nodes[static_cast<std::size_t>(id)];
  const Sweep* sweep = std::get_if<Sweep>(&node.op);
  if (!sweep) return copy_node(builder, graph, id, to);
  const Value& value = graph.value(node.results[0]);
  Sweep ordered = with_fused_body(renamed(*sweep, to));
  if (ordered.combiner != Combiner::none) ordered.order = order_of(ordered, value.type.shape);
  to[static_cast<std::size_t>(node.results[0])] = builder.sweep(ordered, value.type.shape, value.name, node.origin);
}

}  // namespace

Model order(const Model& model) { return rebuild(model, order_node); }

}  // namespace descent
