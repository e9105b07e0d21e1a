// What a temp is: its name, or its expression where that is written in place.
#include "codegen/cpp/kernel.h"
#include "ir/match.h"

namespace descent::codegen::cpp {

Expression KernelPrinter::value(loop::TempId id) {
  if (placement_.in_place(id) && !hoisted_[static_cast<std::size_t>(id)]) return value(*placement_.let(id));
  const std::string& name = temps_[static_cast<std::size_t>(id)];
  const bool one_of_many = lane_loop_.loop != nullptr && one_lane_ && analysis_.varies(id);
  return {one_of_many ? name + "[" + lane_ + "]" : name};
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
