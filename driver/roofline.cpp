// Counts compulsory work: operations and the bytes that must come from or go to memory, contraction by contraction.
#include "driver/roofline.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "driver/program.h"
#include "ir/loop_cost.h"
#include "passes/pipeline.h"
#include "passes/sweep_tools.h"

namespace descent {
namespace {

using loop::Buffer;

// Weights, moments and inputs: what is there before an entry and must be fetched, or be there after it.
bool is_lasting(const Buffer& buffer) {
  return buffer.storage == Buffer::Storage::state || buffer.storage == Buffer::Storage::input;
}

double bytes_of(const Buffer& buffer, std::int64_t batch) {
  return static_cast<double>(count(buffer.type.shape, batch) * size_of(buffer.type.dtype));
}

// The Graph of an entry with nothing left to differentiate or scatter, before its reductions get their order and all
// that follows.
std::optional<Model> unoptimised(Model model, const std::string& entry) {
  std::erase_if(model.entries, [&](const Graph& graph) { return graph.name != entry; });
  std::optional<Model> found;
  const auto observe = [&](const Pass& pass, const Model& before, const Model&, double) {
    if (!found && pass.after.ordered) found = before;
  };
  if (!run_passes(model, observe)) return std::nullopt;
  return found;
}

std::int64_t size_of_axis(const Sweep& sweep, AxisId axis, std::int64_t batch) {
  return count({sweep.axes[static_cast<std::size_t>(axis)].extent}, batch);
}

// Points of the axes for which every guard holds.
double points_within(const Sweep& sweep, const std::vector<AxisId>& axes, std::int64_t batch) {
  std::vector<std::int64_t> place(sweep.axes.size(), 0);
  double points = 0;
  const std::function<void(std::size_t)> visit = [&](std::size_t depth) {
    if (depth == axes.size()) {
      const auto value = [&](const Affine& guard) {
        std::int64_t sum = guard.constant;
        for (const Term& term : guard.terms) sum += term.coefficient * place[static_cast<std::size_t>(term.axis)];
        return sum;
      };
      points += std::all_of(sweep.guards.begin(), sweep.guards.end(), [&](const Affine& g) { return value(g) >= 0; });
      return;
    }
    std::int64_t& here = place[static_cast<std::size_t>(axes[depth])];
    for (here = 0; here < size_of_axis(sweep, axes[depth], batch); ++here) visit(depth + 1);
  };
  visit(0);
  return points;
}

// What one sweep needs: its operations, and how often each of its reads is another element.
class SweepWork {
 public:
  SweepWork(const Sweep& sweep, std::int64_t batch) : sweep_(sweep), batch_(batch) { share_ = share_of_guards(); }

  // An operation is done once for each point of the axes that its value depends on, not of the whole box.
  double flops() const {
    const Body body = expand(sweep_.body);
    const std::vector<Axes> axes = axes_under(body);
    double flops = sweep_.combiner == Combiner::none ? 0 : points(all_axes());
    for (std::size_t i = 0; i < body.scalars.size(); ++i) {
      const auto* apply = std::get_if<Apply>(&body.scalars[i].node);
      if (!apply) continue;
      const bool floats = is_float(body.scalars[i].type) || is_float(body[apply->operands.back()].type);
      if (floats) flops += row(apply->op).flops * points(axes[i]);
    }
    return flops;
  }

  // Calls read(tensor, elements at most).
  void reads(const std::function<void(ValueId, double)>& read) const {
    const std::vector<Axes> axes = axes_under(sweep_.body);
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const auto* one = std::get_if<Read>(&sweep_.body.scalars[i].node);
      if (one) read(one->tensor, points(axes[i]));
    }
  }

 private:
  using Axes = std::set<AxisId>;
  static constexpr double most_places = 1e6;  // of guards, gone through one by one

  Axes all_axes() const {
    Axes all;
    for (std::size_t i = 0; i < sweep_.axes.size(); ++i) all.insert(static_cast<AxisId>(i));
    return all;
  }

  double box(const Axes& axes) const {
    double points = 1;
    for (const AxisId axis : axes) points *= static_cast<double>(size_of_axis(sweep_, axis, batch_));
    return points;
  }
  double points(const Axes& axes) const { return std::max(axes.empty() ? 1.0 : 0.0, share_ * box(axes)); }

  // Of the box, the share of points that the guards let through; all of it where they look at a scan around the sweep.
  double share_of_guards() const {
    Axes axes;
    for (const Affine& guard : sweep_.guards) {
      for (const Term& term : guard.terms) axes.insert(term.axis);
    }
    const bool countable = !axes.empty() && *axes.begin() >= 0 && box(axes) <= most_places && box(axes) > 0;
    if (!countable) return 1;
    return points_within(sweep_, {axes.begin(), axes.end()}, batch_) / box(axes);
  }

  const Sweep& sweep_;
  std::int64_t batch_;
  double share_ = 1;
};

// Adds up a Graph's nodes, each at the larger of its two times.
class Compulsory {
 public:
  Compulsory(const MachineLimits& limits, std::int64_t batch) : limits_(limits), batch_(batch) {}

  double seconds(const Graph& graph) {
    std::vector<Lasting> values(graph.values.size());
    for (const Node& node : graph.nodes) {
      if (const auto* input = std::get_if<Input>(&node.op)) {
        values[static_cast<std::size_t>(node.results[0])] = {"input " + input->name, bytes_of(graph, node.results[0])};
      } else if (const auto* state = std::get_if<State>(&node.op)) {
        values[static_cast<std::size_t>(node.results[0])] = {"state " + state->name, bytes_of(graph, node.results[0])};
      }
    }
    return seconds(graph, values, 1);
  }

 private:
  // What is there before the entry runs and must be fetched.
  struct Lasting {
    std::string name;  // empty: made by the entry itself
    double bytes = 0;
  };

  double bytes_of(const Graph& graph, ValueId value) const {
    return static_cast<double>(count(graph.type(value).shape, batch_) * size_of(graph.type(value).dtype));
  }

  double seconds(const Graph& graph, const std::vector<Lasting>& values, double times) {
    std::map<NodeId, double> written = written_by(graph);
    double sum = 0;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const Node& node = graph.nodes[i];
      double flops = 0;
      double bytes = written[static_cast<NodeId>(i)];
      if (const auto* sweep = std::get_if<Sweep>(&node.op)) {
        const SweepWork work(*sweep, batch_);
        flops = times * work.flops();
        work.reads([&](ValueId tensor, double elements) {
          const Lasting& lasting = values[static_cast<std::size_t>(tensor)];
          if (lasting.name.empty() || !fetched_.insert(lasting.name).second) return;
          bytes += std::min(lasting.bytes, times * elements * static_cast<double>(size_of(graph.type(tensor).dtype)));
        });
      } else if (const auto* scan = std::get_if<Scan>(&node.op)) {
        sum += seconds(*scan->body, values_within(*scan, values), times * static_cast<double>(scan->axis.extent.size));
      }
      sum += std::max(flops / limits_.flops_per_second, bytes / limits_.bytes_per_second);
    }
    return sum;
  }

  // Bytes of the states that each node gives the new value of.
  std::map<NodeId, double> written_by(const Graph& graph) const {
    std::map<NodeId, double> written;
    for (const Node& node : graph.nodes) {
      if (const auto* update = std::get_if<Update>(&node.op)) {
        written[graph.value(update->value).node] += bytes_of(graph, update->value);
      }
    }
    return written;
  }

  // A scan's body reads what is captured; what is carried it makes itself, but for the first turn.
  std::vector<Lasting> values_within(const Scan& scan, const std::vector<Lasting>& outer) const {
    std::vector<Lasting> values(scan.body->values.size());
    const std::vector<ValueId> inputs = inputs_of(*scan.body);
    for (std::size_t i = 0; i < scan.captured.size(); ++i) {
      values[static_cast<std::size_t>(inputs[scan.initial.size() + i])] =
          outer[static_cast<std::size_t>(scan.captured[i])];
    }
    return values;
  }

  const MachineLimits& limits_;
  std::int64_t batch_;
  std::set<std::string> fetched_;
};

}  // namespace

std::optional<double> roofline_of(const Program& program, const std::string& entry, const MachineLimits& limits) {
  if (!program.graph()) return std::nullopt;
  const std::optional<Model> model = unoptimised(*program.graph(), entry);
  if (!model || model->entries.empty()) return std::nullopt;
  return Compulsory(limits, program.largest_batch()).seconds(model->entries.front());
}

std::vector<double> rooflines_of_calls(const loop::Program& program, const loop::Entry& entry,
                                       const MachineLimits& limits) {
  std::vector<double> seconds;
  for (const loop::CallCost& call : cost_of_calls(program, entry, program.largest_batch)) {
    double bytes = 0;
    for (const loop::Traffic& moved : call.traffic) {
      const Buffer& buffer = program.buffers[static_cast<std::size_t>(moved.buffer)];
      const double whole = bytes_of(buffer, program.largest_batch);
      if (!is_lasting(buffer)) continue;
      bytes += std::min(whole, call.times * moved.read) + std::min(whole, call.times * moved.written);
    }
    seconds.push_back(std::max(call.times * call.flops / limits.flops_per_second, bytes / limits.bytes_per_second));
  }
  return seconds;
}

}  // namespace descent
