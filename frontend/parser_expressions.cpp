// Expressions, loosest first: if, or, and, not, comparison, sum, product, unary minus, power, postfix, primary.
#include <algorithm>
#include <array>

#include "frontend/parser.h"

namespace descent::frontend {

namespace {

constexpr std::array<std::string_view, 7> reductions = {"sum", "max", "min", "prod", "mean", "argmax", "argmin"};

// Counts the nesting for as long as it lives.
class Nesting {
 public:
  explicit Nesting(int& depth) : depth_(depth) { ++depth_; }
  ~Nesting() { --depth_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  int& depth_;
};

}  // namespace

bool ast::is_reduction(std::string_view word) {
  return std::find(reductions.begin(), reductions.end(), word) != reductions.end();
}

ast::ExpressionRef Parser::only_expression() {
  skip_newlines();
  ast::ExpressionRef result = expression();
  skip_newlines();
  if (!failed_ && peek().kind != Token::Kind::end) expected("end of the expression");
  return failed_ ? nullptr : result;
}

// A node and the depth of its tree. What is too deep is dropped at once, so no tree is ever deeper.
ast::ExpressionRef Parser::make(decltype(ast::Expression::node) node, std::uint32_t begin,
                                std::initializer_list<ast::ExpressionRef> children) {
  int depth = 0;
  for (const ast::ExpressionRef& child : children) {
    if (child) depth = std::max(depth, child->depth);
  }
  if (depth >= deepest_nesting) return too_deep(begin);
  return std::make_shared<ast::Expression>(ast::Expression{std::move(node), since(begin), depth + 1});
}

ast::ExpressionRef Parser::too_deep(std::uint32_t begin) {
  fail("nested-too-deeply", since(begin),
       "expected at most " + std::to_string(deepest_nesting) + " levels in one expression; name a part of it");
  return nothing(begin);
}

// Stands where an expression was expected, after a mistake.
ast::ExpressionRef Parser::nothing(std::uint32_t begin) {
  return std::make_shared<ast::Expression>(ast::Expression{ast::Number{"0"}, since(begin), 1});
}

// expression = "if" expression "then" expression "else" expression | logical_or
ast::ExpressionRef Parser::expression() {
  const Nesting nesting(open_expressions_);
  const std::uint32_t begin = peek().begin;
  if (open_expressions_ > deepest_nesting) return too_deep(begin);
  if (!accept("if")) return logical_or();
  ast::ExpressionRef condition = expression();
  expect("then");
  ast::ExpressionRef then = expression();
  expect("else");
  ast::ExpressionRef otherwise = expression();
  return make(ast::Conditional{condition, then, otherwise}, begin, {condition, then, otherwise});
}

// The left side and one operator at the cursor: reads both.
ast::ExpressionRef Parser::binary(ast::ExpressionRef left, ast::ExpressionRef (Parser::*right)()) {
  const Span sign_at = here();
  const std::string sign(peek().text);
  ++at_;
  ast::ExpressionRef operand = (this->*right)();
  const std::uint32_t begin = left->at.begin;
  return make(ast::Binary{sign, sign_at, left, operand}, begin, {left, operand});
}

// logical_or = logical_and { "or" logical_and }
ast::ExpressionRef Parser::logical_or() {
  ast::ExpressionRef left = logical_and();
  while (is("or")) left = binary(std::move(left), &Parser::logical_and);
  return left;
}

// logical_and = negation { "and" negation }
ast::ExpressionRef Parser::logical_and() {
  ast::ExpressionRef left = negation();
  while (is("and")) left = binary(std::move(left), &Parser::negation);
  return left;
}

// negation = "not" negation | comparison
ast::ExpressionRef Parser::negation() {
  if (!is("not")) return comparison();
  const Nesting nesting(open_expressions_);
  const std::uint32_t begin = peek().begin;
  if (open_expressions_ > deepest_nesting) return too_deep(begin);
  expect("not");
  ast::ExpressionRef operand = negation();
  return make(ast::Unary{"not", operand}, begin, {operand});
}

// comparison = sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum ]
ast::ExpressionRef Parser::comparison() {
  ast::ExpressionRef left = sum();
  for (const std::string_view sign : {"<", "<=", ">", ">=", "==", "!="}) {
    if (is(sign)) return binary(std::move(left), &Parser::sum);
  }
  return left;
}

// sum = product { ("+" | "-") product }
ast::ExpressionRef Parser::sum() {
  ast::ExpressionRef left = product();
  while (is("+") || is("-")) left = binary(std::move(left), &Parser::product);
  return left;
}

// product = unary { ("*" | "/" | "//") unary }
ast::ExpressionRef Parser::product() {
  ast::ExpressionRef left = unary();
  while (is("*") || is("/") || is("//")) {
    if (is("*") && is("*", 1) && peek(1).begin == peek().end) {
      fail("syntax-error", here(), "expected '^' to raise to a power, found '**'");
      return left;
    }
    left = binary(std::move(left), &Parser::unary);
  }
  return left;
}

// unary = "-" unary | power
ast::ExpressionRef Parser::unary() {
  if (!is("-")) return power();
  const Nesting nesting(open_expressions_);
  const std::uint32_t begin = peek().begin;
  if (open_expressions_ > deepest_nesting) return too_deep(begin);
  expect("-");
  ast::ExpressionRef operand = unary();
  return make(ast::Unary{"-", operand}, begin, {operand});
}

// power = postfix [ "^" unary ]          (so to the right, and tighter than a minus before it)
ast::ExpressionRef Parser::power() {
  ast::ExpressionRef left = postfix();
  if (!is("^")) return left;
  const Nesting nesting(open_expressions_);
  if (open_expressions_ > deepest_nesting) return too_deep(left->at.begin);
  return binary(std::move(left), &Parser::unary);
}

// postfix = call | subscript | reduction | primary
ast::ExpressionRef Parser::postfix() {
  if (is_name() && is("(", 1)) return call();
  if (is_name() && is("[", 1)) return subscript_or_reduction();
  if (is("next") && is_name(1) && is("[", 2)) return subscript_or_reduction();
  return primary();
}

// primary = NUMBER | TEXT | "inf" | "true" | "false" | "batch" | path | "next" NAME | "(" expression ")"
ast::ExpressionRef Parser::primary() {
  const std::uint32_t begin = peek().begin;
  const Token& token = peek();
  if (token.kind == Token::Kind::number) {
    ++at_;
    return make(ast::Number{std::string(token.text)}, begin);
  }
  if (token.kind == Token::Kind::text) {
    ++at_;
    return make(ast::Text{std::string(token.text)}, begin);
  }
  for (const std::string_view word : {"inf", "true", "false", "batch"}) {
    if (accept(word)) return make(ast::Name{std::string(word)}, begin);
  }
  if (accept("next")) return make(ast::Name{name("a name").text, true}, begin);
  if (is_name()) return name_or_path();
  const Span opened = here();
  if (accept("(")) {
    ast::ExpressionRef inner = expression();
    expect_closing(")", opened);
    return inner;
  }
  expected("an expression");
  return nothing(begin);
}

// path = NAME { "." NAME }
ast::ExpressionRef Parser::name_or_path() {
  const std::uint32_t begin = peek().begin;
  std::string path = name("a name").text;
  while (accept(".")) path += "." + name("a name").text;
  return make(ast::Name{std::move(path)}, begin);
}

// call = NAME "(" arguments ")" [ "as" NAME ] [ "sharing" path ]
ast::ExpressionRef Parser::call() {
  const std::uint32_t begin = peek().begin;
  ast::Call call;
  call.function = name("a function");
  const Span opened = here();
  expect("(");
  call.arguments = arguments();
  expect_next_or_closing(")", opened);
  if (accept("as")) call.as = name("a name");
  if (is("sharing") && is_name(1)) {
    ++at_;
    call.sharing = name("a path");
    while (accept(".")) {
      const ast::Identifier part = name("a name");
      call.sharing->text += "." + part.text;
      call.sharing->at.end = part.at.end;
    }
  }
  ast::ExpressionRef deepest;
  for (const ast::Argument& argument : call.arguments) {
    if (!deepest || argument.value->depth > deepest->depth) deepest = argument.value;
  }
  return make(std::move(call), begin, {deepest});
}

// arguments = [ argument { "," argument } [ "," ] ];  argument = [ NAME "=" ] expression
std::vector<ast::Argument> Parser::arguments() {
  std::vector<ast::Argument> result;
  while (!failed_ && !is(")")) {
    ast::Argument argument;
    if (is_name() && is("=", 1)) {
      argument.name = name("a name");
      expect("=");
    }
    argument.value = expression();
    result.push_back(std::move(argument));
    if (!accept(",")) break;
  }
  return result;
}

// A reduction's body stands in ( ) after the ]; a subscript is followed by anything else. Both begin alike, so the
// matching ] decides.
ast::ExpressionRef Parser::subscript_or_reduction() {
  if (is("next") || !ast::is_reduction(peek().text)) return subscript(at_);
  int depth = 0;
  for (std::size_t ahead = 1; peek(ahead).kind != Token::Kind::end; ++ahead) {
    if (is("[", ahead)) ++depth;
    if (is("]", ahead) && --depth == 0) return is("(", ahead + 1) ? reduction(at_) : subscript(at_);
  }
  return reduction(at_);
}

// subscript = [ "next" ] NAME "[" index { "," index } [ "else" expression ] "]"
ast::ExpressionRef Parser::subscript(std::size_t first) {
  const std::uint32_t begin = tokens_[first].begin;
  ast::Subscript subscript;
  subscript.next = accept("next");
  subscript.base = name("a tensor");
  const Span opened = here();
  expect("[");
  ast::ExpressionRef deepest;
  while (!failed_ && !is("]")) {
    subscript.at.push_back(extent_or_index());
    if (!deepest || subscript.at.back()->depth > deepest->depth) deepest = subscript.at.back();
    if (!accept(",")) break;
  }
  if (accept("else")) subscript.otherwise = expression();
  expect_next_or_closing("]", opened);
  ast::ExpressionRef otherwise = subscript.otherwise;
  return make(std::move(subscript), begin, {deepest, otherwise});
}

// index = "..." | expression
ast::ExpressionRef Parser::extent_or_index() {
  const std::uint32_t begin = peek().begin;
  if (accept("...")) return make(ast::Ellipsis{}, begin);
  return expression();
}

// reduction = NAME "[" index_binder { "," index_binder } "]" "(" expression ")"
ast::ExpressionRef Parser::reduction(std::size_t first) {
  const std::uint32_t begin = tokens_[first].begin;
  ast::Reduction reduction;
  reduction.combiner = name("a reduction");
  Span opened = here();
  expect("[");
  do {
    reduction.over.push_back(index_binder());
  } while (!failed_ && accept(","));
  expect_next_or_closing("]", opened);
  opened = here();
  expect("(");
  reduction.body = expression();
  expect_closing(")", opened);
  ast::ExpressionRef body = reduction.body;
  return make(std::move(reduction), begin, {body});
}

// index_binder = "..." | NAME [ "<" sum ]
ast::IndexBinder Parser::index_binder() {
  const Span at = here();
  if (accept("...")) return {{"...", at}, nullptr};
  ast::IndexBinder binder{name("an index"), nullptr};
  if (accept("<")) binder.extent = sum();
  return binder;
}

}  // namespace descent::frontend
