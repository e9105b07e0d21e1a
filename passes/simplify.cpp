#include "passes/simplify.h"

#include <algorithm>

#include "ir/match.h"
#include "passes/graph_tools.h"
#include "passes/sweep_tools.h"

namespace descent {
namespace {

// -- bodies
// ------------------------------------------------------------------------------------------------------------

bool is_literal(const BodyBuilder& body, ScalarId id, double value) {
  const Literal* literal = std::get_if<Literal>(&body[id].node);
  return literal && literal->value == value;
}

// Whether a gradient is still to be stopped.
enum class Stage { before_gradients, after_gradients };

// x + 0, x - 0, 0 + x, -(-x), x - (-y), x + (-y). A zero's sign may change; from here on every stage sees the same.
ScalarId simpler(BodyBuilder& body, Op op, std::vector<ScalarId> operands, Stage stage) {
  auto negated = [&](ScalarId id) -> std::optional<ScalarId> {
    const Apply* apply = std::get_if<Apply>(&body[id].node);
    if (!apply || apply->op != Op::neg) return std::nullopt;
    return apply->operands[0];
  };
  if (op == Op::stop_gradient && stage == Stage::after_gradients) return operands[0];
  if (op == Op::add) {
    if (is_literal(body, operands[1], 0)) return operands[0];
    if (is_literal(body, operands[0], 0)) return operands[1];
    if (std::optional<ScalarId> minus = negated(operands[1])) return body.apply(Op::sub, {operands[0], *minus});
    if (std::optional<ScalarId> minus = negated(operands[0])) return body.apply(Op::sub, {operands[1], *minus});
  }
  if (op == Op::sub) {
    if (is_literal(body, operands[1], 0)) return operands[0];
    if (is_literal(body, operands[0], 0)) return body.apply(Op::neg, {operands[1]});
    if (std::optional<ScalarId> minus = negated(operands[1])) return body.apply(Op::add, {operands[0], *minus});
  }
  if (op == Op::neg) {
    if (std::optional<ScalarId> twice = negated(operands[0])) return *twice;
  }
  return body.apply(op, std::move(operands));
}

// The constant that every element of a value is, if it is one.
std::optional<double> constant_of(const Graph& graph, ValueId value) {
  const Sweep* sweep = std::get_if<Sweep>(&graph.node_of(value).op);
  if (!sweep || sweep->combiner != Combiner::none || sweep->body.scalars.size() != 1) return std::nullopt;
  const Literal* literal = std::get_if<Literal>(&sweep->body.scalars[0].node);
  if (!literal || !lands_everywhere(*sweep, graph.type(value).shape)) return std::nullopt;
  return literal->value;
}

// Values by which a gradient is still to be taken: it finds them only where they are read.
using Watched = std::vector<ValueId>;

bool is_watched(const Watched& watched, ValueId value) {
  return std::find(watched.begin(), watched.end(), value) != watched.end();
}

// The sweep over the simplified Graph so far: views seen through, constants in place, algebra done.
Sweep simplified(const Graph& so_far, const Sweep& sweep, const Watched& watched, Stage stage) {
  SweepDraft draft = draft_of(sweep);
  draft.body = BodyBuilder();
  std::vector<ScalarId> moved;
  auto at = [&](ScalarId id) { return moved[static_cast<std::size_t>(id)]; };
  for (ScalarId id = 0; id <= sweep.body.root(); ++id) {
    const Scalar& scalar = sweep.body[id];
    if (const Apply* apply = std::get_if<Apply>(&scalar.node)) {
      std::vector<ScalarId> operands;
      for (ScalarId operand : apply->operands) operands.push_back(at(operand));
      moved.push_back(simpler(draft.body, apply->op, std::move(operands), stage));
    } else if (const Read* read = std::get_if<Read>(&scalar.node)) {
      const bool is_open = !read->otherwise && !is_watched(watched, read->tensor);
      std::optional<double> constant = is_open ? constant_of(so_far, read->tensor) : std::nullopt;
      if (constant) {
        moved.push_back(draft.body.literal(*constant, scalar.type));
        continue;
      }
      Scalar shown = scalar;
      const auto beyond = [&](const Read& at) {
        return is_watched(watched, at.tensor) ? std::nullopt : seen_through(so_far, at);
      };
      while (std::optional<Read> through = beyond(std::get<Read>(shown.node))) shown.node = *through;
      moved.push_back(append(draft.body, shown, moved));
    } else if (const AxisExtent* extent = std::get_if<AxisExtent>(&scalar.node)) {
      Extent of = sweep.axes[static_cast<std::size_t>(extent->axis)].extent;
      moved.push_back(of.is_batch() ? draft.body.extent(extent->axis)
                                    : draft.body.literal(static_cast<double>(of.size), DType::i32));
    } else {
      moved.push_back(append(draft.body, scalar, moved));
    }
  }
  draft.root = moved.back();
  for (std::size_t d = 0; d < sweep.landing.size(); ++d) {
    ScalarId through = sweep.landing[d].through;
    if (through != no_scalar) draft.landing[d] = index_through(draft.body, draft.landing[d].offset, at(through));
  }
  return draft.finish();
}

// A sum, product or extremum of one term per place is that term.
bool combines_nothing(const Sweep& sweep, const Shape& shape) {
  const bool identity = sweep.combiner == Combiner::sum || sweep.combiner == Combiner::product ||
                        sweep.combiner == Combiner::max || sweep.combiner == Combiner::min;
  return identity && reduced_axes(sweep).empty() && lands_everywhere(sweep, shape);
}

// A reduced axis of one step is no axis.
Sweep without_unit_axes(const Sweep& sweep) {
  std::vector<AxisId> reduced = reduced_axes(sweep);
  std::vector<AxisId> to(sweep.axes.size());
  std::vector<Axis> axes;
  for (std::size_t a = 0; a < sweep.axes.size(); ++a) {
    bool drop = sweep.axes[a].extent == Extent{1} && std::count(reduced.begin(), reduced.end(), static_cast<AxisId>(a));
    to[a] = drop ? -1 : static_cast<AxisId>(axes.size());
    if (!drop) axes.push_back(sweep.axes[a]);
  }
  if (axes.size() == sweep.axes.size()) return sweep;
  auto by = [&](AxisId axis) {
    if (axis < 0) return Affine::axis(axis);
    AxisId moved = to[static_cast<std::size_t>(axis)];
    return moved < 0 ? Affine{} : Affine::axis(moved);
  };
  return rewritten(sweep, axes, {by, {}}).finish();
}

// Of those that a sweep makes: nothing is seen through the others anyway.
Watched watched_in(const Graph& graph) {
  Watched watched;
  for (const Node& node : graph.nodes) {
    const Gradient* gradient = std::get_if<Gradient>(&node.op);
    if (gradient && std::holds_alternative<Sweep>(graph.node_of(gradient->by).op)) watched.push_back(gradient->by);
  }
  return watched;
}

void simplify_node(GraphBuilder& builder, const Graph& graph, NodeId id, const Watched& watched_before,
                   std::vector<ValueId>& to, Stage stage) {
  const Node& node = graph.nodes[static_cast<std::size_t>(id)];
  const Sweep* sweep = std::get_if<Sweep>(&node.op);
  if (!sweep) return copy_node(builder, graph, id, to);
  const Value& value = graph.value(node.results[0]);
  Watched watched;
  for (ValueId before : watched_before) {
    if (to[static_cast<std::size_t>(before)] >= 0) watched.push_back(copy_of(to, before));
  }
  Sweep simple = without_unit_axes(simplified(builder.graph(), renamed(*sweep, to), watched, stage));
  if (combines_nothing(simple, value.type.shape)) {
    simple.combiner = Combiner::none;
    simple.order.reset();
  }
  ValueId& where = to[static_cast<std::size_t>(node.results[0])];
  where = builder.sweep(simple, value.type.shape, value.name, node.origin);
  // A copy in the same places is the value itself.
  if (is_view(builder.graph(), where) && !is_watched(watched_before, node.results[0])) {
    const Sweep& view = std::get<Sweep>(builder.graph().node_of(where).op);
    const Read& read = std::get<Read>(view.body.scalars[0].node);
    if (read.at == view.landing && builder.type(read.tensor) == builder.type(where)) where = read.tensor;
  }
}

// -- dead code
// ---------------------------------------------------------------------------------------------------------

std::vector<bool> live_nodes(const Graph& graph) {
  std::vector<bool> wanted(graph.values.size(), false), live(graph.nodes.size(), false);
  for (const Output& output : graph.outputs) wanted[static_cast<std::size_t>(output.value)] = true;
  for (std::size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    // Inputs stay: they are the entry's signature, or a scan body's.
    live[n] = std::holds_alternative<Update>(node.op) || std::holds_alternative<Input>(node.op) ||
              std::any_of(node.results.begin(), node.results.end(),
                          [&](ValueId result) { return wanted[static_cast<std::size_t>(result)]; });
    if (!live[n]) continue;
    for (ValueId operand : operands_of(node)) wanted[static_cast<std::size_t>(operand)] = true;
  }
  return live;
}

// The scan without the yields that `used` does not name; its carried values and captures stay.
Scan without_yields(const Scan& scan, const std::vector<bool>& used) {
  Graph body = *scan.body;
  std::vector<Output> outputs;
  for (std::size_t i = 0; i < body.outputs.size(); ++i) {
    if (i < scan.initial.size() || used[i]) outputs.push_back(body.outputs[i]);
  }
  body.outputs = std::move(outputs);
  Scan result = scan;
  result.body = std::make_shared<const Graph>(std::move(body));
  return result;
}

Graph without_dead_nodes(const Graph& graph);

void copy_live_scan(GraphBuilder& builder, const Graph& graph, const Node& node, const Scan& scan,
                    const std::vector<int>& uses, std::vector<ValueId>& to) {
  std::vector<bool> used;
  for (ValueId result : node.results) used.push_back(uses[static_cast<std::size_t>(result)] > 0);
  Scan copy = without_yields(scan, used);
  copy.body = std::make_shared<const Graph>(without_dead_nodes(*copy.body));
  for (ValueId& value : copy.initial) value = copy_of(to, value);
  for (ValueId& value : copy.captured) value = copy_of(to, value);
  std::vector<TensorType> types;
  std::vector<ValueId> kept;
  for (std::size_t i = 0; i < node.results.size(); ++i) {
    if (i >= scan.initial.size() && !used[i]) continue;
    types.push_back(graph.type(node.results[i]));
    kept.push_back(node.results[i]);
  }
  std::vector<ValueId> results = builder.add(copy, types, graph.value(node.results[0]).name, node.origin);
  for (std::size_t i = 0; i < kept.size(); ++i) to[static_cast<std::size_t>(kept[i])] = results[i];
}

Graph without_dead_nodes(const Graph& graph) {
  std::vector<bool> live = live_nodes(graph);
  Graph pruned = graph;  // uses count only what is live
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    if (!live[n]) pruned.nodes[n].op = Input{};
  }
  std::vector<int> uses = count_uses(pruned);
  GraphBuilder builder(graph.name);
  std::vector<ValueId> to(graph.values.size(), -1);
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes.size()); ++id) {
    if (!live[static_cast<std::size_t>(id)]) continue;
    const Node& node = graph.nodes[static_cast<std::size_t>(id)];
    if (const Scan* scan = std::get_if<Scan>(&node.op)) {
      copy_live_scan(builder, graph, node, *scan, uses, to);
    } else {
      copy_node(builder, graph, id, to);
    }
  }
  for (const Output& output : graph.outputs) builder.output(output.kind, output.name, copy_of(to, output.value));
  return std::move(builder).finish();
}

Model simplify(const Model& model, Stage stage) {
  const Graph* at = nullptr;  // changes on the way into a scan's body and out of it
  Watched watched;
  Model result = rebuild(model, [&](GraphBuilder& builder, const Graph& graph, NodeId id, std::vector<ValueId>& to) {
    if (at != &graph) watched = watched_in(graph);
    at = &graph;
    simplify_node(builder, graph, id, watched, to, stage);
  });
  for (Graph& entry : result.entries) entry = without_dead_nodes(entry);
  return result;
}

}  // namespace

Model simplify(const Model& model) { return simplify(model, Stage::before_gradients); }

Model tidy(const Model& model) { return simplify(model, Stage::after_gradients); }

}  // namespace descent
