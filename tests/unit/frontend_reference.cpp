// Every snippet of the language reference and of the README is tested by its tag:
//
//   descent                  a whole file that compiles and is formatted
//   descent model            statements of the model that the reference shows first, likewise
//   descent train            settings of a train block, likewise
//   descent error id=ID      a file that fails with ID and exactly the text of the `message` block that follows
//   grammar                  the rules that stand above the parser's functions
//
// `test_frontend "[refresh]"` writes the messages anew. The README may also hold sh, console, c, cpp, cmake and text.
// Any other tag, or none, is a failure.
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <regex>
#include <sstream>

#include "frontend/elaborator.h"
#include "frontend/frontend.h"
#include "frontend/lexer.h"
#include "tests/support/text_file.h"

using namespace descent;

namespace {

std::string read(const std::string& path) { return test::read_text(DESCENT_SOURCE_DIR "/" + path); }

struct Snippet {
  int line = 0;
  std::string tag, text;
};

std::vector<Snippet> snippets_in(const std::string& page) {
  std::vector<Snippet> snippets;
  std::istringstream lines(page);
  bool open = false;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.starts_with("```")) {
      open = !open;
      if (open) snippets.push_back({number, line.substr(3), ""});
    } else if (open) {
      snippets.back().text += line + "\n";
    }
  }
  return snippets;
}

SourceRef source_of(std::string text) {
  return std::make_shared<const Source>(Source{"model.descent", std::move(text)});
}

std::string indented(const std::string& text, const std::string& by) {
  return by + std::regex_replace(text.substr(0, text.size() - 1), std::regex("\n(?=[^\n])"), "\n" + by) + "\n";
}

// As the reference states it.
std::string whole_file(const Snippet& snippet) {
  if (snippet.tag == "descent model") {
    return "model m(n : size = 3) {\n  input x     : f32[batch, n]\n  input image : u8[batch, 8, 8]\n"
           "  input label : i32[batch] in 0 ..< 10\n\n" +
           indented(snippet.text, "  ") + "}\n";
  }
  if (snippet.tag == "descent train") {
    return "model m() {\n  input x     : f32[batch, 4]\n  input label : i32[batch] in 0 ..< 10\n"
           "  loss nll = cross_entropy(linear(x, 10), label)\n}\n\ntrain it = m() {\n" +
           indented(snippet.text, "  ") + "}\n";
  }
  return snippet.text;
}

// What is wrong with a snippet; empty: nothing. `next` follows it, or is null.
std::string fault_of(const Snippet& snippet, const Snippet* next) {
  const std::string text = whole_file(snippet);
  const auto compiled = frontend::compile(source_of(text), {});
  const std::string error = "descent error id=";
  if (snippet.tag.starts_with(error)) {
    if (compiled) return "it compiles";
    const std::string id = snippet.tag.substr(error.size());
    if (compiled.errors().front().id != id) return "it fails with " + std::string(compiled.errors().front().id);
    if (!next || next->tag != "message") return "no message follows it";
    return render(compiled.errors()) == next->text ? "" : "its message is\n" + render(compiled.errors());
  }
  const bool good = snippet.tag == "descent" || snippet.tag == "descent model" || snippet.tag == "descent train";
  if (!good) return "its tag is unknown";
  if (!compiled) return render(compiled.errors());
  const auto tidy = frontend::format(source_of(text));
  return tidy && *tidy == text ? "" : "formatted it is\n" + (tidy ? *tidy : "");
}

std::vector<std::string> faults_in(const std::string& page, const std::vector<std::string>& untested) {
  std::vector<std::string> faults;
  const std::vector<Snippet> snippets = snippets_in(page);
  for (std::size_t i = 0; i < snippets.size(); ++i) {
    const Snippet& snippet = snippets[i];
    const bool message = snippet.tag == "message" && i > 0 && snippets[i - 1].tag.starts_with("descent error");
    if (message || std::find(untested.begin(), untested.end(), snippet.tag) != untested.end()) continue;
    const std::string fault = fault_of(snippet, i + 1 < snippets.size() ? &snippets[i + 1] : nullptr);
    if (!fault.empty()) faults.push_back("line " + std::to_string(snippet.line) + ": " + fault);
  }
  return faults;
}

// The page with every message as it is told now.
std::string with_messages(const std::string& page) {
  const std::vector<Snippet> snippets = snippets_in(page);
  std::string result = page;
  for (std::size_t i = 0; i + 1 < snippets.size(); ++i) {
    if (!snippets[i].tag.starts_with("descent error") || snippets[i + 1].tag != "message") continue;
    const auto compiled = frontend::compile(source_of(snippets[i].text), {});
    const std::string block = "```" + snippets[i].tag + "\n" + snippets[i].text + "```\n\n```message\n";
    const std::size_t at = result.find(block);
    if (compiled || at == std::string::npos) continue;
    result.replace(at + block.size(), snippets[i + 1].text.size(), render(compiled.errors()));
  }
  return result;
}

std::string without_blanks(const std::string& text) { return std::regex_replace(text, std::regex(R"(\s+)"), " "); }

// The rules in the comments of the parser: `// name = …` and the lines below it that begin with '|'.
std::vector<std::string> rules_of_the_parser() {
  std::vector<std::string> rules;
  for (const char* file : {"declarations", "statements", "expressions"}) {
    std::istringstream lines(read("frontend/parser_" + std::string(file) + ".cpp"));
    for (std::string line; std::getline(lines, line);) {
      if (std::regex_search(line, std::regex(R"(^// [a-z_]+ = )"))) rules.push_back(line.substr(3));
      if (!rules.empty() && std::regex_search(line, std::regex(R"(^//\s+\|)"))) rules.back() += line.substr(2);
    }
  }
  for (std::string& rule : rules) {
    rule = without_blanks(std::regex_replace(rule, std::regex(R"(\s+\([a-z][^"]*\)$)"), ""));
  }
  return rules;
}

}  // namespace

TEST_CASE("refresh the reference's messages", "[.][refresh]") {
  const std::string path = "frontend/LANGUAGE.md";
  const std::string page = with_messages(read(path));
  if (page != read(path)) std::ofstream(DESCENT_SOURCE_DIR "/" + path) << page;
}

TEST_CASE("the snippet test can fail") {
  using Faults = std::vector<std::string>;
  const std::string good = "```descent\nmodel m() {\n  input x : f32[batch]\n}\n```\n";
  CHECK(faults_in(good, {}).empty());
  CHECK(faults_in("```\nx\n```\n", {}) == Faults{"line 1: its tag is unknown"});
  CHECK(faults_in("\n```sh\nls\n```\n", {"sh"}).empty());
  CHECK(faults_in("```descent\nmodel m() {\ninput x : f32[batch]\n}\n```\n", {}).size() == 1);
  CHECK(faults_in("```descent model\nz = y\n```\n", {}).size() == 1);
  CHECK(faults_in("```descent error id=unknown-name\nmodel m() {\n  output y = x\n}\n```\n", {}) ==
        Faults{"line 1: no message follows it"});
  CHECK(faults_in("```descent error id=unknown-size\nmodel m() {\n  output y = x\n}\n```\n", {}) ==
        Faults{"line 1: it fails with unknown-name"});
  const std::string stale =
      "a\n\n```descent error id=unknown-name\nmodel m() {\n  output y = x\n}\n```\n\n```message\nold\n```\n\nb\n";
  CHECK(faults_in(stale, {}).size() == 1);
  CHECK(faults_in(with_messages(stale), {}).empty());
  CHECK(with_messages(stale).ends_with("^\n```\n\nb\n"));
}

TEST_CASE("every snippet of the reference is what it says") {
  const std::string page = read("frontend/LANGUAGE.md");
  CHECK(snippets_in(page).size() > 20);
  for (const std::string& fault : faults_in(page, {"grammar"})) FAIL_CHECK("frontend/LANGUAGE.md " << fault);
}

TEST_CASE("every snippet of the README is what it says") {
  for (const std::string& fault : faults_in(read("README.md"), {"sh", "cpp", "text", "c", "cmake", "console"})) {
    FAIL_CHECK("README.md " << fault);
  }
}

TEST_CASE("the reference holds the parser's grammar") {
  const std::string page = read("frontend/LANGUAGE.md");
  std::string grammar;
  for (const Snippet& snippet : snippets_in(page)) {
    if (snippet.tag == "grammar") grammar += without_blanks(snippet.text);
  }
  const std::vector<std::string> rules = rules_of_the_parser();
  CHECK(rules.size() > 35);
  for (const std::string& rule : rules) {
    if (grammar.find(rule) == std::string::npos) FAIL_CHECK("frontend/LANGUAGE.md lacks the rule " << rule);
  }
}

TEST_CASE("the reference names every operation and every reserved word") {
  const std::string page = read("frontend/LANGUAGE.md");
  const auto holds = [&](const std::string& word) {
    return std::regex_search(page, std::regex("[`( ]" + word + "[`() \n]"));
  };
  CHECK(!holds("frobnicate"));
  for (const OpRow& entry : op_table()) {
    const std::string name(entry.name);
    if (frontend::find_primitive(name) && !holds(name)) FAIL_CHECK("frontend/LANGUAGE.md lacks the operation " << name);
  }
  const std::string text = read("frontend/lexer.cpp");
  const std::regex word(R"rx("([a-z]+)")rx");
  for (auto found = std::sregex_iterator(text.begin(), text.end(), word); found != std::sregex_iterator(); ++found) {
    const std::string name = (*found)[1];
    if (frontend::is_reserved(name) && !holds(name)) FAIL_CHECK("frontend/LANGUAGE.md lacks the word " << name);
  }
}
