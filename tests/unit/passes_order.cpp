// The reduction order of the design's section 6, spelled out here by hand, against what the passes make of it: chains,
// sixteen lanes and pieces, over static axes, batch and both.
#include <array>
#include <catch2/catch.hpp>

#include "passes/order.h"
#include "tests/support/graph_run.h"

namespace descent {
namespace {

using namespace test;

// Terms in box order, `inner` of them to a step of the outermost reduced axis.
struct Terms {
  std::vector<float> a, b;  // a product a·b when b is not empty, else a
  std::int64_t inner = 1;
};

float joined(const Terms& terms, std::size_t i, float sum) {
  return terms.b.empty() ? sum + terms.a[i] : std::fmaf(terms.a[i], terms.b[i], sum);
}

float chain(const Terms& terms, std::size_t begin, std::size_t end) {
  float sum = 0;
  for (std::size_t i = begin; i < end; ++i) sum = joined(terms, i, sum);
  return sum;
}

float lanes(const Terms& terms, std::size_t begin, std::size_t end) {
  std::array<float, 16> lane{};
  for (std::size_t i = begin; i < end; ++i) lane[(i - begin) % 16] = joined(terms, i, lane[(i - begin) % 16]);
  for (std::size_t half : {8, 4, 2, 1}) {
    for (std::size_t l = 0; l < half; ++l) lane[l] = lane[l] + lane[l + half];
  }
  return lane[0];
}

float reduced(const Terms& terms, bool as_chain) {
  const auto steps = std::max<std::int64_t>(1, 4096 / terms.inner);
  const auto piece = static_cast<std::size_t>(steps * terms.inner);
  float total = 0;
  for (std::size_t begin = 0; begin < terms.a.size(); begin += piece) {
    const std::size_t end = std::min(terms.a.size(), begin + piece);
    total = total + (as_chain ? chain(terms, begin, end) : lanes(terms, begin, end));
  }
  return total;
}

struct Case {
  std::string name;
  std::string shape, axes, landing, at;  // of %x, of the reduced box, of the result
  std::int64_t batch, inner;
  bool product, as_chain;
};

// One sum over all of %x (and %y), run by the interpreter at every width and largest batch; equal to `expected`.
void check(const Case& c) {
  CAPTURE(c.name);
  const std::string body = c.product ? "%x[" + c.at + "] * %y[" + c.at + "]" : "%x[" + c.at + "]";
  const std::string text = "descent graph 1\nmodel m\nentry step {\n  %x = input x : f32[" + c.shape +
                           "]\n  %y = input y : f32[" + c.shape + "]\n  %s = sweep [" + c.axes + "] sum at [" +
                           c.landing + "] { " + body + " } : f32[" + (c.landing.empty() ? "" : "20") +
                           "]\n  output s = %s\n}\n";
  const Model model = passes_or_fail(parse_or_fail(c.name, text));
  const Values values = random_inputs(model.entries[0], c.batch, 5);
  const std::size_t results = c.landing.empty() ? 1 : 20;
  std::vector<float> expected;
  for (std::size_t j = 0; j < results; ++j) {
    Terms terms{{}, {}, c.inner};
    const std::vector<double>&x = values.at("x").data, &y = values.at("y").data;
    for (std::size_t i = j; i < x.size(); i += results) {
      terms.a.push_back(static_cast<float>(x[i]));
      if (c.product) terms.b.push_back(static_cast<float>(y[i]));
    }
    expected.push_back(reduced(terms, c.as_chain));
  }
  for (int width : {1, 4, 8, 16}) {
    for (std::int64_t largest : {c.batch, c.batch + 4099}) {
      CAPTURE(width, largest);
      const loop::Program program = lower_or_fail(model, width, largest);
      REQUIRE(render(loop::verify(program)) == "");
      loop::Interpreter interpreter(program);
      const Bits bits = run_entry(
          program, [&](const auto& e, auto b, const auto& in, const auto& out) { interpreter.run(e, b, in, out); },
          "step", c.batch, values);
      std::vector<float> found(results);
      std::memcpy(found.data(), bits.outputs[0].data(), results * sizeof(float));
      CHECK(found == expected);
    }
  }
}

TEST_CASE("every reduction adds up in the order of the design") {
  // A static extent longer than a piece; in lanes because a rank-0 sum has fewer than sixteen results.
  check({"static", "9001", "i < 9001", "", "i", 1, 1, false, false});
  check({"static products", "9001", "i < 9001", "", "i", 1, 1, true, false});
  check({"short", "32", "i < 32", "", "i", 1, 1, false, true});
  check({"one beyond short", "33", "i < 33", "", "i", 1, 1, false, false});
  // Batch counts as unbounded, however small it is.
  for (std::int64_t batch : {1, 7, 16, 31, 4096, 4097, 8200}) {
    check({"batch", "batch", "b < batch", "", "b", batch, 1, false, false});
  }
  // Two reduced axes: the inner one fills whole blocks of lanes, or does not.
  check({"rows of 48", "batch, 48", "b < batch, i < 48", "", "b, i", 300, 48, false, false});
  check({"rows of 10", "batch, 10", "b < batch, i < 10", "", "b, i", 1000, 10, false, false});
  check({"rows longer than a piece", "3, 5000", "b < 3, i < 5000", "", "b, i", 1, 5000, true, false});
  // Twenty results: products chain, other sums run in lanes.
  check({"columns of products", "batch, 20", "b < batch, j < 20", "j", "b, j", 5000, 1, true, true});
  check({"columns", "batch, 20", "b < batch, j < 20", "j", "b, j", 5000, 1, false, false});
}

}  // namespace
}  // namespace descent
