// Golden files: tests/golden/graph/NAME.descent must compile to exactly the Graphs of NAME.expected, which the verifier
// accepts and the Graph parser reads back. Lines that begin with `# --set` and `# --only` are options of the
// compilation. (Mistakes are in diagnostics_golden.cpp.)
//
//   test_frontend "[refresh]"     writes what is found as expected: review the difference
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "frontend/frontend.h"

using namespace descent;
namespace fs = std::filesystem;

namespace {

fs::path root() { return DESCENT_SOURCE_DIR; }

std::string read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Those called import_… are read by others.
std::vector<fs::path> files_in(const fs::path& folder, const std::string& extension) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(root() / folder)) {
    if (entry.path().extension() == extension) files.push_back(entry.path());
  }
  std::erase_if(files, [](const fs::path& path) { return path.stem().string().starts_with("import_"); });
  std::sort(files.begin(), files.end());
  return files;
}

frontend::Options options_in(const std::string& text, const fs::path& folder) {
  frontend::Options options;
  const std::regex line(R"(# --(set|only) (\S+?)(?:=(.*))?\n)");
  for (auto found = std::sregex_iterator(text.begin(), text.end(), line); found != std::sregex_iterator(); ++found) {
    if ((*found)[1] == "only") options.only = (*found)[2];
    if ((*found)[1] == "set") options.set.push_back({(*found)[2], (*found)[3]});
  }
  options.read_import = [folder](const std::string& path) -> Result<SourceRef> {
    if (!fs::exists(folder / path)) return Diagnostic{"unreadable-file", {}, "no such file", {}};
    return std::make_shared<const Source>(Source{path, read(folder / path)});
  };
  return options;
}

Result<frontend::Compilation> compile(const fs::path& path) {
  const std::string text = read(path);
  const Source source{path.filename().string(), text};
  return frontend::compile(std::make_shared<const Source>(source), options_in(text, path.parent_path()));
}

std::string outcome(const Result<frontend::Compilation>& compiled) {
  return compiled ? print(compiled->model) : render(compiled.errors());
}

fs::path expectation_of(fs::path path) { return path.replace_extension(".expected"); }

}  // namespace

TEST_CASE("refresh golden files", "[.][refresh]") {
  for (const fs::path& path : files_in("tests/golden/graph", ".descent")) {
    const std::string text = outcome(compile(path));
    if (text != read(expectation_of(path))) std::ofstream(expectation_of(path)) << text;
  }
}

TEST_CASE("models become exactly these graphs, verified, and read back") {
  for (const fs::path& path : files_in("tests/golden/graph", ".descent")) {
    INFO(path);
    const auto compiled = compile(path);
    CHECK(outcome(compiled) == read(expectation_of(path)));
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
