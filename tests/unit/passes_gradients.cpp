// Every Graph text of tests/graphs/gradients: its gradient nodes against central differences in double, and the same
// text in f32 through the Loop interpreter at every vector width, bit-equal between widths and near the oracle.
#include <catch2/catch.hpp>

#include "tests/support/finite_difference.h"
#include "tests/support/graph_run.h"
#include "tests/support/sanitizer.h"

namespace descent {
namespace {

using namespace test;

const std::filesystem::path folder = std::filesystem::path(DESCENT_SOURCE_DIR) / "tests/graphs/gradients";
constexpr std::int64_t batch = 3;

// What the rule about zeros is about: one factor, two factors, none.
void put_zeros(const std::string& name, Values& values) {
  if (name != "product") return;
  for (std::size_t place : {1, 6, 9}) values.at("x").data[place] = 0;
}

double loss(const Graph& graph, const Values& values) {
  Result<Evaluation> result = evaluate(graph, batch, values, {});
  REQUIRE(result.ok());
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    if (graph.outputs[i].kind == Output::Kind::loss) return result->outputs[i].data[0];
  }
  FAIL("no loss");
  return 0;
}

TEST_CASE("gradients equal central differences in double") {
  for (const std::string& name : names_in(folder)) {
    DYNAMIC_SECTION(name) {
      Model model = parse_or_fail(name, read_text(folder / (name + ".graph")));
      REQUIRE(render(verify(model)).empty());
      Model after = passes_or_fail(model);
      const Graph& graph = after.entries[0];
      Values values = random_inputs(graph, batch, 7);
      put_zeros(name, values);
      Result<Evaluation> result = evaluate(graph, batch, values, {});
      if (!result) FAIL(render(result.errors()));
      int compared = 0;
      for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
        if (graph.outputs[i].kind != Output::Kind::output) continue;
        const auto places = static_cast<int>(result->outputs[i].data.size());
        Tensor expected =
            central_difference([&](const Values& at) { return loss(graph, at); }, values, graph.outputs[i].name,
                               result->outputs[i], static_cast<std::size_t>(repetitions(places)));
        CAPTURE(graph.outputs[i].name, print(graph));
        CHECK(relative_error(result->outputs[i], expected) < 1e-7);
        ++compared;
      }
      CHECK(compared > 0);
    }
  }
}

// Simplification sees through copies and constants; not where a gradient is asked by one, which is no longer read then.
TEST_CASE("a gradient by a copy, a transposed copy or a constant is what the rule says") {
  const Model model = passes_or_fail(parse_or_fail("copies", R"(descent graph 1
model copies

entry copies {
  %x = input x : f64[2, 3]
  %copy = sweep [i < 2, j < 3] { %x[i, j] } : f64[2, 3]
  %turned = sweep [i < 3, j < 2] { %copy[j, i] } : f64[3, 2]
  %two = sweep [i < 3] { 2.0_f64 } : f64[3]
  %y = sweep [i < 3, j < 2] sum at [] { %two[i] * (%turned[i, j] * %copy[j, i] * %x[j, i]) } : f64[]
  %0 = gradient of %y by %copy : f64[2, 3]
  %1 = gradient of %y by %turned : f64[3, 2]
  %2 = gradient of %y by %two : f64[3]
  output by_copy = %0
  output by_turned = %1
  output by_two = %2
}
)"));
  Values values = random_inputs(model.entries[0], 1, 3);
  const std::vector<double> x = {1, 2, 3, -1, 4, 5};
  values.at("x").data = x;
  const Result<Evaluation> result = evaluate(model.entries[0], 1, values, {});
  REQUIRE(result.ok());
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(result->outputs[0].data[i] == 4 * x[i] * x[i]);
    CHECK(result->outputs[1].data[i % 3 * 2 + i / 3] == 2 * x[i] * x[i]);
  }
  CHECK(result->outputs[2].data == std::vector<double>{0, 8 + 64, 27 + 125});
}

// Windows of three at stride two over rows of equal values, with a border of -inf: every window has ties, and the first
// of the largest, in box order, gets all of the window's gradient.
TEST_CASE("a maximum passes its gradient to the first winner") {
  const Model model = passes_or_fail(parse_or_fail("max_pool", read_text(folder / "max_pool.graph")));
  const Graph& graph = model.entries[0];
  Values values = random_inputs(graph, batch, 7);
  Tensor& x = values.at("x");
  for (std::size_t i = 0; i < x.data.size(); ++i) x.data[i] = i % 7 < 4 ? 0.5 : 1.5;
  const Result<Evaluation> result = evaluate(graph, batch, values, {});
  REQUIRE(result.ok());

  Tensor expected = zeros(x.type, batch);
  auto place = [](std::int64_t b, std::int64_t i, std::int64_t j) {
    return static_cast<std::size_t>(49 * b + 7 * i + j);
  };
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t i = 0; i < 4; ++i) {
      for (std::int64_t j = 0; j < 4; ++j) {
        double largest = -INFINITY;
        std::size_t first = 0;
        for (std::int64_t r = 0; r < 3; ++r) {
          for (std::int64_t s = 0; s < 3; ++s) {
            const std::int64_t row = 2 * i + r - 1, column = 2 * j + s - 1;
            if (row < 0 || row > 6 || column < 0 || column > 6 || x.data[place(b, row, column)] <= largest) continue;
            largest = x.data[place(b, row, column)];
            first = place(b, row, column);
          }
        }
        expected.data[first] += 2 * largest * static_cast<double>(i + 4 * j + 1);
      }
    }
  }
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    if (graph.outputs[i].name == "x") CHECK(result->outputs[i].data == expected.data);
  }
}

// The sums of many terms in the bodies of a Graph's scans.
int long_sums_in_scans(const Graph& graph) {
  int sums = 0;
  for (const Node& node : graph.nodes) {
    const Scan* scan = std::get_if<Scan>(&node.op);
    if (!scan) continue;
    for (const Node& inner : scan->body->nodes) {
      const Sweep* sweep = std::get_if<Sweep>(&inner.op);
      if (!sweep || sweep->combiner != Combiner::sum) continue;
      const std::vector<AxisId> reduced = reduced_axes(*sweep);
      sums += std::any_of(reduced.begin(), reduced.end(),
                          [&](AxisId axis) { return sweep->axes[static_cast<std::size_t>(axis)].extent.size >= 16; });
    }
  }
  return sums;
}

TEST_CASE("a reverse does not add up again what its scan has added up") {
  const std::string text = R"(descent graph 1
model kept
entry step {
  %x = input x : f32[5, 24]
  %w = input w : f32[24, 24]
  %h0 = sweep [j < 24] { 0.2 } : f32[24]
  %h = scan [t < 5] {
    carry %hp = %h0 : f32[24]
    capture %x = %x : f32[5, 24]
    capture %w = %w : f32[24, 24]
    %m = sweep [j < 24, i < 24] sum at [j] { %hp[i] * %w[i, j] } : f32[24]
    %hn = sweep [j < 24] { tanh(%m[j] + %x[t, j]) } : f32[24]
    next %hp = %hn
  } : f32[24]
  %l = sweep [j < 24] sum at [] { %h[j] } : f32[]
  GRADIENT
  loss l = %l
}
)";
  const auto with = [&](const std::string& gradient) {
    std::string whole = text;
    return passes_or_fail(parse_or_fail("kept", whole.replace(whole.find("GRADIENT"), 8, gradient)));
  };
  const Graph forward = with("output h = %h").entries[0];
  CHECK(long_sums_in_scans(forward) == 1);
  const Graph both = with("%d = gradient of %l by %w : f32[24, 24]\n  output d = %d").entries[0];
  CAPTURE(print(both));
  CHECK(long_sums_in_scans(both) == 2);  // the product, and the one with the transposed weight
  for (const Node& node : both.nodes) {
    if (const Scan* scan = std::get_if<Scan>(&node.op)) CHECK(scan->captured.size() <= 3);  // none that nothing reads
  }
}

TEST_CASE("lowered gradients have the same bits at every width and lie near the oracle") {
  for (const std::string& name : names_in(folder)) {
    DYNAMIC_SECTION(name) {
      Model model = passes_or_fail(parse_or_fail(name, in_single(read_text(folder / (name + ".graph")))));
      const Graph& graph = model.entries[0];
      Values values = random_inputs(graph, batch, 11);
      put_zeros(name, values);
      Result<Evaluation> oracle = evaluate(graph, batch, values, {});
      REQUIRE(oracle.ok());
      std::optional<Bits> first;
      for (int lanes : {1, 4, 8, 16}) {
        for (std::int64_t largest : {batch, batch + 4}) {
          loop::Program program = lower_or_fail(model, lanes, largest);
          if (std::string broken = render(loop::verify(program)); !broken.empty()) FAIL(broken << print(program));
          loop::Interpreter interpreter(program);
          Runner run = [&](const std::string& entry, std::int64_t rows, const auto& in, const auto& out) {
            interpreter.run(entry, rows, in, out);
          };
          Bits bits = run_entry(program, run, graph.name, batch, values);
          for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
            Tensor found = unpack(bits.outputs[i], graph.type(graph.outputs[i].value), batch, largest);
            CAPTURE(lanes, largest, graph.outputs[i].name);
            CHECK(relative_error(found, oracle->outputs[i]) < 1e-5);
          }
          if (largest != batch) continue;
          if (!first) first = bits;
          CHECK(bits == *first);
        }
      }
    }
  }
}

}  // namespace
}  // namespace descent
