// Loads that stride from lane to lane and step through neighbours with the loop around: squares turned in registers
// give the interpreter's bits, and are no loads of one element.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/support/loop_kernels.h"
#include "tests/support/loop_run.h"

namespace descent::test {
namespace {

using namespace loop;

TEST_CASE("turned squares of every size give the interpreter's bits") {
  for (const char* type : {"f32", "f64", "i32", "u8"}) {
    for (const int terms : {2, 4, 8, 16}) {
      for (const int lanes : {2, 3, 4, 5, 6, 7, 8}) {
        for (const char* value : {"x[i + j, k + k_2]", "x[i + j, k + k_2 + 3]", "x[i + j, 39 - k - k_2]",
                                  "x[i + j, k_2]", "x[j, k + k_2]", "x[i, k + k_2]"}) {
          CAPTURE(type, terms, lanes, value);
          const Program program = turning(type, turned_square(terms, lanes, value));
          CHECK(compiled_difference(program, "run", 1, {tame_memory(program, "run", 3)}) == "");
        }
      }
    }
  }
  // Two squares in one expression; what the loop itself writes is not loaded ahead.
  for (const auto& [value, role] : {std::pair{"x[i + j, k + k_2] * x[j, k_2 + 1]", "read"},
                                    std::pair{"x[i + j, k + k_2]\n          x[i + j, k + k_2 + 1] = 2.0", "update"}}) {
    CAPTURE(value);
    const Program program = turning("f32", turned_square(8, 8, value), role);
    CHECK(compiled_difference(program, "run", 1, {tame_memory(program, "run", 3)}) == "");
  }
}

TEST_CASE("a turned square is loaded in lines") {
  const Result<Machine> machine = codegen::named_machine("x86_64-linux-gnu", "x86-64-v3");
  REQUIRE(machine.ok());
  const Result<std::string> text =
      codegen::emit(turning("f32", turned_square(8, 8, "x[i + j, k + k_2]")), *machine, codegen::Emit::llvm);
  REQUIRE(text.ok());
  CHECK(text->find("load float,") == std::string::npos);
  CHECK(text->find("load <8 x float>") != std::string::npos);
}

// Iterations of a loop of two that each fill every second element of a line: one store for both.
std::string pairs(int lanes, const std::string& place, const std::string& value) {
  return fmt::format(
      "  serial k in 0 ..< 40 {{\n    unrolled s in 0 ..< 2 {{\n      vector j in 0 ..< {0} {{\n        y[{1}] = {2}\n"
      "      }}\n    }}\n  }}\n",
      lanes, place, value);
}

TEST_CASE("lines that two iterations fill in turns give the interpreter's bits") {
  for (const char* type : {"f32", "f64", "i32", "u8"}) {
    for (const int lanes : {2, 3, 4, 5, 7, 8}) {
      for (const char* place : {"k, 2*j + s", "k, 2*j + 1 - s", "k, j + 8*s"}) {
        for (const char* value : {"x[j, k]", "x[2*s, j] + x[j, 2*s + 1]", "x[3, k]"}) {
          const bool is_sum = std::string(value).find('+') != std::string::npos;
          if (is_sum && std::string(type) == "u8") continue;
          CAPTURE(type, lanes, place, value);
          const Program program = turning(type, pairs(lanes, place, value));
          CHECK(compiled_difference(program, "run", 1, {tame_memory(program, "run", 3)}) == "");
        }
      }
    }
  }
  // What the loop itself has written is loaded by neither.
  const Program inner = turning("f32", pairs(8, "k, 2*j + s", "y[k, 2*j + s] + x[j, k]"));
  CHECK(compiled_difference(inner, "run", 1, {tame_memory(inner, "run", 3)}) == "");
}

TEST_CASE("a line that two iterations fill in turns is stored in vectors") {
  const Result<Machine> machine = codegen::named_machine("x86_64-linux-gnu", "x86-64-v3");
  REQUIRE(machine.ok());
  const Result<std::string> text =
      codegen::emit(turning("f32", pairs(8, "k, 2*j + s", "x[s, j + 1]")), *machine, codegen::Emit::llvm);
  REQUIRE(text.ok());
  CHECK(text->find("store float") == std::string::npos);
  CHECK(text->find("store <8 x float>") != std::string::npos);
}

}  // namespace
}  // namespace descent::test
