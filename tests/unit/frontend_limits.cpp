// Hostile models: too large, too deep, damaged at random. Each gives diagnostics, soon, and nothing worse.
#include <catch2/catch.hpp>
#include <ctime>
#include <filesystem>
#include <map>
#include <random>

#include "frontend/frontend.h"
#include "frontend/lexer.h"
#include "tests/support/sanitizer.h"
#include "tests/support/text_file.h"

using namespace descent;

namespace {

SourceRef source_of(std::string text) {
  return std::make_shared<const Source>(Source{"test.descent", std::move(text)});
}

std::string first_id(const std::string& text) {
  const auto compiled = frontend::compile(source_of(text), {});
  return compiled ? "" : std::string(compiled.errors().front().id);
}

std::string chain(int length, const std::string& body) {
  std::string text;
  for (int i = 0; i < length; ++i) {
    std::string one = body;
    const std::string next = "f" + std::to_string(i + 1);
    for (std::size_t at = 0; (at = one.find('@', at)) != std::string::npos;) one.replace(at, 1, next);
    text += "fn f" + std::to_string(i) + "(x : f32[...]) -> f32[...] {\n  return " + one + "\n}\n";
  }
  return text + "fn f" + std::to_string(length) + "(x : f32[...]) -> f32[...] {\n  return x\n}\n";
}

}  // namespace

TEST_CASE("files over 16 MB are refused") {
  CHECK(first_id(std::string(frontend::largest_file + 1, '#')) == "file-too-large");
  CHECK(first_id(std::string(frontend::largest_file - 1, '\n')) == "no-model");
}

TEST_CASE("functions that double at each level are stopped") {
  const std::clock_t start = std::clock();  // of the processor: a crowded machine is no mistake
  for (const char* body : {"@(x) + @(x)", "@(x) + @(-x)", "@(@(x))"}) {
    const std::string whole = chain(40, body) + "model m() {\n input x : f32[batch]\n output y = f0(x)\n}\n";
    CHECK(first_id(whole) == "model-too-large");
    const std::string element = chain(40, body) + "model m() {\n input x : f32[batch]\n output y[b] = f0(x[b])\n}\n";
    CHECK(first_id(element) == "model-too-large");
  }
  CHECK((std::clock() - start) / CLOCKS_PER_SEC < 60);  // it would be years
}

TEST_CASE("an index body of many terms is shared, not copied") {
  const std::string text =
      chain(12, "@(x) * @(x)") + "model m() {\n input x : f32[batch]\n output y[b] = f0(x[b])\n}\n";
  const auto compiled = frontend::compile(source_of(text), {});
  REQUIRE(compiled.ok());
  const Graph& predict = *compiled->model.entry("predict");
  CHECK(std::get<Sweep>(predict.nodes.back().op).body.scalars.size() == 13);
}

TEST_CASE("long models are read, long chains of calls are not") {
  std::string layers;
  for (int i = 0; i < 2000; ++i) {
    layers += "  h" + std::to_string(i + 1) + " = relu(h" + std::to_string(i) + ") + 1\n";
  }
  CHECK(first_id("model m() {\n  input h0 : f32[batch, 3]\n" + layers + "  output y = h2000\n}\n").empty());
  const std::string calls = chain(5000, "@(x)") + "model m() {\n input x : f32[batch]\n output y = f0(x)\n}\n";
  CHECK(first_id(calls) == "nested-too-deeply");
}

TEST_CASE("mistakes are counted out, not endless") {
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += "  a" + std::to_string(i) + " = nothing" + std::to_string(i) + "\n";
  const auto compiled = frontend::compile(source_of("model m() {\n" + lines + "}\n"), {});
  REQUIRE(!compiled);
  CHECK(compiled.errors().size() <= 40);
}

TEST_CASE("models with tokens exchanged at random compile or are refused, and what compiles is verified") {
  using Written = std::pair<frontend::Token::Kind, std::string>;
  using Kind = frontend::Token::Kind;
  std::vector<std::vector<Written>> models;
  std::map<Kind, std::vector<std::string>> pool = {{Kind::number, {"0", "1", "2", "1e9", "3000000000", "1.5"}},
                                                   {Kind::name, {"batch", "inf", "x"}},
                                                   {Kind::sign, {"...", "-", "^"}}};
  for (const auto& entry : std::filesystem::directory_iterator(DESCENT_SOURCE_DIR "/tests/golden/graph")) {
    if (entry.path().extension() != ".descent") continue;
    const SourceRef source = source_of(test::read_text(entry.path()));
    frontend::Reporter reporter;
    models.emplace_back();
    for (const frontend::Token& token : frontend::tokenize(source, reporter)) {
      std::string written(token.text);
      if (token.kind == Kind::newline) written = "\n";
      if (token.kind == Kind::text) written = '"' + written + '"';
      models.back().emplace_back(token.kind, written);
      pool[token.kind].push_back(written);
    }
  }
  std::mt19937 random(1);
  int compiled_models = 0;
  const int rounds = test::repetitions(2000);
  for (int round = 0; round < rounds; ++round) {
    std::vector<Written> tokens = models[random() % models.size()];
    const auto changes = 1 + random() % 3;
    for (std::size_t i = 0; i < changes; ++i) {
      auto& [kind, written] = tokens[random() % tokens.size()];
      const std::vector<std::string>& others = pool[random() % 4 == 0 ? Kind::sign : kind];
      written = others[random() % others.size()];
    }
    std::string text;
    for (const auto& [kind, written] : tokens) text += written + " ";
    INFO(text);
    const auto compiled = frontend::compile(source_of(text), {});
    if (!compiled) continue;
    ++compiled_models;
    CHECK(render(verify(compiled->model)) == "");
  }
  CHECK(200 * compiled_models > 3 * rounds);
}
