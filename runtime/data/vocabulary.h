// Tokens of text and their numbers. A vocabulary is made from text or read from a file, one entry per line, the line's
// number from 0 being the token's; what it was made by stands in a first line of its own:
//
//   # tokens: words lower punctuation
//   <padding>
//   <unknown>
//   the
//
// so that whoever has it can encode text as training did, and decode. A backslash stands before n (a line feed),
// r (a carriage return), # and itself.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/data/text.h"

namespace descent::data {

struct TokenOptions {
  // words: what stands between blanks; characters: of UTF-8; bytes: their own numbers, without a vocabulary.
  enum class Unit : std::uint8_t { bytes, characters, words } unit = Unit::words;
  bool lower = false;        // A-Z and the capitals of Latin-1 become small
  bool punctuation = false;  // each sign of ASCII's punctuation is a word
  bool operator==(const TokenOptions&) const = default;
};

// The tokens of a text in order. Invalid UTF-8 where characters are wanted is an error that names the byte.
class Tokenizer {
 public:
  Tokenizer(std::string_view text, const TokenOptions& options);
  // Fills `token`; false at the end. The view holds until the next call.
  Expected<bool> next(std::string_view& token);

 private:
  std::string lowered_;  // where `text` had to be changed
  std::string_view text_;
  TokenOptions options_;
  std::size_t at_ = 0;
};

class Vocabulary {
 public:
  static constexpr const char* padding = "<padding>";
  static constexpr const char* unknown = "<unknown>";
  static constexpr const char* begin = "<begin>";
  static constexpr const char* end = "<end>";
  static constexpr std::int64_t most_entries = 1'000'000;

  struct Wish {
    std::int64_t least_count = 1;            // rarer tokens are unknown
    std::int64_t most = most_entries;        // entries in all, the most frequent ones
    std::vector<const char*> specials = {};  // stand in front
    bool by_count = true;                    // frequent tokens first, equally frequent ones in order of their bytes
  };
  static Expected<Vocabulary> make(const Texts& texts, const TokenOptions& options, const Wish& wish);
  // `otherwise`: where the text does not say what its tokens are.
  static Expected<Vocabulary> parse(std::string_view text, const std::string& name, const TokenOptions& otherwise);
  static Expected<Vocabulary> read(const std::string& path, const TokenOptions& otherwise);
  std::string text() const;  // what `parse` reads

  const TokenOptions& options() const { return options_; }
  const std::vector<std::string>& entries() const { return entries_; }
  std::optional<std::int32_t> find(std::string_view token) const;

  // Numbers of the text's tokens, unknown ones as <unknown>; without that entry they are an error.
  Expected<std::vector<std::int32_t>> encode(std::string_view text) const;
  // What stands before the first <end>: words with blanks between them; <padding> and <begin> left out. A number
  // without an entry is an error.
  Expected<std::string> decode(std::span<const std::int32_t> tokens) const;

 private:
  std::optional<std::string> add(std::string entry);  // a message when it is there already

  TokenOptions options_;
  std::vector<std::string> entries_;
  std::unordered_map<std::string, std::int32_t> numbers_;
};
using VocabularyRef = std::shared_ptr<const Vocabulary>;

}  // namespace descent::data
