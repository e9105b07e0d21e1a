// Every native operation on every type it takes, one by one and in vectors: the bits of the interpreter.
#include <catch2/catch.hpp>

#include "tests/support/loop_kernels.h"
#include "tests/support/loop_run.h"

namespace descent::test {
TEST_CASE("every native operation gives the interpreter's bits") {
  const std::int64_t lanes = GENERATE(1, 4, 8, 16, 3);
  const loop::Program program = all_operations(lanes);
  REQUIRE(program.kernels.size() > 100);
  const auto jit = codegen::Jit::compile(program, codegen::host_machine());
  REQUIRE(jit.ok());
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const Memory memory = random_memory(program, "run", seed);
    const Memory expected = interpret(program, "run", 1, memory);
    INFO(lanes << " lanes, seed " << seed);
    CHECK(difference(program, "run", expected, run((*jit)->entry("run"), 1, memory)) == "");
  }
}

}  // namespace descent::test
