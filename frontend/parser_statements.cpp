// Statements, what stands left of `=`, parameters and types.
#include "frontend/habits.h"
#include "frontend/parser.h"

namespace descent::frontend {

// block = "{" { statement NEWLINE } "}"
ast::Block Parser::block() {
  ast::Block result;
  skip_newlines();
  const Span opened = here();
  if (!open_brace()) return result;
  if (open_blocks_ >= deepest_blocks) {
    --at_;  // the brace is skipped with what it holds
    fail("nested-too-deeply", opened, "expected at most " + std::to_string(deepest_blocks) + " blocks in one another");
    return result;
  }
  ++open_blocks_;
  skip_newlines();
  while (!is("}") && peek().kind != Token::Kind::end && !at_declaration(0)) {
    result.push_back(statement());
    end_of_statement();
    skip_newlines();
  }
  --open_blocks_;
  if (at_declaration(0) && !failed_) {  // the brace was forgotten, and what comes is read
    reporter_.error("syntax-error", here(), "expected '}', found " + quoted(peek().text), {{opened, "opened here"}});
    return result;
  }
  expect_closing("}", opened);
  return result;
}

ast::Statement Parser::statement() {
  const std::uint32_t begin = peek().begin;
  auto node = statement_node();
  return {std::move(node), since(begin)};
}

// A soft keyword: a name elsewhere, a keyword when a word follows.
bool Parser::at_word(std::string_view word) const { return is(word) && peek(1).kind == Token::Kind::name; }

// statement = "output" define | "loss" define | "metric" define | "yield" define | declare_input | declare_param
//           | declare_state | return | expect | scan | repeat | update | define
decltype(ast::Statement::node) Parser::statement_node() {
  using Kind = ast::Define::Kind;
  constexpr std::pair<std::string_view, Kind> words[] = {
      {"output", Kind::output}, {"loss", Kind::loss}, {"metric", Kind::metric}, {"yield", Kind::yield}};
  for (const auto& [word, kind] : words) {
    if (!at_word(word)) continue;
    ++at_;
    return define(kind);
  }
  if (at_word("input")) return declare_input();
  if (is("param") || is("frozen")) return ast::DeclareParam{parameter()};
  if (at_word("state")) return declare_state();
  if (is("return")) return return_statement();
  if (at_expect()) return expect_statement();
  if (is("scan")) return scan();
  if (is("repeat")) return repeat();
  if (is_name() && is(":=", 1)) return update();
  return define(Kind::binding);
}

// define = target { "," target } "=" expression
ast::Define Parser::define(ast::Define::Kind kind) {
  ast::Define result;
  result.kind = kind;
  do {
    result.targets.push_back(target());
  } while (!failed_ && accept(","));
  expect_equals(result);
  result.value = expression();
  return result;
}

// A word before a name is a misspelt keyword, `inptu x : f32[batch]`, or one of another language, `let x = 3`.
void Parser::expect_equals(const ast::Define& define) {
  const ast::Target& first = define.targets[0];
  const bool word = define.targets.size() == 1 && !first.indexed && (peek().kind == Token::Kind::name || is("("));
  if (word && !failed_) {
    const std::string hint = suggestion(first.name.text, {"input", "output", "loss", "metric", "param", "frozen",
                                                          "state", "return", "expect", "scan", "repeat", "yield"});
    const std::string_view instead = instead_of_statement(first.name.text);
    const std::string found = ", found " + quoted(first.name.text);
    if (!instead.empty()) return fail("syntax-error", first.name.at, "expected " + std::string(instead) + found);
    if (!hint.empty()) return fail("syntax-error", first.name.at, "expected a statement" + found + hint);
  }
  const bool updating = is("+") || is("-") || is("*") || is("/");
  if (updating && is("=", 1) && peek(1).begin == peek().end) {
    const Span at{source_, peek().begin, peek(1).end};
    return fail("syntax-error", at,
                "expected '=', found " + quoted(std::string(peek().text) + "=") +
                    "; a name is given once, so the new value takes another");
  }
  expect("=");
}

// update = NAME ":=" expression
ast::Update Parser::update() {
  ast::Update result;
  result.name = name("a state");
  expect(":=");
  result.value = expression();
  return result;
}

// declare_input = "input" NAME { "," NAME } ":" type
ast::DeclareInput Parser::declare_input() {
  ast::DeclareInput result;
  ++at_;
  do {
    result.names.push_back(name("an input's name"));
  } while (!failed_ && accept(","));
  expect(":");
  result.type = type();
  return result;
}

// declare_state = "state" NAME [ ":" type ] "~" expression
ast::DeclareState Parser::declare_state() {
  ast::DeclareState result;
  ++at_;
  result.state.name = name("a state's name");
  if (accept(":")) result.state.type = type();
  expect("~");
  result.state.initial = expression();
  return result;
}

// A name elsewhere: `expect = 3`, `expect, y = f(x)`, `expect[i] = …`, `expect := …`.
bool Parser::at_expect() const { return is("expect") && !is("=", 1) && !is(",", 1) && !is("[", 1) && !is(":=", 1); }

// expect = "expect" expression "," TEXT
ast::Expect Parser::expect_statement() {
  ast::Expect result;
  ++at_;
  result.condition = expression();
  expect(",");
  if (peek().kind != Token::Kind::text) {
    fail("syntax-error", here(), "expected what is expected in quotes, found " + describe(peek()));
    return result;
  }
  result.message = {std::string(peek().text), here()};
  ++at_;
  return result;
}

// return = "return" [ target "=" ] expression { "," expression }        (a target has subscripts here)
ast::Return Parser::return_statement() {
  ast::Return result;
  ++at_;
  if (target_ahead()) {
    result.target = target();
    expect("=");
  }
  do {
    result.values.push_back(expression());
  } while (!failed_ && accept(","));
  return result;
}

// Does `NAME [ … ] =` stand here?
bool Parser::target_ahead() const {
  if (!is_name() || !is("[", 1)) return false;
  int depth = 0;
  for (std::size_t ahead = 1; peek(ahead).kind != Token::Kind::end; ++ahead) {
    if (is("[", ahead)) ++depth;
    if (is("]", ahead) && --depth == 0) return is("=", ahead + 1);
  }
  return false;
}

// scan = "scan" index_binder carries block
ast::Scan Parser::scan() {
  ast::Scan result;
  expect("scan");
  result.axis = index_binder();
  result.carries = carries();
  result.body = block();
  return result;
}

// repeat = "repeat" expression [ "as" NAME ] carries block
ast::Repeat Parser::repeat() {
  ast::Repeat result;
  expect("repeat");
  result.count = expression();
  if (accept("as")) result.as = name("a name");
  result.carries = carries();
  result.body = block();
  return result;
}

// carries = "carry" carry { "," carry };  carry = NAME [ ":" type ] "=" expression
std::vector<ast::Carry> Parser::carries() {
  std::vector<ast::Carry> result;
  expect("carry");
  do {
    ast::Carry carry;
    carry.name = name("a carried name");
    if (accept(":")) carry.type = type();
    expect("=");
    carry.initial = expression();
    result.push_back(std::move(carry));
  } while (!failed_ && accept(","));
  return result;
}

// target = [ "next" ] NAME [ "[" left_index { "," left_index } "]" ];  left_index = index [ "<" sum ]
ast::Target Parser::target() {
  ast::Target result;
  result.next = accept("next");
  result.name = name("a name");
  const Span opened = here();
  if (!accept("[")) return result;
  result.indexed = true;
  while (!failed_ && !is("]")) {
    const std::uint32_t begin = peek().begin;
    ast::LeftIndex index;
    index.index = accept("...") ? make(ast::Ellipsis{}, begin) : sum();
    if (accept("<")) index.extent = sum();
    result.at.push_back(std::move(index));
    if (!accept(",")) break;
  }
  expect_next_or_closing("]", opened);
  return result;
}

// parameter = [ "frozen" ] [ "param" ] NAME [ ":" type ] [ "=" expression ] [ "~" expression ]
ast::Parameter Parser::parameter() {
  ast::Parameter result;
  result.frozen = accept("frozen");
  if (result.frozen && !is("param")) expected("'param'");
  result.is_param = accept("param");
  result.name = name("a parameter");
  if (result.is_param && !is(":")) expected("':' and the type of the parameter");
  if (accept(":")) result.type = type();
  if (accept("=")) result.otherwise = expression();
  if (result.is_param && !is("~")) expected("'~' and the initial value of the parameter");
  if (accept("~")) result.initial = expression();
  return result;
}

// type = NAME [ "[" [ index { "," index } ] "]" ] [ "in" sum "..<" sum ]
ast::Type Parser::type() {
  const std::uint32_t begin = peek().begin;
  ast::Type result;
  result.element = name("a type");
  const Span opened = here();
  if (accept("[")) {
    result.has_extents = true;
    while (!failed_ && !is("]")) {
      const std::uint32_t extent = peek().begin;
      result.extents.push_back(accept("...") ? make(ast::Ellipsis{}, extent) : sum());
      if (!accept(",")) break;
    }
    expect_next_or_closing("]", opened);
  }
  if (accept("in")) {
    result.low = sum();
    expect("..<");
    result.high = sum();
  }
  result.at = since(begin);
  return result;
}

}  // namespace descent::frontend
