// What must live in registers does: no stack slot is left after LLVM's passes.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/loop_kernels.h"
#include "tests/support/loop_run.h"

namespace descent::test {
namespace {

std::string llvm_of(const loop::Program& program) {
  Result<std::string> text = codegen::emit(program, codegen::host_machine(), codegen::Emit::llvm);
  REQUIRE(text.ok());
  return *text;
}

// Frames of parallel loops are structs; a local is anything else.
bool has_local_in_memory(const std::string& text) {
  for (std::size_t at = text.find("alloca"); at != std::string::npos; at = text.find("alloca", at + 1)) {
    if (text.compare(at, 8, "alloca {") != 0) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a register tile keeps its accumulators out of memory") {
  const std::string text = llvm_of(program_of(gemm_tile(4, 16)));
  CHECK(!has_local_in_memory(text));
  const int lanes = std::min(16, codegen::host_machine().vector_bytes / 4);
  CHECK(text.find("phi <" + std::to_string(lanes) + " x float>") != std::string::npos);
}

TEST_CASE("where a register tile goes is asked for before its sums are made") {
  const Machine machine = codegen::host_machine();
  const std::string text = llvm_of(program_of(gemm_tile(4, machine.vector_bytes / 2)));
  const std::string prefetch = "call void @llvm.prefetch";
  std::size_t count = 0;
  for (std::size_t at = text.find(prefetch); at != std::string::npos; at = text.find(prefetch, at + 1)) ++count;
  const bool has_some = machine.triple.find("x86_64") == 0 || machine.triple.find("aarch64") == 0;
  CHECK(count == (has_some ? 4 * 2 + 2 : 0));  // four rows of two vectors, and what is left of the batch row by row
  if (has_some) CHECK(text.find(prefetch) < text.find("@llvm.fma"));
}

TEST_CASE("no operation is wider than a register") {
  Machine machine = codegen::host_machine();
  machine.vector_bytes = 16;
  Result<std::string> text = codegen::emit(program_of(gemm_tile(4, 16)), machine, codegen::Emit::llvm);
  REQUIRE(text.ok());
  CHECK(text->find("phi <4 x float>") != std::string::npos);
  for (const char* wider : {"<8 x float>", "<16 x float>"}) CHECK(text->find(wider) == std::string::npos);
}

TEST_CASE("the fold of lanes is shuffles") {
  const std::string text = llvm_of(program_of(lane_sum()));
  CHECK(!has_local_in_memory(text));
  CHECK(text.find("shufflevector") != std::string::npos);
}

}  // namespace descent::test
