// The formatter: small texts before and after, and on every model file of the tree that its layout is reached from any
// other, that nothing is lost and that the tree stays the same.
#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <random>

#include "frontend/format_lines.h"
#include "frontend/frontend.h"
#include "tests/support/text_file.h"

using namespace descent;
namespace fs = std::filesystem;

namespace {

SourceRef source_of(std::string text) {
  return std::make_shared<const Source>(Source{"test.descent", std::move(text)});
}

std::string formatted(const std::string& text) {
  const Result<std::string> result = frontend::format(source_of(text));
  if (!result) FAIL(text << render(result.errors()));
  return *result;
}

std::string tree_of(const std::string& text) {
  const Result<frontend::ast::File> file = frontend::parse(source_of(text));
  if (!file) FAIL(text << render(file.errors()));
  return frontend::ast::print(*file);
}

std::vector<fs::path> files_in(const std::vector<std::string>& folders) {
  std::vector<fs::path> files;
  for (const std::string& folder : folders) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(DESCENT_SOURCE_DIR) / folder)) {
      if (entry.path().extension() == ".descent") files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Every file that parses, by path.
std::vector<std::pair<std::string, std::string>> corpus() {
  std::vector<std::pair<std::string, std::string>> texts;
  for (const fs::path& path : files_in({"examples", "frontend/std", "tests/golden"})) {
    const std::string text = test::read_text(path);
    if (frontend::parse(source_of(text))) texts.emplace_back(path.lexically_relative(DESCENT_SOURCE_DIR), text);
  }
  return texts;
}

// Every token and comment, one a line, by a reading of the text that knows nothing of the formatter's.
std::string words_of(const std::string& text) {
  std::string words;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '#' && !quoted) {
      const std::size_t end = std::min(text.find('\n', i), text.size());
      std::string comment = text.substr(i, end - i);
      comment.erase(comment.find_last_not_of(" \t\r") + 1);
      words += comment;
      i = end;
      continue;
    }
    if (text[i] == '"') quoted = !quoted;
    if (quoted || (text[i] != ' ' && text[i] != '\t' && text[i] != '\r' && text[i] != '\n')) words += text[i];
  }
  return words;
}

// Where blanks stand outside of texts and comments, others; where a line ends, blanks before and behind, and where one
// is empty, several.
std::string disturbed(const std::string& text, bool with_comments) {
  const auto blanks = [](int least) {
    return *rc::gen::resize(6, rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::element(' ', '\t'))))
                .as("blanks") +
           std::string(static_cast<std::size_t>(least), ' ');
  };
  std::string result;
  bool quoted = false;
  bool comment = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      comment = false;
      if (*rc::gen::inRange(0, 4) == 0) result += blanks(0);
      if (with_comments && *rc::gen::inRange(0, 8) == 0) result += "# added, with \"quotes\" ( [ {" + blanks(0);
      result += '\n';
      if (with_comments && *rc::gen::inRange(0, 16) == 0) result += blanks(0) + "# alone\n";
      const bool empty = i > 0 && text[i - 1] == '\n';
      if (empty && *rc::gen::inRange(0, 2) == 0) result += blanks(0) + "\n\n";
      continue;
    }
    comment = comment || (c == '#' && !quoted);
    if (c == '"' && !comment) quoted = !quoted;
    if (c == ' ' && !quoted && !comment) {
      result += *rc::gen::inRange(0, 3) == 0 ? blanks(0) : std::string(" ");
    } else {
      result += c;
    }
  }
  return result;
}

}  // namespace

TEST_CASE("one layout: before and after") {
  struct Case {
    const char* before;
    const char* after;
  };
  const Case cases[] = {
      {"", ""},
      {"\n\n", ""},
      {"# alone", "# alone\n"},
      {"\n\n  # a  \n\n\n\t# b\t\n\n", "# a\n\n# b\n"},
      // blanks
      {"fn f( x:f32 [ ... ,n ],k=-1 )->f32[...]{\nreturn - x [ ... , n - 1 ]*( -2 ) ^ -k+ ( k )\n}\n",
       "fn f(x : f32[..., n], k = -1) -> f32[...] {\n  return -x[..., n - 1] * (-2)^-k + (k)\n}\n"},
      {"model m(){\nx=if not(a)and b<=-c then- 1 else(2)\ny=sum [ i<3 ] ( x[i else-1] )\nz = a . b . c\n}",
       "model m() {\n  x = if not (a) and b <= -c then -1 else (2)\n  y = sum[i < 3](x[i else -1])\n"
       "  z = a.b.c\n}\n"},
      {"model m(){\ny = f ( x ) as g\nnext h [ b ] = next y [b]\n}", nullptr},
      // braces and empty lines
      {"model m()\n\n{\n\n\na = b\n\n\n\n# c\n\n}\n# d\n", "model m() {\n  a = b\n\n  # c\n}\n\n# d\n"},
      {"model m() {\n}", "model m() {}\n"},
      {"model m() { a = b }", "model m() { a = b }\n"},
      {"model m() { # why\n}", "model m() {  # why\n}\n"},
      {"model m() # why\n{ a = b\n}", "model m()  # why\n{\n  a = b\n}\n"},
      {"train t = m()\n{ batch = 1, seed = 2\nepochs = 3\n}",
       "train t = m() {\n  batch = 1, seed = 2\n  epochs = 3\n}\n"},
      {"train t = m() { batch=1,epochs=2\ndata {x=csv( \"a  b\" ),y = 1} }",
       "train t = m() {\n  batch = 1, epochs = 2\n  data { x = csv(\"a  b\"), y = 1 }\n}\n"},
      {"train t = m() {\ndata { x = 1,\ny = 2 } }", "train t = m() {\n  data {\n    x = 1,\n    y = 2\n  }\n}\n"},
      // lines in brackets and behind operators
      {"model m() {\ny = f(a,\nb,g(\nc\n),\n# d\nh[1,\n2])\n}",
       "model m() {\n  y = f(a,\n        b, g(\n          c\n        ),\n        # d\n        h[1,\n          "
       "2])\n}\n"},
      {"model m() {\ny = a +\nb *\nc\nz =\nif a\n# d\nthen b\nelse c\n}",
       "model m() {\n  y = a +\n      b *\n      c\n  z =\n      if a\n      # d\n      then b\n      else c\n}\n"},
      {"fn f(\nx : f32,  # c\n# d\n)\n-> f32,\nf32 {\nreturn x\n}",
       "fn f(\n  x : f32,  # c\n  # d\n)\n   -> f32,\n      f32 {\n  return x\n}\n"},
      // tables
      {"model m() {\ninput a : f32\ninput bcd, e : f32\n\ninput f : f32\n}",
       "model m() {\n  input a      : f32\n  input bcd, e : f32\n\n  input f : f32\n}\n"},
      {"model m() {\nloss a = 1\nmetric bcd = 2\noutput e[i] = 3\nf = 1\ngh = 2\n# c\nijk = f +\n1\nl = 2\n}",
       "model m() {\n  loss   a   = 1\n  metric bcd = 2\n  output e[i] = 3\n  f  = 1\n  gh = 2\n  # c\n"
       "  ijk = f +\n      1\n  l = 2\n}\n"},
      {"fn f(param a : f32 ~ ones,\nparam bcd : f32[n] ~ zeros,\nfrozen param e : f32 ~ ones) -> f32 {\nreturn a\n}",
       "fn f(param a : f32 ~ ones,\n     param bcd      : f32[n] ~ zeros,\n     frozen param e : f32    ~ ones) -> f32 "
       "{\n"
       "  return a\n}\n"},
      {"optimizer o(w, g) {\nstate m ~ zeros\nstate nop ~ ones\nm := g\nnop := m\n}",
       "optimizer o(w, g) {\n  state m   ~ zeros\n  state nop ~ ones\n  m   := g\n  nop := m\n}\n"},
      // comments
      {"model m() {# 0\na = 1# 1\nb = \"# é\"   # 2\n# 3\nc = 1 # 4\n} # 5\n",
       "model m() {  # 0\n  a = 1      # 1\n  b = \"# é\"  # 2\n  # 3\n  c = 1  # 4\n}  # 5\n"},
      // line ends of another system
      {"model m() {\r\na = 1 # c \r\n\r\n\r\nb = 2\r\n}", "model m() {\r\n  a = 1  # c\r\n\r\n  b = 2\r\n}\r\n"},
  };
  for (const Case& one : cases) {
    INFO(one.before);
    const std::string found = formatted(one.before);
    if (one.after) CHECK(found == one.after);
    CHECK(formatted(found) == found);
    CHECK(words_of(found) == words_of(one.before));
  }
}

TEST_CASE("a mistake is told, not formatted") {
  const Result<std::string> result = frontend::format(source_of("model m() {\n  a = (1\n}\n"));
  REQUIRE(!result);
  CHECK(result.errors()[0].id == "syntax-error");
}

TEST_CASE("every model file keeps its words and its tree, and its layout is a fixed point") {
  REQUIRE(corpus().size() > 60);
  for (const auto& [path, text] : corpus()) {
    INFO(path);
    const std::string found = formatted(text);
    CHECK(words_of(found) == words_of(text));
    CHECK(tree_of(found) == tree_of(text));
    CHECK(formatted(found) == found);
  }
}

TEST_CASE("examples and library are formatted") {
  for (const fs::path& path : files_in({"examples", "frontend/std"})) {
    INFO("to mend: descent fmt " << path);
    CHECK(formatted(test::read_text(path)) == test::read_text(path));
  }
}

TEST_CASE("from any blanks and empty lines the same layout is reached") {
  const auto texts = corpus();
  CHECK(rc::check([&] {
    const std::string& text = (*rc::gen::elementOf(texts)).second;
    const std::string layout = formatted(text);
    RC_ASSERT(formatted(disturbed(text, false)) == layout);
  }));
}

TEST_CASE("comments anywhere are kept, and the layout stays a fixed point") {
  const auto texts = corpus();
  CHECK(rc::check([&] {
    const std::string text = disturbed((*rc::gen::elementOf(texts)).second, true);
    const std::string layout = formatted(text);
    RC_ASSERT(words_of(layout) == words_of(text));
    RC_ASSERT(formatted(layout) == layout);
  }));
}

// Line ends put in and taken out, comments put in: anywhere between two tokens.
std::string broken(const std::string& text, std::mt19937& random) {
  frontend::Reporter reporter;
  std::string result;
  std::uint32_t end = 0;
  for (const frontend::Token& token : frontend::tokenize(source_of(text), reporter)) {
    if (token.kind == frontend::Token::Kind::newline) continue;
    const std::string gap = text.substr(end, token.begin - end);
    const auto dice = random() % 60;
    const bool plain = gap.find('#') == std::string::npos;
    result += plain && dice == 0 ? "\n" : plain && dice == 1 ? " " : dice == 2 ? gap + "# put in\n" : gap;
    result += text.substr(token.begin, token.end - token.begin);
    end = token.end;
  }
  return result + text.substr(end);
}

TEST_CASE("wherever lines end and comments stand, nothing is lost and the layout is a fixed point") {
  std::mt19937 random(1);
  int parsed = 0;
  for (int round = 0; round < 20; ++round) {
    for (const auto& [path, text] : corpus()) {
      const std::string other = broken(text, random);
      if (!frontend::parse(source_of(other))) continue;
      ++parsed;
      INFO(path << "\n" << other);
      const std::string layout = formatted(other);
      REQUIRE(words_of(layout) == words_of(other));
      REQUIRE(formatted(layout) == layout);
    }
  }
  CHECK(parsed > 300);
}

TEST_CASE("what only grows by being lined up does not grow without end") {
  std::string text = "model m() {\n  " + std::string(100000, 'a') + " = f(x,\n";
  for (int i = 0; i < 10000; ++i) text += "y,\n";
  text += "z)\n";
  for (int i = 0; i < 10000; ++i) text += "b = 1 # c\n";
  text += std::string(100000, 'd') + " = 1 # c\n}\n";
  CHECK(formatted(text).size() < 20 * text.size());
}
