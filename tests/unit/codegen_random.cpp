// Random Loop programs: compiled code leaves the interpreter's bits, alone and on threads.
#include <catch2/catch.hpp>
#include <random>

#include "tests/support/loop_generator.h"
#include "tests/support/loop_run.h"
#include "tests/support/sanitizer.h"

namespace descent::test {

TEST_CASE("random Loop programs give the interpreter's bits") {
  const auto seeds = static_cast<std::uint32_t>(repetitions(300));
  for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
    std::mt19937 random(seed);
    const loop::Program program =
        LoopGenerator([&](int end) { return static_cast<int>(random() % static_cast<unsigned>(end)); }).program();
    const std::int64_t batch = 1 + static_cast<std::int64_t>(random() % program.largest_batch);
    const std::string found = compiled_difference(
        program, "run", batch, {random_memory(program, "run", seed), tame_memory(program, "run", seed)});
    INFO("seed " << seed << ", batch " << batch << "\n" << (found.empty() ? "" : loop::print(program)));
    REQUIRE(found == "");
  }
}

}  // namespace descent::test
