#include "frontend/entries.h"

#include <algorithm>

#include "ir/match.h"

namespace descent::frontend {

namespace {

std::size_t place(int id) { return static_cast<std::size_t>(id); }

// By node: do these values need it, through any number of operands?
std::vector<bool> needed_nodes(const Graph& graph, const std::vector<ValueId>& values, bool updates) {
  std::vector<bool> needed(graph.nodes.size(), false);
  for (const ValueId value : values) needed[place(graph.value(value).node)] = true;
  for (std::size_t node = graph.nodes.size(); node-- > 0;) {
    if (updates && std::holds_alternative<Update>(graph.nodes[node].op)) needed[node] = true;
    if (!needed[node]) continue;
    for (const ValueId operand : operands_of(graph.nodes[node])) needed[place(graph.value(operand).node)] = true;
  }
  return needed;
}

// Marks the tensors whose elements a scalar depends on smoothly.
void mark_smooth(const Body& body, ScalarId id, std::vector<bool>& seen, std::vector<bool>& reached) {
  if (seen[place(id)] || !is_float(body[id].type)) return;
  seen[place(id)] = true;
  match(
      body[id].node, [](const Literal&) {}, [](const AxisValue&) {}, [](const AxisExtent&) {},
      [&](const Read& read) { reached[place(read.tensor)] = true; },
      [&](const Apply& apply) {
        if (!row(apply.op).derivative) return;
        for (const ScalarId operand : apply.operands) mark_smooth(body, operand, seen, reached);
      });
}

}  // namespace

Graph keep_needed(const Graph& graph, const std::vector<std::string>& inputs, const std::vector<Output>& outputs,
                  Updates updates) {
  std::vector<ValueId> values;
  for (const Output& output : outputs) values.push_back(output.value);
  const std::vector<bool> needed = needed_nodes(graph, values, updates == Updates::kept);
  GraphBuilder builder(graph.name);
  std::vector<ValueId> to(graph.values.size(), -1);
  for (const std::string& name : inputs) {
    for (std::size_t node = 0; node < graph.nodes.size(); ++node) {
      const auto* input = std::get_if<Input>(&graph.nodes[node].op);
      if (input && input->name == name) copy_node(builder, graph, static_cast<NodeId>(node), to);
    }
  }
  for (std::size_t node = 0; node < graph.nodes.size(); ++node) {
    if (needed[node]) copy_node(builder, graph, static_cast<NodeId>(node), to);
  }
  for (const Output& output : outputs) builder.output(output.kind, output.name, copy_of(to, output.value));
  return std::move(builder).finish();
}

std::vector<std::string> needed_inputs(const Graph& graph, const std::vector<std::string>& inputs,
                                       const std::vector<ValueId>& values) {
  const std::vector<bool> needed = needed_nodes(graph, values, false);
  std::vector<std::string> names;
  for (const std::string& name : inputs) {
    for (std::size_t node = 0; node < graph.nodes.size(); ++node) {
      const auto* input = std::get_if<Input>(&graph.nodes[node].op);
      if (input && needed[node] && input->name == name) names.push_back(name);
    }
  }
  return names;
}

std::vector<bool> reached_by_gradient(const Graph& graph, ValueId loss) {
  std::vector<bool> reached(graph.values.size(), false);
  reached[place(loss)] = true;
  for (std::size_t id = graph.nodes.size(); id-- > 0;) {
    const Node& node = graph.nodes[id];
    const bool active =
        std::any_of(node.results.begin(), node.results.end(), [&](ValueId result) { return reached[place(result)]; });
    if (!active) continue;
    match(
        node.op, [](const Input&) {}, [](const State&) {}, [](const Random&) {}, [](const Update&) {},
        [&](const Sweep& sweep) {
          if (sweep.combiner == Combiner::argmax) return;
          std::vector<bool> seen(sweep.body.scalars.size(), false);
          mark_smooth(sweep.body, sweep.body.root(), seen, reached);
        },
        [&](const Scan&) {
          for (const ValueId operand : operands_of(node)) reached[place(operand)] = true;
        },
        [](const Adjoint&) {},
        [&](const descent::Override& override) {
          for (const ValueId of : override.of) reached[place(of)] = true;
        },
        [&](const Gradient& gradient) {
          reached[place(gradient.of)] = true;
          reached[place(gradient.by)] = true;
        });
  }
  return reached;
}

}  // namespace descent::frontend
