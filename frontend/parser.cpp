#include "frontend/parser.h"

#include <algorithm>

#include "frontend/habits.h"

namespace descent::frontend {

ast::File parse_file(const SourceRef& source, Reporter& reporter) {
  const std::size_t known = reporter.size();
  ast::File file = Parser(source, reporter).file();
  reporter.order_by_place(known);
  return file;
}

ast::ExpressionRef parse_expression(const SourceRef& source, Reporter& reporter) {
  return Parser(source, reporter).only_expression();
}

// -- the cursor ------------------------------------------------------------------------------------------------------

const Token& Parser::peek(std::size_t ahead) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }

bool Parser::is(std::string_view text, std::size_t ahead) const {
  const Token& token = peek(ahead);
  return (token.kind == Token::Kind::sign || token.kind == Token::Kind::name) && token.text == text;
}

bool Parser::is_name(std::size_t ahead) const {
  return peek(ahead).kind == Token::Kind::name && !is_reserved(peek(ahead).text);
}

bool Parser::accept(std::string_view text) {
  if (!is(text)) return false;
  ++at_;
  return true;
}

void Parser::expect(std::string_view text) {
  if (!accept(text)) expected(quoted(text));
}

void Parser::expect_closing(std::string_view text, Span opened) {
  if (accept(text) || failed_) return;
  const auto swallows = [](const Token& token) {
    return token.kind == Token::Kind::bad && token.text.starts_with('"');
  };
  if (peek().kind == Token::Kind::end && std::any_of(tokens_.begin(), tokens_.end(), swallows)) {
    failed_ = true;  // what closes stands in a text that does not end, which has been reported
    return;
  }
  const Span at = here();
  const std::string found = describe(peek()) + std::string(hint_here());
  fail("syntax-error", at, "expected " + quoted(text) + ", found " + found, {{std::move(opened), "opened here"}});
}

// After an item of a list in brackets.
void Parser::expect_next_or_closing(std::string_view text, Span opened) {
  if (accept(text) || failed_) return;
  const Span at = here();
  const std::string found = describe(peek()) + std::string(hint_here());
  fail("syntax-error", at, "expected ',' or " + quoted(text) + ", found " + found,
       {{std::move(opened), "opened here"}});
}

void Parser::expected(std::string_view what, const std::string& hint) {
  const std::string found = describe(peek());
  fail("syntax-error", here(),
       "expected " + std::string(what) + ", found " + found + (hint.empty() ? std::string(hint_here()) : hint));
}

// What the word or sign at the cursor, which does not fit, was probably meant to be.
std::string_view Parser::hint_here() const {
  const bool after_bracket = at_ > 0 && tokens_[at_ - 1].text == "]";
  const bool in_subscript = at_ > 0 && (tokens_[at_ - 1].text == "[" || tokens_[at_ - 1].text == "," ||
                                        tokens_[at_ - 1].kind == Token::Kind::number);
  if (is("[") && after_bracket) return "; the indices of a tensor stand in one pair of brackets: x[b, i]";
  if (is("[")) return "; there are no lists: a tensor is written with indices";
  if (is(":") && in_subscript) return "; there are no slices: name an index, x[b, i]";
  if (is(":")) return "; a type stands after input, param or state";
  if (is("(") && at_ > 1 && tokens_[at_ - 2].text == ".") return "; there are no methods: write f(x), not x.f()";
  if (is("if")) return "; write if condition then a else b";
  for (std::size_t i = at_; i-- > 0 && tokens_[i].kind != Token::Kind::newline;) {
    if (tokens_[i].text == "//") return "; a comment begins with '#'";
  }
  return is("//") ? "; a comment begins with '#'" : "";
}

void Parser::fail(DiagnosticId id, Span at, std::string message, std::vector<Note> notes) {
  if (!failed_ && peek().kind != Token::Kind::bad)
    reporter_.error(id, std::move(at), std::move(message), std::move(notes));
  failed_ = true;
  skip_statement();
}

// To the next place where a statement may end; braces that open on the way are skipped with what they hold.
void Parser::skip_statement() {
  int depth = 0;
  for (; peek().kind != Token::Kind::end; ++at_) {
    if (is("{")) ++depth;
    if (is("}") && --depth < 0) return;
    if (depth == 0 && peek().kind == Token::Kind::newline) return;
  }
}

// Does a line of the outermost level begin here?
bool Parser::at_declaration(std::size_t ahead) const {
  if (is("import", ahead)) return peek(ahead + 1).kind == Token::Kind::text;
  const bool word = is("fn", ahead) || is("optimizer", ahead) || is("model", ahead) || is("train", ahead);
  return word && is_name(ahead + 1);
}

// The brace before the lines of a body. Without it they are skipped up to the next declaration: read at the outermost
// level, each of them would be a mistake.
bool Parser::open_brace() {
  if (failed_ || is("{")) {
    expect("{");
    return !failed_;
  }
  expected("'{'", is(":") ? "; a block stands in { }" : "");
  skip_to_declaration();
  return false;
}

// The lines below that are set in: the body of what was no declaration.
void Parser::skip_indented() {
  const auto indented = [&](const Token& token) {
    return token.begin > 0 && source_->text[token.begin - 1] != '\n' && token.kind != Token::Kind::end;
  };
  while (peek().kind == Token::Kind::newline && indented(peek(1))) {
    ++at_;
    skip_statement();
  }
}

void Parser::skip_to_declaration() {
  while (peek().kind != Token::Kind::end && !(peek().kind == Token::Kind::newline && at_declaration(1))) ++at_;
}

void Parser::skip_newlines() {
  while (peek().kind == Token::Kind::newline) ++at_;
}

void Parser::end_of_statement() {
  if (!failed_ && at_declaration(0)) return;
  if (peek().kind != Token::Kind::newline && peek().kind != Token::Kind::end && !is("}")) expected("end of line");
  failed_ = false;
}

ast::Identifier Parser::name(std::string_view what) {
  if (!is_name()) {
    const Span at = here();
    const std::string_view instead = peek().kind == Token::Kind::name ? instead_of_statement(peek().text) : "";
    if (!instead.empty()) {
      expected(instead);
    } else if (peek().kind == Token::Kind::name) {
      fail("reserved-word", at, "expected " + std::string(what) + ", found the reserved word " + quoted(peek().text));
    } else {
      expected(what);
    }
    return {"", at};
  }
  ast::Identifier identifier{std::string(peek().text), here()};
  ++at_;
  return identifier;
}

Span Parser::here() const { return {source_, peek().begin, peek().end}; }

// From `begin` to the end of the last token read.
Span Parser::since(std::uint32_t begin) const {
  return {source_, begin, std::max(begin, at_ == 0 ? begin : tokens_[at_ - 1].end)};
}

std::string Parser::describe(const Token& token) {
  switch (token.kind) {
    case Token::Kind::newline:
      return "end of line";
    case Token::Kind::end:
      return "end of file";
    case Token::Kind::text:
      return "\"" + std::string(token.text) + "\"";
    case Token::Kind::name:
    case Token::Kind::number:
    case Token::Kind::sign:
    case Token::Kind::bad:
      return quoted(token.text);
  }
  return {};
}

}  // namespace descent::frontend
