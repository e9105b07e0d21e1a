// Readers of text: lines, and what turns text into tokens.
#include <algorithm>
#include <limits>

#include "driver/readers.h"
#include "fmt/format.h"
#include "runtime/data/csv.h"
#include "runtime/data/tokens.h"

namespace descent {
namespace {

using Unit = data::TokenOptions::Unit;
constexpr std::int64_t longest = std::int64_t{1} << 24;  // tokens of a row

bool flag(const ReaderCall& call, std::string_view name) { return call.flag(name).value_or(false); }

// The parts of a line that the call names an input for.
bool wants_shifted(const ReaderCall& call) { return call.has("shifted"); }
bool wants_begin(const ReaderCall& call) { return flag(call, "begin") || wants_shifted(call); }
bool wants_end(const ReaderCall& call) { return flag(call, "end") || wants_shifted(call); }

data::Expected<data::Vocabulary::Wish> wish_of(const ReaderCall& call, Unit unit, bool by_line) {
  data::Vocabulary::Wish wish;
  const auto least = call.integer("minimum", 1, std::numeric_limits<std::int32_t>::max(), 1);
  if (!least) return least.error();
  const auto most = call.integer("most", 1, data::Vocabulary::most_entries, data::Vocabulary::most_entries);
  if (!most) return most.error();
  wish.least_count = *least;
  wish.most = *most;
  if (by_line) wish.specials.push_back(data::Vocabulary::padding);
  if (by_line || call.has("minimum") || call.has("most")) wish.specials.push_back(data::Vocabulary::unknown);
  if (wants_begin(call)) wish.specials.push_back(data::Vocabulary::begin);
  if (wants_end(call)) wish.specials.push_back(data::Vocabulary::end);
  wish.by_count = unit == Unit::words || wish.most < data::Vocabulary::most_entries;
  return wish;
}

// From the file that the call names, of the input, or made from the text.
data::Expected<data::VocabularyRef> vocabulary_of(const ReaderCall& call, Unit unit, const data::Texts& texts,
                                                  bool by_line) {
  const data::TokenOptions options{unit, flag(call, "lower"), flag(call, "punctuation")};
  if (call.has("vocabulary") && (call.has("minimum") || call.has("most"))) {
    return argument_error(call, "'minimum' and 'most' make a vocabulary: with 'vocabulary' they mean nothing");
  }
  const auto make = [&]() -> data::Expected<data::Vocabulary> {
    if (call.has("vocabulary")) return data::Vocabulary::read(call.text("vocabulary"), options);
    const auto wish = wish_of(call, unit, by_line);
    if (!wish) return wish.error();
    return data::Vocabulary::make(texts, options, *wish);
  };
  Vocabularies alone;
  return (call.vocabularies ? call.vocabularies : &alone)->of(call.input, make);
}

std::optional<std::string> missing_special(const ReaderCall& call, const data::Vocabulary& vocabulary) {
  std::vector<const char*> wanted{data::Vocabulary::padding};
  if (wants_begin(call)) wanted.push_back(data::Vocabulary::begin);
  if (wants_end(call)) wanted.push_back(data::Vocabulary::end);
  for (const char* special : wanted) {
    if (!vocabulary.find(special)) return fmt::format("the vocabulary has no entry {}", special);
  }
  return {};
}

// Lines become rows of one length; the parts beside the tokens feed the inputs that the call names.
data::Expected<data::Stream> lines_to_rows(const ReaderCall& call, const data::Stream& stream,
                                           const data::VocabularyRef& vocabulary) {
  const auto length = call.integer("length", 1, longest);
  if (!length) return length.error();
  if (vocabulary) {
    if (const auto missing = missing_special(call, *vocabulary)) return argument_error(call, *missing);
  }
  const data::LineOptions options{*length, wants_begin(call), wants_end(call)};
  const data::LineParts parts = data::token_rows(stream.texts, vocabulary, options, wants_shifted(call));
  data::Stream result{stream.tensors};
  result.tensors.push_back({call.text("inputs"), parts.tokens});
  const std::pair<const char*, data::RowsRef> others[] = {
      {"shifted", parts.shifted}, {"lengths", parts.lengths}, {"mask", parts.mask}};
  for (const auto& [name, rows] : others) {
    if (call.has(name)) result.tensors.push_back({call.text(name), rows});
  }
  return result;
}

Streams read_tokens(const ReaderCall& call, Unit unit) {
  const data::Stream* lines = call.stream("source");
  data::TextsRef texts = lines ? lines->texts : nullptr;
  if (lines && !texts) return argument_error(call, "expected a file or a stream with text: lines(\"…\")");
  if (!lines) {
    for (const char* name : {"length", "shifted", "lengths", "mask", "begin", "end"}) {
      if (!call.has(name)) continue;
      return argument_error(
          call, fmt::format("'{}' is of lines, and a file is read as one sequence: write lines(\"…\")", name));
    }
    auto file = data::read_text(call.text("source"));
    if (!file) return file.error();
    texts = std::make_shared<data::Texts>(data::Texts::whole(std::move(*file)));
  }
  data::VocabularyRef vocabulary;
  if (unit != Unit::bytes) {
    auto found = vocabulary_of(call, unit, *texts, lines != nullptr);
    if (!found) return found.error();
    vocabulary = std::move(*found);
  }
  if (lines) return one(lines_to_rows(call, *lines, vocabulary));
  auto rows = data::token_sequence(*texts, vocabulary);
  if (!rows) return rows.error();
  return std::vector<data::Stream>{{{{call.text("inputs"), std::move(*rows)}}}};
}

}  // namespace

Streams read_lines(const ReaderCall& call) {
  auto texts = data::read_lines(call.text("file"));
  if (!texts) return texts.error();
  return std::vector<data::Stream>{{{}, std::make_shared<data::Texts>(std::move(*texts))}};
}

Streams read_bytes(const ReaderCall& call) { return read_tokens(call, Unit::bytes); }
Streams read_characters(const ReaderCall& call) { return read_tokens(call, Unit::characters); }
Streams read_words(const ReaderCall& call) { return read_tokens(call, Unit::words); }

}  // namespace descent
