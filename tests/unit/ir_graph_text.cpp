// The Graph's text: what is printed, what is read, and that both agree.
#include <catch2/catch.hpp>

#include "ir/graph.h"

namespace descent {
namespace {

SourceRef source_of(std::string text) { return std::make_shared<Source>(Source{"test.graph", std::move(text)}); }

std::string errors_of(const std::string& text) {
  const Result<Model> model = parse_model(source_of(text));
  return model.ok() ? "" : render(model.errors());
}

const std::string golden = R"(descent graph 1
model tour
state hidden.weight : f32[2, 3] parameter
state "an odd \"name\"" : i32[] in 0 ..< 7 statistic frozen
state moment : f64[3] optimizer

entry step {
  %x = input x : f32[batch, 2]
  %idx = input idx : i32[batch] in 0 ..< 3
  %seed = input seed : i32[]
  %step = input step : i32[]
  %w = state hidden.weight : f32[2, 3]
  %h = sweep [b < batch, j < 3, k < 2] sum chain fused at [b, j] { %x[b, k] * %w[k, j] } : f32[batch, 3]
  %s = sweep [b < batch, j < 3] { e = exp(%h[b, j]); e / (1.0 + e) } : f32[batch, 3]
  %y = sweep [b < batch, i < 3, r < 2 where i - r >= 0, 2*i + r - 1 >= 0] max at [b, i] { %s[b, i - r else -inf] } : f32[batch, 3]
  %m = random hidden.dropout(%seed, %step) : f32[batch, 3]
  %0 = sweep [] { 0.5 } : f32[]
  %1 = sweep [b < batch, j < 3] { select((%m[b, j] < %0) && (index(j - 1) >= 0), -%y[b, j] * -0.25, f32(extent(b)) - (%h[b, j] - 1e-08)) } : f32[batch, 3]
  %look = sweep [b < batch, k < 2] { %w[k, %idx[b]] - (%w[k, %idx[b] - 1 else nan] - 1.0) } : f32[batch, 2]
  %scatter = sweep [b < batch, k < 2] sum chain at [k, %idx[b]] { %look[b, k] } : f32[2, 3]
  %best = sweep [b < batch, j < 3] argmax lanes piece 2 at [b] { %h[b, j] } : i32[batch] in 0 ..< 3
  %wide = sweep [j < 3] { fma(2.0_f64, power(f64(%w[1, j]), 3), -inf_f64) } : f64[3]
  %mask = sweep [b < batch] { (%best[b] == %idx[b]) == true } : bool[batch]
  %byte = sweep [b < batch] { select(%mask[b], 1_u8, u8(%best[b])) } : u8[batch]
  %last, %all = scan [t < 5] reversed {
    carry %c = %s : f32[batch, 3]
    capture %w = %w : f32[2, 3]
    %n = sweep [b < batch, j < 3] { %c[b, j] * %w[0, j] * f32(index(2*t)) } : f32[batch, 3]
    %d = scan [t_2 < 2] {
      carry %c = %n : f32[batch, 3]
      %0 = sweep [b < batch, j < 3] { %c[b, j] * f32(index(t - t_2)) } : f32[batch, 3]
      next %c = %0
    } : f32[batch, 3]
    next %c = %d
    yield %n
  } : f32[batch, 3], f32[5, batch, 3]
  %loss = sweep [b < batch, j < 3] sum at [] { %last[b, j] * %1[b, j] } : f32[]
  %flow = adjoint y.sign : f32[batch, 3]
  %slope = sweep [b < batch, j < 3] { %flow[b, j] * %h[b, j] } : f32[batch, 3]
  %o, %p = override %y, %h adjoint %flow, %flow gradient %s = %slope, %h = %flow : f32[batch, 3], f32[batch, 3]
  %g = gradient of %loss by %w : f32[2, 3]
  %new = sweep [k < 2, j < 3] { %w[k, j] - 0.1 * (%g[k, j] + %scatter[k, j]) } : f32[2, 3]
  update hidden.weight = %new
  output all = %all
  loss mse = %loss
  metric all = %byte
}
)";

TEST_CASE("the golden tour of the Graph's text is read and printed unchanged") {
  const Result<Model> model = parse_model(source_of(golden));
  INFO((model.ok() ? "" : render(model.errors())));
  REQUIRE(model.ok());
  CHECK(print(*model) == golden);
  CHECK(render(verify(*model)) == "");
}

struct Wrong {
  std::string line;      // stands in an entry after %x : f32[batch, 3] and %n : i32[]
  std::string expected;  // position and message
};

TEST_CASE("a mistake in the Graph's text is a diagnostic that says what was expected and found") {
  const std::string head =
      "descent graph 1\nmodel m\nentry step {\n  %x = input x : f32[batch, 3]\n  %n = input n : i32[]\n";
  const std::vector<Wrong> table = {
      {"%y = sweep [j < 3 { 1.0 } : f32[3]", "6:21: error: expected ',' between axes, found '{'"},
      {"%y = swep [j < 3] { 1.0 } : f32[3]", "6:8: error: expected an operation, found 'swep'"},
      {"%y = sweep [j < 3] { %z[j] } : f32[3]", "6:24: error: no value '%z' before this"},
      {"%y = sweep [j < 3] { expp(1.0) } : f32[3]", "6:24: error: no operation 'expp'"},
      {"%y = sweep [j < 3] { j } : f32[3]", "6:24: error: no scalar 'j' here"},
      {"%y = sweep [j < 3] { %n + 1.0 } : f32[3]", "6:27: error: '+' does not take (i32, f32)"},
      {"%y = sweep [j < 3] { exp(1.0, 2.0) } : f32[3]", "6:24: error: 'exp' expects 1 operands, found 2"},
      {"%y = sweep [j < 3] { %x[j, k] } : f32[3]", "6:30: error: no axis 'k' here"},
      {"%y = sweep [j < 3] { %x[j, %x[j, 0]] } : f32[3]",
       "6:30: error: expected an index to go through i32, found f32"},
      {"%y = sweep [j < 3] { %x[j, 0 else 0] } : f32[3]",
       "6:37: error: expected the value after 'else' to be f32, found i32"},
      {"%y = sweep [j < 3, j < 2] { 1.0 } : f32[3]", "6:22: error: axis 'j' is there twice"},
      {"%y = sweep [j < 0] { 1.0 } : f32[3]", "6:19: error: expected an extent from 1 to 1099511627776, found 0"},
      {"%y = sweep [j < 3] summ at [] { 1.0 } : f32[]", "6:22: error: expected a combiner, found 'summ'"},
      {"%y = sweep [j < 3] { 1e99 } : f32[3]", "6:24: error: expected a number that f32 can hold, found 1e99"},
      {"%y = sweep [j < 3] { 1.0_f16 } : f32[3]",
       "6:24: error: expected f32, f64, i32, u32 or u8 after '_', found 'f16'"},
      {"%y = sweep [j < 3] { 1.0 } : f23[3]", "6:32: error: expected a type, found 'f23'"},
      {"%y = sweep [j < 3] { 1.0 < 2.0 < 3.0 } : f32[3]",
       "6:34: error: comparisons and logic beside each other need brackets"},
      {"%y = sweep [j < 3] { a = 1.0; a = 2.0; a } : f32[3]", "6:33: error: 'a' is named twice"},
      {"%x = sweep [] { 1.0 } : f32[]", "6:3: error: '%x' is defined twice"},
      {"%y, %z = sweep [] { 1.0 } : f32[]", "6:3: error: expected 2 types for 2 values, found 1"},
      {"%y = random s(%n %n) : f32[]", "6:20: error: expected ',' between seed and step, found the value '%n'"},
      {"%y = override %x by %x : f32[]", "6:20: error: expected 'adjoint' after the values, found 'by'"},
      {"%y = gradient %x by %x : f32[]", "6:17: error: expected 'of', found the value '%x'"},
      {"%y = scan [t < 3] { carry %c = %n : i32[] } : i32[]",
       "6:45: error: expected a next for '%c' before the scan ends"},
      {"%y = scan [t < 3] {\n next %c = %n\n } : i32[]", "7:12: error: no value '%n' before this"},
      {"%y = scan [t < batch] { } : i32[]", "6:18: error: expected an extent, found 'batch'"},
      {"update 3 = %x", "6:10: error: expected the state's name, found the number 3"},
      {"loss mse %x", "6:12: error: expected '=', found the value '%x'"},
      {"$", "6:3: error: expected a statement, found '$'"},
      {"\x01", "6:3: error: expected a statement, found the byte 0x01"},
      {"update \"a = %x", "6:10: error: expected the state's name, found a name whose quotes do not end"},
  };
  for (const Wrong& wrong : table) {
    INFO(wrong.line);
    const std::string errors = errors_of(head + "  " + wrong.line + "\n}\n");
    const std::string first = errors.substr(0, errors.find('\n'));
    CHECK(first == "test.graph:" + wrong.expected);
    CHECK(errors.find("error:", errors.find("error:") + 1) == std::string::npos);  // one mistake, one diagnostic
  }
}

TEST_CASE("several mistakes are reported in one run, and what follows from them is not") {
  const std::string errors = errors_of(R"(descent graph 1
model m
entry step {
  %a = sweep [j < 3] { expp(1.0) } : f32[3]
  %b = sweep [j < 3] { %a[j] } : f32[3]
  %c = sweep [j < 3] { %bb[j] } : f32[3]
  loss l = %c
}
)");
  CHECK(errors == R"(test.graph:4:24: error: no operation 'expp'
  4 |   %a = sweep [j < 3] { expp(1.0) } : f32[3]
    |                        ^~~~
note: did you mean 'exp'?
test.graph:6:24: error: no value '%bb' before this
  6 |   %c = sweep [j < 3] { %bb[j] } : f32[3]
    |                        ^~~
note: did you mean '%b'?
)");
}

TEST_CASE("hostile texts of a Graph give a diagnostic") {
  const auto repeated = [](const std::string& part, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += part;
    return text;
  };
  const std::string head = "descent graph 1\nmodel m\nentry step {\n";
  const std::vector<std::string> texts = {
      "",
      "descent graph 2",
      head + "%x = sweep [] { " + repeated("(", 100000),
      head + "%x = sweep [] { " + repeated("-", 100000) + "1.0 } : f32[]",
      head + "%x = sweep [] { " + repeated("exp(", 100000),
      head + repeated("%x = scan [t < 3] {", 100000),
      head + "%x = sweep [] { 1.0" + repeated(" + index(1)", 100000),
      head + "%x = sweep [] { %x" + repeated("[%x", 100000),
      head + repeated("%x = ", 100000),
      repeated("\xff", 100000),
      head + "%x = sweep [i < 99999999999999999999999] { 1.0 } : f32[]",
  };
  for (const std::string& text : texts) CHECK(errors_of(text) != "");
}

TEST_CASE("every truncation of the golden text gives a diagnostic or a Graph") {
  for (std::size_t length = 0; length < golden.size(); length += 7) {
    const Result<Model> model = parse_model(source_of(golden.substr(0, length)));
    if (model.ok()) CHECK(parse_model(source_of(print(*model))).ok());
  }
}

TEST_CASE("long and shared expressions are named, so that any depth prints and is read") {
  BodyBuilder body;
  ScalarId deep = body.axis(Affine::axis(0));
  deep = body.apply(Op::to_f32, {deep});
  for (int i = 0; i < 5000; ++i) deep = body.apply(Op::exp, {body.apply(Op::mul, {deep, deep})});
  GraphBuilder graph("step");
  graph.sweep({{{"", {4}}}, {}, body.finish(deep), Combiner::none, {{Affine::axis(0), no_scalar}}, {}}, {{4}});
  const Model model{"deep", {}, {std::move(graph).finish()}};
  const std::string text = print(model);
  const Result<Model> again = parse_model(source_of(text));
  REQUIRE(again.ok());
  CHECK(print(*again) == text);
}

TEST_CASE("origins stand as comments in one column, and those of a printed graph are left out") {
  const SourceRef file = std::make_shared<Source>(Source{"xor.descent", "a\nbb\nccc\n"});
  GraphBuilder graph("step");
  const ValueId x = graph.input("x", {DType::f32, {Extent::batch()}, {}}, {file, 2, 3});
  graph.elementwise({}, [](BodyBuilder& body, const auto&) { return body.literal(2, DType::f32); }, "two",
                    {file, 5, 6});
  graph.output(Output::Kind::output, "x", x);
  const Model model{"m", {}, {std::move(graph).finish()}};
  const std::string text = R"(descent graph 1
model m

entry step {
  %x = input x : f32[batch]        # xor.descent:2
  %two = sweep [] { 2.0 } : f32[]  # xor.descent:3
  output x = %x
}
)";
  CHECK(print(model) == text);
  const Result<Model> again = parse_model(source_of(text));
  REQUIRE(again.ok());
  CHECK(print(*again).find("xor.descent") == std::string::npos);
}

}  // namespace
}  // namespace descent
