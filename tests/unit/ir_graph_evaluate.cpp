// The oracle against values computed by hand.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "ir/graph.h"
#include "ir/philox.h"

namespace descent {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
const double nan = std::numeric_limits<double>::quiet_NaN();

using Tensors = std::unordered_map<std::string, Tensor>;

Model model_of(const std::string& statements) {
  const std::string text = "descent graph 1\nmodel m\nentry run {\n" + statements + "}\n";
  const Result<Model> model = parse_model(std::make_shared<Source>(Source{"test.graph", text}));
  INFO((model.ok() ? "" : render(model.errors())));
  REQUIRE(model.ok());
  return *model;
}

Tensor tensor(DType type, std::vector<std::int64_t> shape, std::vector<double> data) {
  TensorType tensor_type{type, {}, {}};
  for (const std::int64_t size : shape) tensor_type.shape.push_back({size});
  return {tensor_type, std::move(shape), std::move(data)};
}

std::vector<std::vector<double>> run(const std::string& statements, std::int64_t batch = 1,
                                     const Tensors& inputs = {}) {
  const Model model = model_of(statements);
  INFO(statements);
  CHECK(render(verify(model)) == "");
  const Result<Evaluation> result = evaluate(model.entries[0], batch, inputs, {});
  INFO((result.ok() ? "" : render(result.errors())));
  REQUIRE(result.ok());
  std::vector<std::vector<double>> outputs;
  for (const Tensor& output : result->outputs) outputs.push_back(output.data);
  return outputs;
}

std::string error_of(const std::string& statements, std::int64_t batch = 1, const Tensors& inputs = {}) {
  const Result<Evaluation> result = evaluate(model_of(statements).entries[0], batch, inputs, {});
  return result.ok() ? "" : result.errors()[0].message;
}

const Tensors vectors = {{"x", tensor(DType::f32, {4}, {1, -2, 3, 3})},
                         {"odd", tensor(DType::f32, {4}, {nan, 2, -infinity, 2})},
                         {"k", tensor(DType::i32, {3}, {2, 0, 2})}};

struct Case {
  std::string sweep;  // over %x : f32[4] = 1 -2 3 3, %odd : f32[4] = nan 2 -inf 2, %k : i32[3] = 2 0 2, in 0 ..< 4
  std::vector<double> expected;
};

TEST_CASE("sweeps over a vector give what a hand computes") {
  const std::vector<Case> table = {
      {"[i < 4] sum at [] { %x[i] } : f32[]", {5}},
      {"[i < 4] product at [] { %x[i] } : f32[]", {-18}},
      {"[i < 4] max at [] { %x[i] } : f32[]", {3}},
      {"[i < 4] min at [] { %x[i] } : f32[]", {-2}},
      {"[i < 4] argmax at [] { %x[i] } : i32[]", {2}},
      // a NaN never wins a max, a min or an argmax; ties go to the smallest
      {"[i < 4] max at [] { %odd[i] } : f32[]", {2}},
      {"[i < 4] argmax at [] { %odd[i] } : i32[]", {1}},
      {"[i < 1] argmax at [] { %odd[i] } : i32[]", {0}},
      {"[i < 4 where 2 - i >= 0, i - 2 >= 0] argmax at [] { %odd[i] } : i32[]", {2}},
      {"[i < 2, j < 2] argmax at [] { %x[2*i + j] } : i32[]", {2}},
      {"[i < 2, j < 2] argmax at [j] { %x[2*i + j] } : i32[2]", {1, 1}},
      // what no point reaches holds the identity
      {"[i < 4 where i - 4 >= 0] sum at [] { %x[i] } : f32[]", {0}},
      {"[i < 4 where i - 4 >= 0] product at [] { %x[i] } : f32[]", {1}},
      {"[i < 4 where i - 4 >= 0] max at [] { %x[i] } : f32[]", {-infinity}},
      {"[i < 4 where i - 4 >= 0] min at [] { %x[i] } : f32[]", {infinity}},
      {"[i < 4 where i - 4 >= 0] argmax at [] { %x[i] } : i32[]", {0}},
      {"[i < 3 where i - 4 >= 0] max at [] { %k[i] } : i32[]", {-2147483648.0}},
      {"[i < 3 where i - 4 >= 0] min at [] { %k[i] } : i32[]", {2147483647.0}},
      {"[i < 2] at [2*i + 1] { %x[i] } : f32[5]", {0, 1, 0, -2, 0}},
      // landings outside vanish, several on one place combine
      {"[i < 4] at [i - 2] { %x[i] } : f32[4]", {3, 3, 0, 0}},
      {"[o < 3, r < 2] sum at [o + r] { %x[o] } : f32[4]", {1, -1, 1, 3}},
      // windows: what stands outside is computed with
      {"[i < 4, r < 3] sum at [i] { %x[i + r - 1 else 0.0] } : f32[4]", {-1, 2, 4, 6}},
      {"[i < 4, r < 3] max at [i] { %x[i + r - 1 else -inf] } : f32[4]", {1, 3, 3, 3}},
      {"[i < 4, r < 3] product at [i] { %x[i + r - 1 else 2.0] } : f32[4]", {-4, -6, -18, 18}},
      {"[i < 4] { %x[3 - i] } : f32[4]", {3, 3, -2, 1}},
      // through integers
      {"[i < 3] { %x[%k[i]] } : f32[3]", {3, 1, 3}},
      {"[i < 3] { %x[%k[i] - 1 else 9.0] } : f32[3]", {-2, 9, -2}},
      {"[i < 3] sum at [%k[i]] { %x[i] } : f32[4]", {-2, 0, 4, 0}},
      {"[i < 3] sum at [%k[i] + 2] { %x[i] } : f32[4]", {0, 0, -2, 0}},
      // integers wrap, conversions saturate
      {"[i < 3] { %k[i] * 2147483647 + 2147483647 } : i32[3]", {2147483645.0, 2147483647.0, 2147483645.0}},
      {"[i < 3] sum at [] { %k[i] + 2147483645 } : i32[]", {2147483643.0}},
      {"[i < 4] { i32(%odd[i] * 1e+30) } : i32[4]", {0, 2147483647.0, -2147483648.0, 2147483647.0}},
      {"[i < 4] { u8(%x[i] * 100.0) } : u8[4]", {100, 0, 255, 255}},
      {"[i < 4] { index(2*i - 1) } : i32[4]", {-1, 1, 3, 5}},
      {"[i < 4] { extent(i) } : i32[4]", {4, 4, 4, 4}},
      {"[i < 4] { select(%x[i] > 0.0, %x[i], 0.25) } : f32[4]", {1, 0.25, 3, 3}},
      {"[i < 4] { %x[i] == %odd[i] } : bool[4]", {0, 0, 0, 0}},
      {"[i < 4] { %odd[i] != %odd[i] } : bool[4]", {1, 0, 0, 0}},
      {"[i < 4] { power(%x[i], 3) } : f32[4]", {1, -8, 27, 27}},
  };
  for (const Case& test : table) {
    INFO(test.sweep);
    const auto outputs =
        run("%x = input x : f32[4]\n%odd = input odd : f32[4]\n%k = input k : i32[3] in 0 ..< 4\n%y = sweep " +
                test.sweep + "\noutput y = %y\n",
            1, vectors);
    CHECK(outputs[0] == test.expected);
  }
}

TEST_CASE("batch is the actual one") {
  const std::string statements = R"(
%x = input x : f32[batch, 2]
%mean = sweep [b < batch, i < 2] sum at [i] { %x[b, i] / f32(extent(b)) } : f32[2]
%twice = sweep [b < batch, i < 2] { 2.0 * %x[b, i] } : f32[batch, 2]
output mean = %mean
output twice = %twice
)";
  const auto three = run(statements, 3, {{"x", tensor(DType::f32, {3, 2}, {1, 2, 3, 4, 5, 9})}});
  CHECK(three[0] == std::vector<double>{1.0 / 3 + 3.0 / 3 + 5.0 / 3, 2.0 / 3 + 4.0 / 3 + 9.0 / 3});
  CHECK(three[1] == std::vector<double>{2, 4, 6, 8, 10, 18});
  CHECK(run(statements, 1, {{"x", tensor(DType::f32, {1, 2}, {1, 2})}})[0] == std::vector<double>{1, 2});
}

TEST_CASE("a scan carries, yields in its order and knows its index") {
  const auto scan = [](const std::string& direction) {
    return "%a = input a : f32[3]\n%zero = sweep [] { 0.0 } : f32[]\n%last, %sums = scan [t < 3]" + direction + R"( {
  carry %c = %zero : f32[]
  capture %a = %a : f32[3]
  %n = sweep [] { 10.0 * %c + %a[t] * f32(index(t + 1)) } : f32[]
  next %c = %n
  yield %n
} : f32[], f32[3]
output last = %last
output sums = %sums
)";
  };
  const Tensors inputs = {{"a", tensor(DType::f32, {3}, {1, 1, 2})}};
  const auto forward = run(scan(""), 1, inputs);
  CHECK(forward[0] == std::vector<double>{126});
  CHECK(forward[1] == std::vector<double>{1, 12, 126});
  const auto reversed = run(scan(" reversed"), 1, inputs);
  CHECK(reversed[0] == std::vector<double>{621});
  CHECK(reversed[1] == std::vector<double>{621, 62, 6});
}

TEST_CASE("a scan in a scan sees both indices") {
  const auto outputs = run(R"(%zero = sweep [] { 0 } : i32[]
%last, %all = scan [s < 2] {
  carry %c = %zero : i32[]
  %z = sweep [] { 0 } : i32[]
  %d, %row = scan [t < 3] {
    carry %d = %c : i32[]
    %e = sweep [] { %d + index(10*s + t) } : i32[]
    next %d = %e
    yield %e
  } : i32[], i32[3]
  next %c = %d
  yield %row
} : i32[], i32[2, 3]
output last = %last
output all = %all
)");
  CHECK(outputs[0] == std::vector<double>{36});
  CHECK(outputs[1] == std::vector<double>{0, 1, 3, 13, 24, 36});
}

// The vectors of the authors' own test: kat_vectors of Random123 1.14, philox4x32 10.
TEST_CASE("Philox gives the published known answers") {
  using Words = std::array<std::uint32_t, 4>;
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint32_t ones = 0xffffffff;
  CHECK(philox({ones, ones, ones, ones}, {ones, ones}) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("the hash of a site is FNV-1a of 64 bits") {
  CHECK(site_hash("") == 0xcbf29ce484222325);
  CHECK(site_hash("a") == 0xaf63dc4c8601ec8c);
  CHECK(site_hash("foobar") == 0x85944171f73967e8);
}

TEST_CASE("random numbers are Philox of seed, site, step and position") {
  const std::string statements = R"(%seed = input seed : i32[]
%step = input step : i32[]
%r = random foobar(%seed, %step) : f32[2, 3]
output r = %r
)";
  const auto outputs =
      run(statements, 1, {{"seed", tensor(DType::i32, {}, {-1})}, {"step", tensor(DType::i32, {}, {5})}});
  const auto first = philox({0, 5, 0x85944171, 0}, {0xffffffff, 0xf73967e8});
  const auto second = philox({1, 5, 0x85944171, 0}, {0xffffffff, 0xf73967e8});
  const auto uniform = [](std::uint32_t word) { return (word >> 8) / 16777216.0; };
  CHECK(outputs[0] == std::vector<double>{uniform(first[0]), uniform(first[1]), uniform(first[2]), uniform(first[3]),
                                          uniform(second[0]), uniform(second[1])});
}

TEST_CASE("updates give new states, read as they were on entry") {
  const std::string text = R"(descent graph 1
model m
state w : f32[2] parameter
entry step {
  %w = state w : f32[2]
  %n = sweep [i < 2] { %w[i] + 1.0 } : f32[2]
  update w = %n
  output before = %w
}
)";
  const Result<Model> model = parse_model(std::make_shared<Source>(Source{"test.graph", text}));
  REQUIRE(model.ok());
  const auto result = evaluate(model->entries[0], 1, {}, {{"w", tensor(DType::f32, {2}, {1, 2})}});
  REQUIRE(result.ok());
  CHECK(result->outputs[0].data == std::vector<double>{1, 2});
  REQUIRE(result->updates.size() == 1);
  CHECK(result->updates[0].first == "w");
  CHECK(result->updates[0].second.data == std::vector<double>{2, 3});
}

TEST_CASE("what can't be evaluated is a diagnostic") {
  const std::string input = "%x = input x : i32[2] in 0 ..< 5\n%f = input f : f32[]\n";
  const Tensor good = tensor(DType::i32, {2}, {1, 4});
  const Tensor real = tensor(DType::f32, {}, {0.5});
  const auto with = [&](Tensor x) { return Tensors{{"x", std::move(x)}, {"f", real}}; };
  CHECK(error_of(input, 1, with(good)) == "");
  CHECK(error_of(input, 0, with(good)) == "expected a batch of at least 1, found 0");
  CHECK(error_of(input, 1, {{"x", good}}) == "no value for input 'f'");
  CHECK(error_of(input, 1, with(tensor(DType::i32, {3}, {1, 2, 3}))) ==
        "expected input 'x' to be i32[2], found i32[3] with 3 elements");
  CHECK(error_of(input, 1, with(tensor(DType::f32, {2}, {1, 2}))) ==
        "expected input 'x' to be i32[2], found f32[2] with 2 elements");
  CHECK(error_of(input, 1, with(tensor(DType::i32, {2}, {1, 5}))) ==
        "expected input 'x' to be i32[2] in 0 ..< 5, found 5");
  CHECK(error_of(input, 1, with(tensor(DType::i32, {2}, {1, 0.5}))) ==
        "expected input 'x' to be i32[2] in 0 ..< 5, found 0.5");
  CHECK(error_of(input + "%g = gradient of %f by %f : f32[]\n", 1, with(good)) ==
        "a gradient node can't be evaluated; differentiate the graph first");
  CHECK(error_of(input + "%y = sweep [i < 3] { %x[i] } : i32[3]\n", 1, with(good)) ==
        "a read at (2) leaves a tensor of shape (2)");
  CHECK(error_of("%y = sweep [i < 1000000, j < 1000000] sum at [] { 1.0 } : f32[]\n") ==
        "expected at most 1e+10 points and 1e+08 elements to evaluate, found 1e+12 and 1");
  CHECK(error_of("%y = sweep [i < 1000000000] { 1.0 } : f32[1000000000]\n") ==
        "expected at most 1e+10 points and 1e+08 elements to evaluate, found 1e+09 and 1e+09");
}

}  // namespace
}  // namespace descent
