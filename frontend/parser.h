// Tokens → syntax tree, by recursive descent. The grammar stands above each function of the .cpp files, rule by rule;
// { x } is any number of x, [ x ] at most one. After a mistake the rest of the statement is skipped.
#pragma once

#include "frontend/ast.h"
#include "frontend/lexer.h"
#include "frontend/reporter.h"

namespace descent::frontend {

// Expressions deeper than this are refused, so that every later walk may recurse.
inline constexpr int deepest_nesting = 200;
inline constexpr int deepest_blocks = 50;

// Always a file; whether it can be used, the reporter knows.
ast::File parse_file(const SourceRef& source, Reporter& reporter);
// One expression and nothing else (the VALUE of `--set`); null after a mistake.
ast::ExpressionRef parse_expression(const SourceRef& source, Reporter& reporter);

// What the files of the parser share: the cursor, and the rules of each level.
class Parser {
 public:
  Parser(const SourceRef& source, Reporter& reporter)
      : source_(source), reporter_(reporter), tokens_(tokenize(source, reporter)) {}

  ast::File file();
  ast::ExpressionRef only_expression();

 private:
  // parser.cpp: the cursor
  const Token& peek(std::size_t ahead = 0) const;
  bool is(std::string_view text, std::size_t ahead = 0) const;  // a sign or a word
  bool is_name(std::size_t ahead = 0) const;                    // a word that may name something
  bool accept(std::string_view text);
  void expect(std::string_view text);
  void expect_closing(std::string_view text, Span opened);
  void expect_next_or_closing(std::string_view text, Span opened);
  void expected(std::string_view what, const std::string& hint = {});
  std::string_view hint_here() const;
  static std::string describe(const Token& token);
  void fail(DiagnosticId id, Span at, std::string message, std::vector<Note> notes = {});
  void skip_statement();
  void skip_newlines();
  bool at_declaration(std::size_t ahead) const;
  bool open_brace();
  void skip_indented();
  void skip_to_declaration();
  void end_of_statement();
  ast::Identifier name(std::string_view what);
  Span here() const;
  Span since(std::uint32_t begin) const;

  // parser_expressions.cpp
  ast::ExpressionRef expression();
  ast::ExpressionRef logical_or();
  ast::ExpressionRef logical_and();
  ast::ExpressionRef negation();
  ast::ExpressionRef comparison();
  ast::ExpressionRef sum();
  ast::ExpressionRef product();
  ast::ExpressionRef unary();
  ast::ExpressionRef power();
  ast::ExpressionRef postfix();
  ast::ExpressionRef primary();
  ast::ExpressionRef name_or_path();
  ast::ExpressionRef call();
  ast::ExpressionRef subscript_or_reduction();
  ast::ExpressionRef subscript(std::size_t first);
  ast::ExpressionRef reduction(std::size_t first);
  ast::ExpressionRef extent_or_index();
  std::vector<ast::Argument> arguments();
  ast::IndexBinder index_binder();
  ast::ExpressionRef binary(ast::ExpressionRef left, ast::ExpressionRef (Parser::*right)());
  ast::ExpressionRef make(decltype(ast::Expression::node) node, std::uint32_t begin,
                          std::initializer_list<ast::ExpressionRef> children = {});
  ast::ExpressionRef too_deep(std::uint32_t begin);
  ast::ExpressionRef nothing(std::uint32_t begin);

  // parser_statements.cpp
  ast::Block block();
  ast::Statement statement();
  decltype(ast::Statement::node) statement_node();
  bool at_word(std::string_view word) const;
  ast::Define define(ast::Define::Kind kind);
  void expect_equals(const ast::Define& define);
  ast::Update update();
  ast::DeclareInput declare_input();
  ast::DeclareState declare_state();
  ast::Return return_statement();
  bool at_expect() const;
  ast::Expect expect_statement();
  bool target_ahead() const;
  ast::Scan scan();
  ast::Repeat repeat();
  std::vector<ast::Carry> carries();
  ast::Target target();
  ast::Parameter parameter();
  ast::Type type();

  // parser_declarations.cpp
  void declaration(ast::File& file);
  ast::Import import();
  ast::Function function(ast::Function::Kind kind);
  ast::Train train();
  std::vector<ast::Setting> settings();
  ast::Setting setting();

  SourceRef source_;
  Reporter& reporter_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int open_expressions_ = 0;  // nested calls of the rules that recurse
  int open_blocks_ = 0;
  bool failed_ = false;  // in this statement: one mistake is reported, the rest skipped
};

}  // namespace descent::frontend
