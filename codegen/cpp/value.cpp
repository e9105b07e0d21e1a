// What a temp is: its name, or its expression where that is written in place.
#include <algorithm>

#include "codegen/cpp/kernel.h"
#include "ir/match.h"

namespace descent::codegen::cpp {

std::string first_lanes(std::int64_t count) { return "first<" + std::to_string(count) + ">"; }
std::int64_t both_first(std::int64_t a, std::int64_t b) { return std::min(a, b); }

Expression KernelPrinter::value(loop::TempId id) {
  const bool is_in_place = placement_.in_place(id) && !hoisted_[static_cast<std::size_t>(id)];
  if (is_in_place || known_lanes(id) >= 0) return value(*placement_.let(id));
  const std::string& name = temps_[static_cast<std::size_t>(id)];
  const bool one_of_many = lane_loop_.loop != nullptr && one_lane_ && analysis_.varies(id);
  return {one_of_many ? name + "[" + lane_ + "]" : name};
}

std::int64_t KernelPrinter::known_lanes(loop::TempId mask) const {
  if (mask == loop::no_temp || lane_loop_.loop == nullptr || !analysis_.varies(mask)) return -1;
  const loop::Let* let = placement_.let(mask);
  const auto* compared = let == nullptr ? nullptr : std::get_if<loop::Operation>(&let->value);
  if (compared == nullptr || compared->op != Op::less) return -1;
  const loop::Let *left = placement_.let(compared->operands[0]), *right = placement_.let(compared->operands[1]);
  const auto* position = left == nullptr ? nullptr : std::get_if<loop::IndexValue>(&left->value);
  const auto* end = right == nullptr ? nullptr : std::get_if<Literal>(&right->value);
  if (position == nullptr || end == nullptr) return -1;
  const std::int64_t step = lane_loop_.step(position->form);
  const Affine first =
      position->form - Affine::axis(lane_loop_.variable(), position->form.coefficient(lane_loop_.variable()));
  if (step <= 0 || !first.is_constant()) return -1;
  std::int64_t lanes = 0;
  while (lanes < lane_loop_.lanes && static_cast<double>(first.constant + lanes * step) < end->value) ++lanes;
  return lanes;
}

std::string KernelPrinter::vector_of(loop::TempId id) {
  const std::string text = value(id).text;
  return is_vector(id) ? text : vector_type(type_of(id), lane_loop_.lanes) + "(" + text + ")";
}

Expression KernelPrinter::value(const loop::Let& let) {
  const DType type = type_of(let.temp);
  return match(
      let.value,
      [&](const Literal& number) -> Expression {
        const std::string text = literal(number.value, type);
        return {text, text[0] == '-' ? Rank::unary : Rank::primary};
      },
      [&](const loop::IndexValue& index) -> Expression { return position(index.form); },
      [&](const loop::BatchValue&) -> Expression { return {"int32_t(batch)"}; },
      [&](const loop::Load& load) { return this->load(load, type); },
      [&](const loop::Operation& operation) {
        std::vector<Operand> operands;
        for (loop::TempId operand : operation.operands) {
          operands.push_back({value(operand), type_of(operand), is_vector(operand)});
        }
        return cpp::operation(operation.op, operands, type, lane_loop_.lanes);
      });
}

Expression KernelPrinter::position(const Affine& form) {
  const std::int64_t step = in_lanes() ? lane_loop_.step(form) : 0;
  if (step == 0) return {"int32_t(" + this->form(form) + ")"};
  const Affine first = form - Affine::axis(lane_loop_.variable(), form.coefficient(lane_loop_.variable()));
  return {"indices<" + std::to_string(lane_loop_.lanes) + ">(" + this->form(first) +
          (step == 1 ? "" : ", " + std::to_string(step)) + ")"};
}

}  // namespace descent::codegen::cpp
