#include "passes/differentiate.h"

#include <algorithm>
#include <map>
#include <set>

#include "passes/graph_tools.h"
#include "passes/reverse.h"
#include "passes/sweep_tools.h"

namespace descent {
namespace {

// The body of a scan with its carried values, as they were at the start of each turn, and its kept_values among its
// yields, so that a reverse can recompute the rest of any turn; scans inside likewise.
Graph taped(const Graph& body, std::size_t carried);

Scan taped(const Scan& scan) {
  Scan result = scan;
  result.body = std::make_shared<const Graph>(taped(*scan.body, scan.initial.size()));
  return result;
}

// The result types of a scan: the carried values, then the yields stacked.
std::vector<TensorType> result_types(const Scan& scan) {
  std::vector<TensorType> types;
  const std::vector<ValueId> inputs = inputs_of(*scan.body);
  for (std::size_t i = 0; i < scan.initial.size(); ++i) types.push_back(scan.body->type(inputs[i]));
  for (std::size_t i = scan.initial.size(); i < scan.body->outputs.size(); ++i) {
    types.push_back(stacked(scan.body->type(scan.body->outputs[i].value), scan.axis.extent));
  }
  return types;
}

void copy_taped(GraphBuilder& builder, const Graph& from, NodeId id, std::vector<ValueId>& to) {
  const Node& node = from.nodes[static_cast<std::size_t>(id)];
  const Scan* scan = std::get_if<Scan>(&node.op);
  if (!scan) return copy_node(builder, from, id, to);
  Scan copy = taped(*scan);
  for (ValueId& value : copy.initial) value = copy_of(to, value);
  for (ValueId& value : copy.captured) value = copy_of(to, value);
  add_scan(builder, copy, result_types(copy), from, node, node.results, to);
}

Graph taped(const Graph& body, std::size_t carried) {
  GraphBuilder builder(body.name);
  std::vector<ValueId> to(body.values.size(), -1);
  for (NodeId id = 0; id < static_cast<NodeId>(body.nodes.size()); ++id) copy_taped(builder, body, id, to);
  for (const Output& output : body.outputs) builder.output(output.kind, output.name, copy_of(to, output.value));
  std::vector<ValueId> inputs = inputs_of(body);
  for (std::size_t i = 0; i < carried; ++i) {
    builder.output(Output::Kind::output, "tape." + std::to_string(i), copy_of(to, inputs[i]));
  }
  for (ValueId value : kept_values(builder.graph())) builder.output(Output::Kind::output, "kept", value);
  return std::move(builder).finish();
}

// One Graph, its gradient nodes replaced in order, so that each finds none before it.
class Differentiator {
 public:
  explicit Differentiator(const Graph& graph) : graph_(graph), builder_(graph.name), to_(graph.values.size(), -1) {}

  Graph run() {
    for (NodeId id = 0; id < static_cast<NodeId>(graph_.nodes.size()); ++id) {
      if (builder_.graph().nodes.size() > node_limit) return std::move(builder_).finish();
      const Node& node = graph_.nodes[static_cast<std::size_t>(id)];
      if (const Gradient* gradient = std::get_if<Gradient>(&node.op)) {
        to_[static_cast<std::size_t>(node.results[0])] = gradient_of(id, *gradient);
      } else if (const Scan* scan = std::get_if<Scan>(&node.op)) {
        copy_scan(id, *scan);
      } else {
        copy_node(builder_, graph_, id, to_);
      }
    }
    for (const Output& output : graph_.outputs) builder_.output(output.kind, output.name, copy_of(to_, output.value));
    return std::move(builder_).finish();
  }

 private:
  bool gradients_after(NodeId id) const {
    return std::any_of(graph_.nodes.begin() + id, graph_.nodes.end(),
                       [](const Node& node) { return std::holds_alternative<Gradient>(node.op); });
  }

  // A scan's own body may hold gradient nodes; and while gradients are still to come, the scan keeps a tape.
  void copy_scan(NodeId id, const Scan& scan) {
    const Node& node = graph_.nodes[static_cast<std::size_t>(id)];
    Scan copy = scan;
    copy.body = std::make_shared<const Graph>(Differentiator(*scan.body).run());
    if (gradients_after(id)) copy = taped(copy);
    for (ValueId& value : copy.initial) value = copy_of(to_, value);
    for (ValueId& value : copy.captured) value = copy_of(to_, value);
    std::vector<ValueId> results = builder_.add(copy, result_types(copy), scan.axis.name, node.origin);
    for (std::size_t i = 0; i < node.results.size(); ++i) {
      to_[static_cast<std::size_t>(node.results[i])] = results[i];
    }
  }

  // All gradients of one value come from one backward walk.
  ValueId gradient_of(NodeId id, const Gradient& wanted) {
    ValueId of = copy_of(to_, wanted.of);
    std::pair<ValueId, ValueId> key{of, copy_of(to_, wanted.by)};
    if (auto known = gradients_.find(key); known != gradients_.end()) return known->second;

    std::set<ValueId> by;
    for (std::size_t n = static_cast<std::size_t>(id); n < graph_.nodes.size(); ++n) {
      const Gradient* gradient = std::get_if<Gradient>(&graph_.nodes[n].op);
      if (!gradient || gradient->of != wanted.of) continue;
      ValueId value = to_[static_cast<std::size_t>(gradient->by)];
      if (value >= 0) by.insert(value);  // what is defined only later does not reach `of`
    }
    bool tape = gradients_after(id + 1);
    Reverse reverse(builder_, {by.begin(), by.end()}, tape);
    reverse.seed(of, builder_.literal(1, builder_.type(of).dtype));
    reverse.run();
    for (ValueId value : by) gradients_[{of, value}] = reverse.adjoint_or_zero(value);
    return gradients_.at(key);
  }

  const Graph& graph_;
  GraphBuilder builder_;
  std::vector<ValueId> to_;
  std::map<std::pair<ValueId, ValueId>, ValueId> gradients_;
};

// All gradients are taken: an override is its values, and nothing is left for an adjoint to stand for.
void copy_without_overrides(GraphBuilder& builder, const Graph& from, NodeId id, std::vector<ValueId>& to) {
  const Node& node = from.nodes[static_cast<std::size_t>(id)];
  if (const Override* override = std::get_if<Override>(&node.op)) {
    for (std::size_t i = 0; i < node.results.size(); ++i) {
      to[static_cast<std::size_t>(node.results[i])] = copy_of(to, override->values[i]);
    }
  } else if (std::holds_alternative<Adjoint>(node.op)) {
    to[static_cast<std::size_t>(node.results[0])] = zero_like(builder, from.type(node.results[0]));
  } else {
    copy_node(builder, from, id, to);
  }
}

bool has_overrides(const Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) {
    const Scan* scan = std::get_if<Scan>(&node.op);
    return std::holds_alternative<Override>(node.op) || std::holds_alternative<Adjoint>(node.op) ||
           (scan && has_overrides(*scan->body));
  });
}

}  // namespace

Model differentiate(const Model& model) {
  Model result{model.name, model.states, {}};
  for (const Graph& entry : model.entries) {
    Graph differentiated = Differentiator(entry).run();
    if (has_overrides(differentiated)) differentiated = rebuild(differentiated, copy_without_overrides);
    result.entries.push_back(std::move(differentiated));
  }
  return result;
}

}  // namespace descent
