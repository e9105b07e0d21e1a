// Text to tokens, tokens to numbers and back.
#include "runtime/data/vocabulary.h"

#include <algorithm>

#include "runtime/data/records.h"

namespace descent::data {

namespace {

constexpr std::string_view heading = "# tokens:";

bool is_blank(char sign) {
  return sign == ' ' || sign == '\t' || sign == '\n' || sign == '\r' || sign == '\v' || sign == '\f';
}

bool is_punctuation(char sign) {
  return (sign >= '!' && sign <= '/') || (sign >= ':' && sign <= '@') || (sign >= '[' && sign <= '`') ||
         (sign >= '{' && sign <= '~');
}

// A-Z, and U+00C0 … U+00DE but the multiplication sign, which UTF-8 writes as C3 80 … C3 9E.
std::string lower(std::string_view text) {
  std::string result(text);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto byte = static_cast<unsigned char>(result[i]);
    const bool latin =
        i > 0 && static_cast<unsigned char>(result[i - 1]) == 0xC3 && byte >= 0x80 && byte <= 0x9E && byte != 0x97;
    if ((byte >= 'A' && byte <= 'Z') || latin) result[i] = static_cast<char>(byte + 0x20);
  }
  return result;
}

// Bytes of the character that begins here; 0 when none does. RFC 3629: no overlong forms, no surrogates.
std::size_t character_at(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xC2 && first <= 0xDF   ? 2
                           : first >= 0xE0 && first <= 0xEF ? 3
                           : first >= 0xF0 && first <= 0xF4 ? 4
                                                            : 0;
  if (size == 0 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool wrong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) ||
                     (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F);
  return wrong ? 0 : size;
}

std::string escaped(const std::string& entry) {
  std::string text;
  for (const char sign : entry) {
    if (sign == '\n') {
      text += "\\n";
    } else if (sign == '\r') {
      text += "\\r";
    } else {
      if (sign == '\\' || (sign == '#' && text.empty())) text += '\\';
      text += sign;
    }
  }
  return text;
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string entry;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      entry += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    if (text[i] != 'n' && text[i] != 'r' && text[i] != '\\' && text[i] != '#') return std::nullopt;
    entry += text[i] == 'n' ? '\n' : text[i] == 'r' ? '\r' : text[i];
  }
  return entry;
}

std::string heading_of(const TokenOptions& options) {
  std::string text(heading);
  text += options.unit == TokenOptions::Unit::words ? " words" : " characters";
  if (options.lower) text += " lower";
  if (options.punctuation) text += " punctuation";
  return text;
}

std::optional<TokenOptions> options_in(std::string_view line) {
  TokenOptions options;
  for (const TokenOptions::Unit unit : {TokenOptions::Unit::words, TokenOptions::Unit::characters}) {
    for (const int flags : {0, 1, 2, 3}) {
      options = {unit, (flags & 1) != 0, (flags & 2) != 0};
      if (line == heading_of(options)) return options;
    }
  }
  return std::nullopt;
}

}  // namespace

Tokenizer::Tokenizer(std::string_view text, const TokenOptions& options) : text_(text), options_(options) {
  if (!options.lower) return;
  lowered_ = lower(text);
  text_ = lowered_;
}

Expected<bool> Tokenizer::next(std::string_view& token) {
  using Unit = TokenOptions::Unit;
  if (options_.unit == Unit::words) {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  if (at_ == text_.size()) return false;
  std::size_t size = 1;
  if (options_.unit == Unit::characters) {
    size = character_at(text_.substr(at_));
    if (size == 0) return Error{{}, {}, "byte " + std::to_string(at_) + " begins no character of UTF-8"};
  } else if (options_.unit == Unit::words && !(options_.punctuation && is_punctuation(text_[at_]))) {
    while (at_ + size < text_.size() && !is_blank(text_[at_ + size]) &&
           !(options_.punctuation && is_punctuation(text_[at_ + size]))) {
      ++size;
    }
  }
  token = text_.substr(at_, size);
  at_ += size;
  return true;
}

std::optional<std::string> Vocabulary::add(std::string entry) {
  const auto number = static_cast<std::int32_t>(entries_.size());
  if (!numbers_.emplace(entry, number).second) return "entry " + quoted(entry) + " stands twice";
  entries_.push_back(std::move(entry));
  return std::nullopt;
}

Expected<Vocabulary> Vocabulary::make(const Texts& texts, const TokenOptions& options, const Wish& wish) {
  std::unordered_map<std::string, std::int64_t> counts;
  std::string token_text;
  for (std::int64_t row = 0; row < texts.count(); ++row) {
    Tokenizer tokens(texts.line(row), options);
    std::string_view token;
    while (true) {
      const Expected<bool> more = tokens.next(token);
      if (!more) return texts.error(row, more.error().message);
      if (!*more) break;
      token_text.assign(token);
      ++counts[token_text];
      if (counts.size() > 16 * static_cast<std::size_t>(most_entries)) {
        return texts.error(row, "the text has more than " + std::to_string(counts.size() - 1) + " different tokens");
      }
    }
  }
  Vocabulary vocabulary;
  vocabulary.options_ = options;
  for (const char* special : wish.specials) {
    counts.erase(special);
    vocabulary.add(special);
  }
  std::vector<std::pair<std::string, std::int64_t>> ranked;
  for (auto& [token, count] : counts) {
    if (count >= wish.least_count) ranked.emplace_back(token, count);
  }
  const auto by_count = [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  };
  std::sort(ranked.begin(), ranked.end(), by_count);
  const std::int64_t room = std::min(wish.most, most_entries) - static_cast<std::int64_t>(wish.specials.size());
  if (static_cast<std::int64_t>(ranked.size()) > room)
    ranked.resize(static_cast<std::size_t>(std::max<std::int64_t>(room, 0)));
  if (!wish.by_count) std::sort(ranked.begin(), ranked.end());
  for (auto& [token, count] : ranked) vocabulary.add(std::move(token));
  return vocabulary;
}

Expected<Vocabulary> Vocabulary::parse(std::string_view text, const std::string& name, const TokenOptions& otherwise) {
  Vocabulary vocabulary;
  vocabulary.options_ = otherwise;
  std::int64_t line = 1;
  for (std::size_t at = 0; at < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view entry = text.substr(at, end - at);
    if (entry.ends_with('\r')) entry.remove_suffix(1);
    at = end + 1;
    if (entry.starts_with('#') && line == 1 && entry.starts_with(heading)) {
      const std::optional<TokenOptions> options = options_in(entry);
      if (!options)
        return Error{name, line, "expected '# tokens: words' or '# tokens: characters', found " + quoted(entry)};
      vocabulary.options_ = *options;
      continue;
    }
    std::optional<std::string> plain = unescaped(entry);
    if (!plain) return Error{name, line, "expected n, r, # or \\ behind a backslash, found " + quoted(entry)};
    if (plain->empty()) return Error{name, line, "expected a token, found an empty line"};
    if (auto twice = vocabulary.add(std::move(*plain))) return Error{name, line, *twice};
    if (static_cast<std::int64_t>(vocabulary.entries_.size()) > most_entries) {
      return Error{name, line, "expected at most " + std::to_string(most_entries) + " entries"};
    }
  }
  if (vocabulary.entries_.empty()) return Error{name, {}, "expected a token per line, found none"};
  return vocabulary;
}

Expected<Vocabulary> Vocabulary::read(const std::string& path, const TokenOptions& otherwise) {
  const auto bytes = read_file(path);
  if (!bytes) return bytes.error();
  return parse(text_of(*bytes), path, otherwise);
}

std::string Vocabulary::text() const {
  std::string text = heading_of(options_) + "\n";
  for (const std::string& entry : entries_) text += escaped(entry) + "\n";
  return text;
}

std::optional<std::int32_t> Vocabulary::find(std::string_view token) const {
  const auto found = numbers_.find(std::string(token));
  if (found == numbers_.end()) return std::nullopt;
  return found->second;
}

Expected<std::vector<std::int32_t>> Vocabulary::encode(std::string_view text) const {
  const std::optional<std::int32_t> otherwise = find(unknown);
  Tokenizer tokens(text, options_);
  std::vector<std::int32_t> numbers;
  std::string_view token;
  while (true) {
    const Expected<bool> more = tokens.next(token);
    if (!more) return more.error();
    if (!*more) return numbers;
    const std::optional<std::int32_t> number = find(token);
    if (!number && !otherwise) {
      return Error{{}, {}, "the vocabulary has neither " + quoted(token) + " nor " + unknown};
    }
    numbers.push_back(number ? *number : *otherwise);
  }
}

Expected<std::string> Vocabulary::decode(std::span<const std::int32_t> tokens) const {
  std::string text;
  for (const std::int32_t token : tokens) {
    if (token < 0 || static_cast<std::size_t>(token) >= entries_.size()) {
      return Error{{},
                   {},
                   "token " + std::to_string(token) + " is not among the " + std::to_string(entries_.size()) +
                       " of the vocabulary"};
    }
    const std::string& entry = entries_[static_cast<std::size_t>(token)];
    if (entry == end) break;
    if (entry == padding || entry == begin) continue;
    if (options_.unit == TokenOptions::Unit::words && !text.empty()) text += ' ';
    text += entry;
  }
  return text;
}

}  // namespace descent::data
