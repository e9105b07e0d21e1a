// Random models in the language and random Graphs, printed as C++: many of them as one file, with the bits of machine
// code.
#include <catch2/catch.hpp>

#include "codegen/cpp.h"
#include "frontend/frontend.h"
#include "tests/support/cpp_run.h"
#include "tests/support/graph_generator.h"
#include "tests/support/graph_run.h"
#include "tests/support/loop_merge.h"
#include "tests/support/loop_run.h"
#include "tests/support/model_generator.h"
#include "tests/support/sanitizer.h"

namespace descent::test {
namespace {

constexpr std::int64_t largest = 6;

// In turn for wide and narrow vectors, and for a small size; with its whole loop where it has one.
loop::Program lowered(const Model& model, std::uint64_t seed) {
  LowerOptions options;
  options.largest_batch = largest;
  options.lanes = seed % 3 == 1 ? 16 : 8;
  options.small_code = seed % 3 == 2;
  options.whole_loop = true;
  Result<loop::Program> program = lower(passes_or_fail(model), options);
  if (!program) throw std::runtime_error(render(program.errors()));
  return std::move(*program);
}

// A text of the language. What draws weights is long and always the same: every fifth model keeps it.
Model random_model(std::uint64_t seed) {
  const std::string text = generate_program(seed, 4);
  const auto compiled = frontend::compile(std::make_shared<const Source>(Source{"program", text}), {});
  if (!compiled) throw std::runtime_error(text + render(compiled.errors()));
  Model model = compiled->model;
  if (seed % 5 != 0) std::erase_if(model.entries, [](const Graph& graph) { return graph.name == "init"; });
  return model;
}

// Every entry of every program, on whole and on short batches.
void check(const std::vector<loop::Program>& programs, const CppCompiler& compiler) {
  const loop::Program merged = merge(programs);
  const auto jit = codegen::Jit::compile(merged, codegen::host_machine());
  REQUIRE(jit.ok());
  for (const CppBuild& build : build_everywhere(merged, {compiler})) {
    INFO(build.name);
    if (!build.library.ok()) FAIL(render(build.library.errors()));
    std::size_t turns = 0;
    for (const loop::Entry& entry : merged.entries) {
      turns += entry.turns ? 1 : 0;
      for (const std::int64_t batch : entry.turns ? std::vector{largest} : std::vector{largest, largest - 1}) {
        const Memory start = tame_memory(merged, entry.name, static_cast<std::uint64_t>(batch));
        INFO(entry.name << ", " << batch << " rows");
        CHECK(difference(merged, entry.name, run((*jit)->entry(entry.name), batch, start),
                         run((*build.library)->entry(entry.name), batch, start, 2)) == "");
      }
    }
    CHECK(turns > 0);
  }
}

}  // namespace

TEST_CASE("random models, printed as C++") {
  std::vector<loop::Program> programs;
  const auto seeds = static_cast<std::uint64_t>(repetitions(7));
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) programs.push_back(lowered(random_model(seed), seed));
  check(programs, {"g++", "-O1 -march=native"});
}

TEST_CASE("random Graphs, printed as C++") {
  std::vector<loop::Program> programs;
  const auto seeds = static_cast<std::uint64_t>(repetitions(12));
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    programs.push_back(lowered(generate_model(seed, 6, {.gradients = seed % 2 == 0}), seed));
  }
  check(programs, {"clang++-19", "-O1 -march=native"});
}

}  // namespace descent::test
