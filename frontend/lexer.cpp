#include "frontend/lexer.h"

#include <algorithm>
#include <array>

#include "frontend/habits.h"

namespace descent::frontend {

namespace {

// Longest first: the first that fits is taken.
constexpr std::array<std::string_view, 27> signs = {
    "..<", "...", ":=", "->", "//", "<=", ">=", "==", "!=", "+", "-", "*", "/", "^",
    "<",   ">",   "=",  "~",  "(",  ")",  "[",  "]",  "{",  "}", ",", ":", "."};

constexpr std::array<std::string_view, 25> reserved = {
    "fn",    "optimizer", "model",  "train", "import", "if",    "then",  "else", "and", "or",   "not",   "as",   "in",
    "param", "frozen",    "return", "scan",  "repeat", "carry", "yield", "next", "inf", "true", "false", "batch"};

// After these a line end does not end a statement.
constexpr std::array<std::string_view, 26> continuing = {
    "+",  "-", "*", "/", "//", "^",   "<", ">",    "<=",   ">=",  "==", "!=",  "=",
    ":=", "~", ",", ":", "->", "..<", ".", "then", "else", "and", "or", "not", "if"};

// A line that begins with one of these begins a statement, even if a bracket was left open above it.
constexpr std::array<std::string_view, 10> beginning = {"fn",    "optimizer", "model",  "train", "import",
                                                        "input", "output",    "return", "loss",  "metric"};

template <class List>
bool contains(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  Lexer(const SourceRef& source, Reporter& reporter) : source_(source), text_(source->text), reporter_(reporter) {}

  std::vector<Token> run() {
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;  // a byte order mark says nothing
    while (at_ < text_.size()) step();
    add(Token::Kind::newline, at_, at_);
    tokens_.push_back({Token::Kind::end, {}, position(at_), position(at_)});
    return std::move(tokens_);
  }

 private:
  static std::uint32_t position(std::size_t at) { return static_cast<std::uint32_t>(at); }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  void step() {
    const char c = peek();
    if (c == '\n') return line_end();
    if (c == ' ' || c == '\t' || c == '\r') {
      ++at_;
    } else if (c == '#') {
      while (at_ < text_.size() && peek() != '\n') ++at_;
    } else if (is_letter(c)) {
      word();
    } else if (is_digit(c) || (c == '.' && is_digit(peek(1)) && !after_value())) {
      number();
    } else if (c == '"') {
      text();
    } else if (c == '\'' || c == '`') {
      foreign_text(c);
    } else {
      sign();
    }
  }

  void line_end() {
    if (open_ == 0 && !(!tokens_.empty() && wants_more(tokens_.back()))) add(Token::Kind::newline, at_, at_ + 1);
    ++at_;
  }

  static bool wants_more(const Token& token) {
    return (token.kind == Token::Kind::sign || token.kind == Token::Kind::name) && contains(continuing, token.text);
  }

  void word() {
    const std::size_t begin = at_;
    while (is_letter(peek()) || is_digit(peek())) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (word == "then" || word == "else") drop_newlines();
    if (open_ > 0 && first_on_line(begin) && before_name() && contains(beginning, word)) {
      open_ = 0;
      add(Token::Kind::newline, begin, begin);
    }
    add(Token::Kind::name, begin, at_);
  }

  bool first_on_line(std::size_t at) const {
    while (at > 0 && (text_[at - 1] == ' ' || text_[at - 1] == '\t')) --at;
    return at == 0 || text_[at - 1] == '\n';
  }

  bool before_name() const { return peek() == ' ' && is_letter(peek(1)); }

  // A '.' here belongs to what stands before it: a path, a malformed number.
  bool after_value() const {
    if (tokens_.empty() || tokens_.back().end != at_) return false;
    const Token::Kind kind = tokens_.back().kind;
    return kind == Token::Kind::name || kind == Token::Kind::number || text_[at_ - 1] == ')' || text_[at_ - 1] == ']';
  }

  // digits [ "." digits ] [ "e" [ "+" | "-" ] digits ]
  void number() {
    const std::size_t begin = at_;
    while (is_digit(peek())) ++at_;
    if (peek() == '.' && (is_digit(peek(1)) || (peek(1) != '.' && !is_letter(peek(1))))) {
      ++at_;
      while (is_digit(peek())) ++at_;
    }
    const bool is_signed = peek(1) == '+' || peek(1) == '-';
    if ((peek() == 'e' || peek() == 'E') && is_digit(peek(is_signed ? 2 : 1))) {
      at_ += is_signed ? 2 : 1;
      while (is_digit(peek())) ++at_;
    }
    const bool has_tail = is_letter(peek());
    while (is_letter(peek()) || is_digit(peek())) ++at_;
    const std::string_view text = text_.substr(begin, at_ - begin);
    if (has_tail || text.starts_with('.') || text.ends_with('.')) {
      report("malformed-number", begin, "expected " + instead_of_number(text) + ", found " + quoted(text));
    }
    add(Token::Kind::number, begin, at_);
  }

  void text() {
    const std::size_t begin = at_++;
    while (at_ < text_.size() && peek() != '"' && peek() != '\n') ++at_;
    const std::uint32_t end = position(at_);
    if (peek() != '"') {
      report("unterminated-text", begin, "expected '\"' at the end of the text, found the end of the line");
      return add(Token::Kind::bad, begin, at_);
    }
    ++at_;
    tokens_.push_back({Token::Kind::text, text_.substr(begin + 1, end - begin - 1), position(begin), position(at_)});
  }

  // 'text', as other languages write it; alone, a stray character.
  void foreign_text(char quote) {
    const std::size_t begin = at_++;
    std::size_t end = at_;
    while (end < text_.size() && text_[end] != quote && text_[end] != '\n') ++end;
    if (end < text_.size() && text_[end] == quote) at_ = end + 1;
    report("unknown-character", begin,
           "expected a text in double quotes, found " + std::string(text_.substr(begin, at_ - begin)));
    add(Token::Kind::bad, begin, at_);
  }

  void sign() {
    for (const std::string_view sign : signs) {
      if (text_.substr(at_, sign.size()) != sign) continue;
      const std::size_t begin = at_;
      at_ += sign.size();
      count_brackets(sign);
      if (sign == "->") drop_newlines();
      return add(Token::Kind::sign, begin, at_);
    }
    const std::size_t begin = at_;
    const Habit* habit = foreign_sign(text_.substr(at_));
    at_ += habit ? habit->found.size() : 1;
    while ((peek() & 0xC0) == 0x80) ++at_;  // the rest of one UTF-8 character
    if (habit && !habit->until.empty()) {
      const std::string_view line = text_.substr(at_, text_.substr(at_).find('\n'));
      const std::size_t end = line.find(habit->until);
      at_ += end == std::string_view::npos ? 0 : end + habit->until.size();
    }
    const std::string found = quoted(text_.substr(begin, at_ - begin));
    if (!reporter_.full()) {
      report("unknown-character", begin,
             habit ? "expected " + std::string(habit->expected) + ", found " + found : "unknown character " + found);
    }
    if (found == "'\\'" && peek() == '\n') ++at_;  // the statement goes on
    add(Token::Kind::bad, begin, at_);
  }

  // A brace never stands inside ( ) or [ ]: what is open there was forgotten, and lines count again.
  void count_brackets(std::string_view sign) {
    if (sign == "(" || sign == "[") ++open_;
    if ((sign == ")" || sign == "]") && open_ > 0) --open_;
    if (sign == "{" || sign == "}") open_ = 0;
  }

  void drop_newlines() {
    while (!tokens_.empty() && tokens_.back().kind == Token::Kind::newline) tokens_.pop_back();
  }

  void add(Token::Kind kind, std::size_t begin, std::size_t end) {
    tokens_.push_back({kind, text_.substr(begin, end - begin), position(begin), position(end)});
  }

  void report(DiagnosticId id, std::size_t begin, std::string message) {
    reporter_.error(id, {source_, position(begin), position(at_)}, std::move(message));
  }

  const SourceRef& source_;
  std::string_view text_;
  Reporter& reporter_;
  std::size_t at_ = 0;
  int open_ = 0;  // ( and [ not yet closed
  std::vector<Token> tokens_;
};

}  // namespace

bool is_reserved(std::string_view word) { return contains(reserved, word); }

std::vector<Token> tokenize(const SourceRef& source, Reporter& reporter) {
  if (source->text.size() > largest_file) {
    reporter.error("file-too-large", {source, 0, 0},
                   "expected a file of at most 16 MB, found " + std::to_string(source->text.size() >> 20) + " MB");
    return {{Token::Kind::end, {}, 0, 0}};
  }
  return Lexer(source, reporter).run();
}

}  // namespace descent::frontend
