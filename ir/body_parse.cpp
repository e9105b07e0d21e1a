// The parser of what stands inside a sweep.
#include "ir/body_parse.h"

#include <fmt/format.h>

#include "ir/text_literal.h"

namespace descent {
namespace {

constexpr std::int64_t largest_integer = std::int64_t{1} << 40;
constexpr std::size_t index_limit = 64;
constexpr int operation_limit = 1 << 14;

template <class Map>
std::vector<std::string> keys_of(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& entry : map) keys.push_back(entry.first);
  return keys;
}

const OpRow* infix_at(const TokenStream& stream, int precedence) {
  if (stream.peek().kind != Token::Kind::sign) return nullptr;
  const OpRow* op = find_infix(stream.peek().text);
  return op != nullptr && op->precedence == precedence ? op : nullptr;
}

}  // namespace

// form = '-'? term (('+' | '-') term)*
Affine BodyParser::parse_form() {
  const Token first = stream_.peek();
  const Index index = parse_index();
  if (index.through != no_scalar && !stream_.failed())
    stream_.fail(stream_.span_from(first), "syntax-error", "expected an affine form of the axes, found a read");
  return index.offset;
}

// index = '-'? term (('+' | '-') term)*
Index BodyParser::parse_index() {
  Index index;
  std::int64_t sign = stream_.accept("-") ? -1 : 1;
  do {
    parse_term(index, sign);
    sign = stream_.at("-") ? -1 : 1;
  } while (stream_.accept("+") || stream_.accept("-"));
  return index;
}

// term = integer ('*' axis)? | axis | read
void BodyParser::parse_term(Index& index, std::int64_t sign) {
  const Token token = stream_.peek();
  if (token.kind == Token::Kind::number) {
    const std::int64_t factor = sign * stream_.expect_integer("an integer", 0, largest_integer);
    index.offset = index.offset + (stream_.accept("*") ? Affine::axis(parse_axis(), factor) : Affine::of(factor));
  } else if (token.kind == Token::Kind::value) {
    const ScalarId read = parse_read();
    if (stream_.failed()) return;
    if (index.through != no_scalar || sign < 0)
      stream_.fail(token, "syntax-error", "an index goes through one integer read at most, and adds it");
    else if (builder_.type(read) != DType::i32)
      stream_.fail(token, "wrong-type",
                   fmt::format("expected an index to go through i32, found {}", name_of(builder_.type(read))));
    index.through = read;
  } else {
    index.offset = index.offset + Affine::axis(parse_axis(), sign);
  }
}

AxisId BodyParser::parse_axis() {
  const Token token = stream_.peek();
  if (token.kind != Token::Kind::word) {
    stream_.fail_expected("an axis, an integer or a read");
    return 0;
  }
  stream_.next();
  const auto found = axes_.find(std::string(token.text));
  if (found != axes_.end()) return found->second;
  stream_.fail(token, "unknown-axis", fmt::format("no axis '{}' here", token.text),
               suggestion(token.text, keys_of(axes_)));
  return 0;
}

// indices = (index (',' index)*)?
std::vector<Index> BodyParser::parse_indices() {
  std::vector<Index> indices;
  while (!stream_.at_end() && !stream_.at("]") && !stream_.at("else")) {
    if (!indices.empty()) stream_.expect(",", "between indices");
    if (indices.size() == index_limit)
      stream_.fail_here("too-many-axes", fmt::format("expected at most {} indices", index_limit));
    indices.push_back(parse_index());
  }
  return indices;
}

// body = '{' (name '=' expression ';')* expression '}'
Body BodyParser::parse_body(std::vector<Index>& landing) {
  stream_.expect("{", "before the sweep's expression");
  while (stream_.peek().kind == Token::Kind::word && stream_.peek(1).is("=")) {
    const Token name = stream_.next();
    stream_.expect("=");
    const ScalarId scalar = parse_expression();
    if (!locals_.emplace(std::string(name.text), scalar).second)
      stream_.fail(name, "duplicate-name", fmt::format("'{}' is named twice", name.text));
    stream_.expect(";", "after a named scalar");
  }
  const ScalarId root = parse_expression();
  stream_.expect("}", "after the sweep's expression");

  std::vector<ScalarId> keep;
  for (const Index& index : landing)
    if (index.through != no_scalar) keep.push_back(index.through);
  Body body = builder_.finish(root, keep);
  auto kept = keep.begin();
  for (Index& index : landing)
    if (index.through != no_scalar) index.through = *kept++;
  return body;
}

// expression = sum (comparison sum)?
ScalarId BodyParser::parse_expression() {
  const TokenStream::Nesting nesting(stream_);
  const ScalarId left = parse_sum();
  const OpRow* op = infix_at(stream_, 1);
  if (op == nullptr) return left;
  const Token sign = stream_.next();
  const ScalarId right = parse_sum();
  const ScalarId result = apply(sign, op->op, sign.text, {left, right});
  if (infix_at(stream_, 1) != nullptr)
    stream_.fail_here("syntax-error", "comparisons and logic beside each other need brackets");
  return result;
}

// sum = product (('+' | '-' | '|' | '^') product)*
ScalarId BodyParser::parse_sum() { return parse_chain(2, &BodyParser::parse_product); }

// product = primary (('*' | '/' | '&' | '<<' | '>>') primary)*
ScalarId BodyParser::parse_product() { return parse_chain(3, &BodyParser::parse_primary); }

ScalarId BodyParser::parse_chain(int precedence, ScalarId (BodyParser::*operand)()) {
  ScalarId left = (this->*operand)();
  while (const OpRow* op = infix_at(stream_, precedence)) {
    const Token sign = stream_.next();
    left = apply(sign, op->op, sign.text, {left, (this->*operand)()});
  }
  return left;
}

// primary = literal | '-' primary | '(' expression ')' | read | call | name
ScalarId BodyParser::parse_primary() {
  const Token token = stream_.peek();
  if (at_literal(stream_)) {
    const TypedLiteral literal = parse_literal(stream_);
    return builder_.literal(literal.value, literal.type);
  }
  if (token.is("-")) return parse_negation();
  if (token.kind == Token::Kind::value) return parse_read();
  if (token.kind == Token::Kind::word) return stream_.peek(1).is("(") ? parse_call() : parse_name();
  if (!stream_.accept("(")) {
    stream_.fail_expected("a scalar");
    return nothing();
  }
  const ScalarId inner = parse_expression();
  stream_.expect(")");
  return inner;
}

ScalarId BodyParser::parse_negation() {
  const TokenStream::Nesting nesting(stream_);
  const Token sign = stream_.next();
  const ScalarId operand = parse_primary();
  return apply(sign, Op::neg, "-", {operand});
}

// call = 'index' '(' form ')' | 'extent' '(' axis ')' | op '(' expression (',' expression)* ')'
ScalarId BodyParser::parse_call() {
  const Token name = stream_.next();
  stream_.expect("(");
  if (name.is("index") || name.is("extent")) {
    const ScalarId result = name.is("index") ? builder_.axis(parse_form()) : builder_.extent(parse_axis());
    stream_.expect(")");
    return result;
  }
  const OpRow* op = find_op(name.text);
  if (op == nullptr) {
    std::vector<std::string> names = {"index", "extent"};
    for (const OpRow& row : op_table()) names.emplace_back(row.name);
    stream_.fail(name, "unknown-operation", fmt::format("no operation '{}'", name.text), suggestion(name.text, names));
    return nothing();
  }
  std::vector<ScalarId> operands;
  do operands.push_back(parse_expression());
  while (stream_.accept(","));
  stream_.expect(")");
  return apply(name, op->op, op->name, std::move(operands));
}

ScalarId BodyParser::parse_name() {
  const Token name = stream_.next();
  const auto found = locals_.find(std::string(name.text));
  if (found != locals_.end()) return found->second;
  const bool is_axis = axes_.count(std::string(name.text)) > 0;
  std::vector<Note> notes = suggestion(name.text, keys_of(locals_));
  if (is_axis) notes = {{stream_.span_of(name), fmt::format("write index({}) for the axis as an i32", name.text)}};
  stream_.fail(name, "unknown-name", fmt::format("no scalar '{}' here", name.text), std::move(notes));
  return nothing();
}

// read = value ('[' indices ('else' literal)? ']')?
ScalarId BodyParser::parse_read() {
  const TokenStream::Nesting nesting(stream_);
  Read read;
  const Tensor tensor = find_();
  read.tensor = tensor.id;
  if (stream_.accept("[")) {
    read.at = parse_indices();
    if (stream_.accept("else")) {
      const Token token = stream_.peek();
      const TypedLiteral literal = parse_literal(stream_);
      if (!stream_.failed() && literal.type != tensor.dtype)
        stream_.fail(token, "wrong-type",
                     fmt::format("expected the value after 'else' to be {}, found {}", name_of(tensor.dtype),
                                 name_of(literal.type)));
      read.otherwise = literal.value;
    }
    stream_.expect("]", "after the indices");
  }
  return builder_.read(std::move(read), tensor.dtype);
}

ScalarId BodyParser::apply(const Token& at, Op op, std::string_view sign, std::vector<ScalarId> operands) {
  if (stream_.failed()) return nothing();
  if (++applied_ > operation_limit)
    stream_.fail(at, "body-too-large", fmt::format("expected at most {} operations in a sweep", operation_limit));
  const auto arity = static_cast<std::size_t>(row(op).arity);
  if (operands.size() != arity) {
    stream_.fail(at, "argument-count", fmt::format("'{}' expects {} operands, found {}", sign, arity, operands.size()));
    return nothing();
  }
  std::vector<DType> types;
  for (const ScalarId operand : operands) types.push_back(builder_.type(operand));
  if (result_type(op, types)) return builder_.apply(op, std::move(operands));
  std::string list;
  for (const DType type : types) list += (list.empty() ? "" : ", ") + std::string(name_of(type));
  stream_.fail(at, "wrong-type", fmt::format("'{}' does not take ({})", sign, list));
  return nothing();
}

}  // namespace descent
