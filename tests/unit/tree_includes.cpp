// The include table of the design: which room may include what. Adding a room is adding a row.
#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/support/tree.h"

using namespace descent::test;

namespace {

struct Room {
  std::string folder;
  std::vector<std::string> rooms;      // beginnings of includes from this tree
  std::vector<std::string> libraries;  // beginnings of includes from elsewhere, the C and C++ libraries apart
};

// The first row whose folder holds a file decides.
const std::vector<Room> table = {
    {"ir/", {"ir/", "descent/diagnostics.h", "descent/type.h", "descent/warnings.h"}, {"fmt/"}},
    {"frontend/", {"frontend/", "ir/"}, {}},
    {"passes/", {"passes/", "ir/"}, {}},
    {"codegen/cpp/simd/", {"codegen/cpp/simd/", "runtime/abi.h"}, {"xsimd/"}},  // not for this tree but for its output
    {"codegen/cpp", {"codegen/", "ir/", "runtime/abi.h"}, {}},
    {"codegen/", {"codegen/", "ir/", "runtime/abi.h"}, {"llvm/"}},
    {"runtime/core/", {"runtime/core/", "runtime/abi.h", "runtime/model.h"}, {}},
    {"runtime/bare/", {"runtime/core/"}, {}},
    {"runtime/data/",
     {"runtime/data/", "descent/array.h", "descent/data_error.h", "runtime/core/", "runtime/abi.h"},
     {"zlib.h", "nlohmann/", "stb/", "sndfile.h", "kissfft/"}},
    {"runtime/", {"runtime/abi.h", "runtime/door.h"}, {}},
    {"driver/",
     {"driver/", "descent/", "frontend/", "passes/", "codegen/", "runtime/", "ir/"},
     {"fmt/", "CLI/", "nlohmann/"}},
    {"tests/",
     {"tests/", "driver/", "descent/", "frontend/", "passes/", "codegen/", "runtime/", "ir/"},
     {"catch2/", "rapidcheck", "fmt/", "zlib.h", "nlohmann/", "llvm/", "stb/"}},
    {"examples/", {"descent/"}, {}},
};

// Libraries that can't be told from the C library by a folder in their name.
const std::vector<std::string> flat_libraries = {"zlib.h", "rapidcheck.h", "mpi.h", "sndfile.h"};

bool begins_with_one_of(const std::string& text, const std::vector<std::string>& beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [&](const std::string& beginning) { return text.starts_with(beginning); });
}

bool is_of_the_language(const std::string& include) {
  const bool flat = include.find('/') == std::string::npos || include.starts_with("sys/");
  return flat && !begins_with_one_of(include, flat_libraries);
}

// What a line like `#include "ir/graph.h"` includes; empty when it is no such line.
std::string included(const std::string& line) {
  if (!line.starts_with("#include ")) return {};
  const std::size_t begin = line.find_first_of("<\"");
  const std::size_t end = line.find_first_of(">\"", begin + 1);
  return begin == std::string::npos || end == std::string::npos ? line : line.substr(begin + 1, end - begin - 1);
}

// "passes/fuse.cpp:3: may not include codegen/llvm.h"
std::vector<std::string> violations(const File& file) {
  const auto room =
      std::find_if(table.begin(), table.end(), [&](const Room& r) { return file.path.starts_with(r.folder); });
  if (room == table.end()) return {file.path + ": belongs to no room"};
  std::vector<std::string> found;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const std::string include = included(file.lines[i]);
    if (include.empty() || is_of_the_language(include) || begins_with_one_of(include, room->rooms) ||
        begins_with_one_of(include, room->libraries)) {
      continue;
    }
    found.push_back(file.path + ":" + std::to_string(i + 1) + ": may not include " + include);
  }
  return found;
}

std::vector<std::string> violations(const std::string& path, const std::string& line) {
  return violations(File{path, {line}});
}

}  // namespace

TEST_CASE("the include test can fail") {
  using Found = std::vector<std::string>;
  CHECK(violations("passes/a.cpp", "#include \"codegen/llvm.h\"") ==
        Found{"passes/a.cpp:1: may not include codegen/llvm.h"});
  CHECK(violations("frontend/a.cpp", "#include <fmt/format.h>").size() == 1);
  CHECK(violations("ir/a.h", "#include \"frontend/ast.h\"").size() == 1);
  CHECK(violations("codegen/a.cpp", "#include \"runtime/data/csv.h\"").size() == 1);
  CHECK(violations("runtime/core/a.cpp", "#include \"ir/type.h\"").size() == 1);
  CHECK(violations("runtime/core/a.cpp", "#include <zlib.h>").size() == 1);
  CHECK(violations("ir/a.cpp", "#include \"graph.h\"").empty());
  CHECK(violations("other/a.cpp", "").size() == 1);
  CHECK(violations("runtime/data/a.cpp", "#include <sys/stat.h>").empty());
  CHECK(violations("codegen/a.cpp", "#include \"runtime/abi.h\"").empty());
}

TEST_CASE("every room includes only what the design permits") {
  const auto files = sources();
  REQUIRE(files.size() > 20);
  for (const File& file : files) {
    for (const std::string& violation : violations(file)) FAIL_CHECK(violation);
  }
}
