#include "passes/whole_loop.h"

#include <algorithm>

#include "ir/match.h"
#include "passes/sweep_tools.h"

namespace descent {
namespace {

// Operations of a step. Threads take no part in a whole loop: no part of such a step would pay
// for waking one.
constexpr double most_operations = 1 << 17;
// Nodes: each is a kernel to compile, scan bodies included.
constexpr std::size_t most_nodes = 400;
// Points of a sweep that are spelled out for each row; operations of one without rows, where vectors would have the
// better of it.
constexpr std::int64_t most_points = 64, most_scalar_operations = 32;

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
      [&](const Scan& scan) { return static_cast<double>(scan.axis.extent.size) * operations_of(*scan.body, batch); },
      [](const Random&) { return 0.0; }, [](const Gradient&) { return 0.0; }, [](const Adjoint&) { return 0.0; },
      [](const Override&) { return 0.0; }, [](const Update&) { return 0.0; });
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

bool runs_over_batch(const Node& node) {
  const Sweep* sweep = std::get_if<Sweep>(&node.op);
  return sweep &&
         std::any_of(sweep->axes.begin(), sweep->axes.end(), [](const Axis& axis) { return axis.extent.is_batch(); });
}

// The one axis of the sweep that runs over the batch.
std::optional<AxisId> batch_axis(const Node& node) {
  const Sweep* sweep = std::get_if<Sweep>(&node.op);
  std::optional<AxisId> found;
  for (std::size_t i = 0; sweep && i < sweep->axes.size(); ++i) {
    if (!sweep->axes[i].extent.is_batch()) continue;
    if (found) return std::nullopt;
    found = static_cast<AxisId>(i);
  }
  return found;
}

std::int64_t points(const Sweep& sweep, std::optional<AxisId> rows) {
  std::int64_t product = 1;
  for (std::size_t i = 0; i < sweep.axes.size(); ++i) {
    if (static_cast<AxisId>(i) != rows) product = std::min<std::int64_t>(1 << 20, product * sweep.axes[i].extent.size);
  }
  return product;
}

int flops_of_point(const Sweep& sweep) {
  int flops = 0;
  for (const Scalar& scalar : sweep.body.scalars) {
    const Apply* apply = std::get_if<Apply>(&scalar.node);
    if (apply) flops += row(apply->op).flops;
  }
  return flops;
}

std::optional<Schedule> spelled_out(const Sweep& sweep, std::optional<AxisId> rows, const Shape& result) {
  if (!why_scatters(sweep).empty() || sweep.combiner == Combiner::argmax || !covers(sweep, result)) return std::nullopt;
  Schedule spelled;
  const std::vector<AxisId> reduced = reduced_axes(sweep);
  for (AxisId axis = 0; axis < static_cast<AxisId>(sweep.axes.size()); ++axis) {
    const bool is_reduced = std::count(reduced.begin(), reduced.end(), axis) > 0;
    (is_reduced ? spelled.serial : spelled.free).push_back(axis);
  }
  const bool is_chain = reduced.empty() || sweep.order->kind == Order::Kind::chain;
  const bool is_one_piece = reduced.empty() || sweep.order->piece == 0 ||
                            sweep.axes[static_cast<std::size_t>(reduced[0])].extent.size <= sweep.order->piece;
  const bool adds_rows = rows && reduced == std::vector<AxisId>{*rows} && !is_chain;
  const bool has_rows = rows && std::count(spelled.free.begin(), spelled.free.end(), *rows) > 0;
  if (!is_one_piece || !(adds_rows || (is_chain && (has_rows || !rows)))) return std::nullopt;
  const std::int64_t cost = rows ? points(sweep, rows) : points(sweep, rows) * std::max(1, flops_of_point(sweep));
  if (cost > (rows ? most_points : most_scalar_operations)) return std::nullopt;
  spelled.unrolled = Unrolled{rows};
  return spelled;
}

// Rows in lanes pay when all sweeps over rows have them there: no value is taken out of the lanes of others then.
bool all_rows_spelled_out(const WholeLoop& whole) {
  for (std::size_t n = 0; n < whole.graph.nodes.size(); ++n) {
    const Node& node = whole.graph.nodes[n];
    const Sweep* sweep = std::get_if<Sweep>(&node.op);
    if (std::holds_alternative<Scan>(node.op) || std::holds_alternative<Random>(node.op)) return false;
    if (!sweep || !whole.runs_over_batch[n]) continue;
    if (!whole.rows[n] || !spelled_out(*sweep, whole.rows[n], whole.graph.type(node.results[0]).shape)) return false;
  }
  return true;
}

}  // namespace

double operations_of(const Graph& graph, std::int64_t batch) {
  double sum = 0;
  for (const Node& node : graph.nodes) sum += operations(node, batch);
  return sum;
}

std::optional<WholeLoop> whole_loop(const Model& model, std::int64_t largest_batch) {
  const Graph* step = model.entry("step");
  if (!step || model.entry(whole_loop_entry) || model.entry("accumulate")) return std::nullopt;
  if (step->nodes.size() > most_nodes || operations_of(*step, largest_batch) > most_operations) return std::nullopt;
  WholeLoop whole{with_rows(*step, largest_batch), {}, {}, false};
  whole.graph.name = whole_loop_entry;
  for (const Node& node : step->nodes) {
    whole.rows.push_back(batch_axis(node));
    whole.runs_over_batch.push_back(runs_over_batch(node));
  }
  whole.is_spelled_out = all_rows_spelled_out(whole);
  return whole;
}

Schedule unrolled(const Sweep& sweep, std::optional<AxisId> rows, const Shape& result, const Schedule& schedule) {
  std::optional<Schedule> spelled = spelled_out(sweep, rows, result);
  if (!spelled) return schedule;
  spelled->lanes = schedule.lanes;
  return *spelled;
}

}  // namespace descent
