// The oracle: the mathematics of a Graph, one node after another, in double.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "ir/graph.h"
#include "ir/graph_verify.h"
#include "ir/match.h"
#include "ir/philox.h"
#include "ir/sweep_evaluate.h"

namespace descent {
namespace {

constexpr double most_points = 1e10;
constexpr double most_elements = 1e8;

using Tensors = std::unordered_map<std::string, Tensor>;

// Points and elements of a Graph's run.
struct Work {
  double points = 0;
  double elements = 0;
};
Work work_of(const Graph& graph, std::int64_t batch) {
  Work work;
  for (const Value& value : graph.values) work.elements += static_cast<double>(count(value.type.shape, batch));
  for (const Node& node : graph.nodes) {
    work.points += 1;
    if (const auto* sweep = std::get_if<Sweep>(&node.op)) {
      double points = 1;
      for (const Axis& axis : sweep->axes) points *= static_cast<double>(actual(axis.extent, batch));
      work.points += points;
    } else if (const auto* scan = std::get_if<Scan>(&node.op)) {
      const Work inner = work_of(*scan->body, batch);
      work.points += inner.points * static_cast<double>(scan->axis.extent.size);
      work.elements += inner.elements;
    }
  }
  return work;
}

// Philox as the node documents it: one word per position, its top 24 bits.
Tensor random_tensor(const Random& random, const TensorType& type, std::int64_t batch, double seed, double step) {
  const std::uint64_t hash = site_hash(random.site);
  const auto word = [](double value) { return static_cast<std::uint32_t>(static_cast<std::int64_t>(value)); };
  Tensor tensor = make_tensor(type, batch);
  for (std::size_t position = 0; position < tensor.data.size(); ++position) {
    const auto words =
        philox({static_cast<std::uint32_t>(position / 4), word(step), static_cast<std::uint32_t>(hash >> 32), 0},
               {word(seed), static_cast<std::uint32_t>(hash)});
    tensor.data[position] = (words[position % 4] >> 8) * 0x1p-24;
  }
  return tensor;
}

class Evaluator {
 public:
  Evaluator(const Graph& graph, std::int64_t batch, std::vector<std::int64_t> loops)
      : graph_(graph), batch_(batch), loops_(std::move(loops)), values_(graph.values.size()) {}

  // Runs a Graph on values by name. Empty: done.
  Diagnostics run(const Tensors& inputs, const Tensors& states) {
    inputs_ = &inputs;
    states_ = &states;
    return run();
  }
  // Runs a scan's body on its inputs in order.
  Diagnostics run(std::vector<TensorRef> entering) {
    entering_ = std::move(entering);
    return run();
  }

  const TensorRef& value(ValueId id) const { return values_[static_cast<std::size_t>(id)]; }

 private:
  Diagnostics run() {
    for (const Node& node : graph_.nodes) {
      evaluate(node);
      if (!errors_.empty()) return std::move(errors_);
    }
    return {};
  }

  void fail(const Node& node, DiagnosticId id, std::string message) {
    errors_.push_back({id, node.origin, std::move(message), {}});
  }
  void give(const Node& node, std::size_t result, Tensor tensor) {
    give(node, result, std::make_shared<const Tensor>(std::move(tensor)));
  }
  void give(const Node& node, std::size_t result, TensorRef tensor) {
    values_[static_cast<std::size_t>(node.results[result])] = std::move(tensor);
  }
  const TensorType& type_of(const Node& node) const { return graph_.type(node.results[0]); }

  void evaluate(const Node& node) {
    match(
        node.op, [&](const Input& input) { enter(node, input); },
        [&](const State& state) { enter(node, "state", state.name, *states_); },
        [&](const Sweep& sweep) {
          std::string problem;
          auto result = evaluate_sweep({graph_, values_, batch_, loops_}, sweep, type_of(node), problem);
          if (result) return give(node, 0, *std::move(result));
          fail(node, "index-outside", problem);
        },
        [&](const Scan& scan) { evaluate(node, scan); },
        [&](const Random& random) {
          const double seed = value(random.seed)->data[0];
          const double step = value(random.step)->data[0];
          give(node, 0, random_tensor(random, type_of(node), batch_, seed, step));
        },
        [&](const Gradient&) {
          fail(node, "gradient-left", "a gradient node can't be evaluated; differentiate the graph first");
        },
        [&](const Adjoint&) { give(node, 0, make_tensor(type_of(node), batch_)); },
        [&](const Override& override) {
          for (std::size_t i = 0; i < override.values.size(); ++i) give(node, i, value(override.values[i]));
        },
        [](const Update&) {});
  }

  void enter(const Node& node, const Input& input) {
    if (inputs_ != nullptr) return enter(node, "input", input.name, *inputs_);
    give(node, 0, entering_[next_input_++]);
  }

  void enter(const Node& node, std::string_view kind, const std::string& name, const Tensors& given) {
    const auto found = given.find(name);
    if (found == given.end()) return fail(node, "missing-value", fmt::format("no value for {} '{}'", kind, name));
    Tensor tensor = make_tensor(type_of(node), batch_);
    const Tensor& from = found->second;
    if (from.type.dtype != tensor.type.dtype || from.shape != tensor.shape || from.data.size() != tensor.data.size())
      return fail(node, "wrong-type",
                  fmt::format("expected {} '{}' to be {}[{}], found {}[{}] with {} elements", kind, name,
                              name_of(tensor.type.dtype), fmt::join(tensor.shape, ", "), name_of(from.type.dtype),
                              fmt::join(from.shape, ", "), from.data.size()));
    const auto wrong =
        std::find_if(from.data.begin(), from.data.end(), [&](double value) { return !may_enter(value, tensor.type); });
    if (wrong != from.data.end())
      return fail(node, "value-out-of-range",
                  fmt::format("expected {} '{}' to be {}, found {}", kind, name, to_string(tensor.type), *wrong));
    tensor.data = from.data;
    give(node, 0, std::move(tensor));
  }

  static bool may_enter(double value, const TensorType& type) {
    if (is_float(type.dtype)) return true;
    if (!is_value_of(value, type.dtype)) return false;
    return !type.range ||
           (value >= static_cast<double>(type.range->low) && value < static_cast<double>(type.range->high));
  }

  void evaluate(const Node& node, const Scan& scan) {
    const std::size_t carried_count = scan.initial.size();
    std::vector<TensorRef> carried;
    for (const ValueId initial : scan.initial) carried.push_back(value(initial));
    std::vector<Tensor> stacks;
    for (std::size_t i = carried_count; i < node.results.size(); ++i)
      stacks.push_back(make_tensor(graph_.type(node.results[i]), batch_));

    const std::int64_t steps = scan.axis.extent.size;
    for (std::int64_t step = 0; step < steps; ++step) {
      const std::int64_t at = scan.reversed ? steps - 1 - step : step;
      if (!evaluate_step(scan, at, carried, stacks)) return;
    }
    for (std::size_t i = 0; i < carried_count; ++i) give(node, i, carried[i]);
    for (std::size_t i = 0; i < stacks.size(); ++i) give(node, carried_count + i, std::move(stacks[i]));
  }

  bool evaluate_step(const Scan& scan, std::int64_t at, std::vector<TensorRef>& carried, std::vector<Tensor>& stacks) {
    std::vector<TensorRef> entering = carried;
    for (const ValueId captured : scan.captured) entering.push_back(value(captured));
    std::vector<std::int64_t> loops = {at};
    loops.insert(loops.end(), loops_.begin(), loops_.end());
    Evaluator inner(*scan.body, batch_, std::move(loops));
    errors_ = inner.run(std::move(entering));
    if (!errors_.empty()) return false;
    for (std::size_t i = 0; i < carried.size(); ++i) carried[i] = inner.value(scan.body->outputs[i].value);
    for (std::size_t i = 0; i < stacks.size(); ++i) {
      const std::vector<double>& slice = inner.value(scan.body->outputs[carried.size() + i].value)->data;
      std::copy(slice.begin(), slice.end(),
                stacks[i].data.begin() + static_cast<std::ptrdiff_t>(slice.size()) * static_cast<std::ptrdiff_t>(at));
    }
    return true;
  }

  const Graph& graph_;
  std::int64_t batch_;
  std::vector<std::int64_t> loops_;
  std::vector<TensorRef> values_;
  const Tensors* inputs_ = nullptr;
  const Tensors* states_ = nullptr;
  std::vector<TensorRef> entering_;
  std::size_t next_input_ = 0;
  Diagnostics errors_;
};

}  // namespace

Result<Evaluation> evaluate(const Graph& graph, std::int64_t batch, const Tensors& inputs, const Tensors& states) {
  if (batch < 1)
    return Diagnostic{"batch-limit", {}, fmt::format("expected a batch of at least 1, found {}", batch), {}};
  const Work work = work_of(graph, batch);
  if (work.points > most_points || work.elements > most_elements)
    return Diagnostic{"too-much-work",
                      {},
                      fmt::format("expected at most {:g} points and {:g} elements to evaluate, found {:g} and {:g}",
                                  most_points, most_elements, work.points, work.elements),
                      {}};
  Evaluator evaluator(graph, batch, {});
  Diagnostics errors = evaluator.run(inputs, states);
  if (!errors.empty()) return errors;

  Evaluation result;
  for (const Output& output : graph.outputs) result.outputs.push_back(*evaluator.value(output.value));
  for (const Node& node : graph.nodes)
    if (const auto* update = std::get_if<Update>(&node.op))
      result.updates.emplace_back(update->state, *evaluator.value(update->value));
  return result;
}

}  // namespace descent
