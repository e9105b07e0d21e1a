// Object files for other processors leave the bits that the interpreter leaves here: every operation, contractions,
// random Loop programs, gradients of every kind.
#include <catch2/catch.hpp>
#include <random>

#include "tests/support/cross_run.h"
#include "tests/support/elf_symbols.h"
#include "tests/support/graph_run.h"
#include "tests/support/loop_generator.h"
#include "tests/support/loop_kernels.h"
#include "tests/support/loop_merge.h"
#include "tests/support/sanitizer.h"

namespace descent::test {
namespace {

constexpr std::int64_t largest = 6, smaller = 4;

// A program with an entry `run`, and what is in memory then.
struct Candidate {
  loop::Program program;
  enum class Content { random, tame } content = Content::random;
  std::optional<Graph> graph;  // whose inputs know their ranges
};

Candidate gradient(const std::string& name) {
  const std::string path = std::string(DESCENT_SOURCE_DIR) + "/tests/graphs/gradients/" + name + ".graph";
  const Model model = passes_or_fail(parse_or_fail(name, in_single(read_text(path))));
  Candidate made{lower_or_fail(model, 4, largest), Candidate::Content::tame, model.entries[0]};
  made.program.entries = {*made.program.entry(model.entries[0].name)};
  made.program.entries[0].name = "run";
  return made;
}

std::vector<Candidate> candidates() {
  std::vector<Candidate> all;
  for (std::int64_t lanes : {1, 4, 16}) all.push_back({all_operations(lanes), {}, {}});
  all.push_back({program_of(gemm_tile(4, 16), largest), Candidate::Content::tame, {}});
  all.push_back({program_of(lane_sum(), largest), {}, {}});
  for (const char* name : {"attention", "batch_statistics", "convolution_strided", "lookup", "max_pool", "scan"}) {
    all.push_back(gradient(name));
  }
  const std::size_t wanted = all.size() + static_cast<std::size_t>(repetitions(6));
  for (std::uint32_t seed = 1; all.size() < wanted; ++seed) {
    std::mt19937 random(seed);
    loop::Program program =
        LoopGenerator([&](int end) { return static_cast<int>(random() % static_cast<unsigned>(end)); }).program();
    if (program.largest_batch == largest) all.push_back({std::move(program), {}, {}});
  }
  return all;
}

// Called twice on the same memory: alone, then on forced threads with a smaller batch.
struct Trial {
  std::string entry;
  Memory memory, expected;
};
Trial trial_of(const Candidate& candidate, const loop::Program& merged, std::size_t number) {
  Trial trial{merged_name("run", number), {}, {}};
  const bool is_tame = candidate.content == Candidate::Content::tame;
  Memory& memory = trial.memory = (is_tame ? tame_memory : random_memory)(merged, trial.entry, number);
  if (candidate.graph) {
    const Values values = random_inputs(*candidate.graph, largest, 3);
    const loop::Entry& entry = candidate.program.entries[0];
    for (std::size_t i = 0; i < entry.inputs.size(); ++i) {
      const loop::Buffer& buffer = candidate.program.buffers[static_cast<std::size_t>(entry.inputs[i])];
      pack(values.at(buffer.name), memory.inputs[i], strides_of(buffer.type.shape, largest));
    }
  }
  trial.expected = interpret(merged, trial.entry, largest, memory);
  trial.expected = interpret(merged, trial.entry, smaller, {trial.expected.arena, memory.inputs, memory.outputs});
  return trial;
}

// One program of many: linking and starting an emulator takes seconds.
struct Trials {
  loop::Program program;
  std::vector<Trial> trials;
};
Trials all_trials() {
  const std::vector<Candidate> all = candidates();
  std::vector<loop::Program> programs;
  for (const Candidate& candidate : all) {
    programs.push_back(candidate.program);
    programs.back().largest_batch = largest;
  }
  Trials made{merge(programs), {}};
  for (std::size_t i = 0; i < all.size(); ++i) made.trials.push_back(trial_of(all[i], made.program, i));
  return made;
}

}  // namespace

TEST_CASE("every processor gives the bits of the interpreter here") {
  const Trials all = all_trials();
  for (const CrossTarget& target : targets_here()) {
    const CrossProgram program(target, all.program);
    for (const Trial& trial : all.trials) {
      INFO(target.name << ", " << trial.entry);
      const auto& [arena, inputs, outputs, turns] = trial.memory;
      const CrossResult found =
          program.run(arena, {{trial.entry, largest, 0, inputs, outputs}, {trial.entry, smaller, 3, inputs, outputs}});
      if (found.faulted) continue;
      REQUIRE(found.error == "");
      CHECK(difference(all.program, trial.entry, trial.expected, {found.arena, inputs, found.outputs.back()}) == "");
    }
  }
}

TEST_CASE("an object file for any processor calls no library") {
  const loop::Program program = all_operations(16);
  for (const CrossTarget& target : cross_targets()) {
    INFO(target.name);
    const Result<Machine> machine = codegen::named_machine(target.triple, target.cpu);
    REQUIRE(machine.ok());
    if (machine->triple.starts_with("wasm")) continue;  // not ELF: its linker refuses what is undefined
    const Result<std::string> object = codegen::emit(program, *machine, codegen::Emit::object);
    REQUIRE(object.ok());
    CHECK(undefined_symbols(*object) == std::set<std::string>{});
  }
}

// So that the trials above would end in an illegal instruction where a processor without them got the highest level.
TEST_CASE("the highest level of x86-64 has instructions that the others lack") {
  const loop::Program program = all_operations(16);
  const auto assembly = [&](const char* levels) {
    const Result<Machine> machine = codegen::named_machine("x86_64-linux-gnu", levels);
    REQUIRE(machine.ok());
    const Result<std::string> text = codegen::emit(program, *machine, codegen::Emit::assembly);
    REQUIRE(text.ok());
    return *text;
  };
  CHECK(assembly("x86-64-v2,x86-64-v3,x86-64-v4").find("%zmm") != std::string::npos);
  CHECK(assembly("x86-64-v2,x86-64-v3").find("%zmm") == std::string::npos);
}

}  // namespace descent::test
