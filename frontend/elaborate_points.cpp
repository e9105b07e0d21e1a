// Expressions: whole tensors point by point, and elements inside index notation. One body per sweep.
#include <cmath>
#include <cstdlib>
#include <utility>

#include "frontend/elaborator.h"
#include "ir/match.h"

namespace descent::frontend {

namespace {

std::string sign_of(Op op) {
  switch (op) {
    case Op::logical_and:
      return "and";
    case Op::logical_or:
      return "or";
    case Op::select:
      return "if";
    default: {
      const OpRow& entry = row(op);
      return op == Op::neg ? "-" : std::string(entry.infix.empty() ? entry.name : entry.infix);
    }
  }
}

// The operation of a sign of the language; `//` and `^` have rules of their own.
const OpRow& row_of_sign(const std::string& sign) {
  const OpRow* found = sign == "and" || sign == "or" ? find_op(sign) : find_infix(sign);
  DESCENT_CHECK(found, "no row for the sign " + sign);
  return *found;
}

}  // namespace

const OpRow* find_primitive(const std::string& name) {
  const OpRow* found = find_op(name);
  if (!found || !found->infix.empty()) return nullptr;
  if (found->op == Op::neg || found->op == Op::fma || found->op == Op::mantissa || found->op == Op::power_of_two ||
      found->op == Op::to_u32)
    return nullptr;
  const bool callable =
      found->typing == Typing::floating || found->typing == Typing::numeric || found->typing == Typing::conversion;
  return callable ? found : nullptr;
}

// A whole value: what a name, a call, or an elementwise expression gives.
Operand Elaborator::value_of(const ast::Expression& expression) {
  if (frame().elements) return element_of(expression, *frame().elements);
  if (const auto* name = std::get_if<ast::Name>(&expression.node)) {
    if (!count(expression.at)) return {Poison{}};
    return resolve(*name, expression.at);
  }
  if (const auto* node = std::get_if<ast::Call>(&expression.node)) {
    const bool is_row = !program_.find(ast::Function::Kind::function, node->function.text, node->function.at) &&
                        find_primitive(node->function.text);
    if (!is_row) return count(expression.at) ? call(*node, nullptr, expression.at) : Operand{Poison{}};
  }
  OpenSweep sweep;
  const std::string hint = hint_;
  const Operand result = element_of(expression, sweep);
  hint_ = hint;
  return close(sweep, result, expression.at);
}

// One element, within the body of a sweep.
Operand Elaborator::element_of(const ast::Expression& expression, OpenSweep& sweep) {
  if (!count(expression.at)) return {Poison{}};
  const Span& at = expression.at;
  if (rates_) {
    if (const auto rate = rates_->find(&expression); rate != rates_->end()) {
      return point_of({Whole{graph_->input(rate->second, {DType::f64, {}, {}})}}, sweep, at);
    }
  }
  return match(
      expression.node, [&](const ast::Number& number) { return literal(number, at); },
      [&](const ast::Text&) {
        return poison("unexpected-text", at, "expected a number or a tensor, found a text in quotes");
      },
      [&](const ast::Name& name) {
        const auto index = sweep.indices.find(name.text);
        if (index != sweep.indices.end()) return Operand{Form{Affine::axis(index->second)}};
        return point_of(resolve(name, at), sweep, at);
      },
      [&](const ast::Ellipsis&) {
        return poison("misplaced-leading", at, "'...' stands first among subscripts, extents or indices only");
      },
      [&](const ast::Unary& node) { return unary(node, sweep, at); },
      [&](const ast::Binary& node) { return binary(node, sweep, at); },
      [&](const ast::Conditional& node) { return conditional(node, sweep, at); },
      [&](const ast::Call& node) {
        const bool is_function = program_.find(ast::Function::Kind::function, node.function.text, node.function.at);
        const OpRow* primitive_row = is_function ? nullptr : find_primitive(node.function.text);
        if (primitive_row) return primitive(*primitive_row, node, sweep, at);
        const bool on_elements = sweep.indexed || frame().elements;
        return point_of(call(node, on_elements ? &sweep : nullptr, at), sweep, at);
      },
      [&](const ast::Subscript& node) { return subscript(node, sweep, at); },
      [&](const ast::Reduction& node) { return point_of(reduction(node, sweep, at), sweep, at); });
}

// A whole value as an element: read at the sweep's own point, or at [] when it has rank 0.
Operand Elaborator::point_of(const Operand& operand, OpenSweep& sweep, const Span& at) {
  if (operand.get<Batch>()) {
    return poison("batch-not-whole", at, "'batch' is a whole axis only; it takes no arithmetic");
  }
  if (const Tuple* tuple = operand.get<Tuple>()) {
    return poison("several-values", at, "expected one value, found " + std::to_string(tuple->parts.size()));
  }
  const Whole* whole = operand.get<Whole>();
  if (!whole) return operand;
  const TensorType& type = graph_->type(whole->id);
  if (type.shape.empty() && type.dtype == DType::f64) {
    return {Real{numbers_.read({whole->id, {}, {}}, type.dtype), {}}};
  }
  if (!type.shape.empty() && sweep.indexed) {
    return poison(
        "needs-indices", at,
        "expected an element within index notation, found all of " + to_string(type) + "; write [ ] after it");
  }
  Read read{whole->id, {}, {}};
  for (std::size_t axis = 0; axis < type.shape.size(); ++axis) {
    read.at.push_back({Affine::axis(static_cast<AxisId>(axis)), no_scalar});
  }
  return {Point{sweep.body.read(std::move(read), type.dtype), type.shape}};
}

Operand Elaborator::unary(const ast::Unary& node, OpenSweep& sweep, const Span& at) {
  const Operand operand = element_of(*node.operand, sweep);
  if (node.sign == "not") return apply(Op::logical_not, {operand}, sweep, at);
  if (const Integer* integer = operand.get<Integer>()) return integer_binary("-", 0, integer->value, at);
  if (const Form* form = operand.get<Form>()) return {Form{form->form * -1}};
  Operand result = apply(Op::neg, {operand}, sweep, at);
  const Real* before = operand.get<Real>();
  if (before && !before->text.empty() && result.get<Real>()) {
    std::get<Real>(result.is).text = before->text[0] == '-' ? before->text.substr(1) : "-" + before->text;
  }
  return result;
}

Operand Elaborator::binary(const ast::Binary& node, OpenSweep& sweep, const Span& at) {
  const Operand left = element_of(*node.left, sweep);
  const Operand right = element_of(*node.right, sweep);
  if (left.poisoned() || right.poisoned()) return {Poison{}};
  const Integer* a = left.get<Integer>();
  const Integer* b = right.get<Integer>();
  if (a && b && node.sign != "and" && node.sign != "or") return integer_binary(node.sign, a->value, b->value, at);
  if (node.sign == "^") return power(left, right, sweep, at);
  if (node.sign == "//") {
    return poison("floor-division", node.sign_at,
                  "expected sizes on both sides of '//', found " + describe(left) + " and " + describe(right));
  }
  const Form* f = left.get<Form>();
  const Form* g = right.get<Form>();
  if ((f || a) && (g || b)) {
    const Affine x = f ? f->form : Affine::of(a->value);
    const Affine y = g ? g->form : Affine::of(b->value);
    if (node.sign == "+") return {Form{x + y}};
    if (node.sign == "-") return {Form{x - y}};
    if (node.sign == "*" && y.is_constant()) return {Form{x * y.constant}};
    if (node.sign == "*" && x.is_constant()) return {Form{y * x.constant}};
  }
  return apply(row_of_sign(node.sign).op, {left, right}, sweep, node.sign_at);
}

// On tensors the exponent is an integer literal; on numbers it may be any number.
Operand Elaborator::power(const Operand& base, const Operand& exponent, OpenSweep& sweep, const Span& at) {
  if (is_number(base) && is_number(exponent)) return power_of_numbers(base, exponent);
  const Point* point = base.get<Point>();
  const Integer* integer = exponent.get<Integer>();
  if (!point || !integer || std::abs(integer->value) > INT32_MAX) {
    return poison(
        "tensor-exponent", at,
        "expected an integer literal as the exponent of a tensor, found " + describe(exponent) + "; write pow(x, y)");
  }
  if (!is_float(sweep.body.type(point->id))) {
    return poison(
        "wrong-type", at,
        "'^' takes f32 or f64, found " + std::string(name_of(sweep.body.type(point->id))) + "; convert with f32()");
  }
  const ScalarId n = sweep.body.literal(static_cast<double>(integer->value), DType::i32);
  return {Point{sweep.body.apply(Op::power, {point->id, n}), point->shape}};
}

Operand Elaborator::conditional(const ast::Conditional& node, OpenSweep& sweep, const Span& at) {
  const Operand condition = element_of(*node.condition, sweep);
  if (condition.poisoned()) return condition;
  const std::optional<DType> type = dtype_of(condition, sweep);
  if (type != DType::boolean) {
    return poison(
        "wrong-type", node.condition->at,
        "expected a truth value after 'if', found " + (type ? std::string(name_of(*type)) : describe(condition)));
  }
  if (const std::optional<double> known = constant(condition)) {
    return element_of(*known != 0 ? *node.then : *node.otherwise, sweep);
  }
  const Operand then = element_of(*node.then, sweep);
  const Operand otherwise = element_of(*node.otherwise, sweep);
  return apply(Op::select, {condition, then, otherwise}, sweep, at);
}

Operand Elaborator::primitive(const OpRow& entry, const ast::Call& node, OpenSweep& sweep, const Span& at) {
  const bool reduces = node.arguments.size() == 1 && entry.arity != 1 && ast::is_reduction(node.function.text);
  if (reduces) return needs_brackets(node.function);
  std::vector<Operand> operands;
  for (const ast::Argument& argument : node.arguments) {
    if (argument.name) {
      return poison("unknown-argument", argument.name->at, quoted(node.function.text) + " takes no named arguments");
    }
    operands.push_back(element_of(*argument.value, sweep));
  }
  if (static_cast<int>(operands.size()) != entry.arity) {
    return poison("argument-count", at,
                  quoted(node.function.text) + " takes " +
                      counted(static_cast<std::size_t>(entry.arity), "argument", "arguments") + ", found " +
                      std::to_string(operands.size()));
  }
  for (const Operand& operand : operands) {
    if (operand.poisoned()) return {Poison{}};
  }
  if (entry.typing == Typing::conversion) return convert(entry.op, operands[0], sweep, at);
  if ((entry.op == Op::max || entry.op == Op::min) && operands[0].get<Integer>() && operands[1].get<Integer>()) {
    const std::int64_t a = operands[0].get<Integer>()->value;
    const std::int64_t b = operands[1].get<Integer>()->value;
    return {Integer{(entry.op == Op::max) == (b > a) ? b : a}};
  }
  return apply(entry.op, operands, sweep, at);
}

// f32(x) …: the only way from integers to f32, besides sizes and literals.
Operand Elaborator::convert(Op op, const Operand& operand, OpenSweep& sweep, const Span& at) {
  if (is_number(operand)) {
    if (op == Op::to_f64) return {Real{number(operand), {}}};
    const DType type = op == Op::to_f32   ? DType::f32
                       : op == Op::to_i32 ? DType::i32
                       : op == Op::to_u8  ? DType::u8
                                          : DType::boolean;
    return {Point{sweep.body.read({materialise(operand, type, at), {}, {}}, type), {}}};
  }
  const std::optional<ScalarId> id = scalar(operand, dtype_of(operand, sweep).value_or(DType::f32), sweep, at);
  if (!id) return {Poison{}};
  const Point* point = operand.get<Point>();
  return {Point{sweep.body.apply(op, {*id}), point ? point->shape : Shape{}}};
}

// The element type; nothing for what takes the type of its neighbour (integers and numbers that are no truth values).
std::optional<DType> Elaborator::dtype_of(const Operand& operand, const OpenSweep& sweep) const {
  if (const Point* point = operand.get<Point>()) return sweep.body.type(point->id);
  if (operand.get<Form>()) return DType::i32;
  const Real* real = operand.get<Real>();
  if (real && numbers_.type(real->id) == DType::boolean) return DType::boolean;
  return std::nullopt;
}

// The operand as a scalar of that type in the sweep's body.
std::optional<ScalarId> Elaborator::scalar(const Operand& operand, DType type, OpenSweep& sweep, const Span& at) {
  const std::optional<DType> own = dtype_of(operand, sweep);
  if (own && *own != type) {
    std::string fix =
        *own == DType::boolean || type == DType::boolean ? "" : "; convert with " + std::string(name_of(type)) + "()";
    error("wrong-type", at, "expected " + std::string(name_of(type)) + ", found " + std::string(name_of(*own)) + fix);
    return std::nullopt;
  }
  if (const Point* point = operand.get<Point>()) return point->id;
  if (const Form* form = operand.get<Form>()) return sweep.body.axis(form->form);
  if (!is_number(operand)) {
    error("wrong-type", at, "expected " + std::string(name_of(type)) + ", found " + describe(operand));
    return std::nullopt;
  }
  const std::optional<double> value = constant(operand);
  const bool whole = value && std::trunc(*value) == *value && std::abs(*value) <= 0x1p31;
  if (!is_float(type) && type != DType::boolean && !whole) {
    error("wrong-type", at, "expected an integer that " + std::string(name_of(type)) + " holds, found a number");
    return std::nullopt;
  }
  const Real* real = operand.get<Real>();
  if (real && !real->text.empty() && type == DType::f32) {
    return sweep.body.literal(std::strtof(real->text.c_str(), nullptr), type);
  }
  if (value) return sweep.body.literal(*value, type);
  const std::string hint = std::exchange(hint_, "");
  const ValueId rounded = materialise(operand, type, at);
  hint_ = hint;
  return sweep.body.read({rounded, {}, {}}, type);
}

// Without indices shapes must agree; rank 0 goes with any shape.
std::optional<Shape> Elaborator::common_shape(Op op, const std::vector<Operand>& operands, const Span& at) {
  Shape shape;
  for (const Operand& operand : operands) {
    const Point* point = operand.get<Point>();
    if (!point || point->shape.empty() || point->shape == shape) continue;
    if (!shape.empty()) {
      error("shape-mismatch", at,
            "expected one shape on both sides of " + quoted(sign_of(op)) + ", found " + to_string(shape) + " and " +
                to_string(point->shape) + "; broadcasting is written with indices");
      return std::nullopt;
    }
    shape = point->shape;
  }
  return shape;
}

// An operation of the table on elements; literals and numbers take the type of the element beside them.
Operand Elaborator::apply(Op op, const std::vector<Operand>& operands, OpenSweep& sweep, const Span& at) {
  bool numbers_only = true;
  std::optional<DType> type;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (operands[i].poisoned()) return {Poison{}};
    numbers_only &= is_number(operands[i]);
    if (!type && !(op == Op::select && i == 0)) type = dtype_of(operands[i], sweep);
  }
  const Typing typing = row(op).typing;
  if (!type) type = typing == Typing::logical ? DType::boolean : numbers_only ? DType::f64 : DType::f32;
  const std::vector<DType> types =
      op == Op::select ? std::vector{DType::boolean, *type, *type} : std::vector(operands.size(), *type);
  if (!result_type(op, types)) {
    return poison("wrong-type", at,
                  quoted(sign_of(op)) + " does not take " + std::string(name_of(*type)) +
                      (*type == DType::boolean || typing == Typing::logical ? "" : "; convert with f32()"));
  }
  if (numbers_only) {
    for (const Operand& operand : operands) {
      const bool is_truth = dtype_of(operand, sweep) == DType::boolean;
      const bool wants_truth = types[static_cast<std::size_t>(&operand - operands.data())] == DType::boolean;
      if (is_truth != wants_truth) {
        return poison("wrong-type", at, quoted(sign_of(op)) + " does not mix numbers and truth values");
      }
    }
    return apply_numbers(op, operands);
  }
  const std::optional<Shape> shape = common_shape(op, operands, at);
  if (!shape) return {Poison{}};
  std::vector<ScalarId> ids;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const std::optional<ScalarId> id = scalar(operands[i], types[i], sweep, at);
    if (!id) return {Poison{}};
    ids.push_back(*id);
  }
  return {Point{sweep.body.apply(op, std::move(ids)), *shape}};
}

// The end of a sweep without indices: one axis per axis of its shape. Numbers stay numbers, a bare read is its tensor.
Operand Elaborator::close(OpenSweep& sweep, const Operand& operand, const Span& at) {
  const Point* point = operand.get<Point>();
  if (!point) return operand;
  const Read* read = std::get_if<Read>(&sweep.body[point->id].node);
  if (read && graph_->type(read->tensor).shape == point->shape) return {Whole{read->tensor}};
  if (!fits(point->shape, at)) return {Poison{}};
  Sweep result;
  for (const Extent extent : point->shape) {
    result.landing.push_back({Affine::axis(static_cast<AxisId>(result.axes.size())), no_scalar});
    result.axes.push_back({"", extent});
  }
  result.body = sweep.body.finish(point->id);
  return {Whole{graph_->sweep(std::move(result), point->shape, hint_, origin(at))}};
}

// The value as a tensor of exactly this type; numbers and rank 0 fill it.
Operand Elaborator::conform(const Operand& value, const TensorType& type, const Span& at, const std::string& what) {
  if (value.poisoned()) return value;
  const Whole* whole = value.get<Whole>();
  if (whole && graph_->type(whole->id).shape == type.shape && graph_->type(whole->id).dtype == type.dtype) return value;
  OpenSweep sweep;
  const Operand point = point_of(value, sweep, at);
  const Shape shape = point.get<Point>() ? point.get<Point>()->shape : Shape{};
  const std::optional<DType> own = dtype_of(point, sweep);
  const bool is_scalar = point.get<Point>() || is_number(point);
  if (!is_scalar || !(shape.empty() || shape == type.shape) || (own && *own != type.dtype)) {
    const std::string message = "expected " + what + " to be " + to_string(type) + ", found " + describe(value);
    const bool right_elements = is_scalar && (!own || *own == type.dtype);
    return right_elements ? poison("shape-mismatch", at, message) : poison("wrong-type", at, message);
  }
  const std::optional<ScalarId> id = scalar(point, type.dtype, sweep, at);
  if (!id) return {Poison{}};
  return close(sweep, {Point{*id, type.shape}}, at);
}

}  // namespace descent::frontend
