// Random Loop programs: sound ones verify, survive the round trip through text, and mean the same afterwards.
#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <random>

#include "tests/support/loop_generator.h"
#include "tests/support/loop_text.h"
#include "tests/support/sanitizer.h"

using namespace descent;
using namespace descent::loop;
using namespace descent::test;

namespace {

Program random_program() {
  return LoopGenerator([](int end) { return *rc::gen::inRange(0, end); }).program();
}

// All memory after a run: the outputs, then the arena.
std::vector<std::vector<std::byte>> memory_after(const Program& program, std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto next = [&] { return static_cast<std::uint32_t>(random()); };
  const Entry& entry = program.entries[0];
  const auto fill = [&](BufferId id) {
    const TensorType& type = program.buffers[static_cast<std::size_t>(id)].type;
    return random_bytes(type, count(type.shape, program.largest_batch), next);
  };
  const std::int64_t batch = 1 + next() % program.largest_batch;
  std::vector<std::vector<std::byte>> inputs, memory;
  std::vector<const void*> input_pointers;
  std::vector<void*> output_pointers;
  for (BufferId id : entry.inputs) inputs.push_back(fill(id));
  for (BufferId id : entry.outputs) memory.push_back(fill(id));
  for (const auto& input : inputs) input_pointers.push_back(input.data());
  for (auto& output : memory) output_pointers.push_back(output.data());
  Interpreter interpreter(program);
  interpreter.run("run", batch, input_pointers, output_pointers);
  memory.push_back(interpreter.arena());
  return memory;
}

void check(bool passed) { CHECK(passed); }

}  // namespace

TEST_CASE("random Loop programs verify", "[loop]") {
  check(rc::check([] {
    const Program program = random_program();
    const Diagnostics diagnostics = verify(program);
    if (!diagnostics.empty()) RC_FAIL(render(diagnostics) + print(program));
  }));
}

TEST_CASE("a thousand random Loop programs verify, print and parse", "[loop]") {
  std::mt19937 random(1);
  const int programs = repetitions(1000);
  for (int n = 0; n < programs; ++n) {
    const Program program =
        LoopGenerator([&](int end) { return static_cast<int>(random() % unsigned(end)); }).program();
    const std::string text = print(program);
    const Diagnostics diagnostics = verify(program);
    if (!diagnostics.empty()) FAIL(render(diagnostics) + text);
    if (print(verified_loop(text)) != text) FAIL(text);
  }
}

TEST_CASE("Loop text round-trips", "[loop]") {
  check(rc::check([] {
    const std::string text = print(random_program());
    const Result<Program> parsed = parse_program(loop_source(text));
    if (!parsed.ok()) RC_FAIL(render(parsed.errors()) + text);
    RC_ASSERT(print(*parsed) == text);
    RC_ASSERT(verify(*parsed).empty());
  }));
}

TEST_CASE("a Loop program read back computes the same bits", "[loop]") {
  check(rc::check([] {
    const Program program = random_program();
    const Program parsed = parsed_loop(print(program));
    const auto seed = *rc::gen::arbitrary<std::uint32_t>();
    RC_ASSERT(memory_after(program, seed) == memory_after(parsed, seed));
  }));
}
