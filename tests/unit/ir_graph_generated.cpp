// Properties of random Graphs: they verify, their text gives them back, the oracle evaluates them.
#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "tests/support/graph_generator.h"

namespace descent {
namespace {

GeneratorOptions with_gradients() {
  GeneratorOptions options;
  options.gradients = true;
  return options;
}

void check_round_trip(const Model& model) {
  const Diagnostics wrong = verify(model);
  if (!wrong.empty()) RC_FAIL(render(wrong) + print(model));
  const std::string text = print(model);
  const Result<Model> again = parse_model(std::make_shared<Source>(Source{"generated.graph", text}));
  if (!again.ok()) RC_FAIL(render(again.errors()) + text);
  RC_ASSERT(print(*again) == text);
  RC_ASSERT(render(verify(*again)) == "");
}

TEST_CASE("every generated Graph verifies, and its text gives it back") {
  CHECK(rc::check(
      [] { check_round_trip(generate_model(*rc::gen::arbitrary<std::uint64_t>(), *rc::gen::inRange(1, 30))); }));
  CHECK(
      rc::check([] { check_round_trip(generate_model(*rc::gen::arbitrary<std::uint64_t>(), 12, with_gradients())); }));
}

// What a passing property says depends on what the generator reaches.
TEST_CASE("the generator reaches every part of the Graph IR") {
  std::set<std::string> reached;
  const std::function<void(const Graph&)> look = [&](const Graph& graph) {
    for (const Node& node : graph.nodes) {
      if (std::holds_alternative<Random>(node.op)) reached.insert("random");
      if (const auto* scan = std::get_if<Scan>(&node.op)) {
        reached.insert(scan->reversed ? "scan reversed" : "scan");
        look(*scan->body);
      }
      const auto* sweep = std::get_if<Sweep>(&node.op);
      if (sweep == nullptr) continue;
      reached.insert("combiner " + std::string(name_of(sweep->combiner)));
      reached.insert("type " + std::string(name_of(graph.type(node.results[0]).dtype)));
      if (!sweep->guards.empty()) reached.insert("guards");
      if (!why_scatters(*sweep).empty()) reached.insert("scatter");
      for (const Index& index : sweep->landing)
        if (index.through != no_scalar) reached.insert("landing through");
      for (const AxisId axis : reduced_axes(*sweep))
        if (sweep->axes[static_cast<std::size_t>(axis)].extent.is_batch()) reached.insert("reduced batch");
      for (const ScalarId id : reads_of(sweep->body)) {
        const auto& read = std::get<Read>(sweep->body[id].node);
        if (read.otherwise) reached.insert("else");
        for (const Index& index : read.at)
          if (index.through != no_scalar) reached.insert("read through");
      }
    }
  };
  for (std::uint64_t seed = 0; seed < 200; ++seed) look(generate_model(seed, 15).entries[0]);
  for (const std::string part : {"random",          "scan",          "scan reversed", "combiner none",
                                 "combiner sum",    "combiner max",  "combiner min",  "combiner product",
                                 "combiner argmax", "type f32",      "type f64",      "type i32",
                                 "type u8",         "type bool",     "guards",        "scatter",
                                 "landing through", "reduced batch", "else",          "read through"}) {
    INFO(part);
    CHECK(reached.count(part) == 1);
  }
}

TEST_CASE("the oracle evaluates generated Graphs, and their values are tame") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const Model model = generate_model(seed, 10);
    const std::int64_t batch = 1 + static_cast<std::int64_t>(seed % 3);
    const GeneratedValues values = generate_values(model.entries[0], batch, seed);
    const Result<Evaluation> result = evaluate(model.entries[0], batch, values.inputs, values.states);
    INFO(seed << "\n" << (result.ok() ? "" : render(result.errors())) << print(model));
    REQUIRE(result.ok());
    for (const Tensor& output : result->outputs)
      for (const double value : output.data) {
        const bool identity = std::isinf(value) || std::abs(value) >= 2147483647;
        REQUIRE((identity || std::abs(value) <= 2e3));
      }
  }
}

}  // namespace
}  // namespace descent
