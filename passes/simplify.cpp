#include "passes/simplify.h"

#include <algorithm>
#include <map>
#include <set>

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

Graph without_dead_nodes(const Graph& graph);

// The scan without the yields that `used` does not name, and without captures that nothing reads any more; its carried
// values stay.
Scan without_dead_parts(const Scan& scan, const std::vector<bool>& used) {
  Scan result = scan;
  Graph body = *scan.body;
  body.outputs.clear();
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (i < scan.initial.size() || used[i]) body.outputs.push_back(scan.body->outputs[i]);
  }
  body = without_dead_nodes(body);
  const std::vector<int> uses = count_uses(body);
  const std::vector<ValueId> inputs = inputs_of(body);
  std::set<NodeId> dead;
  result.captured.clear();
  for (std::size_t k = 0; k < scan.captured.size(); ++k) {
    const ValueId input = inputs[scan.initial.size() + k];
    if (uses[static_cast<std::size_t>(input)] > 0) {
      result.captured.push_back(scan.captured[k]);
    } else {
      dead.insert(body.value(input).node);
    }
  }
  if (!dead.empty()) {
    body = rebuild(body, [&](GraphBuilder& builder, const Graph& from, NodeId id, std::vector<ValueId>& to) {
      const bool is_dead = &from == &body && dead.count(id) > 0;
      if (!is_dead) copy_node(builder, from, id, to);
    });
  }
  result.body = std::make_shared<const Graph>(std::move(body));
  return result;
}

// What is left of a Graph: the nodes that something wants, and what of its scans is wanted.
struct Live {
  std::vector<bool> nodes, values;
  std::map<NodeId, Scan> scans;
};

Live live_parts(const Graph& graph) {
  Live live{std::vector<bool>(graph.nodes.size(), false), std::vector<bool>(graph.values.size(), false), {}};
  const auto is_wanted = [&](ValueId value) { return live.values[static_cast<std::size_t>(value)]; };
  for (const Output& output : graph.outputs) live.values[static_cast<std::size_t>(output.value)] = true;
  for (std::size_t n = graph.nodes.size(); n-- > 0;) {
    Node node = graph.nodes[n];
    // Inputs stay: they are the entry's signature, or a scan body's.
    live.nodes[n] = std::holds_alternative<Update>(node.op) || std::holds_alternative<Input>(node.op) ||
                    std::any_of(node.results.begin(), node.results.end(), is_wanted);
    if (!live.nodes[n]) continue;
    if (const Scan* scan = std::get_if<Scan>(&node.op)) {
      std::vector<bool> used;
      for (ValueId result : node.results) used.push_back(is_wanted(result));
      Scan& kept = live.scans.emplace(static_cast<NodeId>(n), without_dead_parts(*scan, used)).first->second;
      node.op = kept;
    }
    for (ValueId operand : operands_of(node)) live.values[static_cast<std::size_t>(operand)] = true;
  }
  return live;
}

void copy_live_scan(GraphBuilder& builder, const Graph& graph, const Node& node, Scan scan, const Live& live,
                    std::vector<ValueId>& to) {
  for (ValueId& value : scan.initial) value = copy_of(to, value);
  for (ValueId& value : scan.captured) value = copy_of(to, value);
  std::vector<TensorType> types;
  std::vector<ValueId> kept;
  for (std::size_t i = 0; i < node.results.size(); ++i) {
    const ValueId result = node.results[i];
    if (i >= scan.initial.size() && !live.values[static_cast<std::size_t>(result)]) continue;
    types.push_back(graph.type(result));
    kept.push_back(result);
  }
  add_scan(builder, scan, types, graph, node, kept, to);
}

Graph without_dead_nodes(const Graph& graph) {
  const Live live = live_parts(graph);
  GraphBuilder builder(graph.name);
  std::vector<ValueId> to(graph.values.size(), -1);
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes.size()); ++id) {
    if (!live.nodes[static_cast<std::size_t>(id)]) continue;
    const auto scan = live.scans.find(id);
    if (scan != live.scans.end()) {
      copy_live_scan(builder, graph, graph.nodes[static_cast<std::size_t>(id)], scan->second, live, to);
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
