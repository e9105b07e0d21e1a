// Models written in C++: the text that each statement stands for, that this text means the same, and where mistakes
// are found.
#include "descent/builder.h"
#include "descent/library.h"
#include "frontend/frontend.h"
#include "ir/graph.h"
#include "tests/support/text_file.h"
#include "tests/support/training.h"

namespace descent::test {
namespace {

using namespace descent::builder;
using descent::builder::Value;

// What `let("r", …)` of an expression writes.
std::string written(const Expression& expression) {
  Builder model("m");
  model.let("r", expression);
  const std::string text = to_string(model);
  const std::string before = "model m() {\n  r = ";
  REQUIRE(text.starts_with(before));
  return text.substr(before.size(), text.size() - before.size() - std::string("\n}\n").size());
}

struct Line {
  Expression expression;
  std::string text;
};

std::vector<Line> lines() {
  Builder model("m");
  const Value x = model.input("x", f32[{batch, 8}]);
  const Value label = model.input("label", i32[{batch}].in(0, 3));
  const Value n = model.size("n", 3);
  const auto [b, i, j, k, r, s] = indices("b", "i", "j", "k", "r", "s");
  return {
      {3, "3"},
      {-3, "-3"},
      {std::numeric_limits<std::int64_t>::min(), "-9223372036854775808"},
      {2.0, "2.0"},
      {0.1, "0.1"},
      {-1e-30, "-1e-30"},
      {1e30, "1e30"},
      {-0.0, "-0.0"},
      {inf, "inf"},
      {-inf, "-inf"},
      {true, "true"},
      {x + 1 - x * 2 / x, "x + 1 - x * 2 / x"},
      {x - (x - x), "x - (x - x)"},
      {(x + 1) * -x, "(x + 1) * -x"},
      {-(x * x), "-(x * x)"},
      {pow(-x, 2), "(-x)^2"},
      {-pow(x, -2), "-x^-2"},
      {pow(x, 0.5), "pow(x, 0.5)"},
      {floor_divide(n + 1, 2), "(n + 1) // 2"},
      {x < 1, "x < 1"},
      {i < 1, "i < 1"},
      {x(b, i) >= 0 && !(x(b, i) == 1) || x(b, i) != 2, "x[b, i] >= 0 and not x[b, i] == 1 or x[b, i] != 2"},
      {select(i <= k, x(b, i), 0), "if i <= k then x[b, i] else 0"},
      {1 + select(x > 0, x, 0.5 * x), "1 + (if x > 0 then x else 0.5 * x)"},
      {x(b, 2 * i + r - 1).otherwise(-inf), "x[b, 2 * i + r - 1 else -inf]"},
      {x(leading, label(b)), "x[..., label[b]]"},
      {sum(k, x(i, k) * x(k, j)), "sum[k](x[i, k] * x[k, j])"},
      {max({r < 2, s < n}, x(2 * i + r, s)), "max[r < 2, s < n](x[2 * i + r, s])"},
      {max({k}, x(b, k)), "max[k](x[b, k])"},
      {max(k < 4, x(b, k)), "max[k < 4](x[b, k])"},
      {max(x, 0), "max(x, 0)"},
      {max(i, 1), "max[i](1)"},
      {min(leading, x(leading)), "min[...](x[...])"},
      {mean(leading, pow(x(leading), 2)), "mean[...](x[...]^2)"},
      {argmax(k, x(b, k)), "argmax[k](x[b, k])"},
      {f32(x(b, i)) / 255, "f32(x[b, i]) / 255"},
      {boolean(label), "bool(label)"},
      {call("linear", x, 4, {"bias", call("zeros")}).as("gate"), "linear(x, 4, bias = zeros()) as gate"},
      {call("f", {x, 1, 2, 3, 4, 5, 6, 7, 8}), "f(x, 1, 2, 3, 4, 5, 6, 7, 8)"},
      {x.path("linear.weight"), "x.linear.weight"},
      {abs(sqrt(exp(expm1(log(log1p(sin(cos(tanh(sigmoid(erf(floor(round(x))))))))))))),
       "abs(sqrt(exp(expm1(log(log1p(sin(cos(tanh(sigmoid(erf(floor(round(x)))))))))))))"},
      {plateaus(3, 0.1, 0, n), "plateaus(3, 0.1, 0, n)"},
      {min(stop_gradient(x), grad(x, over_epoch(x))), "min(stop_gradient(x), grad(x, over_epoch(x)))"},
  };
}

// Everything that a model may hold, in C++.
Builder small_model() {
  Builder model("small");
  model.define(R"(fn halves(x : f32[..., n]) -> f32[..., n / 2], f32[..., n / 2] {
  low[..., i < n / 2] = x[..., i]
  high[..., i < n / 2] = x[..., i + n / 2]
  return low, high
}
)");
  Value units = model.size("units", 6);
  Value x = model.input("x", f32[{batch, 4}]);
  Value label = model.input("label", i32[{batch}].in(0, 3));
  Value weight = model.param("weight", f32[{4, units}], call("he_uniform", 4));
  Value shift = model.frozen_param("shift", f32[{units}], 0.25);
  auto [b, i, j, c] = indices("b", "i", "j", "c");
  Value drive = model.let("drive");
  drive(b, j) = shift(j) + sum(i, x(b, i) * weight(i, j));
  Value edge = model.let("edge");
  edge(b, i < units) = drive(b, i) - drive(b, i - 1).otherwise(0);
  auto [low, high] = model.let({"low", "high"}, call("halves", edge));
  Value hidden = model.let("hidden", select(low > 0 && low < high, low, 0.5 * high));
  Value again = model.let("again", call("linear", hidden, 3));
  Value logits = model.output("logits");
  logits(b, c) = again(b, c);
  model.loss("nll", call("cross_entropy", logits, label));
  Value accuracy = model.metric("accuracy", call("accuracy", logits, label));
  model.train("fit")
      .batch(8)
      .accumulate(2)
      .monitor(call("max", accuracy))
      .stop(call("early", {"patience", 3}))
      .epochs(2)
      .seed(3)
      .set("shuffle", false)
      .clip(call("global_norm", 1.5))
      .optimizer(call("adam", {"rate", call("cosine", 1e-2, {"warmup", 4})}))
      .optimizer({"*.bias", "weight"}, call("sgd", 0.1))
      .data("x", call("csv", text("t.csv"), {"columns", text("a, b")}))
      .data("label", call("npy", text("l.npy")))
      .test("x", call("npy", text("x.npy")));
  return model;
}

std::string errors_of(const Builder& model) {
  const Result<Program> program = compile(model);
  return program ? "no error" : render(program.errors());
}

}  // namespace

TEST_CASE("operators and functions write what the language says") {
  for (const Line& line : lines()) CHECK(written(line.expression) == line.text);
}

TEST_CASE("a model in C++ is this text") {
  CHECK(to_string(small_model()) == R"(fn halves(x : f32[..., n]) -> f32[..., n / 2], f32[..., n / 2] {
  low[..., i < n / 2] = x[..., i]
  high[..., i < n / 2] = x[..., i + n / 2]
  return low, high
}

model small(units : size = 6) {
  input x : f32[batch, 4]
  input label : i32[batch] in 0 ..< 3
  param weight : f32[4, units] ~ he_uniform(4)
  frozen param shift : f32[units] ~ 0.25
  drive[b, j] = shift[j] + sum[i](x[b, i] * weight[i, j])
  edge[b, i < units] = drive[b, i] - drive[b, i - 1 else 0]
  low, high = halves(edge)
  hidden = if low > 0 and low < high then low else 0.5 * high
  again = linear(hidden, 3)
  output logits[b, c] = again[b, c]
  loss nll = cross_entropy(logits, label)
  metric accuracy = accuracy(logits, label)
}

train fit = small() {
  batch = 8
  accumulate = 2
  monitor = max(accuracy)
  stop = early(patience = 3)
  epochs = 2
  seed = 3
  shuffle = false
  clip = global_norm(1.5)
  optimizer = adam(rate = cosine(0.01, warmup = 4))
  optimizer "*.bias", "weight" = sgd(0.1)
  data {
    x = csv("t.csv", columns = "a, b")
    label = npy("l.npy")
  }
  test {
    x = npy("x.npy")
  }
}
)");
}

TEST_CASE("the text of a model in C++ means the same") {
  const Builder model = small_model();
  const std::string text = to_string(model);
  const Program built = value_of(compile(model));
  const Program read = value_of(compile_text("small", text));
  REQUIRE(built.graph() != nullptr);
  CHECK(print(*built.graph()) == print(*read.graph()));
  CHECK(built.largest_batch() == 8);
  const auto tree = value_of(frontend::parse(std::make_shared<const Source>(Source{"small", text})));
  CHECK(frontend::ast::print(tree) == text);
  std::vector<float> x(32);
  for (std::size_t n = 0; n < x.size(); ++n) x[n] = static_cast<float>(n % 7) - 3;
  const std::vector<std::int32_t> label{0, 1, 2, 0, 1, 2, 0, 1};
  std::vector<data::Array> weights;
  for (const Program& program : {built, read}) {
    Trainer trainer = value_of(Trainer::create(program, {.threads = 1}));
    REQUIRE(trainer.init(3).empty());
    for (int step = 0; step < 5; ++step) value_of(trainer.step(8, std::vector<Feed>{{"x", x}, {"label", label}}));
    weights.push_back(value_of(trainer.parameter("weight")));
  }
  CHECK(weights[0] == weights[1]);
}

TEST_CASE("blocks are written as they are nested") {
  Builder model("loops");
  const Value x = model.input("x", f32[{batch, 5, 4}]);
  const auto [b, t, j] = indices("b", "t", "j");
  model.repeat(3, "block", {{"h", x}}, [&] {
    const Value h = model.value("h");
    model.let(next(h), tanh(call("linear", h, 4)));
  });
  model.scan(t < 5, {{"c", f32[{batch, 4}], 0}}, [&] {
    const Value c = model.value("c");
    next(c)(b, j) = c(b, j) + model.value("h")(b, t, j);
    model.yield("y")(b, t, j) = next(c)(b, j);
  });
  CHECK(to_string(model) == R"(model loops() {
  input x : f32[batch, 5, 4]
  repeat 3 as block carry h = x {
    next h = tanh(linear(h, 4))
  }
  scan t < 5 carry c : f32[batch, 4] = 0 {
    next c[b, j] = c[b, j] + h[b, t, j]
    yield y[b, t, j] = next c[b, j]
  }
}
)");
}

TEST_CASE("descent/library.h has every function of the library") {
  const std::string header = read_text(source_folder + "/driver/include/descent/library.h");
  for (const std::string& name : frontend::library_names()) {
    INFO(name << " is missing");
    CHECK(header.find(" " + name + "(\"" + name + "\")") != std::string::npos);
  }
  CHECK(written(library::relu(library::linear(1, 64))) == "relu(linear(1, 64))");
}

// The lines from here on are those of a file host.cpp, which begins anew in each test.
TEST_CASE("mistakes point at the C++ statement and show what it wrote") {
  // clang-format off
#line 1 "host.cpp"
  Builder model("m");
  Value x = model.input("x", f32[{batch, 4}]);
  Value w = model.param("w", f32[{5, 3}], call("zeros"));
  auto [b, i, j] = indices("b", "i", "j");
  Value y = model.let("y");
  y(b, j) =
      sum(i, x(b, i) * w(i, j));
  Value z = model.let("z");
  z(b, i < 4) = x(b, i + 1);
  model.let("z", call("relo", x));
  // clang-format on
  CHECK(errors_of(model) == R"(host.cpp:6: error: axis 'i' is 4 in 'x' but 5 in 'w'
  |   y[b, j] = sum[i](x[b, i] * w[i, j])
  |                                ^
host.cpp:6: note: 'i' is 4 here
  |   y[b, j] = sum[i](x[b, i] * w[i, j])
  |                         ^
host.cpp:9: error: expected an index from 0 to 3 into 'x', found 1 to 4; give the value outside with else
  |   z[b, i < 4] = x[b, i + 1]
  |                      ^~~~~
host.cpp:10: error: unknown function 'relo' (did you mean 'relu'?)
  |   z = relo(x)
  |       ^~~~
host.cpp:10: error: 'z' has a meaning already; a name is given once
  |   z = relo(x)
  |   ^
host.cpp:9: note: first given here
  |   z[b, i < 4] = x[b, i + 1]
  |   ^
)");
}

TEST_CASE("expressions that would fill the memory or the stack are refused") {
#line 1 "host.cpp"
  Builder model("m");
  const Value x = model.input("x", f32[{batch}]);
  Expression deep = x, wide = x;
  for (int n = 0; n < 100000; ++n) deep = deep + 1;
  for (int n = 0; n < 1000; ++n) wide = n % 2 ? wide + wide : tanh(wide);
  model.let("deep", deep);
  model.let("wide", wide);
  CHECK(errors_of(model) == R"(host.cpp:6: error: expected at most 200 levels in one expression; name a part of it
  | deep
  | ^~~~
host.cpp:7: error: expected at most 100000 parts in one expression; name one of them
  | wide
  | ^~~~
)");
}

}  // namespace descent::test
