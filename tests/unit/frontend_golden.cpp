// Golden files: tests/golden/graph/NAME.descent must compile to exactly the Graphs of NAME.expected, which the verifier
// accepts and the Graph parser reads back. Lines that begin with `# --set` and `# --only` are options of the
// compilation. (Mistakes are in diagnostics_golden.cpp.)
//
//   test_frontend "[refresh]"     writes what is found as expected: review the difference
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <regex>

#include "tests/support/golden_model.h"

using namespace descent;
namespace fs = std::filesystem;

namespace {

std::string outcome(const Result<frontend::Compilation>& compiled) {
  return compiled ? print(compiled->model) : render(compiled.errors());
}

fs::path expectation_of(fs::path path) { return path.replace_extension(".expected"); }

}  // namespace

TEST_CASE("refresh golden files", "[.][refresh]") {
  for (const fs::path& path : test::golden_files("graph", ".descent")) {
    const std::string text = outcome(test::compile_golden(path));
    if (text != test::read_text(expectation_of(path))) std::ofstream(expectation_of(path)) << text;
  }
}

TEST_CASE("models become exactly these graphs, verified, and read back") {
  for (const fs::path& path : test::golden_files("graph", ".descent")) {
    INFO(path);
    const auto compiled = test::compile_golden(path);
    CHECK(outcome(compiled) == test::read_text(expectation_of(path)));
    if (!compiled) continue;
    const Diagnostics findings = verify(compiled->model);
    CHECK(render(findings) == "");
    const std::string printed = print(compiled->model);
    const auto again = parse_model(std::make_shared<const Source>(Source{"printed", printed}));
    if (!again) {
      FAIL_CHECK(render(again.errors()));
      continue;
    }
    std::string without_origins = std::regex_replace(printed, std::regex("  +# .*"), "");
    CHECK(std::regex_replace(print(*again), std::regex("  +# .*"), "") == without_origins);
  }
}
