// Random Graphs on the whole road: every pass keeps the meaning, as the oracle sees it, and the law it promises.
#include <catch2/catch.hpp>
#include <cmath>

#include "passes/pipeline.h"
#include "tests/support/graph_generator.h"
#include "tests/support/sanitizer.h"

namespace descent {
namespace {

// The largest error over the largest value, per tensor.
double error_of(const Tensor& expected, const Tensor& found) {
  double largest = 1, error = 0;
  for (std::size_t i = 0; i < expected.data.size(); ++i) {
    const double a = expected.data[i], b = found.data[i];
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    if (!std::isfinite(a) || !std::isfinite(b)) return 1;
    largest = std::max(largest, std::abs(a));
    error = std::max(error, std::abs(a - b));
  }
  return error / largest;
}

TEST_CASE("the passes keep the meaning of generated Graphs") {
  const auto seeds = static_cast<std::uint64_t>(test::repetitions(200));
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const Model model = generate_model(seed, 8);
    INFO("seed " << seed << "\n" << print(model));
    const Result<Model> passed = run_passes(model);
    REQUIRE(passed.ok());
    const Model& after = *passed;
    const GeneratedValues values = generate_values(model.entries[0], 3, seed);
    const auto expected = evaluate(model.entries[0], 3, values.inputs, values.states);
    const auto found = evaluate(after.entries[0], 3, values.inputs, values.states);
    REQUIRE(expected.ok());
    REQUIRE(found.ok());
    REQUIRE(found->outputs.size() == expected->outputs.size());
    for (std::size_t i = 0; i < expected->outputs.size(); ++i) {
      INFO(model.entries[0].outputs[i].name);
      CHECK(error_of(expected->outputs[i], found->outputs[i]) < 1e-9);
    }
  }
}

}  // namespace
}  // namespace descent
