// Reads one kernel of a Loop program's text.
#include "ir/loop_parse_kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ir/text_literal.h"

namespace descent::loop {
namespace {

// The '#' lines that end right above `offset`, without the '#' and one blank.
std::string comment_above(const std::string& text, std::size_t offset) {
  std::vector<std::string> lines;
  std::size_t end = text.rfind('\n', offset);
  while (end != std::string::npos && end != 0) {
    const std::size_t before = text.rfind('\n', end - 1);
    const std::size_t begin = before == std::string::npos ? 0 : before + 1;
    if (text[begin] != '#') break;
    const std::size_t skip = begin + 1 < end && text[begin + 1] == ' ' ? 2 : 1;
    lines.push_back(text.substr(begin + skip, end - begin - skip));
    end = before;
  }
  std::reverse(lines.begin(), lines.end());
  return fmt::format("{}", fmt::join(lines, "\n"));
}

// affine and bound, which differ in the one term 'batch':
//   affine = '-'? term (('+' | '-') term)*       term = integer ('*' name)? | name | batch
//   batch  = 'batch' ('//' integer '*' integer)?
class AffineParser {
 public:
  AffineParser(TokenStream& stream, const OpenVariables& variables, bool with_batch)
      : stream_(stream), variables_(variables), with_batch_(with_batch) {}

  Bound run(Affine start = {}) {
    bound_.form = std::move(start);
    term(stream_.accept("-") ? -1 : 1);
    return rest();
  }
  // What follows a first term that somebody else has read.
  Bound rest() {
    while (stream_.at("+") || stream_.at("-")) term(stream_.next().is("-") ? -1 : 1);
    return std::move(bound_);
  }

 private:
  void term(std::int64_t sign) {
    if (stream_.peek().kind == Token::Kind::number) {
      const std::int64_t number = sign * stream_.expect_integer("a number", 0, index_limit);
      bound_.form = bound_.form + (stream_.accept("*") ? Affine::axis(variable(), number) : Affine::of(number));
    } else if (with_batch_ && sign > 0 && bound_.multiple == 0 && stream_.accept("batch")) {
      bound_.multiple = multiple();
    } else {
      bound_.form = bound_.form + Affine::axis(variable(), sign);
    }
  }

  VariableId variable() {
    const Token token = stream_.peek();
    const std::string name = stream_.expect_name("a number or a variable");
    if (stream_.failed()) return 0;
    std::vector<std::string> names;
    for (auto open = variables_.rbegin(); open != variables_.rend(); ++open) {
      if (open->first == name) return open->second;
      names.push_back(open->first);
    }
    const Span at = stream_.span_of(token);
    stream_.fail(at, "unknown-variable", fmt::format("there is no variable '{}' here", name), suggestion(name, names));
    return 0;
  }

  std::int64_t multiple() {
    if (!stream_.accept("/")) return 1;
    stream_.expect("/", "after 'batch'");
    const std::int64_t multiple = stream_.expect_integer("a multiple", 1, index_limit);
    stream_.expect("*", "after the multiple");
    stream_.expect_integer(fmt::format("the same multiple again, {}", multiple), multiple, multiple);
    return multiple;
  }

  TokenStream& stream_;
  const OpenVariables& variables_;
  bool with_batch_;
  Bound bound_;
};

class KernelParser {
 public:
  explicit KernelParser(TokenStream& stream) : stream_(stream) {}

  // kernel = 'kernel' name '(' (parameter (',' parameter)*)? ')' block
  Kernel run() && {
    const Token first = stream_.next();
    kernel_.comment = comment_above(stream_.source()->text, first.begin);
    kernel_.name = stream_.expect_name("the kernel's name");
    stream_.expect("(", "after the kernel's name");
    while (!stream_.at_end() && !stream_.at(")")) {
      if (!kernel_.arrays.empty() || !kernel_.variables.empty()) stream_.expect(",", "between parameters");
      parameter();
    }
    stream_.expect(")", "after the parameters");
    kernel_.origin = stream_.span_from(first);
    kernel_.body = block();
    return std::move(kernel_);
  }

 private:
  // parameter = ('read' | 'write' | 'update') name ':' type panel? | 'index' name
  void parameter() {
    if (stream_.accept("index")) {
      open_variable(stream_.expect_name("the index's name"));
      ++kernel_.indices;
      return;
    }
    Array::Role role = Array::Role::read;
    if (stream_.accept("write")) {
      role = Array::Role::write;
    } else if (stream_.accept("update")) {
      role = Array::Role::update;
    } else {
      stream_.expect("read", "or 'write', 'update' or 'index'");
    }
    if (kernel_.indices > 0) stream_.fail_here("syntax-error", "expected arrays before indices");
    array(role);
    ++kernel_.parameters;
  }

  // Reads `name ':' type panel?`.
  ArrayId array(Array::Role role) {
    const Token token = stream_.peek();
    std::string name = stream_.expect_name("the array's name");
    stream_.expect(":", "after the array's name");
    ElementType type = parse_array_type(stream_);
    const std::int64_t panel = parse_panel(stream_);
    const ArrayId id = static_cast<ArrayId>(kernel_.arrays.size());
    if (!arrays_.emplace(name, id).second && !stream_.failed()) {
      stream_.fail(token, "duplicate-name", fmt::format("there is an array '{}' already", name));
    }
    kernel_.arrays.push_back({role, std::move(name), type.dtype, std::move(type.shape), panel});
    return id;
  }

  VariableId open_variable(std::string name) {
    const VariableId id = static_cast<VariableId>(kernel_.variables.size());
    variables_.emplace_back(name, id);
    kernel_.variables.push_back(std::move(name));
    return id;
  }

  // block = '{' statement* '}'
  Block block() {
    const TokenStream::Nesting nesting(stream_);
    const std::size_t outer_variables = variables_.size();
    const std::size_t outer_temps = hidden_.size();
    Block* outer = block_;
    Block block;
    block_ = &block;
    stream_.expect("{");
    while (!stream_.at_end() && !stream_.at("}")) statement();
    stream_.expect("}", "at the end of the block");
    block_ = outer;
    for (; hidden_.size() > outer_temps; hidden_.pop_back()) temps_[hidden_.back().first] = hidden_.back().second;
    variables_.resize(outer_variables);
    return block;
  }

  // statement = 'let' name '=' expression | 'local' name ':' type | 'if' expression block | loop | store
  void statement() {
    if (stream_.peek(1).is("[")) return store();
    if (stream_.accept("let")) return let();
    if (stream_.accept("local")) {
      const ArrayId id = array(Array::Role::local);
      return block_->push_back({Declare{id}});
    }
    if (stream_.accept("if")) {
      const TempId condition = expression();
      Block then = block();
      return block_->push_back({If{condition, std::move(then)}});
    }
    for (LoopKind kind : {LoopKind::serial, LoopKind::parallel, LoopKind::vector, LoopKind::unrolled}) {
      if (stream_.accept(name_of(kind))) return loop(kind);
    }
    static const std::vector<std::string> words = {"let", "local", "if", "serial", "parallel", "vector", "unrolled"};
    const Token found = stream_.peek();
    stream_.fail(found, "syntax-error", fmt::format("expected a statement, found {}", describe(found)),
                 suggestion(found.text, words));
  }

  void let() {
    const std::string name = stream_.expect_name("a name");
    stream_.expect("=", "after the name");
    const TempId value = expression();
    TempId& bound = temps_.emplace(name, no_temp).first->second;
    hidden_.emplace_back(name, bound);
    bound = value;
  }

  // store = name '[' subscripts ']' '=' expression
  void store() {
    const Token first = stream_.peek();
    Store store;
    store.array = array_id();
    stream_.expect("[");
    store.at = subscripts(store.array);
    stream_.expect("]", "after the subscripts");
    stream_.expect("=", "after the place");
    store.value = expression();
    if (stream_.failed()) return;
    const Array& array = kernel_.arrays[static_cast<std::size_t>(store.array)];
    if (type(store.value) != array.dtype) {
      stream_.fail(stream_.span_from(first), "wrong-type",
                   fmt::format("'{}' holds {}, but the value is {}", array.name, name_of(array.dtype),
                               name_of(type(store.value))));
    }
    block_->push_back({std::move(store)});
  }

  // loop = kind name 'in' bound '..<' (bound | 'min' '(' bound (',' bound)* ')') ('step' integer)? block
  void loop(LoopKind kind) {
    For loop;
    loop.kind = kind;
    std::string name = stream_.expect_name("the loop's variable");
    stream_.expect("in", "after the variable");
    loop.begin = bound();
    stream_.expect("..<", "after the beginning");
    if (stream_.at("min") && stream_.peek(1).is("(")) {
      stream_.next();
      stream_.next();
      loop.end.push_back(bound());
      while (stream_.accept(",")) loop.end.push_back(bound());
      stream_.expect(")", "after the bounds");
    } else {
      loop.end.push_back(bound());
    }
    if (stream_.accept("step")) loop.step = stream_.expect_integer("a step", 1, index_limit);
    loop.variable = open_variable(std::move(name));
    loop.body = block();
    variables_.pop_back();
    block_->push_back({std::move(loop)});
  }

  Bound bound() { return AffineParser(stream_, variables_, true).run(); }

  ArrayId array_id() {
    const Token token = stream_.peek();
    const std::string name = stream_.expect_name("an array");
    const auto found = arrays_.find(name);
    if (found != arrays_.end()) return found->second;
    std::vector<std::string> names;
    for (const auto& [known, id] : arrays_) names.push_back(known);
    const Span at = stream_.span_of(token);
    stream_.fail(at, "unknown-array", fmt::format("there is no array '{}' here", name), suggestion(name, names));
    return 0;
  }

  // subscripts = (subscript (',' subscript)*)?, as many as the array has axes
  std::vector<Subscript> subscripts(ArrayId id) {
    std::vector<Subscript> result;
    if (stream_.failed()) return result;
    const Array array = kernel_.arrays[static_cast<std::size_t>(id)];
    for (std::size_t axis = 0; axis < array.shape.size() && !stream_.failed(); ++axis) {
      if (axis > 0)
        stream_.expect(",", fmt::format("before axis {} of {}{}", axis, array.name, to_string(array.shape)));
      result.push_back(subscript());
    }
    return result;
  }

  // subscript = affine | '@' primary (('+' | '-') affine)?
  Subscript subscript() {
    Subscript result;
    if (stream_.accept("@")) {
      const Token first = stream_.peek();
      result.through = primary();
      if (!stream_.failed() && type(result.through) != DType::i32) {
        stream_.fail(stream_.span_from(first), "wrong-type",
                     fmt::format("expected an i32 after '@', found {}", name_of(type(result.through))));
      }
      result.offset = AffineParser(stream_, variables_, false).rest().form;
    } else {
      result.offset = parse_affine(stream_, variables_);
    }
    return result;
  }

  // -- expressions -----------------------------------------------------------------------------------------------

  DType type(TempId temp) const { return temp == no_temp ? DType::f32 : kernel_.temps[static_cast<std::size_t>(temp)]; }

  TempId emit(DType type, decltype(Let::value) value) {
    if (stream_.failed()) return no_temp;
    kernel_.temps.push_back(type);
    const TempId temp = static_cast<TempId>(kernel_.temps.size()) - 1;
    block_->push_back({Let{temp, std::move(value)}});
    return temp;
  }

  // expression = primary (infix expression)*, by the precedences of the op table, signs of one rank from the left
  TempId expression(int least = 0) {
    const Token first = stream_.peek();
    TempId left = primary();
    while (stream_.peek().kind == Token::Kind::sign) {
      const OpRow* row = find_infix(stream_.peek().text);
      if (row == nullptr || row->precedence < least) break;
      stream_.next();
      const TempId right = expression(row->precedence + 1);
      left = operation(*row, {left, right}, first);
    }
    return left;
  }

  TempId operation(const OpRow& row, std::vector<TempId> operands, const Token& first) {
    if (stream_.failed()) return no_temp;
    std::vector<DType> types;
    std::vector<std::string_view> names;
    for (TempId operand : operands) {
      types.push_back(type(operand));
      names.push_back(name_of(types.back()));
    }
    const bool counted = static_cast<int>(operands.size()) == row.arity;
    const std::optional<DType> result = counted ? result_type(row.op, types) : std::nullopt;
    if (!result) {
      const Span at = stream_.span_from(first);
      if (counted) {
        stream_.fail(at, "wrong-type", fmt::format("'{}' does not take ({})", row.name, fmt::join(names, ", ")));
      } else {
        stream_.fail(at, "argument-count",
                     fmt::format("'{}' expects {} operands, found {}", row.name, row.arity, operands.size()));
      }
      return no_temp;
    }
    return emit(*result, Operation{row.op, std::move(operands)});
  }

  // primary = literal | 'batch' | 'index' '(' affine ')' | op '(' expressions ')' | load | name | '(' expression ')'
  TempId primary() {
    const TokenStream::Nesting nesting(stream_);
    const Token first = stream_.peek();
    if (at_literal(stream_)) {
      const TypedLiteral literal = parse_literal(stream_);
      return emit(literal.type, Literal{literal.value});
    }
    if (stream_.accept("(")) {
      const TempId inner = expression();
      stream_.expect(")", "after the expression");
      return inner;
    }
    if (stream_.peek(1).is("[")) return load();
    if (stream_.accept("batch")) return emit(DType::i32, BatchValue{});
    const std::string name = stream_.expect_name("an expression");
    if (!stream_.accept("(")) return temp(first, name);
    if (name != "index") return call(first, name);
    Affine form = parse_affine(stream_, variables_);
    stream_.expect(")", "after the index");
    return emit(DType::i32, IndexValue{std::move(form)});
  }

  TempId temp(const Token& token, const std::string& name) {
    const auto found = temps_.find(name);
    if (found != temps_.end() && found->second != no_temp) return found->second;
    std::vector<std::string> names;
    for (const auto& [known, id] : temps_) {
      if (id != no_temp) names.push_back(known);
    }
    const Span at = stream_.span_of(token);
    stream_.fail(at, "unknown-value", fmt::format("there is no value '{}' here", name), suggestion(name, names));
    return no_temp;
  }

  TempId call(const Token& token, const std::string& name) {
    const OpRow* row = find_op(name);
    if (row == nullptr) {
      std::vector<std::string> names;
      for (const OpRow& known : op_table()) names.emplace_back(known.name);
      const Span at = stream_.span_of(token);
      stream_.fail(at, "unknown-operation", fmt::format("there is no operation '{}'", name), suggestion(name, names));
      return no_temp;
    }
    std::vector<TempId> operands;
    while (!stream_.at_end() && !stream_.at(")")) {
      if (!operands.empty()) stream_.expect(",", "between operands");
      operands.push_back(expression());
    }
    stream_.expect(")", "after the operands");
    return operation(*row, std::move(operands), token);
  }

  // load = name '[' subscripts ('when' expression 'else' literal)? ']'
  TempId load() {
    Load load;
    load.array = array_id();
    stream_.expect("[");
    load.at = subscripts(load.array);
    if (stream_.failed()) return no_temp;
    const DType dtype = kernel_.arrays[static_cast<std::size_t>(load.array)].dtype;
    if (stream_.accept("when")) {
      load.guard = expression();
      stream_.expect("else", "after the guard");
      const Token token = stream_.peek();
      const TypedLiteral literal = parse_literal(stream_);
      load.otherwise = literal.value;
      if (!stream_.failed() && literal.type != dtype) {
        stream_.fail(token, "wrong-type",
                     fmt::format("expected a literal of {}, found {}", name_of(dtype), name_of(literal.type)));
      }
    }
    stream_.expect("]", "after the subscripts");
    return emit(dtype, std::move(load));
  }

  TokenStream& stream_;
  Kernel kernel_;
  Block* block_ = nullptr;
  OpenVariables variables_;
  std::map<std::string, ArrayId> arrays_;
  std::map<std::string, TempId> temps_;                 // no_temp: out of scope
  std::vector<std::pair<std::string, TempId>> hidden_;  // what the names of the open blocks meant before
};

}  // namespace

Kernel parse_kernel(TokenStream& stream) { return KernelParser(stream).run(); }

// type = dtype '[' (extent (',' extent)*)? ']'
ElementType parse_array_type(TokenStream& stream) {
  ElementType type;
  const Token token = stream.peek();
  const std::optional<DType> dtype = dtype_named(stream.expect_name("an element type"));
  if (stream.failed()) return type;
  if (!dtype) {
    stream.fail(token, "unknown-type", fmt::format("expected an element type such as f32, found '{}'", token.text));
    return type;
  }
  type.dtype = *dtype;
  stream.expect("[", "after the element type");
  while (!stream.at_end() && !stream.at("]")) {
    if (!type.shape.empty()) stream.expect(",", "between extents");
    type.shape.push_back(parse_extent(stream));
  }
  stream.expect("]", "after the extents");
  return type;
}

// panel = 'panel' integer
std::int64_t parse_panel(TokenStream& stream) {
  return stream.accept("panel") ? stream.expect_integer("the elements of a panel", 2, index_limit) : 0;
}

Affine parse_affine(TokenStream& stream, const OpenVariables& variables) {
  return AffineParser(stream, variables, false).run().form;
}

}  // namespace descent::loop
