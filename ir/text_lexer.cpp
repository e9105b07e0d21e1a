// Cutting a text into tokens, and the shared half of both IRs' parsers.
#include "ir/text_lexer.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

namespace descent {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_character(char c) { return is_letter(c) || is_digit(c); }

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> run() {
    std::vector<Token> tokens;
    bool first_on_line = true;
    while (true) {
      first_on_line |= skip_blanks();
      const std::size_t begin = position_;
      const Token::Kind kind = scan();
      const std::size_t skip = kind == Token::Kind::value ? 1 : 0;
      tokens.push_back({kind, text_.substr(begin + skip, position_ - begin - skip), static_cast<std::uint32_t>(begin),
                        static_cast<std::uint32_t>(position_), first_on_line});
      if (kind == Token::Kind::end) return tokens;
      first_on_line = false;
    }
  }

 private:
  char look(std::size_t ahead = 0) const { return position_ + ahead < text_.size() ? text_[position_ + ahead] : '\0'; }

  // Whether a line end was among what it skipped.
  bool skip_blanks() {
    bool line_ended = false;
    while (position_ < text_.size()) {
      const char c = text_[position_];
      if (c == '#') {
        while (position_ < text_.size() && text_[position_] != '\n') ++position_;
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        line_ended |= c == '\n';
        ++position_;
      } else {
        break;
      }
    }
    return line_ended;
  }

  Token::Kind scan() {
    if (position_ == text_.size()) return Token::Kind::end;
    const char c = look();
    if (is_letter(c)) return scan_path(Token::Kind::word);
    if (is_digit(c)) return scan_number();
    if (c == '"') return scan_string();
    if (c == '%' && is_name_character(look(1))) {
      ++position_;
      return scan_path(Token::Kind::value);
    }
    return scan_sign();
  }

  // path = name ('.' name)*
  Token::Kind scan_path(Token::Kind kind) {
    while (is_name_character(look()) || (look() == '.' && is_name_character(look(1)))) ++position_;
    return kind;
  }

  // number = digits ('.' digits)? ([eE] [+-]? digits)? ('_' name)?
  Token::Kind scan_number() {
    skip_digits();
    if (look() == '.' && is_digit(look(1))) {
      ++position_;
      skip_digits();
    }
    if (look() == 'e' || look() == 'E') {
      const std::size_t sign = look(1) == '+' || look(1) == '-' ? 1 : 0;
      if (is_digit(look(1 + sign))) {
        position_ += 1 + sign;
        skip_digits();
      }
    }
    while (is_name_character(look())) ++position_;
    return Token::Kind::number;
  }

  void skip_digits() {
    while (is_digit(look())) ++position_;
  }

  // string = '"' (any byte but '"', '\' and line end | '\' any)* '"'
  Token::Kind scan_string() {
    ++position_;
    while (position_ < text_.size() && look() != '\n') {
      const char c = look();
      position_ += c == '\\' && position_ + 1 < text_.size() ? 2 : 1;
      if (c == '"') return Token::Kind::string;
    }
    return Token::Kind::unknown;
  }

  Token::Kind scan_sign() {
    static constexpr std::array<std::string_view, 10> long_signs = {
        "..<", "->", "<=", ">=", "==", "!=", "&&", "||", "<<", ">>"};
    for (const std::string_view sign : long_signs) {
      if (text_.substr(position_, sign.size()) == sign) {
        position_ += sign.size();
        return Token::Kind::sign;
      }
    }
    const char c = look();
    ++position_;
    return c > ' ' && c <= '~' ? Token::Kind::sign : Token::Kind::unknown;
  }

  std::string_view text_;
  std::size_t position_ = 0;
};

bool is_plain_name(std::string_view name) {
  if (name.empty() || !is_letter(name[0]) || name.back() == '.') return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool joint = name[i] == '.' && name[i - 1] != '.';
    if (!is_name_character(name[i]) && !joint) return false;
  }
  return true;
}

}  // namespace

std::string describe(const Token& token) {
  switch (token.kind) {
    case Token::Kind::word:
    case Token::Kind::sign:
      return fmt::format("'{}'", token.text);
    case Token::Kind::value:
      return fmt::format("the value '%{}'", token.text);
    case Token::Kind::number:
      return fmt::format("the number {}", token.text);
    case Token::Kind::string:
      return fmt::format("the name {}", token.text);
    case Token::Kind::unknown:
      if (token.text[0] == '"') return "a name whose quotes do not end";
      return fmt::format("the byte 0x{:02x}", static_cast<unsigned char>(token.text[0]));
    case Token::Kind::end:
      return "the end of the file";
  }
  return {};
}

std::vector<Token> tokens_of(const Source& source) { return Lexer(source.text).run(); }

std::string quoted_name(std::string_view name) {
  if (is_plain_name(name)) return std::string(name);
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '\n') {
      quoted += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string name_in(const Token& token) {
  if (token.kind != Token::Kind::string) return std::string(token.text);
  std::string name;
  const std::string_view inner = token.text.substr(1, token.text.size() - 2);
  for (std::size_t i = 0; i < inner.size(); ++i) {
    const bool escaped = inner[i] == '\\' && i + 1 < inner.size();
    if (escaped) ++i;
    name += escaped && inner[i] == 'n' ? '\n' : inner[i];
  }
  return name;
}

TokenStream::TokenStream(SourceRef source) : source_(std::move(source)) {
  if (source_->text.size() <= text_limit) {
    tokens_ = tokens_of(*source_);
    return;
  }
  tokens_.emplace_back();
  fail(tokens_[0], "file-too-large",
       fmt::format("expected at most {} bytes, found {}", text_limit, source_->text.size()));
}

const Token& TokenStream::peek(std::size_t ahead) const {
  if (failed_) return tokens_.back();
  return tokens_[std::min(position_ + ahead, tokens_.size() - 1)];
}

Token TokenStream::next() {
  const Token token = peek();
  if (!failed_ && position_ + 1 < tokens_.size()) ++position_;
  return token;
}

bool TokenStream::accept(std::string_view word_or_sign) {
  if (!at(word_or_sign)) return false;
  next();
  return true;
}

void TokenStream::expect(std::string_view word_or_sign, std::string_view where) {
  if (accept(word_or_sign)) return;
  fail_expected(fmt::format("'{}'{}{}", word_or_sign, where.empty() ? "" : " ", where));
}

std::string TokenStream::expect_name(std::string_view what) {
  const Token token = peek();
  if (token.kind == Token::Kind::word || token.kind == Token::Kind::string) return name_in(next());
  fail_expected(what);
  return {};
}

std::string TokenStream::expect_value(std::string_view what) {
  if (peek().kind == Token::Kind::value) return std::string(next().text);
  fail_expected(what);
  return {};
}

std::int64_t TokenStream::expect_integer(std::string_view what, std::int64_t low, std::int64_t high) {
  const Token first = peek();
  const bool negative = accept("-");
  const Token token = peek();
  if (token.kind != Token::Kind::number) {
    fail_expected(what);
    return low;
  }
  next();
  const std::string text = (negative ? "-" : "") + std::string(token.text);
  std::int64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = rest == text.data() + text.size();
  if (whole && error == std::errc() && value >= low && value <= high) return value;
  if (error == std::errc::result_out_of_range || whole) {
    fail({source_, first.begin, token.end}, "number-out-of-range",
         low == high ? fmt::format("expected {}, found {}", what, text)
                     : fmt::format("expected {} from {} to {}, found {}", what, low, high, text));
  } else {
    fail(token, "syntax-error", fmt::format("expected {}, found {}", what, describe(token)));
  }
  return low;
}

void TokenStream::fail_expected(std::string_view what) {
  fail_here("syntax-error", fmt::format("expected {}, found {}", what, describe(peek())));
}

void TokenStream::fail(const Token& token, DiagnosticId id, std::string message, std::vector<Note> notes) {
  fail(span_of(token), id, std::move(message), std::move(notes));
}

void TokenStream::fail(Span at, DiagnosticId id, std::string message, std::vector<Note> notes) {
  if (failed_) return;
  failed_ = true;
  if (!hopeless()) diagnostics_.push_back({id, std::move(at), std::move(message), std::move(notes)});
}

void TokenStream::recover() {
  const bool failed = std::exchange(failed_, false);
  int blocks = 0;  // opened at the end of a line, and skipped with what they hold
  while (failed && !at_end() && (blocks > 0 || position_ == statement_ || !peek().first_on_line)) {
    if (at("{") && (blocks > 0 || peek(1).first_on_line)) ++blocks;
    if (at("}") && blocks > 0) --blocks;
    ++position_;
  }
  statement_ = position_;
}

Span TokenStream::span_from(const Token& first) const {
  const std::uint32_t end = position_ > 0 ? tokens_[position_ - 1].end : first.end;
  return {source_, first.begin, std::max(first.end, end)};
}

TokenStream::Nesting::Nesting(TokenStream& stream) : stream_(stream) {
  if (++stream_.depth_ > nesting_limit)
    stream_.fail_here("nested-too-deeply", fmt::format("expected at most {} levels of nesting", nesting_limit));
}

std::vector<Note> suggestion(std::string_view name, std::span<const std::string> candidates) {
  const std::string near = nearest(name, candidates);
  if (near.empty()) return {};
  return {{{}, fmt::format("did you mean '{}'?", near)}};
}

}  // namespace descent
