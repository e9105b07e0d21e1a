// Compile-time integers, numbers in f64, and the types and extents written with them.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <set>

#include "frontend/elaborator.h"
#include "ir/graph_verify.h"

namespace descent::frontend {

namespace {

std::int64_t floor_divided(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

// a^b, b ≥ 0; nothing when it leaves 64 bits.
std::optional<std::int64_t> integer_power(std::int64_t a, std::int64_t b) {
  std::int64_t result = 1;
  for (; b > 0; b /= 2) {
    if (b % 2 != 0 && __builtin_mul_overflow(result, a, &result)) return std::nullopt;
    if (b > 1 && __builtin_mul_overflow(a, a, &a)) return std::nullopt;
  }
  return result;
}

// "channels / groups = 3 / 2"; only the numbers when nothing else stands there, or less than a whole expression.
std::string as_written(const Span& at, const std::string& numbers) {
  const std::string text = at.source ? at.source->text.substr(at.begin, at.end - at.begin) : numbers;
  const bool is_whole = text.find('\n') == std::string::npos &&
                        std::count(text.begin(), text.end(), '(') == std::count(text.begin(), text.end(), ')');
  return text == numbers || !is_whole ? numbers : text + " = " + numbers;
}

}  // namespace

Operand Elaborator::literal(const ast::Number& number, const Span& at) {
  if (number.text.find_first_of(".eE") != std::string::npos) {
    const double value = std::strtod(number.text.c_str(), nullptr);
    if (!std::isfinite(value)) {
      return poison("number-too-large", at, "expected a number that f64 holds, found " + number.text);
    }
    return {Real{numbers_.literal(value, DType::f64), number.text}};
  }
  errno = 0;
  const std::int64_t value = std::strtoll(number.text.c_str(), nullptr, 10);
  if (errno != 0) return poison("number-too-large", at, "expected an integer below 2^63, found " + number.text);
  return {Integer{value}};
}

// The arithmetic of sizes: exact, `/` must divide, `//` floors.
Operand Elaborator::integer_binary(const std::string& sign, std::int64_t a, std::int64_t b, const Span& at) {
  const std::string shown = std::to_string(a) + " " + sign + " " + std::to_string(b);
  const auto compared = [&](bool truth) -> Operand { return {Real{numbers_.literal(truth, DType::boolean), {}}}; };
  if (sign == "<") return compared(a < b);
  if (sign == "<=") return compared(a <= b);
  if (sign == ">") return compared(a > b);
  if (sign == ">=") return compared(a >= b);
  if (sign == "==") return compared(a == b);
  if (sign == "!=") return compared(a != b);
  if ((sign == "/" || sign == "//") && b == 0) {
    return poison("division-by-zero", at, as_written(at, shown) + " divides by zero");
  }
  bool overflow = b == -1 && a == INT64_MIN && (sign == "/" || sign == "//");
  if (sign == "/" && !overflow && a % b != 0) {
    return poison("not-divisible", at,
                  "between sizes '/' must divide, but " + as_written(at, shown) + " leaves " + std::to_string(a % b) +
                      "; write // to floor, or a decimal point for a fraction");
  }
  std::int64_t result = 0;
  if (sign == "+") overflow = __builtin_add_overflow(a, b, &result);
  if (sign == "-") overflow = __builtin_sub_overflow(a, b, &result);
  if (sign == "*") overflow = __builtin_mul_overflow(a, b, &result);
  if (!overflow && (sign == "/" || sign == "//")) result = floor_divided(a, b);
  if (sign == "^") {
    if (b < 0) return power_of_numbers({Integer{a}}, {Integer{b}});
    const std::optional<std::int64_t> power = integer_power(a, b);
    overflow = !power;
    result = power.value_or(0);
  }
  if (overflow) return poison("number-too-large", at, shown + " does not fit in 64 bits");
  return {Integer{result}};
}

ScalarId Elaborator::number(const Operand& operand) {
  if (const Integer* integer = operand.get<Integer>()) {
    return numbers_.literal(static_cast<double>(integer->value), DType::f64);
  }
  const ScalarId id = operand.get<Real>()->id;
  return numbers_.type(id) == DType::i32 ? numbers_.apply(Op::to_f64, {id}) : id;
}

// Operands are numbers of the type the operation wants; the caller has checked.
Operand Elaborator::apply_numbers(Op op, const std::vector<Operand>& operands) {
  std::vector<ScalarId> ids;
  for (const Operand& operand : operands) ids.push_back(number(operand));
  return {Real{numbers_.apply(op, std::move(ids)), {}}};
}

// An integer exponent, literal or `step`, is repeated squaring; any other is pow.
Operand Elaborator::power_of_numbers(const Operand& base, const Operand& exponent) {
  const Integer* integer = exponent.get<Integer>();
  if (integer && std::abs(integer->value) <= INT32_MAX) {
    const ScalarId n = numbers_.literal(static_cast<double>(integer->value), DType::i32);
    return {Real{numbers_.apply(Op::power, {number(base), n}), {}}};
  }
  if (const Real* real = exponent.get<Real>(); real && numbers_.type(real->id) == DType::i32) {
    return {Real{numbers_.apply(Op::power, {number(base), real->id}), {}}};
  }
  return {Real{numbers_.apply(Op::pow, {number(base), number(exponent)}), {}}};
}

std::optional<double> Elaborator::constant(const Operand& operand) const {
  if (const Integer* integer = operand.get<Integer>()) return static_cast<double>(integer->value);
  const Real* real = operand.get<Real>();
  const Literal* literal = real ? std::get_if<Literal>(&numbers_[real->id].node) : nullptr;
  return literal ? std::optional(literal->value) : std::nullopt;
}

std::optional<KnownNumber> Elaborator::known_number(const Operand& operand) const {
  const Real* real = operand.get<Real>();
  const std::optional<double> value = constant(operand);
  if (!real || !value) return std::nullopt;
  return KnownNumber{*value, numbers_.type(real->id), real->text};
}

// A number as a value of rank 0, rounded once. `operand` is an Integer or a Real.
ValueId Elaborator::materialise(const Operand& operand, DType type, const Span& at) {
  const Real* real = operand.get<Real>();
  if (real && !real->text.empty() && type == DType::f32) {
    return graph_->literal(std::strtof(real->text.c_str(), nullptr), type);
  }
  ScalarId id = number(operand);
  if (const Read* read = std::get_if<Read>(&numbers_[id].node); read && numbers_.type(id) == type) return read->tensor;
  const Op conversions[] = {Op::to_f32, Op::to_f64, Op::to_i32, Op::to_u32, Op::to_u8, Op::to_bool};
  if (numbers_.type(id) != type) id = numbers_.apply(conversions[static_cast<std::size_t>(type)], {id});
  Sweep sweep;
  sweep.body = numbers_.finish(id);
  return graph_->sweep(std::move(sweep), {}, hint_, origin(at));
}

std::optional<std::int64_t> Elaborator::integer(const ast::Expression& expression, const std::string& what) {
  const Operand operand = value_of(expression);
  if (operand.poisoned()) return std::nullopt;
  if (const Integer* integer = operand.get<Integer>()) return integer->value;
  error("not-a-size", expression.at, "expected " + what + " to be an integer, found " + describe(operand));
  return std::nullopt;
}

// "height - 2 * n = -1 where height = 3, n = 2"; a number as it is.
std::string Elaborator::with_sizes(const ast::Expression& expression, std::int64_t value) {
  std::string sizes;
  std::set<std::string> told;
  const std::function<void(const ast::Expression&)> visit = [&](const ast::Expression& part) {
    const auto* name = std::get_if<ast::Name>(&part.node);
    const Operand* known = name ? find(name->text) : nullptr;
    const Integer* size = known ? known->get<Integer>() : nullptr;
    if (size && told.insert(name->text).second) {
      sizes += (sizes.empty() ? "" : ", ") + name->text + " = " + std::to_string(size->value);
    }
    ast::for_each_operand(part, visit);
  };
  visit(expression);
  const std::string number = std::to_string(value), text = ast::print(expression);
  if (sizes.empty() || std::holds_alternative<ast::Name>(expression.node)) {
    return sizes.empty() ? number : text + " = " + number;
  }
  return text + " = " + number + " where " + sizes;
}

std::optional<Extent> Elaborator::extent(const ast::Expression& expression, const std::string& what) {
  const Operand operand = value_of(expression);
  if (operand.get<Batch>()) return Extent::batch();
  if (operand.poisoned()) return std::nullopt;
  const Integer* integer = operand.get<Integer>();
  if (!integer) {
    error("not-a-size", expression.at, "expected " + what + " to be an integer, found " + describe(operand));
    return std::nullopt;
  }
  if (integer->value < 1 || integer->value > longest_axis) {
    error("bad-extent", expression.at,
          "expected " + what + " to be from 1 to 2^31 - 1, found " + with_sizes(expression, integer->value));
    return std::nullopt;
  }
  return Extent{integer->value};
}

// What no machine holds is refused where it is written.
bool Elaborator::fits(const Shape& shape, const Span& at) {
  constexpr std::size_t most_axes = 64;
  if (shape.size() > most_axes) {
    error("tensor-too-large", at, "expected at most 64 axes, found " + std::to_string(shape.size()));
    return false;
  }
  if (descent::count(shape, 1) <= largest_extent) return true;
  error("tensor-too-large", at, "expected a tensor of at most 2^40 elements, found " + to_string(shape));
  return false;
}

std::optional<Range> Elaborator::range(const ast::Type& type) {
  const std::optional<std::int64_t> low = integer(*type.low, "the range's beginning");
  const std::optional<std::int64_t> high = integer(*type.high, "the range's end");
  if (!low || !high) return std::nullopt;
  if (*low < INT32_MIN || *high > std::int64_t{INT32_MAX} + 1 || *low >= *high) {
    error("bad-range", type.low->at,
          "expected a range of i32 with at least one integer, found " + std::to_string(*low) + " ..< " +
              std::to_string(*high));
    return std::nullopt;
  }
  return Range{*low, *high};
}

// A type with every extent known. `...` is what it stands for in the call.
std::optional<TensorType> Elaborator::tensor_type(const ast::Type& type) {
  const std::optional<DType> element = dtype_named(type.element.text);
  if (!element || *element == DType::u32) {
    error("unknown-type", type.element.at,
          "expected f32, f64, i32, u8 or bool, found " + quoted(type.element.text) +
              suggestion(type.element.text, {"f32", "f64", "i32", "u8", "bool"}));
    return std::nullopt;
  }
  TensorType result{*element, {}, {}};
  for (const ast::ExpressionRef& expression : type.extents) {
    if (std::holds_alternative<ast::Ellipsis>(expression->node)) {
      if (!frame().leading) {
        error("unbound-leading", expression->at, "'...' stands for leading axes of an argument; there is none here");
        return std::nullopt;
      }
      result.shape.insert(result.shape.end(), frame().leading->begin(), frame().leading->end());
      continue;
    }
    const std::optional<Extent> one = extent(*expression, "an extent");
    if (!one) return std::nullopt;
    result.shape.push_back(*one);
  }
  if (!fits(result.shape, type.at)) return std::nullopt;
  if (type.low) {
    if (*element != DType::i32) {
      error("bad-range", type.at, "expected a range on i32 only, found " + std::string(name_of(*element)));
      return std::nullopt;
    }
    result.range = range(type);
    if (!result.range) return std::nullopt;
  }
  return result;
}

}  // namespace descent::frontend
