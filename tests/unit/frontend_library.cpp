// The standard library against formulas written by hand: each function's Graph is evaluated in double.
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include "tests/support/evaluated_model.h"
#include "tests/support/text_file.h"

using namespace descent;
using namespace descent::test;

namespace {

const Numbers points = {-30, -3, -1, -0.5, 0, 0.25, 1, 4, 30, std::nan("")};
const std::int64_t rows = 3;
const std::int64_t columns = 4;
const Numbers table_x = {0.5, -1, 2, 0.25, 3, 1, -2, 0, -0.5, 1.5, 0.75, -3};
const Numbers table_y = {1, 0, 0, 1, 0, 1, 1, 0, 1, 1, 0, 0};
const Numbers labels = {2, 0, 3};

// Evaluates one expression over x, y : f32[batch, 4], p = sigmoid of x, label : i32[batch] in 0 ..< 4.
Numbers expression(const std::string& text) {
  const auto compiled = compile(
      "model m() {\n input x, y : f32[batch, 4]\n input label : i32[batch] in 0 ..< 4\n"
      " p = sigmoid(x)\n output out = " +
      text + "\n}\n");
  Tensors inputs = {{"x", tensor(DType::f32, {rows, columns}, table_x)},
                    {"y", tensor(DType::f32, {rows, columns}, table_y)},
                    {"label", tensor(DType::i32, {rows}, labels)}};
  return run(*compiled.model.entry("predict"), rows, inputs).outputs[0].data;
}

// By row: f(row of x, row of y, label)
using OfRow = std::function<double(const double*, const double*, std::size_t)>;
double mean_of_rows(const OfRow& of_row) {
  double sum = 0;
  for (std::size_t r = 0; r < 3; ++r)
    sum += of_row(&table_x[4 * r], &table_y[4 * r], static_cast<std::size_t>(labels[r]));
  return sum / 3;
}
double mean_of_elements(const std::function<double(double, double)>& of) {
  double sum = 0;
  for (std::size_t i = 0; i < 12; ++i) sum += of(table_x[i], table_y[i]);
  return sum / 12;
}
double total(const double* row, const std::function<double(double)>& of) {
  return of(row[0]) + of(row[1]) + of(row[2]) + of(row[3]);
}
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double log_of_sum(const double* row) {
  return std::log(total(row, [](double x) { return std::exp(x); }));
}

}  // namespace

TEST_CASE("activations are the formulas of their papers") {
  const double nan = std::nan("");
  const std::vector<std::pair<std::string, std::function<double(double)>>> table = {
      {"relu(x)", [](double x) { return x > 0 || std::isnan(x) ? x : 0; }},
      {"leaky_relu(x)", [](double x) { return x > 0 || std::isnan(x) ? x : 0.01 * x; }},
      {"leaky_relu(x, 0.2)", [](double x) { return x > 0 || std::isnan(x) ? x : 0.2 * x; }},
      {"elu(x)", [](double x) { return x > 0 ? x : std::expm1(x); }},
      {"gelu(x)", [](double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }},
      {"gelu_tanh(x)",
       [](double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }},
      {"silu(x)", [](double x) { return x / (1 + std::exp(-x)); }},
      {"softplus(x)", [nan](double x) { return std::isnan(x) ? nan : std::log1p(std::exp(x)); }},
      {"sigmoid(x)", sigmoid},
      {"tanh(x)", [](double x) { return std::tanh(x); }},
  };
  for (const auto& [call, formula] : table) {
    INFO(call);
    const auto whole = compile("model m() {\n input x : f32[batch]\n output y = " + call + "\n}\n");
    std::string inside = call;
    inside.replace(inside.find("(x"), 2, "(x[b]");
    const auto element = compile("model m() {\n input x : f32[batch]\n output y[b] = " + inside + "\n}\n");
    const Tensors inputs = {{"x", tensor(DType::f32, {10}, points)}};
    Numbers expected;
    for (const double x : points) expected.push_back(formula(x));
    check_close(run(*whole.model.entry("predict"), 10, inputs).outputs[0].data, expected);
    check_close(run(*element.model.entry("predict"), 10, inputs).outputs[0].data, expected);
  }
}

TEST_CASE("the gradient of relu is 0 at 0: only what is above 0 is selected") {
  const auto compiled = compile("model m() {\n input x : f32[batch]\n output y = relu(x)\n}\n");
  CHECK(print(*compiled.model.entry("predict")).find("select(%x[i] <= 0.0, 0.0, %x[i])") != std::string::npos);
}

TEST_CASE("rows become probabilities, without overflow") {
  Numbers soft(12);
  Numbers logs(12);
  for (std::size_t i = 0; i < 12; ++i) {
    logs[i] = table_x[i] - log_of_sum(&table_x[i / 4 * 4]);
    soft[i] = std::exp(logs[i]);
  }
  check_close(expression("softmax(x)"), soft);
  check_close(expression("log_softmax(x)"), logs);
  check_close(expression("softmax(x * 1000)"), {0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0});
}

TEST_CASE("losses and metrics are means over the rows") {
  const auto squared = [](const double* x, const double* y, std::size_t) {
    double sum = 0;
    for (int i = 0; i < 4; ++i) sum += (x[i] - y[i]) * (x[i] - y[i]);
    return sum;
  };
  const auto negative_log = [](const double* x, const double*, std::size_t label) { return log_of_sum(x) - x[label]; };
  const auto one_hot = [](const double* x, const double* y, std::size_t) {
    double sum = 0;
    for (int i = 0; i < 4; ++i) sum -= y[i] * std::log(sigmoid(x[i]));
    return sum;
  };
  const auto binary = [](double x, double y) {
    return -(y * std::log(sigmoid(x)) + (1 - y) * std::log(1 - sigmoid(x)));
  };
  const std::vector<std::pair<std::string, double>> table = {
      {"mean_squared_error(x, y)", mean_of_rows(squared) / 4},
      {"half_squared_error(x, y)", mean_of_rows(squared) / 2},
      {"mean_absolute_error(x, y)", mean_of_elements([](double x, double y) { return std::abs(x - y); })},
      {"binary_cross_entropy(p, y)", mean_of_elements(binary)},
      {"binary_cross_entropy_logits(x, y)", mean_of_elements(binary)},
      {"binary_cross_entropy(y, y)", 0},
      {"binary_cross_entropy(1 - y, y)", 100},
      {"binary_cross_entropy_logits(1000 * (1 - 2 * y), y)", 1000},
      {"categorical_cross_entropy(p, y)", mean_of_rows(one_hot)},
      {"cross_entropy(x, label)", mean_of_rows(negative_log)},
      {"cross_entropy(x * 1000, label)", (0 + 0 + 4500) / 3.0},
      {"accuracy(x, label)", 2 / 3.0},
      {"binary_accuracy(p, y)", mean_of_elements([](double x, double y) { return (x > 0) == (y > 0.5); })},
      {"binary_accuracy(x, y, threshold = 0)",
       mean_of_elements([](double x, double y) { return (x > 0) == (y > 0.5); })},
      {"top_accuracy(x, label, k = 1)", 2 / 3.0},
      {"top_accuracy(x, label, k = 3)", 2 / 3.0},
      {"top_accuracy(x, label, k = 4)", 1},
      {"top_accuracy(0 * x, label, k = 1)", 1 / 3.0},  // of equal ones the first counts
      {"top_accuracy(0 * x, label, k = 3)", 2 / 3.0},
      {"true_positives(p, y)", mean_of_elements([](double x, double y) { return x > 0 && y > 0.5; })},
      {"false_positives(p, y)", mean_of_elements([](double x, double y) { return x > 0 && y <= 0.5; })},
      {"false_negatives(x, y, threshold = 0)", mean_of_elements([](double x, double y) { return x <= 0 && y > 0.5; })},
      {"f32(precision(0.3, 0.1))", 0.75},
      {"f32(precision(0, 0))", 0},
      {"f32(recall(0.3, 0.2))", 0.6},
      {"f32(f1(0.3, 0.1, 0.2))", 2 / 3.0},
      {"f32(iou(0.3, 0.1, 0.2))", 0.5},
      {"f32(perplexity(2))", std::exp(2.0)},
      {"f32(places(10, 3, 2, 1))", 5},
      {"f32(places(10, 3, 1, 0, 4))", 2},
      {"f32(reach(5, 3, 2, 1, 1, 1))", 10},
      {"l1(x, 0.1)", 1.2 * mean_of_elements([](double x, double) { return std::abs(x); })},
      {"l2(x, 0.1)", 1.2 * mean_of_elements([](double x, double) { return x * x; })},
  };
  for (const auto& [call, expected] : table) {
    INFO(call);
    check_close(expression(call), {expected});
  }
}

TEST_CASE("a reduction over ... takes whole tensors too, over all their axes") {
  const double expected = mean_of_elements([](double x, double y) { return (x - y) * (x - y); });
  check_close(expression("mean[...]((x - y)^2)"), {expected});
  check_close(expression("mean[...]((x[...] - y[...])^2)"), {expected});
  check_close(expression("sum[...](x) + max[...](y * 2) - min[...](x)"),
              {std::accumulate(table_x.begin(), table_x.end(), 2.0 + 3.0)});
  check_close(expression("argmax[...](x)"), {4});
  check_close(expression("argmin[...](x)"), {11});
  check_close(expression("mean[...](relu(x) * 3 - mean[...](x))"),
              {mean_of_elements([](double x, double) { return 3 * std::max(x, 0.0) - x; })});
  check_close(expression("prod[...](y + 1)"), {64});
  check_close(expression("mean[a, b](f32(label[a] == label[b]))"), {3 / 9.0});
}

TEST_CASE("layers rearrange and look up") {
  check_close(expression("one_hot(label, 4)"), {0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1});
  Numbers normal(12);
  for (std::size_t r = 0; r < 3; ++r) {
    const double* row = &table_x[4 * r];
    const double mean = total(row, [](double x) { return x; }) / 4;
    const double variance = total(row, [&](double x) { return (x - mean) * (x - mean); }) / 4;
    for (std::size_t i = 0; i < 4; ++i) normal[4 * r + i] = (row[i] - mean) / std::sqrt(variance + 1e-5);
  }
  const auto compiled = compile(
      "model m() {\n input x : f32[batch, 4]\n input k : i32[batch] in 0 ..< 3\n output n = layer_norm(x)\n"
      " output l = linear(x, 2)\n output e = embedding(k, 3, 2)\n output t = transpose(l.linear.weight)\n}\n");
  const Tensors inputs = {{"x", tensor(DType::f32, {rows, columns}, table_x)},
                          {"k", tensor(DType::i32, {3}, {2, 0, 2})}};
  const Tensors states = {{"n.layer_norm.scale", tensor(DType::f32, {4}, {1, 1, 1, 1})},
                          {"n.layer_norm.shift", tensor(DType::f32, {4}, {0, 0, 0, 0})},
                          {"l.linear.weight", tensor(DType::f32, {4, 2}, {1, 2, 3, 4, 5, 6, 7, 8})},
                          {"l.linear.bias", tensor(DType::f32, {2}, {100, 200})},
                          {"e.embedding.table", tensor(DType::f32, {3, 2}, {1, 2, 3, 4, 5, 6})}};
  const Evaluation result = run(*compiled.model.entry("predict"), rows, inputs, states);
  check_close(result.outputs[0].data, normal);
  Numbers product(6);
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t j = 0; j < 2; ++j) {
      product[2 * r + j] = 100.0 * static_cast<double>(j + 1);
      for (std::size_t i = 0; i < 4; ++i) product[2 * r + j] += table_x[4 * r + i] * static_cast<double>(2 * i + j + 1);
    }
  }
  check_close(result.outputs[1].data, product);
  check_close(result.outputs[2].data, {5, 6, 1, 2, 5, 6});
  check_close(result.outputs[3].data, {1, 3, 5, 7, 2, 4, 6, 8});
}

TEST_CASE("windows slide, tiles pool, images flatten") {
  const auto compiled = compile(
      "model m() {\n input x : f32[batch, 1, 3, 3]\n output c = conv2d(x, 1)\n output most = max_pool2d(x)\n"
      " output mean = mean_pool2d(x, 3)\n output f = flatten(x)\n}\n");
  const Numbers image = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  const Tensors states = {{"c.conv2d.weight", tensor(DType::f32, {1, 1, 3, 3}, {1, 0, 0, 0, 0, 0, 0, 0, 10})},
                          {"c.conv2d.bias", tensor(DType::f32, {1}, {1000})}};
  const Evaluation result =
      run(*compiled.model.entry("predict"), 1, {{"x", tensor(DType::f32, {1, 1, 3, 3}, image)}}, states);
  check_close(result.outputs[0].data, {1050, 1060, 1000, 1080, 1091, 1002, 1000, 1004, 1005});
  check_close(result.outputs[1].data, {5});
  check_close(result.outputs[2].data, {5});
  check_close(result.outputs[3].data, image);
}

TEST_CASE("batch norm takes the rows' statistics while training and running means afterwards") {
  const auto compiled = compile(
      "model m() {\n input x : f32[batch, 4]\n input p : f32[batch, 4, 2, 1]\n y = batch_norm(x)\n"
      " z = batch_norm2d(p)\n output a = y\n output c = z\n loss e = mean[...](y^2) + sum[...](z)\n}\n"
      "train t = m() {\n optimizer = sgd(0.1)\n}\n");
  Tensors states;
  for (const auto& [name, value] :
       run(*compiled.model.entry("init"), 1, {{"seed", tensor(DType::i32, {}, {1})}}).updates) {
    states[name] = value;
  }
  Numbers images;
  for (int i = 0; i < 24; ++i) images.push_back(i % 5 + 0.25 * i);
  Tensors inputs = {{"x", tensor(DType::f32, {3, 4}, table_x)}, {"p", tensor(DType::f32, {3, 4, 2, 1}, images)}};
  for (const char* name : {"step", "steps", "seed"}) inputs[name] = tensor(DType::i32, {}, {1});
  for (const frontend::Rate& rate : compiled.rates) inputs[rate.name] = tensor(DType::f64, {}, {rate.value});
  for (const char* name :
       {"y.batch_norm.scale", "y.batch_norm.shift", "z.batch_norm2d.scale", "z.batch_norm2d.shift"}) {
    inputs[std::string("gradient.") + name] = tensor(DType::f32, {4}, Numbers(4, 0.0));
  }
  const Graph learning = with_given_gradients(*compiled.model.entry("step"));
  for (const auto& [name, value] : run(learning, 3, inputs, states).updates) states[name] = value;
  for (const auto& [path, data, stride, count] :
       {std::tuple{"y.batch_norm.", &table_x, 1, 3},
        std::tuple{"z.batch_norm2d.", static_cast<const Numbers*>(&images), 2, 6}}) {
    Numbers center, spread;
    for (int c = 0; c < 4; ++c) {
      double mean = 0, variance = 0;
      const auto each = [&](const std::function<void(double)>& visit) {
        for (int row = 0; row < 3; ++row) {
          for (int k = 0; k < stride; ++k) visit((*data)[static_cast<std::size_t>((row * 4 + c) * stride + k)]);
        }
      };
      each([&](double x) { mean += x / count; });
      each([&](double x) { variance += (x - mean) * (x - mean) / (count - 1); });
      center.push_back(0.1 * mean);
      spread.push_back(0.9 + 0.1 * variance);
    }
    check_close(states.at(path + std::string("center")).data, center);
    check_close(states.at(path + std::string("spread")).data, spread);
  }
  const Evaluation judged = run(*compiled.model.entry("predict"), 3, inputs, states);
  const double center = states.at("y.batch_norm.center").data[0], spread = states.at("y.batch_norm.spread").data[0];
  CHECK(judged.outputs[0].data[4] == Approx((table_x[4] - center) / std::sqrt(spread + 1e-5)));
}

TEST_CASE("dropout leaves out while training only, by a site of its own") {
  const auto compiled = compile(
      "model m() {\n input x : f32[batch, 1000]\n param w : f32[1] ~ ones\n"
      " y = dropout(x, 0.25)\n z = dropout(x, 0.25)\n output o = y\n"
      " loss kept = w[0] * mean[b, i](f32(y[b, i] != 0))\n loss both = mean[b, i](y[b, i] * z[b, i])\n}\n"
      "train t = m() {\n optimizer = sgd(0.1)\n}\n");
  const Tensors states = {{"w", tensor(DType::f32, {1}, {1})}};
  Tensors inputs = {{"x", tensor(DType::f32, {8, 1000}, Numbers(8000, 1.0))}};
  CHECK(run(*compiled.model.entry("predict"), 8, inputs, states).outputs[0].data == Numbers(8000, 1.0));
  inputs["gradient.w"] = tensor(DType::f32, {1}, {0});
  for (const frontend::Rate& rate : compiled.rates) inputs[rate.name] = tensor(DType::f64, {}, {rate.value});
  Numbers kept;
  for (const double step : {1.0, 2.0}) {
    for (const char* name : {"step", "steps", "seed"}) inputs[name] = tensor(DType::i32, {}, {step});
    const Evaluation result = run(with_given_gradients(*compiled.model.entry("step")), 8, inputs, states);
    CHECK(result.outputs[0].data[0] == Approx(0.75).margin(0.02));
    CHECK(result.outputs[1].data[0] == Approx(1).margin(0.05));  // 1 in the mean: the two masks are independent
    kept.push_back(result.outputs[0].data[0]);
  }
  CHECK(kept[0] != kept[1]);
}

TEST_CASE("a scan carries from turn to turn, a repeat from layer to layer") {
  Numbers sums = table_x;
  for (std::size_t i = 0; i < 12; ++i) {
    if (i % 4 != 0) sums[i] += sums[i - 1];
  }
  check_close(expression("cumulative_sum(x)"), sums);
  const auto compiled = compile(
      "model m() {\n input x : f32[batch, 4]\n"
      " repeat 3 as layer carry h = x {\n  next h = linear(h, 4)\n  yield seen[b, j] = h[b, j]\n }\n"
      " output y = h\n output first = seen\n}\n");
  Numbers weights, biases;
  for (int k = 0; k < 3; ++k) {
    for (int i = 0; i < 16; ++i) weights.push_back(i % 5 == 0 ? k + 1 : 0);
    for (int j = 0; j < 4; ++j) biases.push_back(k);
  }
  const Tensors states = {{"layer.*.h.linear.weight", tensor(DType::f32, {3, 4, 4}, weights)},
                          {"layer.*.h.linear.bias", tensor(DType::f32, {3, 4}, biases)}};
  const Evaluation result =
      run(*compiled.model.entry("predict"), rows, {{"x", tensor(DType::f32, {rows, columns}, table_x)}}, states);
  Numbers last, seen;
  for (const double x : table_x) last.push_back(((x * 1 + 0) * 2 + 1) * 3 + 2);
  for (int k = 0; k < 3; ++k) {
    for (const double x : table_x) seen.push_back(k == 0 ? x : k == 1 ? x : x * 2 + 1);
  }
  check_close(result.outputs[0].data, last);
  check_close(result.outputs[1].data, seen);
}

TEST_CASE("each layer of a repeat begins as it would if it were written out") {
  const auto drawn = [](const std::string& body) {
    const auto compiled = compile("model m() {\n input x : f32[batch, 4]\n" + body + " output y = h\n}\n");
    std::map<std::string, Numbers> states;
    for (const auto& [name, value] :
         run(*compiled.model.entry("init"), 1, {{"seed", tensor(DType::i32, {}, {3})}}).updates) {
      states[name] = value.data;
    }
    return states;
  };
  // The same sites: a draw depends on the path alone.
  const Model written = *parse_model(std::make_shared<const Source>(
      Source{"init",
             "descent graph 1\nmodel m\nstate a : f32[4] parameter\nstate b : f32[4] parameter\nentry init {\n"
             " %seed = input seed : i32[]\n %step = sweep [] { 0 } : i32[]\n"
             " %a = random layer.0.h.linear.weight(%seed, %step) : f32[4]\n"
             " %b = random layer.1.h.linear.weight(%seed, %step) : f32[4]\n update a = %a\n update b = %b\n}\n"}));
  const auto all = drawn(" repeat 2 as layer carry h = x {\n  next h = linear(h, 4)\n }\n");
  const Numbers& weight = all.at("layer.*.h.linear.weight");
  const double bound = std::sqrt(6 / 8.0);
  const Evaluation parts = run(written.entries[0], 1, {{"seed", tensor(DType::i32, {}, {3})}});
  for (std::size_t layer = 0; layer < 2; ++layer) {
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(weight[16 * layer + i] == Approx(-bound + 2 * bound * parts.updates[layer].second.data[i]));
    }
  }
}

TEST_CASE("orthogonal initial values are at right angles") {
  const auto compiled = compile(
      "model m() {\n param tall : f32[3, 2, 4] ~ orthogonal(2)\n param wide : f32[3, 5] ~ orthogonal\n"
      " output o = sum[...](tall) + sum[...](wide)\n}\n");
  const Tensors states = initial_states(compiled);
  const auto product = [&](const char* name, std::size_t rows, std::size_t columns, bool of_columns) {
    const Numbers& x = states.at(name).data;
    const std::size_t n = of_columns ? columns : rows;
    Numbers gram(n * n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        for (std::size_t k = 0; k < rows * columns / n; ++k) {
          gram[i * n + j] +=
              of_columns ? x[k * columns + i] * x[k * columns + j] : x[i * columns + k] * x[j * columns + k];
        }
      }
    }
    return gram;
  };
  check_close(product("tall", 6, 4, true), {4, 0, 0, 0, 0, 4, 0, 0, 0, 0, 4, 0, 0, 0, 0, 4});
  check_close(product("wide", 3, 5, false), {1, 0, 0, 0, 1, 0, 0, 0, 1});
}

TEST_CASE("initial values have the stated spread") {
  struct Case {
    std::string initial;
    double deviation;
    double bound;
  };
  const double none = 1e9;
  const std::vector<Case> table = {
      {"uniform(-2, 1)", 3 / std::sqrt(12.0), 2},
      {"normal(0.3)", 0.3, none},
      {"glorot_uniform(200, 100)", std::sqrt(2 / 300.0), std::sqrt(6 / 300.0)},
      {"glorot_normal(200, 100)", std::sqrt(2 / 300.0), none},
      {"he_uniform(50)", std::sqrt(2 / 50.0), std::sqrt(6 / 50.0)},
      {"he_normal(50)", std::sqrt(2 / 50.0), none},
      {"zeros", 0, 0},
      {"ones", 0, 1},
      {"constant(-0.5)", 0, 0.5},
      {"0.25", 0, 0.25},
  };
  for (const Case& one : table) {
    INFO(one.initial);
    const auto compiled = compile("model m() {\n param w : f32[100, 50] ~ " + one.initial + "\n output y = w\n}\n");
    const Evaluation result = run(*compiled.model.entry("init"), 1, {{"seed", tensor(DType::i32, {}, {5})}});
    const Numbers& drawn = result.updates[0].second.data;
    const double mean = std::accumulate(drawn.begin(), drawn.end(), 0.0) / 5000;
    double variance = 0;
    double largest = 0;
    for (const double value : drawn) {
      variance += (value - mean) * (value - mean) / 5000;
      largest = std::max(largest, std::abs(value));
    }
    CHECK(std::sqrt(variance) == Approx(one.deviation).epsilon(0.03));
    CHECK(largest <= one.bound * (1 + 1e-6));
    if (one.bound < none) CHECK(largest >= one.bound * 0.98);
  }
}

TEST_CASE("every function and optimizer of the library stands in these tests") {
  const std::string text = test::read_text(DESCENT_SOURCE_DIR "/tests/unit/frontend_library.cpp") +
                           test::read_text(DESCENT_SOURCE_DIR "/tests/unit/frontend_learning.cpp") +
                           test::read_text(DESCENT_SOURCE_DIR "/tests/support/library_cases.cpp") +
                           test::read_text(DESCENT_SOURCE_DIR "/tests/unit/library_functions.cpp");
  for (const SourceRef& source : frontend::standard_library()) {
    const auto parsed = frontend::parse(source);
    if (!parsed) FAIL(render(parsed.errors()));
    for (const auto& function : parsed->functions) {
      INFO(function.name.text);
      const bool called = text.find(function.name.text + "(") != std::string::npos;
      CHECK((called || text.find('"' + function.name.text + '"') != std::string::npos));
    }
  }
}
