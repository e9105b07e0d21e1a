// Costly sides of selects, skipped where no lane of a vector wants them: the interpreter's bits from arguments of all
// magnitudes, whatever the lanes and the threads.
#include <catch2/catch.hpp>

#include "tests/support/graph_run.h"
#include "tests/support/loop_run.h"
#include "tests/support/sanitizer.h"

namespace descent {
namespace {

using namespace test;

void check(const std::string& type, const std::string& body) {
  const Model model =
      passes_or_fail(parse_or_fail("costly", "descent graph 1\nmodel m\nentry step {\n  %x = input x : " + type +
                                                 "[batch, 19]\n  %y = sweep [b < batch, j < 19] { " + body +
                                                 " } : " + type + "[batch, 19]\n  output y = %y\n}\n"));
  for (int lanes : {1, 4, 8, 16}) {
    CAPTURE(body, lanes);
    const loop::Program program = lower_or_fail(model, lanes, 5);
    std::vector<Memory> memories;
    for (int seed = 0; seed < repetitions(60); ++seed) {
      memories.push_back(random_memory(program, "step", static_cast<std::uint64_t>(seed)));
    }
    CHECK(compiled_difference(program, "step", 5, memories) == "");
  }
}

}  // namespace

TEST_CASE("sin and cos of arguments near and far in one vector") {
  for (const char* type : {"f32", "f64"}) {
    check(type, "sin(%x[b, j]) + cos(%x[b, j])");
    check(type, "select(%x[b, j] < %x[b, 0], sin(%x[b, j]), cos(%x[b, j]))");
  }
}

TEST_CASE("a costly side that reads, one inside another, one under a guard") {
  check("f32", "select(%x[b, j] < 0.25, pow(abs(%x[b, j + 1 else 2.0]), 1.5), %x[b, j])");
  check("f32",
        "select(%x[b, j] < 8.0, select(%x[b, j] < 0.25, pow(abs(%x[b, j]), 1.5), %x[b, j]), "
        "pow(%x[b, j], 0.5) * sin(%x[b, j]))");
}

}  // namespace descent
