// Entries with turns: many steps in one call leave what as many calls leave, in the interpreter and in machine code.
#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "tests/support/graph_generator.h"
#include "tests/support/graph_run.h"
#include "tests/support/loop_generator.h"
#include "tests/support/loop_run.h"
#include "tests/support/sanitizer.h"

namespace descent {
namespace {

using namespace test;

// What `count` calls of a step leave, each with the inputs of its turn.
Memory one_by_one(const loop::Program& program, const std::string& entry, std::int64_t batch, const Memory& whole) {
  Memory result = whole;
  for (std::size_t turn = 0; turn < whole.turns.order.size(); ++turn) {
    Memory step{result.arena, {}, {}, {}};
    for (std::size_t i = 0; i < whole.inputs.size(); ++i) {
      const loop::Motion& motion = whole.turns.inputs[i];
      const auto from = whole.inputs[i].begin() + whole.turns.order[turn] * motion.by_batch;
      step.inputs.emplace_back(from, from + motion.by_batch);
    }
    for (std::size_t i = 0; i < whole.outputs.size(); ++i) {
      const std::int64_t bytes = whole.turns.outputs[i].by_turn;
      const auto from = whole.outputs[i].begin() + static_cast<std::int64_t>(turn) * bytes;
      step.outputs.emplace_back(from, from + bytes);
    }
    step = interpret(program, entry, batch, step);
    result.arena = step.arena;
    for (std::size_t i = 0; i < whole.outputs.size(); ++i) {
      std::copy(step.outputs[i].begin(), step.outputs[i].end(),
                result.outputs[i].begin() + static_cast<std::int64_t>(turn) * whole.turns.outputs[i].by_turn);
    }
  }
  return result;
}

TEST_CASE("random Loop programs in turns give the interpreter's bits") {
  const auto seeds = static_cast<std::uint32_t>(repetitions(150));
  for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
    std::mt19937 random(seed);
    loop::Program program =
        LoopGenerator([&](int end) { return static_cast<int>(random() % static_cast<unsigned>(end)); }).program();
    program.entries.push_back(program.entries[0]);
    program.entries[0].turns = true;
    program.entries[1].name = "once";
    REQUIRE(render(loop::verify(program)) == "");
    const Memory start = random_memory(program, "run", seed);
    const Memory expected = one_by_one(program, "once", program.largest_batch, start);
    INFO("seed " << seed);
    CHECK(difference(program, "run", expected, interpret(program, "run", program.largest_batch, start)) == "");
    const std::string text = compiled_difference(program, "run", program.largest_batch, {start});
    INFO((text.empty() ? "" : loop::print(program)));
    REQUIRE(text == "");
  }
}

// The lowered model with its step in both forms, at this width. False where the step is too large for a whole loop.
bool check_model(const Model& model, std::int64_t batch, int lanes, std::uint64_t seed) {
  const Result<loop::Program> lowered =
      lower(model, {codegen::host_machine(), batch, lanes, /*fuse=*/true, /*whole_loop=*/true});
  REQUIRE(lowered.ok());
  CAPTURE(seed, lanes, batch, loop::print(*lowered));
  const loop::Entry* steps = lowered->entry("steps");
  if (!steps) return false;
  CHECK(steps->turns);
  const Memory start = tame_memory(*lowered, "steps", seed);
  const Memory expected = one_by_one(*lowered, "step", batch, start);
  CHECK(difference(*lowered, "steps", expected, interpret(*lowered, "steps", batch, start)) == "");
  CHECK(compiled_difference(*lowered, "steps", batch, {start}) == "");
  return true;
}

TEST_CASE("random Graphs take many steps in one call to the same bits") {
  const auto seeds = static_cast<std::uint64_t>(repetitions(60));
  std::uint64_t small = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const Model model = passes_or_fail(generate_model(seed, 12));
    const std::int64_t batch = 1 + static_cast<std::int64_t>(seed * 7 % 23);
    bool is_small = true;
    for (int lanes : {0, 1, 4}) is_small = is_small && check_model(model, batch, lanes, seed);
    small += is_small ? 1 : 0;
  }
  CHECK(small * 3 > seeds);
}

}  // namespace
}  // namespace descent
