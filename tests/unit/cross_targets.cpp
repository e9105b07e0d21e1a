// Object files for other processors leave the bits that the interpreter leaves here.
#include <catch2/catch.hpp>
#include <random>

#include "tests/support/cross_run.h"
#include "tests/support/loop_generator.h"
#include "tests/support/loop_kernels.h"

namespace descent::test {
namespace {

// One call after another on the same arena: alone, then on forced threads with a smaller batch.
std::string difference_on(const CrossTarget& target, const loop::Program& program, const Memory& memory) {
  const std::int64_t smaller = (program.largest_batch + 1) / 2;
  const CrossResult found = run_on(target, program, memory.arena,
                                   {{"run", program.largest_batch, 0, memory.inputs, memory.outputs},
                                    {"run", smaller, 3, memory.inputs, memory.outputs}});
  if (!found.error.empty()) return found.error;
  Memory expected = interpret(program, "run", program.largest_batch, memory);
  expected = interpret(program, "run", smaller, {expected.arena, memory.inputs, memory.outputs});
  return difference(program, "run", expected, {found.arena, memory.inputs, found.outputs.back()});
}

void check_target(const CrossTarget& target) {
  if (const std::string reason = why_not_here(target); !reason.empty()) {
    WARN(target.triple + " is not tested: " + reason);
    return;
  }
  for (std::int64_t lanes : {1, 4, 16}) {
    INFO(lanes << " lanes");
    const loop::Program operations = all_operations(lanes);
    CHECK(difference_on(target, operations, random_memory(operations, "run", 3)) == "");
  }
  const loop::Program gemm = program_of(gemm_tile(4, 16), 7);
  CHECK(difference_on(target, gemm, tame_memory(gemm, "run", 4)) == "");
  for (std::uint32_t seed = 1; seed <= 4; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    const loop::Program program =
        LoopGenerator([&](int end) { return static_cast<int>(random() % static_cast<unsigned>(end)); }).program();
    CHECK(difference_on(target, program, random_memory(program, "run", seed)) == "");
  }
  const loop::Program sum = program_of(lane_sum(), 5);
  CHECK(difference_on(target, sum, random_memory(sum, "run", 5)) == "");
}

}  // namespace

TEST_CASE("aarch64 gives the same bits") { check_target(aarch64_linux()); }
TEST_CASE("x86-64 without fused multiply-add gives the same bits") { check_target(x86_64_baseline()); }

}  // namespace descent::test
