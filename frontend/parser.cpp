#include "frontend/parser.h"

#include <algorithm>

namespace descent::frontend {

ast::File parse_file(const SourceRef& source, Reporter& reporter) { return Parser(source, reporter).file(); }

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
  Span at = here();
  const std::string found = describe(peek());
  fail("syntax-error", std::move(at), "expected " + quoted(text) + ", found " + found,
       {{std::move(opened), "opened here"}});
}

void Parser::expected(std::string_view what, const std::string& hint) {
  const std::string found = describe(peek());
  fail("syntax-error", here(), "expected " + std::string(what) + ", found " + found + hint);
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
  expected("'{'");
  while (peek().kind != Token::Kind::end && !(peek().kind == Token::Kind::newline && at_declaration(1))) ++at_;
  return false;
}

void Parser::skip_newlines() {
  while (peek().kind == Token::Kind::newline) ++at_;
}

void Parser::end_of_statement() {
  if (peek().kind != Token::Kind::newline && peek().kind != Token::Kind::end && !is("}")) expected("end of line");
  failed_ = false;
}

ast::Identifier Parser::name(std::string_view what) {
  if (!is_name()) {
    const Span at = here();
    if (peek().kind == Token::Kind::name) {
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
