// Damaged texts on the whole road: models, Graphs and Loop programs of this tree with a few tokens changed are refused
// with a diagnostic, or what they became passes every verifier behind. Mutants run in child processes, so that a check
// that fails or a signal names its mutant. Seeded: a mutant is its number.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "frontend/frontend.h"
#include "passes/pipeline.h"
#include "tests/support/dice.h"
#include "tests/support/sanitizer.h"
#include "tests/support/text_file.h"

namespace descent {
namespace {

namespace fs = std::filesystem;

constexpr int seconds_each = 20;  // a hang, on the slowest machine

SourceRef source_of(std::string text) { return std::make_shared<const Source>(Source{"mutant", std::move(text)}); }

// What the command does with a text up to machine code; whether it was accepted.
bool run_loop(const std::string& text) {
  const auto program = loop::parse_program(source_of(text));
  return program && loop::verify(*program).empty();
}
bool run_model(const Model& model) {
  LowerOptions options;
  options.largest_batch = 8;
  const auto passed = run_passes(model);
  if (!passed) return false;
  const auto program = lower(*passed, options);
  if (!program) return false;
  const Diagnostics wrong = loop::verify(*program);
  DESCENT_CHECK(wrong.empty(), "lower made a malformed Loop program:\n" + render(wrong));
  return true;
}
bool run_graph(const std::string& text) {
  const auto model = parse_model(source_of(text));
  return model && verify(*model).empty() && run_model(*model);
}
bool run_text(const std::string& text) {
  const auto compiled = frontend::compile(source_of(text), {});
  if (!compiled) return false;
  const Diagnostics wrong = verify(compiled->model);
  DESCENT_CHECK(wrong.empty(), "the front end made a malformed Graph:\n" + render(wrong));
  return run_model(compiled->model);
}

using Tokens = std::vector<std::string>;

Tokens tokens_of(const std::string& text) {
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.'; };
  Tokens tokens;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    while (is_word(text[at]) && end < text.size() && is_word(text[end])) ++end;
    tokens.push_back(text.substr(at, end - at));
    at = end;
  }
  return tokens;
}

// Texts of one kind, and what becomes of one.
struct Corpus {
  std::string name;
  std::function<bool(const std::string&)> run;
  std::vector<Tokens> texts;
};

std::vector<Corpus> corpora() {
  std::vector<Corpus> all = {{"models", run_text, {}}, {"graphs", run_graph, {}}, {"loops", run_loop, {}}};
  const fs::path root = DESCENT_SOURCE_DIR;
  std::vector<fs::path> paths;
  for (const char* folder : {"examples", "tests/golden", "tests/graphs"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) {
    if (path.extension() != ".descent" && path.extension() != ".graph") continue;
    const std::string text = test::read_text(path);
    if (text.size() > 4000) continue;
    const bool is_graph = path.extension() == ".graph";
    all[is_graph ? 1 : 0].texts.push_back(tokens_of(text));
    if (!is_graph) continue;
    const auto model = parse_model(source_of(text));  // some of the golden files are meant to be wrong
    if (!model || !verify(*model).empty()) continue;
    const auto passed = run_passes(*model);
    if (!passed) continue;
    if (const auto program = lower(*passed, {})) all[2].texts.push_back(tokens_of(loop::print(*program)));
  }
  return all;
}

std::string mutant_of(const Corpus& corpus, int number) {
  static const Tokens numbers = {
      "0", "1", "2", "-1", "3", "64", "4096", "2147483647", "1099511627776", "9223372036854775807"};
  Dice dice(static_cast<std::uint64_t>(number));
  const auto one_of = [&](const Tokens& tokens) {
    return tokens[static_cast<std::size_t>(dice.below(static_cast<int>(tokens.size())))];
  };
  const auto any_text = [&]() -> const Tokens& {
    return corpus.texts[static_cast<std::size_t>(dice.below(static_cast<int>(corpus.texts.size())))];
  };
  Tokens tokens = any_text();
  for (int times = 1 + dice.below(3); times > 0 && !tokens.empty(); --times) {
    const auto at = tokens.begin() + dice.below(static_cast<int>(tokens.size()));
    const bool is_number = std::isdigit(static_cast<unsigned char>((*at)[0])) != 0;
    switch (dice.below(6)) {
      case 0:
        tokens.erase(at);
        break;
      case 1:
        tokens.insert(at, one_of(any_text()));
        break;
      case 2:
        *at = std::string(1, static_cast<char>(dice.below(256)));
        break;
      case 3:
        std::swap(*at, tokens[static_cast<std::size_t>(dice.below(static_cast<int>(tokens.size())))]);
        break;
      default:
        *at = is_number ? one_of(numbers) : one_of(dice.chance(50) ? tokens : any_text());
    }
  }
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

// What children tell: the mutant under way, and how many were accepted.
struct Progress {
  int number = 0;
  int accepted = 0;
};

void run_mutants(int each) {
  void* shared = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(shared != MAP_FAILED);
  Progress& progress = *new (shared) Progress;
  for (const Corpus& corpus : corpora()) {
    REQUIRE(corpus.texts.size() > 10);
    progress = {};
    while (progress.number < each) {
      const pid_t child = fork();
      REQUIRE(child >= 0);
      if (child == 0) {
        for (; progress.number < each; ++progress.number) {
          alarm(seconds_each);
          progress.accepted += corpus.run(mutant_of(corpus, progress.number)) ? 1 : 0;
        }
        _exit(0);
      }
      int status = 0;
      REQUIRE(waitpid(child, &status, 0) == child);
      if (status == 0) break;
      INFO(corpus.name << " mutant " << progress.number << ", status " << status << "\n"
                       << mutant_of(corpus, progress.number));
      CHECK(status == 0);
      ++progress.number;
    }
    INFO(corpus.name);
    CHECK(progress.accepted >= each / 100);
  }
  munmap(shared, sizeof(Progress));
}

}  // namespace

TEST_CASE("mutated texts are refused or compile, and nothing breaks") { run_mutants(test::repetitions(700)); }
TEST_CASE("mutated texts by the ten thousand", "[.][long]") { run_mutants(33'000); }

}  // namespace descent
