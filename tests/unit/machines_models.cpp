// What is lowered depends on the machine's vectors, registers and caches: every model is lowered, checked and found fit
// for machine code for kinds of machine that may not be the one at hand.
#include <catch2/catch.hpp>
#include <filesystem>

#include "codegen/limits.h"
#include "tests/support/sanitizer.h"
#include "tests/support/training.h"

namespace descent::test {
namespace {

// Of the lessons and the benchmarks; under a sanitizer every fifth.
std::vector<std::string> models() {
  std::vector<std::string> all;
  for (const char* folder : {"/examples", "/tests/bench/models"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(source_folder + folder)) {
      const bool is_part = entry.path().parent_path().filename() == "cmake_app";
      if (entry.path().extension() == ".descent" && !is_part) all.push_back(entry.path().string());
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

void check_on(const std::string& triple, const std::string& cpu) {
  const std::vector<std::string> files = models();
  REQUIRE(files.size() > 30);
  for (std::size_t i = 0; i < files.size(); i += is_sanitized ? 5 : 1) {
    CAPTURE(files[i], triple, cpu);
    CompileOptions options;
    options.triple = triple;
    options.cpu = cpu;
    const Result<Program> program = compile_file(files[i], options);
    if (!program) FAIL(render(program.errors()));
    const Diagnostics wrong = codegen::why_not_compiled(program->loop());
    if (!wrong.empty()) FAIL(render(wrong));
  }
}

}  // namespace

TEST_CASE("every model is lowered for vectors of 16 bytes") { check_on("x86_64-linux-gnu", "x86-64-v2"); }
TEST_CASE("every model is lowered for vectors of 32 bytes") { check_on("x86_64-linux-gnu", "x86-64-v3"); }
TEST_CASE("every model is lowered for vectors of 64 bytes") { check_on("x86_64-linux-gnu", "x86-64-v4"); }
TEST_CASE("every model is lowered for aarch64") { check_on("aarch64-linux-gnu", ""); }

}  // namespace descent::test
