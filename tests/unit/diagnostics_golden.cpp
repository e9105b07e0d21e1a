// The exact words of every diagnostic, and that none is without. What the files are, tests/support/error_goldens.h
// says.
//
//   test_diagnostics "[refresh]"     writes what is found as expected: review the difference
#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <regex>

#include "tests/support/error_goldens.h"
#include "tests/support/text_file.h"

using namespace descent;
using namespace descent::test;
namespace fs = std::filesystem;

namespace {

struct RunGolden {
  fs::path expectation;
  Outcome outcome;
};

const std::vector<RunGolden>& run_goldens() {
  static const std::vector<RunGolden> all = [] {
    std::vector<RunGolden> run;
    for (const ErrorGolden& golden : error_goldens()) run.push_back({golden.expectation, golden.run()});
    return run;
  }();
  return all;
}

// Words joined by '-' between quotes that are no ids: what LLVM calls attributes of functions.
const std::set<std::string> other_words = {"target-cpu", "target-features", "prefer-vector-width",
                                           "min-legal-vector-width"};

// Ids that no test can bring about, each with the reason.
const std::map<std::string, std::string> unreachable = {
    {"jit-failure", "LLVM refuses or can't place code that its own verifier accepted"},
    {"out-of-memory", "an arena of up to 16 GiB is taken as address space; whether that fails is the machine's choice"},
};

// Every id in the source, with a file that has it. DiagnosticId takes nothing but literals of this form.
std::map<std::string, std::string> words_in_source() {
  std::map<std::string, std::string> words;
  const std::regex literal(R"re("([a-z]+(?:-[a-z]+)+)")re");
  for (const char* room : {"ir", "frontend", "passes", "codegen", "runtime", "driver"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(DESCENT_SOURCE_DIR) / room)) {
      if (entry.path().extension() != ".cpp" && entry.path().extension() != ".h") continue;
      const std::string text = std::regex_replace(read_text(entry.path()), std::regex("(^|\\s)// [^\n]*"), "");
      for (auto found = std::sregex_iterator(text.begin(), text.end(), literal); found != std::sregex_iterator();
           ++found) {
        words.emplace((*found)[1], fs::relative(entry.path(), DESCENT_SOURCE_DIR).string());
      }
    }
  }
  return words;
}

std::set<std::string, std::less<>> ids_seen() {
  std::set<std::string, std::less<>> seen;
  for (const RunGolden& golden : run_goldens()) seen.insert(golden.outcome.ids.begin(), golden.outcome.ids.end());
  return seen;
}

}  // namespace

TEST_CASE("refresh the words of the diagnostics", "[.][refresh]") {
  for (const RunGolden& golden : run_goldens()) {
    if (golden.outcome.text != read_text(golden.expectation)) std::ofstream(golden.expectation) << golden.outcome.text;
  }
}

TEST_CASE("mistakes are told in exactly these words") {
  for (const RunGolden& golden : run_goldens()) {
    INFO(golden.expectation.string());
    CHECK(!golden.outcome.ids.empty());
    CHECK(golden.outcome.text == read_text(golden.expectation));
  }
}

TEST_CASE("every diagnostic has a golden") {
  const std::set<std::string, std::less<>> seen = ids_seen();
  std::size_t kinds = 0;
  for (const auto& [id, file] : words_in_source()) {
    INFO(id << " in " << file);
    if (other_words.contains(id)) continue;
    ++kinds;
    CHECK(seen.contains(id) != unreachable.contains(id));
  }
  CHECK(kinds >= 60);
}

TEST_CASE("what the goldens show and what is excused stands in the source") {
  const std::map<std::string, std::string> words = words_in_source();
  for (const std::string& id : ids_seen()) {
    INFO(id);
    CHECK((words.contains(id) && !other_words.contains(id)));
  }
  for (const auto& [id, reason] : unreachable) {
    INFO(id << ": " << reason);
    CHECK(words.contains(id));
  }
  for (const std::string& word : other_words) {
    INFO(word);
    CHECK(words.contains(word));
  }
}

TEST_CASE("no expectation is left behind") {
  std::set<fs::path> known;
  for (const RunGolden& golden : run_goldens()) known.insert(golden.expectation);
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(DESCENT_SOURCE_DIR) / "tests/golden/errors")) {
    INFO(entry.path().string());
    CHECK((entry.path().extension() != ".expected" || known.contains(entry.path())));
  }
}
