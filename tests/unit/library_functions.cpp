// The standard library's activations and losses, values and gradients, against PyTorch's: the oracle in double, the
// Loop interpreter in f32. See tests/fixtures/functions_torch.py.
#include <catch2/catch.hpp>

#include "tests/support/fixture.h"
#include "tests/support/graph_run.h"

namespace descent::test {
namespace {

struct Function {
  std::string name;     // of the library
  std::string fixture;  // in the file
};
const std::vector<Function> elementwise{{"sigmoid", "sigmoid"},       {"tanh", "tanh"}, {"relu", "relu"},
                                        {"leaky_relu", "leaky_relu"}, {"elu", "elu"},   {"gelu", "gelu"},
                                        {"gelu_tanh", "gelu_tanh"},   {"silu", "silu"}, {"softplus", "softplus"}};
const std::vector<Function> by_row{{"softmax", "softmax"}, {"log_softmax", "log_softmax"}};
const std::vector<Function> losses{{"mean_squared_error", "mean_squared_error"},
                                   {"binary_cross_entropy", "binary_cross_entropy"},
                                   {"binary_cross_entropy_logits", "binary_cross_entropy_with_logits"}};

// Outputs `value` and `gradient` of the model's predict entry, in double and in f32, against the fixture's.
void compare(const std::string& text, const std::string& fixture, const Values& values) {
  CAPTURE(fixture);
  const Fixture expected("functions");
  const Model model = passes_or_fail(compile_or_fail(fixture, text).model);
  const Graph& graph = *model.entry("predict");
  const std::int64_t batch = 8;
  Result<Evaluation> oracle = evaluate(graph, batch, values, {});
  if (!oracle) FAIL(render(oracle.errors()));
  const loop::Program program = lower_or_fail(model, 8, batch);
  loop::Interpreter interpreter(program);
  const Bits bits = run_entry(
      program, [&](const auto& e, auto b, const auto& in, const auto& out) { interpreter.run(e, b, in, out); },
      "predict", batch, values);
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    CAPTURE(graph.outputs[i].name);
    const Tensor reference = expected.tensor(fixture + "." + graph.outputs[i].name, oracle->outputs[i].type);
    CHECK(relative_error(oracle->outputs[i], reference) < 1e-7);  // a model's literals are f32
    CHECK(relative_error(unpack(bits.outputs[i], oracle->outputs[i].type, batch, batch), reference) < 1e-6);
  }
}

std::string activation(const std::string& name, const std::string& shape, const std::string& indices) {
  return "model m() {\n  input x : f32[" + shape + "]\n  input cotangent : f32[" + shape +
         "]\n  output value = " + name + "(x)\n  weighted = sum[" + indices + "](value[" + indices + "] * cotangent[" +
         indices + "])\n  output gradient = grad(weighted, x)\n}\n";
}

Values read(const std::string& fixture, const std::vector<std::pair<std::string, TensorType>>& inputs) {
  const Fixture file("functions");
  Values values;
  for (const auto& [name, type] : inputs) values[name] = file.tensor(fixture + "." + name, type);
  return values;
}

TEST_CASE("activations equal PyTorch's") {
  const TensorType vector{DType::f32, {{33}}, {}}, rows{DType::f32, {Extent::batch(), {5}}, {}};
  for (const auto& [name, fixture] : elementwise) {
    compare(activation(name, "33", "i"), fixture, read(fixture, {{"x", vector}, {"cotangent", vector}}));
  }
  for (const auto& [name, fixture] : by_row) {
    compare(activation(name, "batch, 5", "b, i"), fixture, read(fixture, {{"x", rows}, {"cotangent", rows}}));
  }
}

TEST_CASE("losses equal PyTorch's") {
  const TensorType rows{DType::f32, {Extent::batch(), {5}}, {}}, labels{DType::i32, {Extent::batch()}, Range{0, 5}};
  auto model = [](const std::string& name, const std::string& target) {
    return "model m() {\n  input prediction : f32[batch, 5]\n  input target : " + target +
           "\n  output value = " + name + "(prediction, target)\n  output gradient = grad(value, prediction)\n}\n";
  };
  for (const auto& [name, fixture] : losses) {
    compare(model(name, "f32[batch, 5]"), fixture, read(fixture, {{"prediction", rows}, {"target", rows}}));
  }
  compare(model("cross_entropy", "i32[batch] in 0 ..< 5"), "cross_entropy",
          read("cross_entropy", {{"prediction", rows}, {"target", labels}}));
}

struct Optimizer {
  std::string name, arguments;
};

// The same gradients, as many as the fixture has updates: the loss is Σ w·g, whose gradient is g.
void follow(const std::vector<Optimizer>& optimizers, const Fixture& expected, std::int64_t steps, double tolerance) {
  const Fixture given("optimizers");
  const TensorType type{DType::f32, {{4}, {5}}, {}};
  const Tensor initial = given.tensor("initial", type);
  for (const auto& [name, arguments] : optimizers) {
    CAPTURE(name);
    const frontend::Compilation compiled = compile_or_fail(
        name,
        "model m() {\n  input g : f32[batch, 4, 5]\n  param w : f32[4, 5] ~ zeros\n"
        "  loss l = sum[b, i, j](g[b, i, j] * w[i, j])\n}\ntrain t = m() {\n  batch = 1\n  optimizer = " +
            name + "(" + arguments + ")\n}\n");
    const loop::Program program = lower_or_fail(passes_or_fail(compiled.model), 8, 1);
    loop::Interpreter interpreter(program);
    Runner run = [&](const auto& e, auto b, const auto& in, const auto& out) { interpreter.run(e, b, in, out); };
    Values values = inputs_of_step(compiled);
    run_entry(program, run, "init", 1, values);
    auto w = std::find_if(program.buffers.begin(), program.buffers.end(), [](const auto& b) { return b.name == "w"; });
    std::vector<std::byte> bytes(80);
    pack(initial, bytes, {5, 1});
    std::copy(bytes.begin(), bytes.end(), interpreter.arena().begin() + w->offset);
    for (std::int64_t step = 0; step < steps; ++step) {
      CAPTURE(step);
      values["step"].data = {static_cast<double>(step + 1)};
      values["g"] = given.slice("gradients", step, {DType::f32, {Extent::batch(), {4}, {5}}, {}});
      run_entry(program, run, "step", 1, values);
      std::copy_n(interpreter.arena().begin() + w->offset, bytes.size(), bytes.begin());
      CHECK(relative_error(unpack(bytes, type, 1, 1), expected.slice(name, step, type)) < tolerance);
    }
  }
}

TEST_CASE("optimizers equal PyTorch's, update by update") {
  follow({{"sgd", "rate = 0.1"},
          {"momentum", "rate = 0.1"},
          {"nesterov", "rate = 0.1"},
          {"rmsprop", "rate = 0.01"},
          {"adam", ""},
          {"adamw", ""}},
         Fixture("optimizers"), 100, 1e-6);
  follow({{"adagrad", ""},
          {"adadelta", ""},
          {"adamax", ""},
          {"nadam", ""},
          {"radam", ""},
          {"decayed_momentum", "rate = 0.1, decay = 0.05"},
          {"lion", "decay = 0.1"},
          {"lamb", ""}},
         Fixture("optimizers_more"), 40, 1e-6);
}

// A batch below a block of the kernels' caches, a sum over two axes.
TEST_CASE("the recurrent network of the language's sketch is lowered") {
  const std::string text = read_text(DESCENT_SOURCE_DIR "/tests/golden/syntax/lstm.descent");
  CHECK(lower_or_fail(passes_or_fail(compile_or_fail("lstm", text).model), 8, 32).entry("step") != nullptr);
}

}  // namespace
}  // namespace descent::test
