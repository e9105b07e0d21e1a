// Operations as C++ signs and functions. Vectors have all signs; of scalars, signed integers have functions that wrap,
// and a conversion saturates.
#include <utility>

#include "codegen/cpp/kernel.h"
#include "ir/diagnostics.h"

namespace descent::codegen::cpp {
namespace {

Expression call(const std::string& function, const std::vector<Operand>& operands) {
  std::string text;
  for (const Operand& operand : operands) text += (text.empty() ? "" : ", ") + operand.expression.text;
  return {function + "(" + text + ")"};
}

// The least that may stand beside a sign without brackets. Sums and products are read from the left; what a reader, or
// a compiler's warning, could take for something else stands in brackets.
struct Neighbours {
  Rank left, right;
};
Neighbours neighbours_of(Rank sign) {
  switch (sign) {
    case Rank::sum:
      return {Rank::sum, Rank::product};
    case Rank::product:
      return {Rank::product, Rank::unary};
    case Rank::comparison:
      return {Rank::sum, Rank::sum};
    case Rank::both:
    case Rank::either:
      return {Rank::comparison, Rank::comparison};
    case Rank::bits:
    case Rank::shift:
    case Rank::choice:
    case Rank::unary:
    case Rank::primary:
      return {Rank::unary, Rank::unary};
  }
  internal_error(__FILE__, __LINE__, "no such rank");
}

Expression infix(const std::string& sign, Rank rank, const std::vector<Operand>& operands) {
  const Neighbours least = neighbours_of(rank);
  return {operands[0].expression.at_least(least.left) + " " + sign + " " + operands[1].expression.at_least(least.right),
          rank};
}

bool wraps_by_function(const std::vector<Operand>& operands, DType type) {
  for (const Operand& operand : operands) {
    if (operand.is_vector) return false;
  }
  return type == DType::i32;
}

Expression arithmetic(const std::string& sign, Rank rank, const std::string& function,
                      const std::vector<Operand>& operands, DType type) {
  return wraps_by_function(operands, type) ? call(function, operands) : infix(sign, rank, operands);
}

Expression prefix(const std::string& sign, const Operand& operand) {
  return {sign + operand.expression.at_least(Rank::primary), Rank::unary};
}

Expression choice(std::vector<Operand> operands, DType type, std::int64_t lanes) {
  const bool vector = operands[0].is_vector || operands[1].is_vector || operands[2].is_vector;
  if (!vector) {
    return {operands[0].expression.at_least(Rank::either) + " ? " + operands[1].expression.at_least(Rank::either) +
                " : " + operands[2].expression.at_least(Rank::either),
            Rank::choice};
  }
  if (!operands[1].is_vector && !operands[2].is_vector) {
    operands[1].expression = {vector_type(type, lanes) + "(" + operands[1].expression.text + ")"};
  }
  return call("select", operands);
}

Expression shift(const std::string& sign, std::vector<Operand> operands) {
  Expression& distance = operands[1].expression;
  const bool number = distance.text.find_first_not_of("0123456789u") == std::string::npos &&
                      distance.text.size() <= 3 && std::stoi(distance.text) < 32;
  if (!number) distance = {distance.at_least(Rank::unary) + " & 31u", Rank::bits};
  return infix(sign, Rank::shift, operands);
}

}  // namespace

Expression operation(Op op, const std::vector<Operand>& operands, DType type, std::int64_t lanes) {
  switch (op) {
    case Op::add:
      return arithmetic("+", Rank::sum, "add", operands, type);
    case Op::sub:
      return arithmetic("-", Rank::sum, "subtract", operands, type);
    case Op::mul:
      return arithmetic("*", Rank::product, "multiply", operands, type);
    case Op::div:
      return infix("/", Rank::product, operands);
    case Op::neg:
      return wraps_by_function(operands, type) ? call("negate", operands) : prefix("-", operands[0]);
    case Op::abs:
      return call("abs", operands);
    case Op::sqrt:
      return call("sqrt", operands);
    case Op::fma:
      return call("fma", operands);
    case Op::min:
      return call("min", operands);
    case Op::max:
      return call("max", operands);
    case Op::floor:
      return call("floor", operands);
    case Op::round:
      return call("round", operands);
    case Op::less:
      return infix("<", Rank::comparison, operands);
    case Op::less_equal:
      return infix("<=", Rank::comparison, operands);
    case Op::greater:
      return infix(">", Rank::comparison, operands);
    case Op::greater_equal:
      return infix(">=", Rank::comparison, operands);
    case Op::equal:
      return infix("==", Rank::comparison, operands);
    case Op::not_equal:
      return infix("!=", Rank::comparison, operands);
    case Op::logical_and:
      return infix("&&", Rank::both, operands);
    case Op::logical_or:
      return infix("||", Rank::either, operands);
    case Op::logical_not:
      return prefix("!", operands[0]);
    case Op::select:
      return choice(operands, type, lanes);
    case Op::to_f32:
    case Op::to_f64:
    case Op::to_i32:
    case Op::to_u32:
    case Op::to_u8:
    case Op::to_bool:
      return call("to<" + value_type(type) + ">", operands);
    case Op::power_of_two:
      return call("power_of_two", operands);
    case Op::exponent:
      return call("exponent", operands);
    case Op::mantissa:
      return call("mantissa", operands);
    case Op::multiply_high:
      return call("multiply_high", operands);
    case Op::bit_and:
      return infix("&", Rank::bits, operands);
    case Op::bit_or:
      return infix("|", Rank::bits, operands);
    case Op::bit_xor:
      return infix("^", Rank::bits, operands);
    case Op::shift_left:
      return shift("<<", operands);
    case Op::shift_right:
      return shift(">>", operands);
    case Op::power:
    case Op::pow:
    case Op::exp:
    case Op::expm1:
    case Op::log:
    case Op::log1p:
    case Op::sin:
    case Op::cos:
    case Op::tanh:
    case Op::sigmoid:
    case Op::erf:
    case Op::stop_gradient:
      break;
  }
  internal_error(__FILE__, __LINE__, "operation '" + std::string(row(op).name) + "' was not expanded");
}

std::string noun_of(Op op) {
  static const std::vector<std::pair<Op, std::string>> nouns = {
      {Op::add, "sum"},
      {Op::sub, "difference"},
      {Op::mul, "product"},
      {Op::div, "quotient"},
      {Op::neg, "negated"},
      {Op::abs, "magnitude"},
      {Op::sqrt, "root"},
      {Op::fma, "fused"},
      {Op::min, "bounded"},
      {Op::max, "bounded"},
      {Op::floor, "whole"},
      {Op::round, "whole"},
      {Op::less, "is_less"},
      {Op::less_equal, "is_less"},
      {Op::greater, "is_greater"},
      {Op::greater_equal, "is_greater"},
      {Op::equal, "is_equal"},
      {Op::not_equal, "differs"},
      {Op::logical_and, "both"},
      {Op::logical_or, "either"},
      {Op::logical_not, "otherwise"},
      {Op::select, "chosen"},
      {Op::power_of_two, "scale"},
      {Op::exponent, "power"},
      {Op::mantissa, "fraction"},
      {Op::multiply_high, "high"},
      {Op::bit_and, "masked"},
      {Op::bit_or, "bits"},
      {Op::bit_xor, "mixed"},
      {Op::shift_left, "shifted"},
      {Op::shift_right, "shifted"},
  };
  for (const auto& [known, noun] : nouns) {
    if (known == op) return noun;
  }
  return "converted";
}

}  // namespace descent::codegen::cpp
