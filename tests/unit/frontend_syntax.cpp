// The parser on whole files: what it accepts, that printing is its inverse, and that damage never breaks it.
#include <catch2/catch.hpp>
#include <filesystem>

#include "frontend/frontend.h"
#include "tests/support/text_file.h"

using namespace descent;

namespace {

SourceRef source_of(std::string text, std::string name = "test.descent") {
  return std::make_shared<const Source>(Source{std::move(name), std::move(text)});
}

std::vector<std::filesystem::path> sample_files() {
  std::vector<std::filesystem::path> files;
  for (const char* folder : {"tests/golden/syntax", "frontend/std"}) {
    for (const auto& entry : std::filesystem::directory_iterator(std::string(DESCENT_SOURCE_DIR "/") + folder)) {
      if (entry.path().extension() == ".descent") files.push_back(entry.path());
    }
  }
  return files;
}

std::string expression(const std::string& text) {
  const auto file = frontend::parse(source_of("model m() {\n x = " + text + "\n}\n"));
  if (!file) return render(file.errors());
  const auto& define = std::get<frontend::ast::Define>(file->functions[0].body[0].node);
  return frontend::ast::print(*define.value);
}

}  // namespace

TEST_CASE("sample files parse and print as text that parses to the same tree") {
  REQUIRE(sample_files().size() >= 3);
  for (const auto& path : sample_files()) {
    INFO(path);
    const auto file = frontend::parse(source_of(test::read_text(path)));
    if (!file) FAIL(render(file.errors()));
    const std::string printed = frontend::ast::print(*file);
    const auto again = frontend::parse(source_of(printed));
    if (!again) FAIL(printed << render(again.errors()));
    CHECK(frontend::ast::print(*again) == printed);
  }
}

TEST_CASE("operators bind as the language says") {
  CHECK(expression("-x^2") == "-x^2");
  CHECK(expression("(-x)^2") == "(-x)^2");
  CHECK(expression("a^b^c") == "a^b^c");
  CHECK(expression("(a^b)^c") == "(a^b)^c");
  CHECK(expression("a - (b - c)") == "a - (b - c)");
  CHECK(expression("(a - b) - c") == "a - b - c");
  CHECK(expression("(a + b) * c") == "(a + b) * c");
  CHECK(expression("2 ^ -1") == "2^-1");
  CHECK(expression("if a < b and not c then 1 else if d then 2 else 3") ==
        "if a < b and not c then 1 else if d then 2 else 3");
  CHECK(expression("(if a then 1 else 2) + 3") == "(if a then 1 else 2) + 3");
  CHECK(expression("sum[i, r < 3](x[..., i + r else -inf])") == "sum[i, r < 3](x[..., i + r else -inf])");
  CHECK(expression("max(a, b)") == "max(a, b)");
  CHECK(expression("linear(x, n = 4,) as up") == "linear(x, n = 4) as up");
}

TEST_CASE("line ends separate statements; brackets and a trailing operator continue them") {
  const std::string continued = "model m() {\n a = f(x,\n   y)\n b = x +\n  y\n c = if x\n then y\n else z\n}\n";
  const auto file = frontend::parse(source_of(continued));
  if (!file) FAIL(render(file.errors()));
  CHECK(file->functions[0].body.size() == 3);
}

TEST_CASE("an unclosed bracket costs one message, not the rest of the file") {
  const auto file = frontend::parse(source_of("model m() {\n input x : f32[batch, 2]\n y = f(x\n output z = x\n}\nfn"));
  REQUIRE(!file);
  CHECK(file.errors().size() == 2);
}

TEST_CASE("damaged files give diagnostics and nothing worse") {
  for (const auto& path : sample_files()) {
    const std::string text = test::read_text(path);
    for (std::size_t cut = 0; cut < text.size(); cut += 13) {
      (void)frontend::parse(source_of(text.substr(0, cut)));
      std::string changed = text;
      changed[cut] = "(){}[],=~\"\n1x."[cut % 14];
      (void)frontend::parse(source_of(changed));
    }
  }
}

TEST_CASE("nesting is bounded") {
  const std::size_t many = 100000;
  std::string sum = "x";
  for (std::size_t i = 0; i < many; ++i) sum += " + x";
  std::string powers = "x";
  for (std::size_t i = 0; i < many; ++i) powers += "^x";
  std::string blocks;
  for (std::size_t i = 0; i < many; ++i) blocks += "repeat 2 carry x = x {\n";
  for (const std::string& text :
       {std::string(many, '('), std::string(many, '-'), sum, powers, std::string(many, '{'), std::string(many, '['),
        "if " + std::string(many, '-'), std::string(200, '(') + "1" + std::string(200, ')')}) {
    const auto file = frontend::parse(source_of("model m() {\n x = " + text + "\n}\n"));
    REQUIRE(!file);
  }
  CHECK(!frontend::parse(source_of("model m() {\n" + blocks)));
  std::string calls;
  for (std::size_t i = 0; i < many; ++i) calls += "f(";
  CHECK(!frontend::parse(source_of("model m() {\n x = " + calls + "\n}\n")));
}
