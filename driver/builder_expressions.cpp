// Operators and functions of descent/builder.h → the syntax tree that the parser makes of the same text.
#include <algorithm>
#include <cmath>

#include "driver/builder_parts.h"
#include "fmt/format.h"
#include "frontend/lexer.h"
#include "frontend/parser.h"

namespace descent::builder {

namespace ast = frontend::ast;

namespace {

// A part that occurs twice is printed twice: doubling again and again would fill the memory.
constexpr std::int64_t largest_expression = 100'000;

MistakeRef mistake(DiagnosticId id, std::string message, std::string shown = {}) {
  return std::make_shared<const Mistake>(Mistake{id, std::move(message), std::move(shown)});
}

ast::Identifier identifier(std::string_view name) { return {std::string(name), {}}; }

MistakeRef first_of(MistakeRef a, MistakeRef b) { return a ? std::move(a) : std::move(b); }

Expression binary(std::string_view sign, const Expression& a, const Expression& b) {
  return make(ast::Binary{std::string(sign), {}, tree_of(a), tree_of(b)}, {a, b});
}

Expression negative(const Expression& operand) { return make(ast::Unary{"-", tree_of(operand)}, {operand}); }

// With the fewest digits that read back as the same number, and a point or an exponent.
Expression floating(double number) {
  std::string digits = fmt::format("{}", number);
  std::erase(digits, '+');
  if (digits.find_first_of(".e") == std::string::npos) digits += ".0";
  return make(ast::Number{digits}, {});
}

Expression number_of(double number) {
  if (std::isnan(number)) return make(ast::Number{"0"}, {}, mistake("not-a-number", "expected a number, found NaN"));
  if (std::signbit(number)) return negative(number_of(-number));
  return std::isinf(number) ? make(ast::Name{"inf"}, {}) : floating(number);
}

}  // namespace

std::optional<ast::IndexBinder> binder_of(const Expression& expression) {
  const ast::Expression& tree = *tree_of(expression);
  if (std::holds_alternative<ast::Ellipsis>(tree.node)) return ast::IndexBinder{identifier("..."), nullptr};
  const auto* binary = std::get_if<ast::Binary>(&tree.node);
  const bool bounded = binary && binary->sign == "<";
  const auto* name = std::get_if<ast::Name>(bounded ? &binary->left->node : &tree.node);
  if (!name) return std::nullopt;
  return ast::IndexBinder{identifier(name->text), bounded ? binary->right : nullptr};
}

MistakeRef check_name(std::string_view name) {
  const auto fits = [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
           letter == '_';
  };
  const bool well_formed =
      !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::all_of(name.begin(), name.end(), fits);
  if (well_formed && !frontend::is_reserved(name)) return nullptr;
  const std::string_view why = well_formed ? "a word of the language" : "letters, digits and '_' make one";
  return mistake("not-a-name", fmt::format("expected a name, found '{}'; {}", name, why), std::string(name));
}

MistakeRef check_path(std::string_view path) {
  while (true) {
    const std::size_t end = path.find('.');
    if (MistakeRef wrong = check_name(path.substr(0, end))) return wrong;
    if (end == std::string_view::npos) return nullptr;
    path.remove_prefix(end + 1);
  }
}

MistakeRef mistake_in(const std::vector<Expression>& expressions) {
  for (const Expression& expression : expressions) {
    if (expression.parts().mistake) return expression.parts().mistake;
  }
  return nullptr;
}

Expression make(decltype(ast::Expression::node) node, const std::vector<Expression>& operands, MistakeRef wrong) {
  wrong = first_of(mistake_in(operands), std::move(wrong));
  int depth = 1;
  std::int64_t size = 1;
  for (const Expression& operand : operands) {
    depth = std::max(depth, tree_of(operand)->depth + 1);
    size += operand.parts().size;
  }
  if (!wrong && depth > frontend::deepest_nesting) {
    wrong = mistake("nested-too-deeply", fmt::format("expected at most {} levels in one expression; name a part of it",
                                                     frontend::deepest_nesting));
  }
  if (!wrong && size > largest_expression) {
    wrong = mistake("model-too-large",
                    fmt::format("expected at most {} parts in one expression; name one of them", largest_expression));
  }
  if (wrong) {
    node = ast::Number{"0"};
    depth = 1;
    size = 1;
  }
  auto tree = std::make_shared<const ast::Expression>(ast::Expression{std::move(node), {}, depth});
  return Expression(std::make_shared<const Expression::Parts>(Expression::Parts{tree, size, std::move(wrong)}));
}

// -- what stands by itself -------------------------------------------------------------------------------------------

Expression Expression::of_integer(std::int64_t number) {
  if (number >= 0) return make(ast::Number{std::to_string(number)}, {});
  return negative(make(ast::Number{std::to_string(-static_cast<std::uint64_t>(number))}, {}));
}
Expression Expression::of_flag(bool flag) { return make(ast::Name{flag ? "true" : "false"}, {}); }
Expression::Expression(double number) : Expression(number_of(number)) {}
Expression::Expression(BatchExtent) : Expression(make(ast::Name{"batch"}, {})) {}
Expression::Expression(LeadingAxes) : Expression(make(ast::Ellipsis{}, {})) {}

Expression text(std::string_view value) {
  const bool plain = value.find_first_of("\"\n\r") == std::string_view::npos;
  return make(ast::Text{std::string(value)}, {},
              plain ? nullptr : mistake("not-a-text", "expected a text without quotes and line ends"));
}

// -- index notation --------------------------------------------------------------------------------------------------

Index::Index(std::string_view name) : Expression(make(ast::Name{std::string(name)}, {}, check_name(name))) {}

Bounded::Bounded(const Index& index, const Expression& extent) : Expression(binary("<", index, extent)) {}

Expression Element::otherwise(const Expression& outside) const {
  const auto* element = std::get_if<ast::Subscript>(&tree_of(*this)->node);
  ast::Subscript subscript = element ? *element : ast::Subscript{};
  subscript.otherwise = tree_of(outside);
  return make(std::move(subscript), {*this, outside});
}

void Element::operator=(const Expression& value) const {
  const Origin at = origin_of(at_);
  const auto* left = std::get_if<ast::Subscript>(&tree_of(*this)->node);
  const MistakeRef wrong = first_of(parts().mistake, value.parts().mistake);
  if (model_->accept(wrong, at, left ? left->base.text : "") && left) model_->define(*left, value, at);
}

Value::Value(std::string name, bool next, std::shared_ptr<BuilderParts> model)
    : Expression(make(ast::Name{name, next}, {}, check_path(name))),
      name_(std::move(name)),
      next_(next),
      model_(std::move(model)) {}

Element Value::operator()(Subscript a, Subscript b, Subscript c, Subscript d, Subscript e, Subscript f, Subscript g,
                          Subscript h, std::source_location at) const {
  ast::Subscript subscript{identifier(name_), next_, {}, nullptr};
  std::vector<Expression> operands;
  for (const Subscript& one : {a, b, c, d, e, f, g, h}) {
    if (one.at()) operands.push_back(*one.at());
  }
  for (const Expression& operand : operands) subscript.at.push_back(tree_of(operand));
  return Element(make(std::move(subscript), operands, parts().mistake), model_, at);
}

Value Value::path(std::string_view rest) const { return Value(name_ + "." + std::string(rest), false, model_); }

Value next(const Value& carried) { return Value(carried.name_, true, carried.model_); }

// -- types -----------------------------------------------------------------------------------------------------------

Type Type::in(const Expression& low, const Expression& end) const {
  Type limited = *this;
  limited.range = {low, end};
  return limited;
}

Expression ElementType::operator()(const Expression& value) const { return call(name_, value); }

std::vector<Expression> expressions_of(const Type& type) {
  std::vector<Expression> all = type.extents;
  all.insert(all.end(), type.range.begin(), type.range.end());
  return all;
}

ast::Type tree_of(const Type& type) {
  ast::Type tree;
  tree.element = identifier(type.element);
  tree.has_extents = type.has_extents;
  for (const Expression& extent : type.extents) tree.extents.push_back(tree_of(extent));
  if (type.range.size() == 2) {
    tree.low = tree_of(type.range[0]);
    tree.high = tree_of(type.range[1]);
  }
  return tree;
}

// -- operators and functions -----------------------------------------------------------------------------------------

Expression operator+(const Expression& a, const Expression& b) { return binary("+", a, b); }
Expression operator-(const Expression& a, const Expression& b) { return binary("-", a, b); }
Expression operator*(const Expression& a, const Expression& b) { return binary("*", a, b); }
Expression operator/(const Expression& a, const Expression& b) { return binary("/", a, b); }
Expression operator-(const Expression& a) { return negative(a); }
Expression operator<(const Expression& a, const Expression& b) { return binary("<", a, b); }
Expression operator<=(const Expression& a, const Expression& b) { return binary("<=", a, b); }
Expression operator>(const Expression& a, const Expression& b) { return binary(">", a, b); }
Expression operator>=(const Expression& a, const Expression& b) { return binary(">=", a, b); }
Expression operator==(const Expression& a, const Expression& b) { return binary("==", a, b); }
Expression operator!=(const Expression& a, const Expression& b) { return binary("!=", a, b); }
Expression operator&&(const Expression& a, const Expression& b) { return binary("and", a, b); }
Expression operator||(const Expression& a, const Expression& b) { return binary("or", a, b); }
Expression operator!(const Expression& a) { return make(ast::Unary{"not", tree_of(a)}, {a}); }
Expression floor_divide(const Expression& a, const Expression& b) { return binary("//", a, b); }
Expression power(const Expression& a, std::int64_t exponent) { return binary("^", a, exponent); }
Expression pow(const Expression& a, const Expression& exponent) { return call("pow", a, exponent); }

Expression select(const Expression& condition, const Expression& then, const Expression& otherwise) {
  return make(ast::Conditional{tree_of(condition), tree_of(then), tree_of(otherwise)}, {condition, then, otherwise});
}

Expression abs(const Expression& a) { return call("abs", a); }
Expression sqrt(const Expression& a) { return call("sqrt", a); }
Expression exp(const Expression& a) { return call("exp", a); }
Expression expm1(const Expression& a) { return call("expm1", a); }
Expression log(const Expression& a) { return call("log", a); }
Expression log1p(const Expression& a) { return call("log1p", a); }
Expression sin(const Expression& a) { return call("sin", a); }
Expression cos(const Expression& a) { return call("cos", a); }
Expression tanh(const Expression& a) { return call("tanh", a); }
Expression sigmoid(const Expression& a) { return call("sigmoid", a); }
Expression erf(const Expression& a) { return call("erf", a); }
Expression floor(const Expression& a) { return call("floor", a); }
Expression round(const Expression& a) { return call("round", a); }
Expression max(const Expression& a, const Expression& b) { return call("max", a, b); }
Expression min(const Expression& a, const Expression& b) { return call("min", a, b); }
Expression stop_gradient(const Expression& a) { return call("stop_gradient", a); }
Expression grad(const Expression& of, const Expression& by) { return call("grad", of, by); }
Expression over_epoch(const Expression& a) { return call("over_epoch", a); }
Expression over_parameters(const Expression& a) { return call("over_parameters", a); }
Expression plateaus(const Expression& patience, const Expression& threshold, const Expression& delta,
                    const Expression& cooldown) {
  return call("plateaus", patience, threshold, delta, cooldown);
}

Expression reduce(std::string_view combiner, const Over& over, const Expression& body) {
  ast::Reduction reduction{identifier(combiner), {}, tree_of(body)};
  std::vector<Expression> operands = over.indices();
  MistakeRef wrong;
  for (const Expression& index : operands) {
    const std::optional<ast::IndexBinder> binder = binder_of(index);
    if (binder) {
      reduction.over.push_back(*binder);
    } else if (!wrong) {
      wrong =
          mistake("not-an-index", fmt::format("expected an index of '{}', k or k < 3, found an expression", combiner),
                  ast::print(*tree_of(index)));
    }
  }
  if (operands.empty()) wrong = mistake("not-an-index", fmt::format("expected an index of '{}', found none", combiner));
  operands.push_back(body);
  return make(std::move(reduction), operands, std::move(wrong));
}

Call call(std::string_view function, std::vector<Argument> arguments) {
  ast::Call node{identifier(function), {}, std::nullopt};
  std::vector<Expression> operands;
  MistakeRef wrong = check_name(function);
  for (const Argument& argument : arguments) {
    if (!argument.value()) continue;
    std::optional<ast::Identifier> name;
    if (!argument.name().empty()) {
      name = identifier(argument.name());
      wrong = first_of(std::move(wrong), check_name(argument.name()));
    }
    node.arguments.push_back({name, tree_of(*argument.value())});
    operands.push_back(*argument.value());
  }
  return Call(std::make_shared<const Expression::Parts>(make(std::move(node), operands, std::move(wrong)).parts()));
}

Call Call::as(std::string_view name) const {
  const auto* node = std::get_if<ast::Call>(&tree_of(*this)->node);
  ast::Call named = node ? *node : ast::Call{};
  named.as = identifier(name);
  return Call(std::make_shared<const Expression::Parts>(make(std::move(named), {*this}, check_name(name)).parts()));
}

}  // namespace descent::builder
