#include "passes/graph_tools.h"

namespace descent {

Sweep renamed(const Sweep& sweep, const std::vector<ValueId>& to) {
  Sweep result = sweep;
  for (Scalar& scalar : result.body.scalars) {
    if (Read* read = std::get_if<Read>(&scalar.node)) read->tensor = copy_of(to, read->tensor);
  }
  return result;
}

void add_scan(GraphBuilder& builder, Scan scan, std::vector<TensorType> types, const Graph& from, const Node& node,
              const std::vector<ValueId>& kept, std::vector<ValueId>& to) {
  const std::size_t known = builder.graph().values.size();
  const std::string axis = scan.axis.name;
  const std::vector<ValueId> results = builder.add(std::move(scan), std::move(types), axis, node.origin);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (static_cast<std::size_t>(results[i]) >= known) builder.rename(results[i], from.value(kept[i]).name);
    to[static_cast<std::size_t>(kept[i])] = results[i];
  }
}

Graph rebuild(const Graph& graph, const NodeRewrite& rewrite) {
  GraphBuilder builder(graph.name);
  std::vector<ValueId> to(graph.values.size(), -1);
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes.size()); ++id) {
    const Node& node = graph.nodes[static_cast<std::size_t>(id)];
    const Scan* scan = std::get_if<Scan>(&node.op);
    if (!scan) {
      rewrite(builder, graph, id, to);
      continue;
    }
    Scan copy = *scan;
    copy.body = std::make_shared<const Graph>(rebuild(*scan->body, rewrite));
    for (ValueId& value : copy.initial) value = copy_of(to, value);
    for (ValueId& value : copy.captured) value = copy_of(to, value);
    std::vector<TensorType> types;
    for (ValueId result : node.results) types.push_back(graph.type(result));
    add_scan(builder, copy, types, graph, node, node.results, to);
  }
  for (const Output& output : graph.outputs) builder.output(output.kind, output.name, copy_of(to, output.value));
  return std::move(builder).finish();
}

Model rebuild(const Model& model, const NodeRewrite& rewrite) {
  Model result{model.name, model.states, {}};
  for (const Graph& entry : model.entries) result.entries.push_back(rebuild(entry, rewrite));
  return result;
}

ValueId zero_like(GraphBuilder& builder, const TensorType& type) {
  return builder.elementwise(
      type.shape, [&](BodyBuilder& body, const std::vector<Affine>&) { return body.literal(0, type.dtype); });
}

std::size_t count_nodes(const Graph& graph) {
  std::size_t nodes = graph.nodes.size();
  for (const Node& node : graph.nodes) {
    if (const Scan* scan = std::get_if<Scan>(&node.op)) nodes += count_nodes(*scan->body);
    if (nodes > node_limit) break;
  }
  return nodes;
}

std::vector<int> count_uses(const Graph& graph) {
  std::vector<int> uses(graph.values.size(), 0);
  for (const Node& node : graph.nodes) {
    for (ValueId operand : operands_of(node)) ++uses[static_cast<std::size_t>(operand)];
  }
  for (const Output& output : graph.outputs) ++uses[static_cast<std::size_t>(output.value)];
  return uses;
}

}  // namespace descent
