// Habits of the tree that a machine can check: files open with what they do, nothing is left for later, macros stay
// out.
#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/support/tree.h"

using namespace descent::test;

namespace {

// Words of unfinished work, spelled so that this file does not hold them.
const std::vector<std::string> marks = {std::string("TO") + "DO", std::string("FIX") + "ME", std::string("HA") + "CK"};

std::vector<std::string> marks_in(const File& file) {
  std::vector<std::string> found;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    for (const std::string& mark : marks) {
      if (file.lines[i].find(mark) != std::string::npos) {
        found.push_back(file.path + ":" + std::to_string(i + 1) + ": " + mark);
      }
    }
  }
  return found;
}

// By itself, or through the header of the same name that it includes first.
bool opens_with_a_comment(const File& file) {
  if (file.lines.empty()) return false;
  const std::string& first = file.lines[0];
  const std::string header = file.path.substr(0, file.path.rfind('.')) + ".h";
  return first.starts_with("//") || first.starts_with("/*") || first == "#include \"" + header + "\"";
}

// The check macro is the only one; the C headers have their guards, a test program its switches for Catch2, and what
// generated C++ includes its attributes.
bool defines_a_macro(const std::string& line) {
  return line.starts_with("#define ") && !line.starts_with("#define DESCENT_CHECK(") &&
         !line.starts_with("#define DESCENT_RUNTIME_ABI_H") && !line.starts_with("#define DESCENT_RUNTIME_MODEL_H") &&
         !line.starts_with("#define DESCENT_DOOR_1") && !line.starts_with("#define CATCH_") &&
         !line.starts_with("#define DESCENT_INLINE ") && !line.starts_with("#define DESCENT_UNROLLED ") &&
         !line.starts_with("#define DESCENT_XSIMD");
}

}  // namespace

TEST_CASE("the text tests can fail") {
  CHECK(marks_in({"a.cpp", {"int a;", "// " + marks[0] + ": later"}}).size() == 1);
  CHECK(!opens_with_a_comment({"a.cpp", {"#pragma once"}}));
  CHECK(!opens_with_a_comment({"a.cpp", {}}));
  CHECK(!opens_with_a_comment({"a/a.cpp", {"#include \"a/b.h\""}}));
  CHECK(opens_with_a_comment({"a/a.cpp", {"#include \"a/a.h\""}}));
  CHECK(defines_a_macro("#define SQUARE(x) ((x) * (x))"));
}

TEST_CASE("a source opens with what it does") {
  for (const File& file : sources()) {
    if (!opens_with_a_comment(file)) FAIL_CHECK(file.path << " does not open with a comment");
  }
}

TEST_CASE("nothing is left for later") {
  for (const File& file : sources()) {
    for (const std::string& mark : marks_in(file)) FAIL_CHECK(mark);
  }
}

TEST_CASE("there is one macro") {
  for (const File& file : sources()) {
    for (const std::string& line : file.lines) {
      if (defines_a_macro(line)) FAIL_CHECK(file.path << ": " << line);
    }
  }
}
