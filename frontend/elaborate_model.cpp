// The model as a whole, and the formulas of its metrics.
#include "frontend/elaborator.h"

namespace descent::frontend {

void Elaborator::draw_parameters() { seed_ = graph_->input("seed", {DType::i32, {}, {}}); }

void Elaborator::open_settings(const ModelArguments& arguments) {
  if (frames_.empty()) push_frame(nullptr, {}, {});
  bind_model(arguments);
}

ModelReading Elaborator::read_model(const ModelArguments& arguments) {
  push_frame(program_.model(), {}, {});
  bind_model(arguments);
  run(program_.model()->body);
  keep_updates();
  frames_.pop_back();
  return std::move(reading_);
}

// The formula around over_epoch, from the joined parts: output NAME.
void Elaborator::read_formula(const Formula& formula, const ModelArguments& arguments) {
  push_frame(nullptr, {}, {});
  bind_model(arguments);
  formula_ = &formula;
  hint_ = formula.name;
  const Operand value = value_of(*formula.expression);
  formula_ = nullptr;
  frames_.pop_back();
  const bool is_whole = value.get<Whole>() && graph_->type(value.get<Whole>()->id).shape.empty();
  if (is_number(value)) {
    graph_->output(Output::Kind::metric, formula.name, materialise(value, DType::f64, formula.expression->at));
  } else if (is_whole) {
    graph_->output(Output::Kind::metric, formula.name, value.get<Whole>()->id);
  } else if (!value.poisoned()) {
    error("not-a-scalar", formula.expression->at, "expected a metric to be one number, found " + describe(value));
  }
}

}  // namespace descent::frontend
