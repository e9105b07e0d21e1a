// The model as a whole, the formulas of its metrics, and one parameter's optimizer.
#include "frontend/elaborator.h"

namespace descent::frontend {

void Elaborator::draw_parameters() { seed_ = graph_.input("seed", {DType::i32, {}, {}}); }

void Elaborator::open_settings(const std::vector<Integer>& sizes) {
  if (frames_.empty()) push_frame(nullptr, {}, {});
  bind_sizes(sizes);
}

ModelReading Elaborator::read_model(const std::vector<Integer>& sizes) {
  push_frame(program_.model(), {}, {});
  bind_sizes(sizes);
  run(program_.model()->body);
  frames_.pop_back();
  return std::move(reading_);
}

// The formula around over_epoch, from the joined parts: output NAME.
void Elaborator::read_formula(const Formula& formula, const std::vector<Integer>& sizes) {
  push_frame(nullptr, {}, {});
  bind_sizes(sizes);
  formula_ = &formula;
  hint_ = formula.name;
  const Operand value = value_of(*formula.expression);
  formula_ = nullptr;
  frames_.pop_back();
  const bool is_whole = value.get<Whole>() && graph_.type(value.get<Whole>()->id).shape.empty();
  if (is_number(value)) {
    graph_.output(Output::Kind::metric, formula.name, materialise(value, DType::f64, formula.expression->at));
  } else if (is_whole) {
    graph_.output(Output::Kind::metric, formula.name, value.get<Whole>()->id);
  } else if (!value.poisoned()) {
    error("not-a-scalar", formula.expression->at, "expected a metric to be one number, found " + describe(value));
  }
}

// -- training --------------------------------------------------------------------------------------------------------

void Elaborator::open_training() {
  const TensorType type{DType::i32, {}, {}};
  for (const char* name : {"step", "steps"}) {
    clock_[name] = {Real{numbers_.read({graph_.input(name, type), {}, {}}, DType::i32), {}}};
  }
  graph_.input("seed", type);
}

// The optimizer's statements for one parameter.
void Elaborator::optimize(const StateInfo& parameter, ValueId gradient, const Optimization& optimization,
                          const std::vector<Integer>& sizes) {
  const ast::Function& function = *optimization.function;
  push_frame(nullptr, optimization.at, {});
  bind_sizes(sizes);
  rates_ = &optimization.rates;
  std::vector<std::pair<std::string, Operand>> numbers;
  for (const RateExpression& argument : optimization.arguments) {
    hint_ = argument.argument;
    Operand value = value_of(*argument.value);
    if (is_number(value) && !constant(value)) value = {Whole{materialise(value, DType::f64, argument.value->at)}};
    numbers.emplace_back(argument.argument, value);
  }
  rates_ = nullptr;
  frames_.pop_back();

  push_frame(&function, optimization.at, parameter.declaration.name + "." + function.name.text);
  bind(function.parameters[0].name, {Whole{parameter.value}});
  bind(function.parameters[1].name, {Whole{gradient}});
  frame().states[function.parameters[0].name.text] = parameter.declaration.name;
  bool good = true;
  for (const ast::Parameter& one : function.parameters) {
    for (const auto& [name, value] : numbers) {
      if (name == one.name.text) good = good && !value.poisoned() && bind_number({&one, value, optimization.at});
    }
  }
  if (good) run(function.body);
  for (const auto& [state, value] : frame().updates) graph_.update(state, value, origin(optimization.at));
  const bool updated = !frame().updates.empty();
  frames_.pop_back();
  if (good && !updated) {
    error("no-update", function.name.at,
          "expected optimizer " + quoted(function.name.text) + " to update " +
              quoted(function.parameters[0].name.text) + " with ':='");
  }
}

void Elaborator::declare_optimizer_states(const StateInfo& parameter, const Optimization& optimization) {
  const ast::Function& function = *optimization.function;
  push_frame(&function, optimization.at, parameter.declaration.name + "." + function.name.text);
  bind(function.parameters[0].name, {Whole{parameter.value}});
  for (const ast::Statement& statement : function.body) {
    if (const auto* state = std::get_if<ast::DeclareState>(&statement.node)) declare_state(*state);
  }
  frames_.pop_back();
}

}  // namespace descent::frontend
