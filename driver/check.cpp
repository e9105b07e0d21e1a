// Gradients against central differences in double, by the Graph's oracle.
//
// For every gradient node of the text by a state or an input: the node, differentiated by the compiler and evaluated in
// double, against (L(w + h d) - L(w - h d)) / 2h for single elements and for two directions that see all elements at
// once, the gradient itself and a random one; of a model with much work for the random one alone.
#include <algorithm>
#include <cmath>
#include <random>
#include <unordered_map>

#include "descent/tools.h"
#include "driver/program.h"
#include "fmt/format.h"
#include "passes/differentiate.h"
#include "passes/simplify.h"

namespace descent {
namespace {

using Values = std::unordered_map<std::string, Tensor>;
using Direction = std::vector<std::pair<std::size_t, double>>;  // elements and amounts, of unit length

constexpr std::int64_t rows = 3;
constexpr double largest_work = 1e7;  // points of sweeps, for all differences of an entry
constexpr std::int64_t most_elements = 64;
constexpr double step_size = 1e-5;
constexpr double smallest_scale = 1e-6;  // a tensor whose gradient is smaller, for a loss of 1, counts as zero

// One gradient node: what is differentiated, and by which state or input.
struct Question {
  ValueId of = -1, gradient = -1;
  std::string of_name, by;
  bool by_state = false;
};

std::string name_of_value(const Graph& graph, ValueId id) {
  for (const Output& output : graph.outputs) {
    if (output.value == id) return output.name;
  }
  return graph.value(id).name.empty() ? "the loss" : graph.value(id).name;
}

std::vector<Question> questions_of(const Graph& graph) {
  std::vector<Question> questions;
  for (const Node& node : graph.nodes) {
    const auto* gradient = std::get_if<Gradient>(&node.op);
    if (!gradient || !is_float(graph.type(gradient->by).dtype)) continue;
    const auto& source = graph.node_of(gradient->by).op;
    const auto* state = std::get_if<State>(&source);
    const auto* input = std::get_if<Input>(&source);
    if (!state && !input) continue;
    questions.push_back({gradient->of, node.results[0], name_of_value(graph, gradient->of),
                         state ? state->name : input->name, state != nullptr});
  }
  return questions;
}

// The Graph without its effects, giving these values alone; without gradient nodes.
Graph pure_part(const Model& model, const Graph& graph, const std::vector<ValueId>& wanted) {
  Graph part{graph.name, {}, graph.values, {}};
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<Update>(node.op)) continue;
    for (ValueId result : node.results) {
      part.values[static_cast<std::size_t>(result)].node = static_cast<NodeId>(part.nodes.size());
    }
    part.nodes.push_back(node);
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    part.outputs.push_back({Output::Kind::output, fmt::format("value.{}", i), wanted[i]});
  }
  const Model alone{model.name, model.states, {std::move(part)}};
  return simplify(differentiate(simplify(alone))).entries.front();
}

double work_of(const Graph& graph) {
  double points = 0;
  for (const Node& node : graph.nodes) {
    if (const auto* sweep = std::get_if<Sweep>(&node.op)) {
      Shape box;
      for (const Axis& axis : sweep->axes) box.push_back(axis.extent);
      points += static_cast<double>(count(box, rows));
    } else if (const auto* scan = std::get_if<Scan>(&node.op)) {
      points += static_cast<double>(scan->axis.extent.size) * work_of(*scan->body);
    }
  }
  return std::max(points, 1.0);
}

Tensor tensor_of(const TensorType& type) {
  Tensor tensor{type, {}, {}};
  for (Extent extent : type.shape) tensor.shape.push_back(extent.is_batch() ? rows : extent.size);
  tensor.data.resize(static_cast<std::size_t>(count(type.shape, rows)));
  return tensor;
}

std::string place_of(const Tensor& tensor, std::size_t element) {
  std::string text;
  for (std::size_t d = tensor.shape.size(); d-- > 0;) {
    const auto extent = static_cast<std::size_t>(tensor.shape[d]);
    text = fmt::format("{}{}{}", element % extent, text.empty() ? "" : ", ", text);
    element /= extent;
  }
  return "[" + text + "]";
}

Direction unit(const std::vector<double>& values) {
  double squares = 0;
  for (double value : values) squares += value * value;
  Direction direction;
  for (std::size_t i = 0; i < values.size(); ++i) direction.emplace_back(i, values[i] / std::sqrt(squares));
  return direction;
}

// Small random values for everything that a Graph reads.
class Draws {
 public:
  Draws(const Program& program, std::uint64_t seed) : program_(program), engine_(seed) {}

  double uniform(double low, double high) { return std::uniform_real_distribution<double>(low, high)(engine_); }
  std::size_t below(std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(engine_); }

  Values inputs(const Graph& graph) {
    Values values;
    for (const Node& node : graph.nodes) {
      const auto* input = std::get_if<Input>(&node.op);
      if (!input) continue;
      const TensorType& type = graph.type(node.results[0]);
      // Positive, so that logarithms and roots of inputs have values.
      Tensor tensor = is_float(type.dtype) ? floats(type, 0.1, 1) : integers(type);
      if (tensor.shape.empty()) set_fixed(input->name, tensor);
      values[input->name] = std::move(tensor);
    }
    return values;
  }

  // As `init` draws them, moved a little so that nothing stands on the kink of a relu.
  Result<Values> states() {
    const Model& model = *program_.graph();
    Values values;
    for (const StateDeclaration& state : model.states) {
      values[state.name] = is_float(state.type.dtype) ? floats(state.type, -0.5, 0.5) : integers(state.type);
    }
    const Graph* init = model.entry("init");
    if (!init) return values;
    const Model pure = simplify(differentiate(Model{model.name, model.states, {*init}}));
    Result<Evaluation> drawn = evaluate(pure.entries.front(), rows, inputs(pure.entries.front()), values);
    if (!drawn) return drawn.errors();
    for (auto& [name, tensor] : drawn->updates) {
      if (is_float(tensor.type.dtype)) {
        for (double& value : tensor.data) value += uniform(-0.05, 0.05);
      }
      values[name] = std::move(tensor);
    }
    return values;
  }

 private:
  Tensor floats(const TensorType& type, double low, double high) {
    Tensor tensor = tensor_of(type);
    for (double& value : tensor.data) value = uniform(low, high);
    return tensor;
  }
  Tensor integers(const TensorType& type) {
    Range range{0, type.dtype == DType::boolean ? 2 : type.dtype == DType::u8 ? 256 : 10};
    if (type.range) range = *type.range;
    Tensor tensor = tensor_of(type);
    std::uniform_int_distribution<std::int64_t> any(range.low, range.high - 1);
    for (double& value : tensor.data) value = static_cast<double>(any(engine_));
    return tensor;
  }
  // Clocks and rates: as in the first of ten steps.
  void set_fixed(const std::string& name, Tensor& tensor) const {
    if (tensor.type.dtype == DType::i32 && (name == "seed" || name == "step")) tensor.data[0] = 1;
    if (tensor.type.dtype == DType::i32 && name == "steps") tensor.data[0] = 10;
    if (!program_.parts().compilation) return;
    for (const frontend::Rate& rate : program_.parts().compilation->rates) {
      if (rate.name == name) tensor.data[0] = rate.value;
    }
  }

  const Program& program_;
  std::mt19937_64 engine_;
};

// Compares one gradient, direction by direction, and keeps the worst.
class Comparison {
 public:
  Comparison(const Graph& forward, std::size_t output, const Tensor& gradient, Tensor& moved, const Values& inputs,
             const Values& states)
      : forward_(forward),
        output_(output),
        gradient_(gradient),
        moved_(moved),
        original_(moved),
        inputs_(inputs),
        states_(states) {}

  // `scale`: what a deviation is measured by.
  void add(const Direction& direction, double scale, std::string place) {
    double expected = 0;
    for (const auto& [element, amount] : direction) expected += amount * gradient_.data[element];
    const double above = loss_at(direction, step_size);
    const double below = loss_at(direction, -step_size);
    const double difference = (above - below) / (2 * step_size);
    const double deviation =
        std::fabs(expected - difference) / std::max(scale, smallest_scale * std::max(1.0, std::fabs(above)));
    if (!(deviation <= gradient_tolerance)) worst_.passed = false;
    // Not `>`: a NaN is worse than any number.
    if (!worst_.place.empty() && (deviation <= worst_.deviation || std::isnan(worst_.deviation))) return;
    worst_.deviation = deviation;
    worst_.place = std::move(place);
    worst_.gradient = expected;
    worst_.difference = difference;
  }
  Result<GradientCheck> finish(const Question& question) {
    if (!wrong_.empty()) return wrong_;
    worst_.of = question.of_name;
    worst_.by = question.by;
    return worst_;
  }

 private:
  double loss_at(const Direction& direction, double distance) {
    for (const auto& [element, amount] : direction) moved_.data[element] = original_.data[element] + distance * amount;
    Result<Evaluation> evaluation = evaluate(forward_, rows, inputs_, states_);
    for (const auto& [element, amount] : direction) moved_.data[element] = original_.data[element];
    if (evaluation) return evaluation->outputs[output_].data[0];
    wrong_ = evaluation.errors();
    return 0;
  }

  const Graph& forward_;
  std::size_t output_;
  const Tensor& gradient_;
  Tensor& moved_;  // among inputs_ or states_
  const Tensor original_;
  const Values& inputs_;
  const Values& states_;
  GradientCheck worst_;
  Diagnostics wrong_;
};

// All elements of a small tensor; of a large one the largest and some at random.
std::vector<std::size_t> chosen_elements(const Tensor& gradient, std::size_t most, Draws& draws) {
  const std::size_t size = gradient.data.size();
  std::vector<std::size_t> chosen;
  if (most == 0 && size > 1) return chosen;
  if (size <= most) {
    for (std::size_t i = 0; i < size; ++i) chosen.push_back(i);
    return chosen;
  }
  const auto by_size = [](double a, double b) { return std::fabs(a) < std::fabs(b); };
  const auto largest = std::max_element(gradient.data.begin(), gradient.data.end(), by_size);
  chosen.push_back(static_cast<std::size_t>(largest - gradient.data.begin()));
  while (chosen.size() < most) chosen.push_back(draws.below(size));
  return chosen;
}

void compare(Comparison& comparison, const Tensor& gradient, std::size_t most_elements_here, Draws& draws) {
  double largest = 0, squares = 0;
  for (double value : gradient.data) {
    largest = std::max(largest, std::fabs(value));
    squares += value * value;
  }
  for (const std::size_t element : chosen_elements(gradient, most_elements_here, draws)) {
    comparison.add({{element, 1.0}}, largest, place_of(gradient, element));
  }
  const double length = std::sqrt(squares);
  if (gradient.data.size() < 2 || !(length > 0) || !std::isfinite(length)) return;
  if (most_elements_here > 0) comparison.add(unit(gradient.data), length, "along the gradient");
  std::vector<double> random(gradient.data.size());
  for (double& value : random) value = draws.uniform(-1, 1);
  comparison.add(unit(random), length, "along a random direction");
}

Result<std::vector<GradientCheck>> check_entry(const Model& model, const Graph& graph,
                                               const std::vector<Question>& questions, Values states, Draws& draws) {
  std::vector<ValueId> losses, gradients;
  for (const Question& question : questions) {
    losses.push_back(question.of);
    gradients.push_back(question.gradient);
  }
  Values inputs = draws.inputs(graph);
  const Graph forward = pure_part(model, graph, losses);
  Result<Evaluation> compiled = evaluate(pure_part(model, graph, gradients), rows, inputs, states);
  if (!compiled) return compiled.errors();

  const double affordable = largest_work / work_of(forward) / 2 / static_cast<double>(questions.size());
  const auto elements = static_cast<std::size_t>(std::clamp(affordable, 0.0, static_cast<double>(most_elements)));
  std::vector<GradientCheck> checks;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    Tensor& moved = (questions[i].by_state ? states : inputs).at(questions[i].by);
    Comparison comparison(forward, i, compiled->outputs[i], moved, inputs, states);
    compare(comparison, compiled->outputs[i], elements, draws);
    Result<GradientCheck> check = comparison.finish(questions[i]);
    if (!check) return check.errors();
    checks.push_back(std::move(*check));
  }
  return checks;
}

}  // namespace

Result<std::vector<GradientCheck>> check_gradients(const Program& program, std::uint64_t seed) {
  if (!program.graph()) {
    return diagnostic(
        "no-such-stage", {},
        fmt::format("'{}' is a printed Loop program: its gradients are gone", program.parts().source->name));
  }
  Draws draws(program, seed);
  Result<Values> states = draws.states();
  if (!states) return states.errors();
  std::vector<GradientCheck> checks;
  for (const Graph& graph : program.graph()->entries) {
    const std::vector<Question> questions = questions_of(graph);
    if (questions.empty()) continue;
    Result<std::vector<GradientCheck>> found = check_entry(*program.graph(), graph, questions, *states, draws);
    if (!found) return found.errors();
    checks.insert(checks.end(), found->begin(), found->end());
  }
  return checks;
}

}  // namespace descent
