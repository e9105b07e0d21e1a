// The costly side of a select runs only where it is wanted, and its value is what it was.
#include <catch2/catch.hpp>
#include <set>

#include "passes/sweep_tools.h"
#include "tests/support/graph_run.h"

namespace descent {
namespace {

using namespace test;

std::size_t branches_in(const loop::Block& block) {
  std::size_t count = 0;
  for (const loop::Statement& statement : block) {
    if (const auto* branch = std::get_if<loop::If>(&statement.node)) count += 1 + branches_in(branch->then);
    if (const auto* loop = std::get_if<loop::For>(&statement.node)) count += branches_in(loop->body);
  }
  return count;
}

// Of the kernel, in whole vectors and behind them.
std::size_t branches_of(const std::string& body) {
  const Model model =
      passes_or_fail(parse_or_fail("costly",
                                   "descent graph 1\nmodel m\nentry step {\n  %x = input x : f32[batch, 20]\n"
                                   "  %y = sweep [b < batch, j < 20] { " +
                                       body + " } : f32[batch, 20]\n  output y = %y\n}\n"));
  return branches_in(lower_or_fail(model, 4, 6).kernels[0].body);
}

// Three functions, none of which has a costly side of its own.
std::string costly(const std::string& x) { return "(tanh(" + x + ") * erf(" + x + ") + exp(" + x + "))"; }

}  // namespace

TEST_CASE("a select with one costly side is a branch, with cheap sides it is none") {
  const std::string x = "%x[b, j]", is_small = "%x[b, j] < 0.0";
  const std::size_t per_tile = branches_of("select(" + is_small + ", " + costly(x) + ", 2.0)");
  CHECK(branches_of("select(" + is_small + ", " + x + ", 2.0)") == 0);
  CHECK(per_tile > 0);
  CHECK(branches_of("select(" + is_small + ", 2.0, " + costly(x) + ")") == per_tile);
  // One side waits, the other is computed.
  CHECK(branches_of("select(" + is_small + ", " + costly(x) + ", " + costly(x + " * 2.0") + ")") == per_tile);
  CHECK(branches_of("select(" + is_small + ", " + costly(x) + ", select(%x[b, j] < 1.0, " + costly(x + " * 2.0") +
                    ", 3.0))") == 2 * per_tile);
  // What stands outside too is computed anyway.
  CHECK(branches_of("p = " + costly(x) + "; select(" + is_small + ", p, 2.0) + p") == 0);
}

}  // namespace descent
