// What stands at the outermost level of a file: imports, functions, optimizers, the model, train blocks.
#include "frontend/habits.h"
#include "frontend/parser.h"

namespace descent::frontend {

// file = { declaration NEWLINE }
ast::File Parser::file() {
  ast::File result;
  result.source = source_;
  skip_newlines();
  while (peek().kind != Token::Kind::end) {
    const std::size_t before = at_;
    declaration(result);
    end_of_statement();
    if (at_ == before) ++at_;  // a stray '}'
    failed_ = false;
    skip_newlines();
  }
  return result;
}

// declaration = import | "fn" function | "optimizer" function | "model" function | train
void Parser::declaration(ast::File& file) {
  using Kind = ast::Function::Kind;
  if (is("import")) {
    ast::Import one = import();
    if (!failed_) file.imports.push_back(std::move(one));
  } else if (accept("fn")) {
    file.functions.push_back(function(Kind::function));
  } else if (accept("optimizer")) {
    file.functions.push_back(function(Kind::optimizer));
  } else if (accept("model")) {
    file.functions.push_back(function(Kind::model));
  } else if (is("train")) {
    file.trains.push_back(train());
  } else {
    const std::string_view instead = instead_of_statement(peek().text);
    const std::string hint = suggestion(peek().text, {"import", "fn", "optimizer", "model", "train"});
    expected(instead.empty() ? "'import', 'fn', 'optimizer', 'model' or 'train'" : instead, hint);
    skip_indented();
  }
}

// import = "import" TEXT
ast::Import Parser::import() {
  expect("import");
  ast::Import result{std::string(peek().text), here()};
  if (peek().kind == Token::Kind::text) {
    ++at_;
  } else {
    expected("the path of a file in quotes");
  }
  return result;
}

// function = NAME "(" [ parameter { "," parameter } [ "," ] ] ")" [ "->" type { "," type } ] block [ gradient ]
// gradient = "gradient" "(" NAME { "," NAME } ")" block
ast::Function Parser::function(ast::Function::Kind kind) {
  ast::Function result;
  result.kind = kind;
  result.name = name("a name");
  const Span opened = here();
  expect("(");
  while (!failed_ && !is(")")) {
    result.parameters.push_back(parameter());
    if (!accept(",")) break;
  }
  if (!failed_ && is("{")) {  // the bracket was forgotten, the body is there
    reporter_.error("syntax-error", here(), "expected ',' or ')', found '{'", {{opened, "opened here"}});
  } else {
    expect_next_or_closing(")", opened);
  }
  if (accept("->")) {
    do {
      result.results.push_back(type());
    } while (!failed_ && accept(","));
  }
  result.body = block();
  if (!failed_ && is("gradient")) {
    if (kind != ast::Function::Kind::function) return expected("the end of the line: functions have gradients"), result;
    ++at_;
    expect("(");
    do {
      result.adjoints.push_back(name("a name for what flows back"));
    } while (!failed_ && accept(","));
    expect(")");
    result.gradient = block();
  }
  return result;
}

// train = "train" NAME "=" NAME "(" arguments ")" settings
ast::Train Parser::train() {
  ast::Train result;
  expect("train");
  result.name = name("a name");
  expect("=");
  result.model = name("a model");
  const Span opened = here();
  expect("(");
  result.arguments = arguments();
  expect_next_or_closing(")", opened);
  skip_newlines();
  result.settings = settings();
  return result;
}

// settings = "{" { setting ( "," | NEWLINE ) } "}"
std::vector<ast::Setting> Parser::settings() {
  std::vector<ast::Setting> result;
  const Span opened = here();
  if (!open_brace()) return result;
  skip_newlines();
  while (!is("}") && peek().kind != Token::Kind::end) {
    result.push_back(setting());
    if (failed_ || !accept(",")) end_of_statement();
    skip_newlines();
  }
  expect_closing("}", opened);
  return result;
}

// setting = key { "," key } { TEXT [ "," ] } ( "=" expression | settings );  key = NAME | "optimizer" | "batch"
ast::Setting Parser::setting() {
  const std::uint32_t begin = peek().begin;
  ast::Setting result;
  do {
    if (is("optimizer") || is("batch")) {
      result.keys.push_back({std::string(peek().text), here()});
      ++at_;
    } else {
      result.keys.push_back(name("a setting"));
    }
  } while (!failed_ && accept(","));
  while (peek().kind == Token::Kind::text) {
    result.patterns.push_back({std::string(peek().text), here()});
    ++at_;
    accept(",");
  }
  if (is("{") && open_blocks_ < deepest_blocks) {
    ++open_blocks_;
    result.block = settings();
    --open_blocks_;
  } else if (!failed_ && !is("=") && (result.keys[0].text == "data" || result.keys[0].text == "test")) {
    expected("'{' after " + quoted(result.keys[0].text));
  } else {
    expect("=");
    result.value = expression();
  }
  result.at = since(begin);
  return result;
}

}  // namespace descent::frontend
