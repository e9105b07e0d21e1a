// Machine code made entry by entry and part by part: the same bits however it is cut.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "codegen/partition.h"
#include "tests/support/loop_kernels.h"
#include "tests/support/loop_run.h"

namespace descent::test {
namespace {

// Every operation as a kernel of its own; `run` calls all of them, `odd` and `even` half of them each, `all` what `run`
// does.
loop::Program three_entries() {
  loop::Program program = all_operations(4);
  const loop::Entry run = program.entries.front();
  loop::Entry odd = run, even = run, all = run;
  odd.name = "odd";
  even.name = "even";
  all.name = "all";
  odd.steps.clear();
  even.steps.clear();
  for (std::size_t i = 0; i < run.steps.size(); ++i) (i % 2 == 1 ? odd : even).steps.push_back(run.steps[i]);
  program.entries = {run, odd, even, all};
  return program;
}

std::string first_difference(const loop::Program& program, const codegen::Jit& jit, const std::string& entry) {
  const Memory memory = random_memory(program, entry, 3);
  return difference(program, entry, interpret(program, entry, 1, memory), run(jit.entry(entry), 1, memory));
}

std::unique_ptr<codegen::Jit> jit_of(const loop::Program& program, int threads) {
  auto jit = codegen::Jit::create(program, codegen::host_machine(), threads);
  REQUIRE(jit.ok());
  return std::move(*jit);
}

}  // namespace

TEST_CASE("a partition holds every kernel once, in parts of about equal size") {
  const loop::Program program = all_operations(16);
  std::vector<loop::KernelId> kernels(program.kernels.size());
  std::int64_t all = 0, largest = 0;
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    kernels[i] = static_cast<loop::KernelId>(i);
    all += codegen::code_size(program.kernels[i], 32);
    largest = std::max(largest, codegen::code_size(program.kernels[i], 32));
  }
  for (const std::size_t most : {1U, 2U, 5U}) {
    const auto parts = codegen::partition(program, kernels, most, 32);
    REQUIRE(parts.size() == most);
    std::set<loop::KernelId> seen;
    for (const auto& part : parts) {
      std::int64_t size = 0;
      for (const loop::KernelId id : part) {
        CHECK(seen.insert(id).second);
        size += codegen::code_size(program.kernels[static_cast<std::size_t>(id)], 32);
      }
      CHECK(size <= all / static_cast<std::int64_t>(most) + largest);
    }
    CHECK(seen.size() == kernels.size());
  }
  CHECK(codegen::partition(program, {0}, 5, 32).size() == 1);
  CHECK(codegen::partition(program, {}, 5, 32).size() == 1);
}

TEST_CASE("code made in one, two and five parts gives the interpreter's bits") {
  const loop::Program program = three_entries();
  for (const int threads : {1, 2, 5}) {
    for (const codegen::Effort effort : {codegen::Effort::quick, codegen::Effort::full}) {
      const auto jit = jit_of(program, threads);
      REQUIRE(jit->make({{"run", effort}}).ok());
      INFO(threads << " threads");
      CHECK(first_difference(program, *jit, "run") == "");
    }
  }
}

TEST_CASE("an entry has code from when it is made, and its kernels are compiled once") {
  const loop::Program program = three_entries();
  const auto jit = jit_of(program, 2);
  CHECK(jit->code_bytes() == 0);
  REQUIRE(jit->make({{"odd"}, {"walk"}}).ok());
  CHECK(jit->entry("walk") == nullptr);
  CHECK(jit->entry("run") == nullptr);
  const DescentEntry odd = jit->entry("odd");
  REQUIRE(odd != nullptr);
  const std::int64_t half = jit->code_bytes();
  REQUIRE(jit->make({{"run"}}).ok());
  CHECK(jit->entry("odd") == odd);
  const std::int64_t whole = jit->code_bytes();
  REQUIRE(jit->make({{"run"}, {"odd"}}).ok());
  CHECK(jit->code_bytes() == whole);
  REQUIRE(jit->make({{"even"}}).ok());
  CHECK(jit->code_bytes() - whole < half / 2);  // calls, no kernel
  REQUIRE(jit->make({{"all"}}).ok());
  for (const char* entry : {"odd", "even", "run", "all"}) CHECK(first_difference(program, *jit, entry) == "");
}

TEST_CASE("what runs once in quick code does not slow down what runs often") {
  const loop::Program program = three_entries();
  const auto jit = jit_of(program, 2);
  REQUIRE(jit->make({{"run", codegen::Effort::quick}}).ok());
  const std::int64_t quick = jit->code_bytes();
  REQUIRE(jit->make({{"all"}}).ok());
  CHECK(jit->code_bytes() > quick + quick / 8);
  CHECK(first_difference(program, *jit, "all") == "");
}

TEST_CASE("several threads may ask for entries at once") {
  const loop::Program program = three_entries();
  const auto jit = jit_of(program, 2);
  std::vector<std::string> found(4);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < found.size(); ++i) {
    threads.emplace_back([&, i] {
      const std::string entry = program.entries[i].name;
      found[i] = jit->make({{entry}}).ok() ? first_difference(program, *jit, entry) : "no code";
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(found == std::vector<std::string>(4));
}

}  // namespace descent::test
