// Text and a vocabulary. The first line chooses how text becomes tokens; what stands before a line of dashes is the
// file of a vocabulary, what stands behind it the text.
#include "runtime/data/tokens.h"
#include "tests/fuzz/target.h"

namespace descent::fuzz {
namespace {

using data::Vocabulary;

void check_rows(const data::TextsRef& texts, const data::VocabularyRef& vocabulary, const data::LineOptions& options) {
  const data::LineParts parts = data::token_rows(texts, vocabulary, options, options.begin && options.end);
  const std::int64_t entries = vocabulary ? static_cast<std::int64_t>(vocabulary->entries().size()) : 256;
  for (const data::RowsRef& rows : {parts.tokens, parts.shifted}) {
    const auto array = data::read_all(*rows);
    if (!array) return check_refusal(array.error());
    check_array(*array);
    for (const std::int32_t token : array->as<std::int32_t>()) {
      DESCENT_CHECK(token >= 0 && token < entries, "a token beyond its vocabulary");
    }
  }
  const auto lengths = data::read_all(*parts.lengths);
  for (const std::int32_t length : lengths->as<std::int32_t>()) {
    DESCENT_CHECK(length >= 0 && length <= options.length, "a row longer than its length");
  }
}

// What was made or read is the same again as text, and tokens made by it decode.
void check_vocabulary(const data::TextsRef& texts, const Vocabulary& vocabulary) {
  const auto again = Vocabulary::parse(vocabulary.text(), "again", {});
  DESCENT_CHECK(again.ok() || vocabulary.entries().empty(), "a vocabulary that cannot be read again");
  if (again.ok()) DESCENT_CHECK(again->entries() == vocabulary.entries(), "reading changed a vocabulary");
  for (std::int64_t row = 0; row < texts->count(); ++row) {
    const auto tokens = vocabulary.encode(texts->line(row));
    if (tokens) DESCENT_CHECK(vocabulary.decode(*tokens).ok(), "a token without an entry");
  }
}

}  // namespace

void run(std::string_view input) {
  const auto choice = input.empty() ? 0u : static_cast<unsigned char>(input[0]);
  const std::size_t begin =
      std::min(input.find('\n'), input.size() - (input.empty() ? 0 : 1)) + (input.empty() ? 0 : 1);
  const std::string_view rest = input.substr(begin);
  const std::size_t dashes = std::min(rest.find("---\n"), rest.size());
  const data::TokenOptions options{static_cast<data::TokenOptions::Unit>(choice % 3), (choice & 4) != 0,
                                   (choice & 8) != 0};
  const auto bytes = data::bytes_of_text(rest.substr(std::min(dashes + 4, rest.size())));
  const auto file = std::make_shared<data::TextFile>(data::TextFile{"input", {bytes.begin(), bytes.end()}});
  const auto texts = std::make_shared<data::Texts>(*data::Texts::from(file));
  const data::LineOptions line{.length = 1 + choice % 7, .begin = (choice & 16) != 0, .end = (choice & 32) != 0};
  check_rows(texts, nullptr, {.length = line.length});
  const auto made = Vocabulary::make(*texts, options, {.specials = {Vocabulary::padding, Vocabulary::unknown}});
  if (made) {
    check_vocabulary(texts, *made);
    check_rows(texts, std::make_shared<Vocabulary>(*made), {.length = line.length});
  } else {
    check_refusal(made.error());
  }
  const auto read = Vocabulary::parse(rest.substr(0, dashes), "input", options);
  if (!read) return check_refusal(read.error());
  check_vocabulary(texts, *read);
  check_rows(texts, std::make_shared<Vocabulary>(*read), line);
}

}  // namespace descent::fuzz
