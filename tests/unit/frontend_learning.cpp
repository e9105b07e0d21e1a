// What happens to a gradient: optimizers, by which parameters they are chosen, clips, schedules. The step's Graph is
// evaluated in double with given gradients, against the same by hand.
#include <functional>
#include <map>

#include "tests/support/evaluated_model.h"

using namespace descent;
using namespace descent::test;

namespace {

// w after each of three steps from w = 1 with gradients 0.5, -2, 0.1 (of w[0]) and `steps` = 10.
Numbers train(const std::string& optimizer) {
  const auto compiled = compile(
      "model m() {\n param w : f32[1] ~ ones\n input x : f32[batch]\n loss e = mean[b](x[b] * w[0])\n}\n"
      "train t = m() {\n optimizer = " +
      optimizer + "\n}\n");
  const Graph graph = with_given_gradients(*compiled.model.entry("step"));
  Tensors states = initial_states(compiled);
  Numbers weights;
  for (const double gradient : {0.5, -2.0, 0.1}) {
    Tensors inputs = {{"x", tensor(DType::f32, {1}, {0})},
                      {"step", tensor(DType::i32, {}, {static_cast<double>(weights.size() + 1)})},
                      {"steps", tensor(DType::i32, {}, {10})},
                      {"seed", tensor(DType::i32, {}, {1})},
                      {"gradient.w", tensor(DType::f32, {1}, {gradient})},
                      {"gradient.w.trained", tensor(DType::f32, {1}, {gradient})}};
    for (const frontend::Rate& rate : compiled.rates) inputs[rate.name] = tensor(DType::f64, {}, {rate.value});
    for (const auto& [name, value] : run(graph, 1, inputs, states).updates) states[name] = value;
    weights.push_back(states.at("w").data[0]);
  }
  return weights;
}

// The same by a function w, g, step → w.
Numbers by_hand(const std::function<double(double, double, int)>& update) {
  Numbers weights;
  double w = 1;
  for (const double gradient : {0.5, -2.0, 0.1}) {
    w = update(w, gradient, static_cast<int>(weights.size()) + 1);
    weights.push_back(w);
  }
  return weights;
}

}  // namespace

TEST_CASE("optimizers take PyTorch's steps") {
  check_close(train("sgd(0.1)"), by_hand([](double w, double g, int) { return w - 0.1 * g; }));
  double v = 0;
  check_close(train("momentum(0.1)"), by_hand([&](double w, double g, int) { return w - 0.1 * (v = 0.9 * v + g); }));
  v = 0;
  check_close(train("nesterov(0.1)"), by_hand([&](double w, double g, int) {
                v = 0.9 * v + g;
                return w - 0.1 * (g + 0.9 * v);
              }));
  v = 0;
  check_close(train("rmsprop(0.1)"), by_hand([&](double w, double g, int) {
                v = 0.99 * v + 0.01 * g * g;
                return w - 0.1 * g / (std::sqrt(v) + 1e-8);
              }));
  for (const double decay : {0.0, 0.01}) {
    v = 0;
    double m = 0;
    const auto adam = [&](double w, double g, int step) {
      m = 0.9 * m + 0.1 * g;
      v = 0.999 * v + 0.001 * g * g;
      const double first = m / (1 - std::pow(0.9, step));
      const double second = v / (1 - std::pow(0.999, step));
      return w - 0.1 * decay * w - 0.1 * first / (std::sqrt(second) + 1e-8);
    };
    check_close(train(decay == 0 ? "adam(0.1)" : "adamw(0.1)"), by_hand(adam));
  }
}

TEST_CASE("clips bound gradients before the optimizer sees them") {
  const auto clipped = [](const std::function<double(double)>& clip) {
    return by_hand([&](double w, double g, int) { return w - 0.1 * clip(g); });
  };
  const auto by_length = [](double g) { return g * std::min(1.0, 0.3 / (std::abs(g) + 1e-6)); };
  check_close(train("sgd(0.1)\n clip = by_value(0.3)"),
              clipped([](double g) { return std::max(-0.3, std::min(0.3, g)); }));
  check_close(train("sgd(0.1)\n clip = by_norm(0.3)"), clipped(by_length));
  check_close(train("sgd(0.1)\n clip = global_norm(0.3)"), clipped(by_length));
}

TEST_CASE("averages are kept beside what is trained, by functions of the library or the user's") {
  const auto averaged = [](const std::function<double(double, double, int)>& kept) {
    double trained = 1;
    return by_hand([&, trained](double average, double g, int step) mutable {
      trained -= 0.1 * g;
      return kept(average, trained, step);
    });
  };
  check_close(train("sgd(0.1)\n average = ema(0.25)"), averaged([](double average, double now, int step) {
                const double decay = std::min(0.25, (1.0 + step) / (10.0 + step));
                return decay * average + (1 - decay) * now;
              }));
  check_close(train("sgd(0.1)\n average = mean_from(2)"), averaged([](double average, double now, int step) {
                return average + (now - average) / std::max(1, step - 1);
              }));
}

TEST_CASE("with an average the step trains NAME.trained, and NAME is the average for all else") {
  const std::string model =
      "model m() {\n  input x : f32[batch, 3]\n  h = linear(x, 2)\n  output out = h\n"
      "  loss error = mean[...](h^2)\n}\n";
  const auto compiled = [&](const std::string& average) {
    return compile(model + "train t = m() {\n  optimizer = adam(0.1)\n  clip = global_norm(1)\n" + average +
                   "  data { x = csv(\"x.csv\") }\n}\n");
  };
  const frontend::Compilation plain = compiled(""), with = compiled("  average = ema(0.9)\n");
  const StateDeclaration* trained = with.model.state("h.linear.weight.trained");
  REQUIRE(trained);
  CHECK(trained->role == StateDeclaration::Role::statistic);
  CHECK(with.model.states.size() == plain.model.states.size() + 2);
  CHECK(print(*with.model.entry("predict")) == print(*plain.model.entry("predict")));
  const std::string step = print(*with.model.entry("step"));
  CHECK(step.find("update h.linear.weight = ") != std::string::npos);
  CHECK(step.find("update h.linear.weight.trained = ") != std::string::npos);
  CHECK(step.find("gradient of %total by %h.linear.weight.average") == std::string::npos);
  const Evaluation begun = run(*with.model.entry("init"), 1, {{"seed", tensor(DType::i32, {}, {1})}}, {});
  std::map<std::string, Numbers> states;
  for (const auto& [name, value] : begun.updates) states[name] = value.data;
  CHECK(states.at("h.linear.weight") == states.at("h.linear.weight.trained"));
}

namespace {

// Three parameters of different shapes, one with a turn of a repeat as its first axis; a step with these gradients.
const std::string three = R"(
fn scaled(x : f32[batch, n], param by : f32[n] ~ ones) -> f32[batch, n] {
  return y[b, i] = x[b, i] * by[i]
}
model m() {
  input x : f32[batch, 2]
  param w : f32[2, 1] ~ ones
  param c : f32[1] ~ ones
  repeat 2 as layer carry h = x {
    next h = scaled(h)
  }
  loss e = mean[b, j](sum[i](h[b, i] * w[i, j]) + c[j])
}
train t = m() {
)";
const std::string turns = "layer.*.h.scaled.by";
const std::map<std::string, Numbers> gradients = {{"w", {3, -4}}, {"c", {12}}, {turns, {0.6, -0.8, 24, 7}}};

std::map<std::string, Numbers> step_of_three(const std::string& settings) {
  const auto compiled = compile(three + settings + "\n}\n");
  const Tensors states = initial_states(compiled);
  Tensors inputs = {{"x", tensor(DType::f32, {1, 2}, {1, 1})}};
  for (const char* name : {"step", "steps", "seed"}) inputs[name] = tensor(DType::i32, {}, {1});
  for (const frontend::Rate& rate : compiled.rates) inputs[rate.name] = tensor(DType::f64, {}, {rate.value});
  for (const auto& [name, gradient] : gradients) {
    inputs["gradient." + name] = tensor(DType::f32, states.at(name).shape, gradient);
  }
  std::map<std::string, Numbers> updated;
  const Graph step = with_given_gradients(*compiled.model.entry("step"));
  for (const auto& [name, value] : run(step, 1, inputs, states).updates) updated[name] = value.data;
  return updated;
}

// 1 - g·factor, as sgd of rate 1 leaves ones.
Numbers after(const Numbers& of, const std::vector<double>& factors) {
  Numbers left;
  for (std::size_t i = 0; i < of.size(); ++i) left.push_back(1 - of[i] * factors[i % factors.size()]);
  return left;
}

}  // namespace

TEST_CASE("the global norm is of all parameters together, a parameter's own of each turn's alone") {
  // As clip_grad_norm_ of PyTorch: g · min(1, limit / (length + 1e-6)), here of 5² + 12² + 1² + 25².
  const double together = 2 / (std::sqrt(25 + 144 + 1 + 625.0) + 1e-6);
  for (const auto& [name, left] : step_of_three("clip = global_norm(2)\n optimizer = sgd(1.0)")) {
    INFO(name);
    check_close(left, after(gradients.at(name), {together}));
  }
  check_close(step_of_three("clip = global_norm(30)\n optimizer = sgd(1.0)")["c"], {-11});  // short enough
  std::map<std::string, Numbers> alone = step_of_three("clip = by_norm(2)\n optimizer = sgd(1.0)");
  const auto limited = [](double length) { return std::min(1.0, 2 / (length + 1e-6)); };
  check_close(alone["w"], after({3, -4}, {limited(5)}));
  check_close(alone["c"], after({12}, {limited(12)}));
  check_close(alone[turns], after({0.6, -0.8, 24, 7}, {limited(1), limited(1), limited(25), limited(25)}));
}

TEST_CASE("the last pattern that matches a parameter gives its optimizer and arguments") {
  const std::string settings =
      "optimizer \"layer.*\" = sgd(0.25)\n optimizer = sgd(1.0)\n optimizer \"c\", \"*scaled*\" = momentum(rate = 0.5)";
  std::map<std::string, Numbers> updated = step_of_three(settings);
  check_close(updated["w"], after(gradients.at("w"), {1}));
  check_close(updated["c"], after(gradients.at("c"), {0.5}));
  check_close(updated[turns], after(gradients.at(turns), {0.5}));
  check_close(updated["c.momentum.v"], gradients.at("c"));
  CHECK(!updated.contains("w.momentum.v"));
  std::map<std::string, double> rates;
  for (const frontend::Rate& rate : compile(three + settings + "\n}\n").rates) rates[rate.name] = rate.value;
  CHECK(rates ==
        std::map<std::string, double>{{"layer.*.rate", 0.25}, {"rate", 1}, {"c.rate", 0.5}, {"c.momentum", 0.9}});
}

TEST_CASE("schedules follow the step") {
  const auto rates = [](const std::string& schedule) {
    const Numbers weights = train("sgd(" + schedule + ")");
    return Numbers{(1 - weights[0]) / 0.5, (weights[0] - weights[1]) / -2.0, (weights[1] - weights[2]) / 0.1};
  };
  check_close(rates("constant(0.3)"), {0.3, 0.3, 0.3});
  check_close(rates("warm(0.3, 3)"), {0.1, 0.2, 0.3});
  check_close(rates("step_decay(0.8, 2, 0.5)"), {0.8, 0.8, 0.4});
  check_close(rates("exponential(0.8, 2, 0.25)"), {0.8, 0.4, 0.2});
  check_close(rates("exponential(0.8, 2, 0.25, warmup = 2)"), {0.4, 0.4, 0.2});
  const auto wave = [](double part) { return 0.5 * (1 + std::cos(M_PI * part)); };
  // PyTorch's OneCycleLR, PolynomialLR and CyclicLR.
  check_close(rates("one_cycle(0.8)"), {0.032, 0.416, 0.8});
  check_close(rates("one_cycle(0.8, rise = 0.15)"), {0.032, 0.7931892671, 0.7400870939});
  check_close(rates("polynomial(0.8, 2)"), {0.8, 0.648, 0.512});
  check_close(rates("polynomial(0.8, 2, floor = 0.3, warmup = 2)"), {0.4, 0.3 + 0.5 * 0.81, 0.3 + 0.5 * 0.64});
  check_close(rates("cyclic(0.1, 0.7, 2)"), {0.1, 0.4, 0.7});
  check_close(rates("piecewise(0.3, 1, piecewise(0.2, 2, 0.1))"), {0.3, 0.2, 0.1});
  check_close(rates("plateau(0.3, patience = 1, minimum = 0.5)"), {0.3, 0.3, 0.3});  // while nothing is counted
  check_close(rates("cosine(1)"), {wave(0.1), wave(0.2), wave(0.3)});
  check_close(rates("cosine(1, warmup = 2)"), {0.5, wave(0), wave(1 / 8.0)});
  check_close(rates("2 * cosine(1, floor = 0.5) - 1"), {wave(0.1), wave(0.2), wave(0.3)});
}
