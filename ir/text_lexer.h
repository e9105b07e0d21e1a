// The words of both IRs' texts, and the part of a parser that Graph and Loop share: looking ahead, expecting, failing
// once per statement and going on at the next line.
//
//   %h = sweep [b < batch, j < 3] { 0.5 * %x[b, j] }   →   %h  =  sweep  [  b  <  batch  ,  j  <  3  ]  {  0.5  *  %x …
//
// Line ends carry no meaning except for recovery. `#` begins a comment.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/diagnostics.h"

namespace descent {

struct Token {
  enum class Kind : std::uint8_t {
    word,     // sum, hidden.linear.weight, block.0.up
    value,    // %h, %0: `text` is without the '%'
    number,   // 3, 0.5, 1e-8, 0.5_f64, 3_u32
    string,   // "any name": `text` is still quoted, see name_in
    sign,     // the longest of: ..< -> <= >= == != && || << >> := and single characters
    unknown,  // a byte that begins nothing, or a string that does not end
    end
  } kind = Kind::end;
  std::string_view text;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  bool first_on_line = false;

  bool is(std::string_view word_or_sign) const {
    return (kind == Kind::word || kind == Kind::sign) && text == word_or_sign;
  }
};

// "'['", "the number 3", "the end of the file": how a message calls a token.
std::string describe(const Token& token);

// All tokens of a text, `end` last.
std::vector<Token> tokens_of(const Source& source);

// A name as both texts write it: plain when it is a word (letters, digits and '_', parts joined by dots, the first not
// beginning with a digit), else quoted.
std::string quoted_name(std::string_view name);
// The name that a word or string token writes.
std::string name_in(const Token& token);

// The tokens under a parser's hands. After a failure the stream looks ended until `recover`, so that parsing functions
// need no checks between their steps: whatever they return is dropped, loops stop, and one mistake gives one
// diagnostic.
class TokenStream {
 public:
  static constexpr int nesting_limit = 200;
  static constexpr std::size_t diagnostic_limit = 20;
  static constexpr std::size_t text_limit = std::size_t{1} << 30;  // bytes

  explicit TokenStream(SourceRef source);

  const Token& peek(std::size_t ahead = 0) const;
  Token next();
  bool at(std::string_view word_or_sign) const { return peek().is(word_or_sign); }
  bool at_end() const { return peek().kind == Token::Kind::end; }
  bool accept(std::string_view word_or_sign);
  // Consumes the word or sign, or fails: "expected '[' after 'sweep', found 'at'". `where` may be empty.
  void expect(std::string_view word_or_sign, std::string_view where = {});
  std::string expect_name(std::string_view what);   // a word or string
  std::string expect_value(std::string_view what);  // %h → "h"
  // An integer between the limits, '-' allowed.
  std::int64_t expect_integer(std::string_view what, std::int64_t low, std::int64_t high);

  void fail_here(DiagnosticId id, std::string message) { fail(peek(), id, std::move(message)); }
  void fail_expected(std::string_view what);  // "expected WHAT, found …" at the next token
  void fail(const Token& token, DiagnosticId id, std::string message, std::vector<Note> notes = {});
  void fail(Span at, DiagnosticId id, std::string message, std::vector<Note> notes = {});
  // Fails without a diagnostic: what is wrong here follows from what has been reported.
  void fail_quietly() { failed_ = true; }
  bool failed() const { return failed_; }
  // Called before each statement. Ends a failure: goes on at the next token that begins a line, past the first one of
  // the statement that failed, so that work always advances, and past a block that opens on the way.
  void recover();
  bool hopeless() const { return diagnostics_.size() >= diagnostic_limit; }

  // The place from a token of this stream to the last one consumed.
  Span span_of(const Token& token) const { return {source_, token.begin, token.end}; }
  Span span_from(const Token& first) const;
  const SourceRef& source() const { return source_; }

  Diagnostics& diagnostics() { return diagnostics_; }

  // One level of nesting while it lives; beyond the limit it fails.
  class Nesting {
   public:
    explicit Nesting(TokenStream& stream);
    ~Nesting() { --stream_.depth_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    TokenStream& stream_;
  };

 private:
  SourceRef source_;
  std::vector<Token> tokens_;
  std::size_t position_ = 0;
  std::size_t statement_ = 0;  // where the last statement began
  int depth_ = 0;
  bool failed_ = false;
  Diagnostics diagnostics_;
};

// A note "did you mean 'x'?", or nothing when no candidate is near.
std::vector<Note> suggestion(std::string_view name, std::span<const std::string> candidates);

}  // namespace descent
