#include "passes/whole_loop.h"

#include <algorithm>

#include "ir/match.h"

namespace descent {
namespace {

// Operations of a step. Threads take no part in a whole loop: no part of such a step would pay
// for waking one.
constexpr double most_operations = 1 << 17;
// Nodes: each is a kernel to compile, scan bodies included.
constexpr std::size_t most_nodes = 400;

double operations(const Graph& graph, std::int64_t batch);

double operations(const Sweep& sweep, std::int64_t batch) {
  Shape box;
  for (const Axis& axis : sweep.axes) box.push_back(axis.extent);
  double of_point = 1;
  for (const Scalar& scalar : sweep.body.scalars) {
    const Apply* apply = std::get_if<Apply>(&scalar.node);
    if (apply) of_point += row(apply->op).flops;
  }
  return of_point * static_cast<double>(count(box, batch));
}

double operations(const Node& node, std::int64_t batch) {
  return match(
      node.op, [](const Input&) { return 0.0; }, [](const State&) { return 0.0; },
      [&](const Sweep& sweep) { return operations(sweep, batch); },
      [&](const Scan& scan) { return static_cast<double>(scan.axis.extent.size) * operations(*scan.body, batch); },
      [](const Random&) { return 0.0; }, [](const Gradient&) { return 0.0; }, [](const Update&) { return 0.0; });
}

double operations(const Graph& graph, std::int64_t batch) {
  double sum = 0;
  for (const Node& node : graph.nodes) sum += operations(node, batch);
  return sum;
}

void fix(Extent& extent, std::int64_t batch) {
  if (extent.is_batch()) extent.size = batch;
}

// The Graph with `batch` rows wherever it says batch.
Graph with_rows(Graph graph, std::int64_t batch) {
  for (Value& value : graph.values) {
    for (Extent& extent : value.type.shape) fix(extent, batch);
  }
  for (Node& node : graph.nodes) {
    if (Sweep* sweep = std::get_if<Sweep>(&node.op)) {
      for (Axis& axis : sweep->axes) fix(axis.extent, batch);
    }
    if (Scan* scan = std::get_if<Scan>(&node.op)) {
      scan->body = std::make_shared<const Graph>(with_rows(*scan->body, batch));
    }
  }
  return graph;
}

}  // namespace

std::optional<Graph> whole_loop(const Model& model, std::int64_t largest_batch) {
  const Graph* step = model.entry("step");
  if (!step || model.entry(whole_loop_entry)) return std::nullopt;
  if (step->nodes.size() > most_nodes || operations(*step, largest_batch) > most_operations) return std::nullopt;
  Graph whole = with_rows(*step, largest_batch);
  whole.name = whole_loop_entry;
  return whole;
}

}  // namespace descent
