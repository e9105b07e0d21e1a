#include "runtime/data/tokens.h"

#include <algorithm>
#include <cstring>

namespace descent::data {

namespace {

class TokenRows : public Rows {
 public:
  enum class Part : std::uint8_t { tokens, shifted, lengths, mask };

  TokenRows(Part part, TextsRef texts, VocabularyRef vocabulary, const LineOptions& options, bool is_shifted)
      : Rows(part == Part::mask ? DType::boolean : DType::i32, part == Part::lengths ? Shape{} : Shape{options.length},
             texts->count()),
        part_(part),
        texts_(std::move(texts)),
        vocabulary_(std::move(vocabulary)),
        options_(options),
        skipped_(is_shifted ? 1 : 0) {
    if (!vocabulary_) return;
    padding_ = vocabulary_->find(Vocabulary::padding).value_or(0);
    begin_ = vocabulary_->find(Vocabulary::begin).value_or(0);
    end_ = vocabulary_->find(Vocabulary::end).value_or(0);
  }

  std::optional<Error> read(std::int64_t begin, std::int64_t count, const Draw&, std::byte* out) const override {
    for (std::int64_t row = begin; row < begin + count; ++row, out += row_bytes()) {
      const Expected<std::vector<std::int32_t>> tokens = tokens_of(texts_->line(row));
      if (!tokens) return texts_->error(row, tokens.error().message);
      write(*tokens, out);
    }
    return std::nullopt;
  }

 private:
  Expected<std::vector<std::int32_t>> tokens_of(std::string_view line) const {
    std::vector<std::int32_t> tokens;
    if (options_.begin) tokens.push_back(begin_);
    if (vocabulary_) {
      const Expected<std::vector<std::int32_t>> own = vocabulary_->encode(line);
      if (!own) return own.error();
      tokens.insert(tokens.end(), own->begin(), own->end());
    } else {
      for (const char sign : line) tokens.push_back(static_cast<unsigned char>(sign));
    }
    if (options_.end) tokens.push_back(end_);
    return tokens;
  }

  void write(const std::vector<std::int32_t>& tokens, std::byte* out) const {
    const std::int64_t skipped = part_ == Part::tokens ? 0 : skipped_;
    const auto found = std::clamp<std::int64_t>(static_cast<std::int64_t>(tokens.size()) - skipped, 0, options_.length);
    if (part_ == Part::lengths) {
      const auto length = static_cast<std::int32_t>(found);
      std::memcpy(out, &length, sizeof length);
      return;
    }
    for (std::int64_t t = 0; t < options_.length; ++t) {
      if (part_ == Part::mask) {
        out[t] = std::byte{t < found};
      } else {
        const std::int32_t token = t < found ? tokens[static_cast<std::size_t>(t + skipped)] : padding_;
        std::memcpy(out + 4 * t, &token, sizeof token);
      }
    }
  }

  Part part_;
  TextsRef texts_;
  VocabularyRef vocabulary_;
  LineOptions options_;
  std::int64_t skipped_;
  std::int32_t padding_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace

LineParts token_rows(TextsRef texts, VocabularyRef vocabulary, const LineOptions& options, bool is_shifted) {
  const auto part = [&](TokenRows::Part part) {
    return std::make_shared<TokenRows>(part, texts, vocabulary, options, is_shifted);
  };
  return {part(TokenRows::Part::tokens), part(TokenRows::Part::shifted), part(TokenRows::Part::lengths),
          part(TokenRows::Part::mask)};
}

Expected<RowsRef> token_sequence(const Texts& text, const VocabularyRef& vocabulary) {
  Array array{vocabulary ? DType::i32 : DType::u8, {0}, {}};
  for (std::int64_t row = 0; row < text.count(); ++row) {
    std::span<const std::byte> bytes = bytes_of_text(text.line(row));
    std::vector<std::int32_t> tokens;
    if (vocabulary) {
      Expected<std::vector<std::int32_t>> encoded = vocabulary->encode(text.line(row));
      if (!encoded) return text.error(row, encoded.error().message);
      tokens = std::move(*encoded);
      bytes = std::as_bytes(std::span(tokens));
    }
    array.bytes.insert(array.bytes.end(), bytes.begin(), bytes.end());
    if (static_cast<std::int64_t>(array.bytes.size()) > largest_array) {
      return text.error(row, "expected at most " + std::to_string(largest_array) + " bytes of tokens");
    }
  }
  array.shape[0] = array.count();
  return rows_of(std::move(array));
}

}  // namespace descent::data
