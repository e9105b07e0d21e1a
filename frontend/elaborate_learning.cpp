// Training: gradients of the loss, what becomes of all of them (clip), and each parameter's optimizer.
#include <algorithm>
#include <tuple>

#include "frontend/elaborator.h"
#include "ir/stack.h"

namespace descent::frontend {

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

// Whether each element depends on the tensors' same element alone.
bool is_pointwise(const Program& program, const ast::Expression& expression) {
  if (std::holds_alternative<ast::Subscript>(expression.node) ||
      std::holds_alternative<ast::Reduction>(expression.node)) {
    return false;
  }
  if (const auto* call = std::get_if<ast::Call>(&expression.node)) {
    if (call->function.text == "over_parameters") return true;  // one number for all
    const ast::Function* function = program.find(ast::Function::Kind::function, call->function.text, call->function.at);
    if (function && !is_of_numbers(*function)) return false;
  }
  bool pointwise = true;
  ast::for_each_operand(
      expression, [&](const ast::Expression& operand) { pointwise = pointwise && is_pointwise(program, operand); });
  return pointwise;
}

bool is_pointwise(const Program& program, const ast::Function& function) {
  return std::all_of(function.body.begin(), function.body.end(), [&](const ast::Statement& statement) {
    if (const auto* update = std::get_if<ast::Update>(&statement.node)) return is_pointwise(program, *update->value);
    if (const auto* state = std::get_if<ast::DeclareState>(&statement.node)) return !state->state.type;
    if (std::holds_alternative<ast::Expect>(statement.node)) return true;
    if (const auto* result = std::get_if<ast::Return>(&statement.node)) {
      return !result->target && is_pointwise(program, *result->values[0]);
    }
    const auto* define = std::get_if<ast::Define>(&statement.node);
    return define && !define->targets[0].indexed && is_pointwise(program, *define->value);
  });
}

}  // namespace

// The turns of a repeat each have a parameter of their own, also for what an optimizer or a clip measures of a whole
// one: it is read for each turn, unless that makes no difference. Returns how many loops are open.
std::size_t Elaborator::open_turns(const StateInfo& parameter, const ast::Function& learner) {
  const StateDeclaration& declaration = parameter.declaration;
  if (is_pointwise(program_, learner)) return 0;
  const std::size_t turns = stacked_axes(declaration.name);
  for (std::size_t turn = 0; turn < turns; ++turn) open_loop({"turn", declaration.type.shape[turn]}, true, {});
  return turns;
}

// The value that each turn gives, stacked again.
Operand Elaborator::close_turns(std::size_t turns, Operand value, const Span& at) {
  for (std::size_t turn = 0; turn < turns; ++turn) {
    const std::unique_ptr<OpenLoop> loop = std::move(loops_.back());
    loops_.pop_back();
    if (const Whole* whole = value.get<Whole>()) loop->yields.push_back({{"turn", at}, whole->id, 0});
    go_to(level_ - 1);
    const std::vector<ValueId> results = close_loop(*loop, at);
    if (value.get<Whole>()) value = {Whole{results[0]}};
  }
  return value;
}

void Elaborator::learn(const std::vector<StateInfo>& parameters, ValueId loss, const Optimization* clip,
                       const ModelArguments& arguments) {
  learning_ = Learning{parameters, loss, {}, nullptr, {}, {}};
  std::erase_if(learning_->parameters, [](const StateInfo& parameter) { return parameter.declaration.frozen; });
  if (!clip) return;
  const Numbers numbers = numbers_of(*clip, arguments);
  std::map<std::string, ValueId> all;
  for (const StateInfo& parameter : learning_->parameters) {
    const Operand value = applied(parameter, *clip, {raw_gradient_of(parameter)}, numbers, "the clipped gradient");
    if (const Whole* whole = value.get<Whole>()) all[parameter.declaration.name] = whole->id;
  }
  learning_->clipped = std::move(all);
  learning_->totals.clear();
}

// Equal nodes are one: asking twice costs nothing.
ValueId Elaborator::batch_gradient_of(const StateInfo& parameter) {
  const StateDeclaration& declaration = parameter.declaration;
  return outermost_.add(Gradient{learning_->loss, parameter.value}, {declaration.type}, declaration.name + ".gradient",
                        parameter.at)[0];
}

ValueId Elaborator::raw_gradient_of(const StateInfo& parameter) {
  return accumulates_ ? accumulated_gradient_of(parameter, Accumulated::mean) : batch_gradient_of(parameter);
}

ValueId Elaborator::gradient_of(const StateInfo& parameter) {
  const auto clipped = learning_->clipped.find(parameter.declaration.name);
  return clipped != learning_->clipped.end() ? clipped->second : raw_gradient_of(parameter);
}

// The arguments, computed anew at each step, in f64.
Elaborator::Numbers Elaborator::numbers_of(const Optimization& optimization, const ModelArguments& arguments) {
  push_frame(nullptr, optimization.at, {});
  bind_model(arguments);
  rates_ = &optimization.rates;
  Numbers numbers;
  for (const RateExpression& argument : optimization.arguments) {
    hint_ = argument.argument;
    reads_plateaus_ = false;
    Operand value = value_of(*argument.value);
    if (is_number(value) && !constant(value)) value = {Whole{materialise(value, DType::f64, argument.value->at)}};
    const Whole* whole = value.get<Whole>();
    if (whole && reads_plateaus_) plateau_numbers_[optimization.prefix + argument.argument] = whole->id;
    numbers.emplace_back(argument.argument, value);
  }
  rates_ = nullptr;
  frames_.pop_back();
  learning_->reading = &optimization;
  learning_->numbers = numbers;
  return numbers;
}

// plateaus(patience, threshold, delta, cooldown): how many there have been, a rate that the host counts. Those that ask
// for the same are one.
Operand Elaborator::plateaus(const ast::Call& node, const Span& at) {
  if (!rates_) {
    return poison("misplaced-plateaus", at,
                  "expected plateaus(…) in an argument of an optimizer, as schedules are, only");
  }
  const bool is_named = std::any_of(node.arguments.begin(), node.arguments.end(),
                                    [](const ast::Argument& argument) { return argument.name.has_value(); });
  if (node.arguments.size() != 4 || is_named) {
    return poison("argument-count", at, "expected plateaus(patience, threshold, delta, cooldown)");
  }
  Plateaus asked;
  RateOrNumber* const places[] = {&asked.patience, &asked.threshold, &asked.delta, &asked.cooldown};
  for (std::size_t i = 0; i < 4; ++i) {
    const ast::Expression& expression = *node.arguments[i].value;
    const Operand operand = value_of(expression);
    if (operand.poisoned()) return {Poison{}};
    const std::optional<RateOrNumber> number = rate_or_number(operand);
    if (!number) return poison("not-a-number", expression.at, "expected a plain number, found one that is computed");
    *places[i] = *number;
  }
  reads_plateaus_ = true;
  const auto same = std::find_if(plateaus_.begin(), plateaus_.end(), [&](const Plateaus& known) {
    return std::tie(known.patience, known.threshold, known.delta, known.cooldown) ==
           std::tie(asked.patience, asked.threshold, asked.delta, asked.cooldown);
  });
  asked.rate = same != plateaus_.end() ? same->rate
               : plateaus_.empty()     ? "plateaus"
                                       : "plateaus." + std::to_string(plateaus_.size() + 1);
  if (same == plateaus_.end()) plateaus_.push_back(asked);
  return {Real{numbers_.read({outermost_.input(asked.rate, {DType::f64, {}, {}}), {}, {}}, DType::f64), {}}};
}

// What the host can look up: a constant, or a rate as it is.
std::optional<RateOrNumber> Elaborator::rate_or_number(const Operand& operand) const {
  if (const std::optional<double> known = constant(operand)) return *known;
  ValueId value = -1;
  if (const Whole* whole = operand.get<Whole>()) value = whole->id;
  if (const Real* real = operand.get<Real>()) {
    const Read* read = std::get_if<Read>(&numbers_[real->id].node);
    if (read) value = read->tensor;
  }
  const Input* input = value < 0 ? nullptr : std::get_if<Input>(&outermost_.graph().node_of(value).op);
  const bool is_rate = input && std::any_of(rates_->begin(), rates_->end(),
                                            [&](const auto& rate) { return rate.second == input->name; });
  return is_rate ? std::optional<RateOrNumber>(input->name) : std::nullopt;
}

std::vector<Output> Elaborator::plateau_numbers() const {
  std::vector<Output> outputs;
  for (const auto& [name, value] : plateau_numbers_) outputs.push_back({Output::Kind::metric, name, value});
  return outputs;
}

// The parameters of an optimizer, `tensors` being the gradient; of a function of tensors, these first.
bool Elaborator::bind_learner(const ast::Function& function, const StateInfo& parameter,
                              const std::vector<ValueId>& tensors, std::size_t turns, const Numbers& numbers,
                              const Span& at) {
  std::vector<Argument> arguments;
  const bool optimizes = function.kind == ast::Function::Kind::optimizer;
  bool good = true;
  if (optimizes) {
    good = bind_optimized(function.parameters[0], parameter, state_here(parameter.value, turns), at) &&
           bind_optimized(function.parameters[1], parameter, state_here(tensors[0], turns), at);
  } else {
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      arguments.push_back({&function.parameters[i], state_here(tensors[i], turns), at});
    }
  }
  for (const ast::Parameter& one : function.parameters) {
    for (const auto& [name, value] : numbers) {
      if (name != one.name.text) continue;
      arguments.push_back({&one, imported(value, 0), at});
      good = good && !value.poisoned();
    }
  }
  return good && bind_arguments(function, arguments);
}

// An optimizer that writes the type of its parameter takes only parameters of that shape: w : f32[rows, columns].
bool Elaborator::bind_optimized(const ast::Parameter& parameter, const StateInfo& of, const Operand& value,
                                const Span& at) {
  bind(parameter.name, value);
  return !parameter.type || bind_shape(*frame().function, *parameter.type, graph_->type(value.get<Whole>()->id).shape,
                                       "parameter " + quoted(of.declaration.name), at);
}

// What a function of tensors of the parameter's shape gives, such as its clipped gradient.
Operand Elaborator::applied(const StateInfo& parameter, const Optimization& learner,
                            const std::vector<ValueId>& tensors, const Numbers& numbers, const std::string& what) {
  const ast::Function& function = *learner.function;
  const std::size_t turns = open_turns(parameter, function);
  push_frame(&function, learner.at, parameter.declaration.name + "." + function.name.text);
  Operand value{Poison{}};
  if (bind_learner(function, parameter, tensors, turns, numbers, learner.at) && expect_results(function)) {
    run(function.body);
    const Operand* first = frame().returned.size() == 1 ? frame().returned.data() : nullptr;
    const std::size_t stacked = turns == 0 ? 0 : stacked_axes(parameter.declaration.name);
    TensorType type = parameter.declaration.type;
    type.shape.erase(type.shape.begin(), type.shape.begin() + static_cast<std::ptrdiff_t>(stacked));
    if (first) value = conform(*first, type, learner.at, what + " of " + quoted(parameter.declaration.name));
    if (!first) error("value-count", learner.at, "expected one tensor from " + quoted(function.name.text));
  }
  frames_.pop_back();
  return close_turns(turns, value, learner.at);
}

void Elaborator::average(const StateInfo& parameter, const Optimization& average, const ModelArguments& arguments) {
  const StateDeclaration& declaration = parameter.declaration;
  ValueId now = -1;
  for (const Node& node : outermost_.graph().nodes) {
    const auto* update = std::get_if<descent::Update>(&node.op);
    if (update && update->state == declaration.name) now = update->value;
  }
  if (now < 0) return;
  const std::string name = declaration.name + ".average";
  const ValueId before = outermost_.state(name, declaration.type, parameter.at);
  const Numbers numbers = numbers_of(average, arguments);
  const Operand kept = applied(parameter, average, {before, now}, numbers, "the average");
  if (const Whole* whole = kept.get<Whole>()) outermost_.update(name, whole->id, average.at);
}

// over_parameters(e): Σ e over all parameters that are trained; in e the names of the first arguments are theirs.
Operand Elaborator::over_parameters(const ast::Call& node, const Span& at) {
  if (!learning_ || !learning_->reading) {
    return poison("misplaced-over-parameters", at, "expected over_parameters(…) in an optimizer or a clip only");
  }
  if (node.arguments.size() != 1 || node.arguments[0].name) {
    return poison("argument-count", at, "expected over_parameters(e)");
  }
  const std::pair key(&node, learning_->reading);
  if (const auto known = learning_->totals.find(key); known != learning_->totals.end()) {
    return {Whole{captured(known->second, 0)}};
  }
  const Optimization& reading = *learning_->reading;
  const std::size_t here = go_to(0);
  OpenSweep sum;
  Operand total{Poison{}};
  bool good = true;
  for (const StateInfo& parameter : learning_->parameters) {
    push_frame(reading.function, reading.at, parameter.declaration.name + "." + reading.function->name.text);
    Operand part{Poison{}};
    if (bind_learner(*reading.function, parameter, {gradient_of(parameter)}, 0, learning_->numbers, reading.at)) {
      part = value_of(*node.arguments[0].value);
    }
    frames_.pop_back();
    part = conform(part, {DType::f32, {}, {}}, node.arguments[0].value->at, "what is summed over parameters");
    good = good && !part.poisoned();
    if (!good) break;
    const Operand point = point_of(part, sum, at);
    total = total.poisoned() ? point : apply(Op::add, {total, point}, sum, at);
  }
  const Operand whole = good ? close(sum, total, at) : Operand{Poison{}};
  go_to(here);
  if (!whole.get<Whole>()) return {Poison{}};
  learning_->totals[key] = whole.get<Whole>()->id;
  return {Whole{captured(whole.get<Whole>()->id, 0)}};
}

// The optimizer's statements for one parameter.
void Elaborator::optimize(const StateInfo& parameter, const Optimization& optimization,
                          const ModelArguments& arguments) {
  const ast::Function& function = *optimization.function;
  const ValueId gradient = gradient_of(parameter);
  const Numbers numbers = numbers_of(optimization, arguments);
  const std::size_t turns = open_turns(parameter, function);
  push_frame(&function, optimization.at, parameter.declaration.name + "." + function.name.text);
  frame().states[function.parameters[0].name.text] = parameter.declaration.name;
  const bool good = bind_learner(function, parameter, {gradient}, turns, numbers, optimization.at);
  if (good) run(function.body);
  const bool updated = !frame().updates.empty();
  for (const auto& [state, value] : frame().updates) update_state(state, value, optimization.at);
  frames_.pop_back();
  close_turns(turns, {Poison{}}, optimization.at);
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
  const bool fits =
      bind_optimized(function.parameters[0], parameter, state_here(parameter.value, turns), optimization.at);
  for (const ast::Statement& statement : function.body) {
    const auto* state = std::get_if<ast::DeclareState>(&statement.node);
    if (state && fits) declare_state(*state);
  }
  frames_.pop_back();
  loops_.resize(loops_.size() - turns);
  go_to(level_ - turns);
}

}  // namespace descent::frontend
