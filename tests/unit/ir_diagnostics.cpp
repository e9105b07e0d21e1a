// Diagnostics as the user reads them, character by character.
#include <catch2/catch.hpp>

#include "ir/diagnostics.h"

using namespace descent;

namespace {

SourceRef source_of(std::string text) { return std::make_shared<const Source>(Source{"a.descent", std::move(text)}); }

std::string rendered(std::string text, std::uint32_t begin, std::uint32_t end) {
  return render(Diagnostic{"some-kind", {source_of(std::move(text)), begin, end}, "wrong", {}});
}

}  // namespace

TEST_CASE("a diagnostic shows its line, the span and its notes") {
  const SourceRef source = source_of("model a() {\n  hidden = linear(image, 512)\n}\n");
  const std::vector<Note> notes = {{{source, 0, 5}, "in this model"}, {{}, "did you mean 'lines'?"}};
  CHECK(render(Diagnostic{"some-kind", {source, 23, 29}, "axis 'k' is 784 in 'image' but 512 in 'weight'", notes}) ==
        "a.descent:2:12: error: axis 'k' is 784 in 'image' but 512 in 'weight'\n"
        "  2 |   hidden = linear(image, 512)\n"
        "    |            ^~~~~~\n"
        "a.descent:1:1: note: in this model\n"
        "  1 | model a() {\n"
        "    | ^~~~~\n"
        "note: did you mean 'lines'?\n");
  CHECK(render(Diagnostic{"some-kind", {}, "no model file given", {}}) == "error: no model file given\n");
}

TEST_CASE("colour marks place, kind and caret") {
  CHECK(render(Diagnostic{"some-kind", {source_of("ab"), 1, 2}, "wrong", {}}, true) ==
        "\x1b[1ma.descent:1:2: \x1b[0m\x1b[1;31merror:\x1b[0m \x1b[1mwrong\x1b[0m\n"
        "  1 | ab\n"
        "    |  \x1b[1;32m^\x1b[0m\n");
}

TEST_CASE("spans at the edges of a text") {
  CHECK(rendered("", 0, 0) == "a.descent:1:1: error: wrong\n  1 | \n    | ^\n");
  CHECK(rendered("ab\n", 3, 3) == "a.descent:2:1: error: wrong\n  2 | \n    | ^\n");
  CHECK(rendered("ab\n", 99, 120) == "a.descent:2:1: error: wrong\n  2 | \n    | ^\n");
  CHECK(rendered("ab\ncd", 1, 5) == "a.descent:1:2: error: wrong\n  1 | ab\n    |  ^\n");
  CHECK(rendered("ab\r\ncd", 0, 4) == "a.descent:1:1: error: wrong\n  1 | ab\n    | ^~\n");
  CHECK(rendered("ab\ncd", 2, 2) == "a.descent:1:3: error: wrong\n  1 | ab\n    |   ^\n");
  CHECK(rendered("abc", 2, 1) == "a.descent:1:3: error: wrong\n  1 | abc\n    |   ^\n");
}

TEST_CASE("tabs, multi-byte characters and bytes that are not text keep the marks in line") {
  CHECK(rendered("\ta\tbc", 3, 5) == "a.descent:1:4: error: wrong\n  1 |     a   bc\n    |         ^~\n");
  CHECK(rendered("α = βγ", 5, 9) == "a.descent:1:6: error: wrong\n  1 | α = βγ\n    |     ^~\n");
  CHECK(rendered("a\x01\xff\xc3 b", 5, 6) == "a.descent:1:6: error: wrong\n  1 | a??? b\n    |      ^\n");
  CHECK(rendered("\xe2\x80\xae"
                 "b",
                 3, 4) == "a.descent:1:4: error: wrong\n  1 | ?b\n    |  ^\n");
  CHECK(render(Diagnostic{"some-kind", {}, "unknown '\x1b[2J'", {}}) == "error: unknown '?[2J'\n");
}

TEST_CASE("a long line is shown as a window around the caret") {
  const std::string long_line(1000, 'a');
  const std::string left = rendered(long_line, 10, 13);
  CHECK(left == "a.descent:1:11: error: wrong\n  1 | " + std::string(160, 'a') + "...\n    | " + std::string(10, ' ') +
                    "^~~\n");
  const std::string middle = rendered(long_line, 500, 900);
  CHECK(middle == "a.descent:1:501: error: wrong\n  1 | ..." + std::string(160, 'a') + "...\n    | " +
                      std::string(83, ' ') + "^" + std::string(79, '~') + "\n");
  const std::string right = rendered(long_line, 998, 1000);
  CHECK(right == "a.descent:1:999: error: wrong\n  1 | ..." + std::string(160, 'a') + "\n    | " +
                     std::string(161, ' ') + "^~\n");
}

TEST_CASE("positions count lines and bytes from one") {
  const Source source{"a", "ab\ncd\n"};
  const std::vector<std::pair<int, int>> expected = {{1, 1}, {1, 2}, {1, 3}, {2, 1}, {2, 2}, {2, 3}, {3, 1}, {3, 1}};
  for (std::uint32_t offset = 0; offset < expected.size(); ++offset) {
    const Position position = position_of(source, offset);
    CHECK(std::pair(position.line, position.column) == expected[offset]);
  }
}

TEST_CASE("the nearest name is within a third of the letters") {
  const std::vector<std::string> names = {"sigmoid", "tanh", "relu", "softmax", "x"};
  CHECK(nearest("sigmod", names) == "sigmoid");
  CHECK(nearest("ralu", names) == "relu");
  CHECK(nearest("tnah", names) == "tanh");
  CHECK(nearest("sfotmx", names) == "softmax");
  CHECK(nearest("gelu2", names) == "");
  CHECK(nearest("y", names) == "");
  CHECK(nearest("", names) == "");
  CHECK(nearest(std::string(1'000'000, 'a'), names) == "");
}
