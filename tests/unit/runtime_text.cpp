// Text as lines, tokens and their numbers, rows of tokens.
#include <catch2/catch.hpp>

#include "runtime/data/tokens.h"
#include "tests/support/data.h"

using namespace descent::data;
using namespace descent::data::test;

namespace {

using Unit = TokenOptions::Unit;

TextsRef texts_of(std::string_view text) {
  const auto bytes = bytes_of_text(text);
  const auto file = std::make_shared<TextFile>(TextFile{"a.txt", {bytes.begin(), bytes.end()}});
  return std::make_shared<Texts>(*Texts::from(file));
}

std::string tokens(std::string_view text, const TokenOptions& options) {
  Tokenizer tokenizer(text, options);
  std::string all;
  std::string_view token;
  while (true) {
    const auto more = tokenizer.next(token);
    if (!more) return message(more);
    if (!*more) return all;
    all += (all.empty() ? "" : "|") + std::string(token);
  }
}

VocabularyRef vocabulary_of(std::string_view text) {
  const auto made = Vocabulary::parse(text, "v.txt", {});
  REQUIRE(made.ok());
  return std::make_shared<Vocabulary>(*made);
}

std::vector<std::int32_t> integers(const RowsRef& rows) { return values<std::int32_t>(*read_all(*rows)); }

}  // namespace

TEST_CASE("lines end at line feeds, with or without a carriage return") {
  const TextsRef texts = texts_of("one\r\n\ntwo\rthree\nfour");
  REQUIRE(texts->count() == 4);
  CHECK(texts->line(0) == "one");
  CHECK(texts->line(1).empty());
  CHECK(texts->line(2) == "two\rthree");
  CHECK(texts->line(3) == "four");
  CHECK(to_string(texts->error(3, "wrong")) == "a.txt:4: wrong");
  CHECK(texts_of("")->count() == 0);
  CHECK(texts_of("a\n")->count() == 1);
}

TEST_CASE("text as words, characters, bytes") {
  CHECK(tokens(" a  man,\tHi. ", {Unit::words}) == "a|man,|Hi.");
  CHECK(tokens("A man, hi.", {Unit::words, true, true}) == "a|man|,|hi|.");
  CHECK(tokens("\xC3\x84h \xC3\x97", {Unit::words, true}) == "\xC3\xA4h|\xC3\x97");  // Äh ×
  CHECK(tokens("\xC3\xA4 b", {Unit::characters}) == "\xC3\xA4| |b");
  CHECK(tokens("\xC3\xA4", {Unit::bytes}) == "\xC3|\xA4");
  for (const char* wrong : {"ab\xC3", "ab\xFF", "ab\xC0\x80", "ab\xED\xA0\x80", "ab\xF5\x80\x80\x80", "ab\x80"}) {
    CHECK(tokens(wrong, {Unit::characters}) == "byte 2 begins no character of UTF-8");
  }
}

TEST_CASE("a vocabulary ranks by count, then by bytes, and is the same again as text") {
  const TextsRef texts = texts_of("b a b c\na b # \\\n");
  const auto made = Vocabulary::make(*texts, {Unit::words}, {.specials = {Vocabulary::padding, Vocabulary::unknown}});
  REQUIRE(made.ok());
  CHECK(made->entries() == std::vector<std::string>{"<padding>", "<unknown>", "b", "a", "#", "\\", "c"});
  CHECK(made->text() == "# tokens: words\n<padding>\n<unknown>\nb\na\n\\#\n\\\\\nc\n");
  const auto again = Vocabulary::parse(made->text(), "v", {Unit::characters});
  REQUIRE(again.ok());
  CHECK(again->entries() == made->entries());
  CHECK(again->options() == made->options());
  CHECK(*made->encode("c x b") == std::vector<std::int32_t>{6, 1, 2});
  CHECK(*made->decode(std::vector<std::int32_t>{6, 2, 0}) == "c b");
  CHECK(message(made->decode(std::vector<std::int32_t>{6, 7})) == "token 7 is not among the 7 of the vocabulary");
  const auto few = Vocabulary::make(*texts, {Unit::words}, {.least_count = 2, .most = 1});
  CHECK(few->entries() == std::vector<std::string>{"b"});
  CHECK(message(few->encode("b c")) == "the vocabulary has neither 'c' nor <unknown>");
  const auto letters = Vocabulary::make(*texts_of("cab\nba"), {Unit::characters}, {.by_count = false});
  CHECK(letters->entries() == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("what a file of a vocabulary can get wrong") {
  const std::pair<const char*, const char*> cases[] = {
      {"", "v: expected a token per line, found none"},
      {"a\n\nb\n", "v:2: expected a token, found an empty line"},
      {"a\nb\na\n", "v:3: entry 'a' stands twice"},
      {"a\\x\n", "v:1: expected n, r, # or \\ behind a backslash, found 'a\\x'"},
      {"# tokens: sentences\na\n",
       "v:1: expected '# tokens: words' or '# tokens: characters', found '# tokens: sentences'"},
  };
  for (const auto& [text, expected] : cases) CHECK(message(Vocabulary::parse(text, "v", {})) == expected);
}

TEST_CASE("lines become rows of one length") {
  const TextsRef texts = texts_of("a b\n\na b a b a\n");
  const VocabularyRef plain = vocabulary_of("<padding>\n<unknown>\na\nb\n");
  const LineParts parts = token_rows(texts, plain, {.length = 3}, false);
  CHECK(integers(parts.tokens) == std::vector<std::int32_t>{2, 3, 0, 0, 0, 0, 2, 3, 2});
  CHECK(integers(parts.lengths) == std::vector<std::int32_t>{2, 0, 3});
  CHECK(values<std::uint8_t>(*read_all(*parts.mask)) == std::vector<std::uint8_t>{1, 1, 0, 0, 0, 0, 1, 1, 1});
  const VocabularyRef marked = vocabulary_of("<padding>\n<unknown>\n<begin>\n<end>\na\nb\n");
  const LineParts shifted = token_rows(texts, marked, {.length = 3, .begin = true, .end = true}, true);
  CHECK(integers(shifted.tokens) == std::vector<std::int32_t>{2, 4, 5, 2, 3, 0, 2, 4, 5});
  CHECK(integers(shifted.shifted) == std::vector<std::int32_t>{4, 5, 3, 3, 0, 0, 4, 5, 4});
  CHECK(integers(shifted.lengths) == std::vector<std::int32_t>{3, 1, 3});
  CHECK(integers(token_rows(texts, nullptr, {.length = 2}, false).tokens) ==
        std::vector<std::int32_t>{'a', ' ', 0, 0, 'a', ' '});
  const VocabularyRef strict = vocabulary_of("<padding>\na\n");
  CHECK(message(read_all(*token_rows(texts, strict, {.length = 2}, false).tokens)) ==
        "a.txt:1: the vocabulary has neither 'b' nor <unknown>");
}
