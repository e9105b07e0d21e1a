// Gradients that functions state themselves: `fn f(x) { … } gradient(g) { … }`, in the oracle and in f32.
#include "tests/support/fixture.h"
#include "tests/support/graph_run.h"

namespace descent::test {
namespace {

const std::string functions = R"(
fn sign(x : f32[...]) -> f32[...] {
  return if x > 0 then 1 else -1
} gradient(g) {
  return if abs(x) < 1 then g else 0 * g
}
fn limited(x : f32[...], limit) -> f32[...] {
  return x
} gradient(g) {
  return max(-limit, min(limit, g))
}
fn doubled(x : f32[...]) -> f32[...] {
  return 2 * x
} gradient(g) {
  return limited(0 * x + 10 * g, 3)   # calls one with a gradient of its own, which is not asked
}
# The derivative itself, so that all must be as without it.
fn product(a : f32[batch, n], b : f32[batch, n]) -> f32[batch, n], f32[batch, n] {
  return a * b, a - b^2
} gradient(first, second) {
  return first * b + second, first * a - 2 * second * b
}
fn plain(a : f32[batch, n], b : f32[batch, n]) -> f32[batch, n], f32[batch, n] {
  return a * b, a - b^2
}
)";

// The outputs of a model of x : f32[batch, 3] with these lines, in double; in f32 they are near.
std::vector<std::vector<double>> outputs_of(const std::string& lines, std::vector<double> x) {
  const Model model = passes_or_fail(
      compile_or_fail("overrides", functions + "model m() {\n input x : f32[batch, 3]\n" + lines + "}\n").model);
  const Graph& graph = *model.entry("predict");
  const std::int64_t rows = static_cast<std::int64_t>(x.size()) / 3;
  const Values values{{"x", Tensor{{DType::f32, {Extent::batch(), {3}}, {}}, {rows, 3}, std::move(x)}}};
  Result<Evaluation> oracle = evaluate(graph, rows, values, {});
  if (!oracle) FAIL(render(oracle.errors()));
  const loop::Program program = lower_or_fail(model, 8, rows);
  loop::Interpreter interpreter(program);
  const Runner run = [&](const auto& e, auto b, const auto& in, const auto& out) { interpreter.run(e, b, in, out); };
  const Bits bits = run_entry(program, run, "predict", rows, values);
  std::vector<std::vector<double>> outputs;
  for (std::size_t i = 0; i < oracle->outputs.size(); ++i) {
    const Tensor& exact = oracle->outputs[i];
    CHECK(relative_error(unpack(bits.outputs[i], exact.type, rows, rows), exact) < 1e-5);
    outputs.push_back(exact.data);
  }
  return outputs;
}

using Rows = std::vector<double>;
const Rows x = {-2, -0.5, 0.25, 0.75, 3, -0.125};

TEST_CASE("a function's own gradient goes on in the place of its derivative") {
  const auto straight = outputs_of(" y = sign(x)\n output value = y\n output d = grad(sum[...](y * x), x)\n", x);
  CHECK(straight[0] == Rows{-1, -1, 1, 1, 1, -1});
  // y from the product, and x where |x| < 1 through the sign.
  CHECK(straight[1] == Rows{-1, -1.5, 1.25, 1.75, 1, -1.125});
  const auto clipped = outputs_of(" output d = grad(sum[...](2 * limited(x, 1.5)^2), x)\n", x);
  CHECK(clipped[0] == Rows{-1.5, -1.5, 1, 1.5, 1.5, -0.5});
  const auto nested = outputs_of(" output d = grad(sum[...](doubled(x)), x)\n", x);
  CHECK(nested[0] == Rows(6, 10));
}

TEST_CASE("a stated gradient that is the derivative changes nothing: several results, loops, second derivatives") {
  const auto model = [](const std::string& name) {
    return " p, q = " + name +
           "(x, x + 1)\n e = sum[...](p * q)\n d = grad(e, x)\n output first = d\n"
           " output second = grad(sum[...](d^2), x)\n"
           " scan t < 3 carry h = x {\n  u, v = " +
           name +
           "(h, 0.5 * x)\n  next h = tanh(u) + v\n }\n"
           " output through = grad(sum[...](h * x), x)\n"
           " repeat 2 as layer carry k = x {\n  r, s = " +
           name +
           "(k, x)\n  next k = r + 0.25 * s\n }\n"
           " f = grad(sum[...](k), x)\n output twice = grad(sum[...](f^2), x)\n";
  };
  const auto stated = outputs_of(model("product"), x), derived = outputs_of(model("plain"), x);
  REQUIRE(stated.size() == derived.size());
  for (std::size_t i = 0; i < stated.size(); ++i) {
    CAPTURE(i);
    for (std::size_t k = 0; k < stated[i].size(); ++k) CHECK(stated[i][k] == Approx(derived[i][k]).epsilon(1e-9));
  }
}

}  // namespace
}  // namespace descent::test
