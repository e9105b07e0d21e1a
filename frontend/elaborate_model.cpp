// The model as a whole, the formulas of its metrics, and one parameter's optimizer.
#include <algorithm>

#include "frontend/elaborator.h"
#include "ir/stack.h"

namespace descent::frontend {

void Elaborator::draw_parameters() { seed_ = graph_->input("seed", {DType::i32, {}, {}}); }

void Elaborator::open_settings(const std::vector<Integer>& sizes) {
  if (frames_.empty()) push_frame(nullptr, {}, {});
  bind_sizes(sizes);
}

ModelReading Elaborator::read_model(const std::vector<Integer>& sizes) {
  push_frame(program_.model(), {}, {});
  bind_sizes(sizes);
  run(program_.model()->body);
  keep_updates();
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
  const bool is_whole = value.get<Whole>() && graph_->type(value.get<Whole>()->id).shape.empty();
  if (is_number(value)) {
    graph_->output(Output::Kind::metric, formula.name, materialise(value, DType::f64, formula.expression->at));
  } else if (is_whole) {
    graph_->output(Output::Kind::metric, formula.name, value.get<Whole>()->id);
  } else if (!value.poisoned()) {
    error("not-a-scalar", formula.expression->at, "expected a metric to be one number, found " + describe(value));
  }
}

// -- training --------------------------------------------------------------------------------------------------------

void Elaborator::open_training() {
  const TensorType type{DType::i32, {}, {}};
  for (const char* name : {"step", "steps"}) {
    clock_[name] = {Real{numbers_.read({graph_->input(name, type), {}, {}}, DType::i32), {}}};
  }
  graph_->input("seed", type);
}

namespace {

// Numbers alone, such as a schedule: its parameters have no types.
bool is_of_numbers(const ast::Function& function) {
  return std::all_of(function.parameters.begin(), function.parameters.end(),
                     [](const ast::Parameter& parameter) { return !parameter.type; });
}

// Whether an element's new value depends on the tensor's same element alone.
bool is_pointwise(const Program& program, const ast::Expression& expression) {
  if (std::holds_alternative<ast::Subscript>(expression.node) ||
      std::holds_alternative<ast::Reduction>(expression.node)) {
    return false;
  }
  if (const auto* call = std::get_if<ast::Call>(&expression.node)) {
    const ast::Function* function = program.find(ast::Function::Kind::function, call->function.text, call->function.at);
    if (function && !is_of_numbers(*function)) return false;
  }
  bool pointwise = true;
  ast::for_each_operand(
      expression, [&](const ast::Expression& operand) { pointwise = pointwise && is_pointwise(program, operand); });
  return pointwise;
}

bool is_pointwise(const Program& program, const ast::Function& optimizer) {
  return std::all_of(optimizer.body.begin(), optimizer.body.end(), [&](const ast::Statement& statement) {
    if (const auto* update = std::get_if<ast::Update>(&statement.node)) return is_pointwise(program, *update->value);
    if (const auto* state = std::get_if<ast::DeclareState>(&statement.node)) return !state->state.type;
    const auto* define = std::get_if<ast::Define>(&statement.node);
    return define && !define->targets[0].indexed && is_pointwise(program, *define->value);
  });
}

}  // namespace

// The turns of a repeat each have a parameter of their own, also for what an optimizer measures of a whole one: it is
// read for each turn, unless that makes no difference. Returns how many loops are open.
std::size_t Elaborator::open_turns(const StateInfo& parameter, const ast::Function& optimizer) {
  const StateDeclaration& declaration = parameter.declaration;
  if (is_pointwise(program_, optimizer)) return 0;
  const std::size_t turns = stacked_axes(declaration.name);
  for (std::size_t turn = 0; turn < turns; ++turn) open_loop({"turn", declaration.type.shape[turn]}, true, {});
  return turns;
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

  const std::size_t turns = open_turns(parameter, function);
  push_frame(&function, optimization.at, parameter.declaration.name + "." + function.name.text);
  bind(function.parameters[0].name, state_here(parameter.value, turns));
  bind(function.parameters[1].name, state_here(gradient, turns));
  frame().states[function.parameters[0].name.text] = parameter.declaration.name;
  bool good = true;
  for (const ast::Parameter& one : function.parameters) {
    for (const auto& [name, value] : numbers) {
      if (name != one.name.text) continue;
      good = good && !value.poisoned() && bind_number({&one, imported(value, 0), optimization.at});
    }
  }
  if (good) run(function.body);
  const bool updated = !frame().updates.empty();
  for (const auto& [state, value] : frame().updates) update_state(state, value, optimization.at);
  frames_.pop_back();
  for (std::size_t turn = 0; turn < turns; ++turn) {
    const std::unique_ptr<OpenLoop> loop = std::move(loops_.back());
    loops_.pop_back();
    go_to(level_ - 1);
    close_loop(*loop, optimization.at);
  }
  if (good && !updated) {
    error("no-update", function.name.at,
          "expected optimizer " + quoted(function.name.text) + " to update " +
              quoted(function.parameters[0].name.text) + " with ':='");
  }
}

void Elaborator::declare_optimizer_states(const StateInfo& parameter, const Optimization& optimization) {
  const ast::Function& function = *optimization.function;
  const std::size_t turns = open_turns(parameter, function);
  push_frame(&function, optimization.at, parameter.declaration.name + "." + function.name.text);
  bind(function.parameters[0].name, state_here(parameter.value, turns));
  for (const ast::Statement& statement : function.body) {
    if (const auto* state = std::get_if<ast::DeclareState>(&statement.node)) declare_state(*state);
  }
  frames_.pop_back();
  loops_.resize(loops_.size() - turns);
  go_to(level_ - turns);
}

}  // namespace descent::frontend
