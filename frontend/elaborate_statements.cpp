// Statements of functions, optimizers and the model.
#include <algorithm>
#include <array>
#include <charconv>
#include <functional>

#include "frontend/elaborator.h"
#include "ir/match.h"

namespace descent::frontend {

namespace {

// Calls of over_epoch in an expression, in order.
void collect_parts(const ast::Expression& expression, std::vector<const ast::Call*>& parts) {
  match(
      expression.node, [](const ast::Number&) {}, [](const ast::Text&) {}, [](const ast::Name&) {},
      [](const ast::Ellipsis&) {}, [](const ast::Subscript&) {},
      [&](const ast::Unary& node) { collect_parts(*node.operand, parts); },
      [&](const ast::Binary& node) {
        collect_parts(*node.left, parts);
        collect_parts(*node.right, parts);
      },
      [&](const ast::Conditional& node) {
        collect_parts(*node.condition, parts);
        collect_parts(*node.then, parts);
        collect_parts(*node.otherwise, parts);
      },
      [&](const ast::Call& call) {
        if (call.function.text == "over_epoch") parts.push_back(&call);
        for (const ast::Argument& argument : call.arguments) collect_parts(*argument.value, parts);
      },
      [&](const ast::Reduction& reduction) { collect_parts(*reduction.body, parts); });
}

}  // namespace

void Elaborator::run(const ast::Block& block) {
  for (const ast::Statement& statement : block) {
    if (exhausted_) return;
    if (frame().has_returned) return error("after-return", statement.at, "nothing may follow a return");
    run(statement);
    frame().binding.clear();
  }
}

void Elaborator::run(const ast::Statement& statement) {
  match(
      statement.node, [&](const ast::Define& node) { define(node, statement.at); },
      [&](const ast::Update& node) { update(node); }, [&](const ast::DeclareInput& node) { declare_inputs(node); },
      [&](const ast::DeclareParam& node) {
        if (frame().function->kind != ast::Function::Kind::model) {
          return error("misplaced-statement", statement.at, "parameters stand in the signature of a function");
        }
        bind(node.parameter.name, declare_parameter(node.parameter, path_of(node.parameter.name.text)));
      },
      [&](const ast::DeclareState& node) { declare_state(node); },
      [&](const ast::Return& node) { return_values(node, statement.at); },
      [&](const ast::Expect& node) { expect(node, statement.at); },
      [&](const ast::Scan& node) { scan(node, statement.at); },
      [&](const ast::Repeat& node) { repeat(node, statement.at); });
}

void Elaborator::define(const ast::Define& node, const Span& at) {
  const ast::Target& first = node.targets[0];
  frame().binding = first.name.text;
  hint_ = path_of("");
  if (node.kind == ast::Define::Kind::yield) return yield(node, at);
  const bool in_model = frame().function->kind == ast::Function::Kind::model && !frame().loop;
  if (node.kind != ast::Define::Kind::binding && !in_model) {
    return error("misplaced-statement", at, "outputs, losses and metrics stand in a model");
  }
  const OpenLoop::Carried* carried = first.next ? carried_by(first) : nullptr;
  if (first.next && !carried) return;
  if (node.kind == ast::Define::Kind::metric) return give_metric(node);
  const std::size_t known = graph_->graph().values.size();
  Operand value{Poison{}};
  if (first.indexed && node.targets.size() == 1) {
    value = frame().elements ? poison("not-an-element", at,
                                      "expected a function of single elements within index notation, found one with "
                                      "indices; call it on the whole tensor above")
                             : indexed_definition(first, *node.value, carried ? &carried->type : nullptr);
  } else if (std::any_of(node.targets.begin(), node.targets.end(), [](const auto& t) { return t.indexed; })) {
    error("left-side", at, "several values on the left take no indices");
  } else {
    value = value_of(*node.value);
  }
  if (const Real* real = value.get<Real>(); real && !constant(value) && numbers_.type(real->id) == DType::f64) {
    value = {Whole{materialise(value, DType::f64, at)}};
  }
  const Whole* whole = value.get<Whole>();
  if (whole && static_cast<std::size_t>(whole->id) >= known) graph_->rename(whole->id, hint_);
  give(node, value, at);
  bind_targets(node, std::move(value));
}

void Elaborator::bind_targets(const ast::Define& node, Operand value) {
  if (node.targets.size() == 1 && !value.get<Tuple>()) {
    return bind_target(node.targets[0], std::move(value), node.value->at);
  }
  const Tuple* tuple = value.get<Tuple>();
  const std::size_t found = tuple ? tuple->parts.size() : 1;
  if (!value.poisoned() && found != node.targets.size()) {
    error("value-count", node.targets[0].name.at,
          "expected " + counted(found, "name", "names") + " on the left, found " + std::to_string(node.targets.size()));
    tuple = nullptr;
  }
  for (std::size_t i = 0; i < node.targets.size(); ++i) {
    bind_target(node.targets[i], tuple ? tuple->parts[i] : Operand{Poison{}}, node.value->at);
  }
}

void Elaborator::bind_target(const ast::Target& target, Operand value, const Span& at) {
  if (!target.next) return bind(target.name, std::move(value));
  const OpenLoop::Carried* carried = carried_by(target);
  if (!carried) return;
  const ast::Identifier name{"next " + target.name.text, target.name.at};
  value = conform(value, carried->type, at, quoted(name.text));
  const Whole* whole = value.get<Whole>();
  if (whole && !stays_in(carried->type, whole->id, at, quoted(name.text))) value = {Poison{}};
  bind(name, std::move(value));
}

// outputs and losses
void Elaborator::give(const ast::Define& node, const Operand& value, const Span& at) {
  if (node.kind == ast::Define::Kind::binding || value.poisoned()) return;
  const ast::Identifier& name = node.targets[0].name;
  const Operand whole = is_number(value) ? Operand{Whole{materialise(value, DType::f32, at)}} : value;
  const Whole* tensor = whole.get<Whole>();
  if (node.targets.size() != 1 || !tensor)
    return error("value-count", at, "expected one tensor, found " + describe(value));
  if (node.kind == ast::Define::Kind::output) return reading_.outputs.push_back({name.text, tensor->id, at});
  const TensorType& type = graph_->type(tensor->id);
  if (!type.shape.empty() || type.dtype != DType::f32) {
    return error(
        "not-a-scalar", node.value->at,
        "expected a loss to be one f32, found " + to_string(type) + (type.shape.empty() ? "" : "; take its mean[…]"));
  }
  reading_.losses.push_back({name.text, tensor->id, at});
}

// A metric is wrapped whole in over_epoch; when over_epoch stands inside a formula, its arguments are what a batch
// gives, and the formula waits for the end of the epoch.
void Elaborator::give_metric(const ast::Define& node) {
  if (node.targets.size() != 1 || node.targets[0].indexed) {
    return error("value-count", node.targets[0].name.at, "expected one metric on the left");
  }
  const ast::Identifier& name = node.targets[0].name;
  std::vector<const ast::Call*> parts;
  collect_parts(*node.value, parts);
  const auto part = [&](const ast::Expression& expression, const std::string& as) {
    const std::size_t known = graph_->graph().values.size();
    const Operand value = value_of(expression);
    if (value.poisoned()) return;
    const Whole* whole = value.get<Whole>();
    if (whole && static_cast<std::size_t>(whole->id) >= known) graph_->rename(whole->id, as);
    const bool is_scalar = whole && graph_->type(whole->id).shape.empty() && is_float(graph_->type(whole->id).dtype);
    if (!is_scalar && !is_number(value)) {
      return error("not-a-scalar", expression.at, "expected a metric to be one f32, found " + describe(value));
    }
    const ValueId id = whole ? whole->id : materialise(value, DType::f32, expression.at);
    reading_.metrics.push_back({as, id, expression.at});
  };
  const auto* whole_call = std::get_if<ast::Call>(&node.value->node);
  if (parts.empty()) {
    part(*node.value, name.text);
  } else {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (parts[i]->arguments.size() != 1) return error("argument-count", node.value->at, "expected over_epoch(e)");
      const bool alone = whole_call == parts[i];
      part(*parts[i]->arguments[0].value, alone ? name.text : name.text + "." + std::to_string(i));
      if (alone) return bind(name, {Poison{}});
    }
    reading_.formulas.push_back({name.text, node.value.get(), parts});
  }
  bind(name, {Poison{}});
}

void Elaborator::declare_inputs(const ast::DeclareInput& node) {
  if (frame().function->kind != ast::Function::Kind::model || frame().loop) {
    return error("misplaced-statement", node.type.at, "inputs stand in a model");
  }
  const std::optional<TensorType> type = tensor_type(node.type);
  for (const ast::Identifier& name : node.names) {
    reading_.inputs.push_back(name.text);  // also after a mistake: the data that the train block names has a place
    if (name.text == "step" || name.text == "steps" || name.text == "seed") {
      error("reserved-name", name.at,
            quoted(name.text) + " is an input of every training step; name this one otherwise");
      continue;
    }
    bind(name, type ? Operand{Whole{graph_->input(name.text, *type, origin(name.at))}} : Operand{Poison{}});
  }
}

void Elaborator::declare_state(const ast::DeclareState& node) {
  if (frame().loop) return error("misplaced-statement", node.state.name.at, "states stand outside of loops");
  if (frame().function->kind != ast::Function::Kind::optimizer) return declare_statistic(node.state);
  std::optional<TensorType> type;
  if (node.state.type) {
    type = tensor_type(*node.state.type);
  } else {
    const Operand* parameter = find(frame().function->parameters[0].name.text);
    type = graph_->type(parameter->get<Whole>()->id);
  }
  if (!type) return bind(node.state.name, {Poison{}});
  const std::string path = path_of(node.state.name.text);
  const std::optional<ValueId> value =
      declare_state({StateDeclaration::Role::optimizer, path, *type, false}, node.state, optimizer_states_);
  bind(node.state.name, value ? state_here(*value, stacking().size()) : Operand{Poison{}});
  frame().states[node.state.name.text] = path;
}

// A state of a function or the model, such as a running mean: it learns while training, without a gradient.
void Elaborator::declare_statistic(const ast::Parameter& state) {
  const bool in_scan = std::any_of(loops_.begin(), loops_.end(), [](const auto& loop) { return !loop->stacks; });
  Operand value{Poison{}};
  if (frame().elements) {
    value = poison("not-an-element", frame().call,
                   "expected a function of single elements within index notation, found one with a state; call it on "
                   "the whole tensor above");
  } else if (in_scan && shared(path_of(state.name.text)) == path_of(state.name.text)) {
    value = poison("misplaced-statement", frame().call.source ? frame().call : state.name.at,
                   "a state changes once a step; expected it outside of a scan");
  } else if (!state.type) {
    value = poison("misplaced-statement", state.name.at,
                   "expected the type of state " + quoted(state.name.text) + ": state NAME : f32[n] ~ zeros");
  } else {
    value = declare_parameter(state, path_of(state.name.text), StateDeclaration::Role::statistic);
  }
  bind(state.name, std::move(value));
  frame().states[state.name.text] = path_of(state.name.text);
}

// state := value; below it the name means the new value.
void Elaborator::update(const ast::Update& node) {
  const auto state = frame().states.find(node.name.text);
  if (state == frame().states.end()) {
    std::vector<std::string> candidates;
    for (const auto& [name, path] : frame().states) candidates.push_back(name);
    return error(
        "not-a-state", node.name.at,
        "expected a state before ':=', found " + quoted(node.name.text) + suggestion(node.name.text, candidates));
  }
  if (frame().loop) return error("misplaced-statement", node.name.at, "states are updated outside of loops");
  hint_ = state->second;
  Operand& current = frame().names.at(node.name.text).value;
  if (current.poisoned()) return;
  const TensorType type = graph_->type(current.get<Whole>()->id);
  const Operand value = conform(value_of(*node.value), type, node.value->at, quoted(node.name.text));
  if (purpose_ == Purpose::judge && !value.poisoned()) return;  // nothing is learnt, the name keeps its value
  current = value;
  const Whole* whole = current.get<Whole>();
  if (!whole || shared(state->second) != state->second) return;  // whom it is shared with updates it
  auto& updates = frame().updates;
  const auto known =
      std::find_if(updates.begin(), updates.end(), [&](const auto& u) { return u.first == state->second; });
  if (known != updates.end()) known->second = whole->id;
  if (known == updates.end()) updates.emplace_back(state->second, whole->id);
}

// The end of a function or the model: its states' new values.
void Elaborator::keep_updates() {
  if (purpose_ != Purpose::learn) return;
  for (const auto& [state, value] : frame().updates) update_state(state, value, frame().call);
}

void Elaborator::return_values(const ast::Return& node, const Span& at) {
  if (frame().function->kind != ast::Function::Kind::function || frame().loop) {
    return error("misplaced-statement", at, "return stands in a function, outside of loops");
  }
  frame().has_returned = true;
  hint_ = frame().path;
  const std::optional<std::vector<TensorType>> declared = frame().results;
  if (declared && declared->size() != node.values.size()) {
    frame().returned = {{Poison{}}};
    return error("value-count", at,
                 "expected " + counted(declared->size(), "value", "values") + " as declared, found " +
                     std::to_string(node.values.size()));
  }
  for (std::size_t i = 0; i < node.values.size(); ++i) {
    const TensorType* type = declared ? &(*declared)[i] : nullptr;
    Operand value{Poison{}};
    if (node.target && frame().elements) {
      value = poison("not-an-element", at,
                     "expected a function of single elements within index notation, found one with indices; call it on "
                     "the whole tensor above");
    } else {
      value = node.target ? indexed_definition(*node.target, *node.values[i], type) : value_of(*node.values[i]);
    }
    if (type && !value.get<Tuple>()) value = conform(value, *type, node.values[i]->at, "the result");
    frame().returned.push_back(std::move(value));
  }
}

namespace {

// The text with the values that `value` gives for {name}; nothing when it knows one of them not, named in `unknown`.
std::optional<std::string> filled(const std::string& text,
                                  const std::function<std::optional<std::string>(const std::string&)>& value,
                                  std::string& unknown) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t open = text.find('{', at);
    const std::size_t close = open == std::string::npos ? open : text.find('}', open);
    result += text.substr(at, open == std::string::npos || close == std::string::npos ? std::string::npos : open - at);
    if (close == std::string::npos) break;
    unknown = text.substr(open + 1, close - open - 1);
    const std::optional<std::string> found = value(unknown);
    if (!found) return std::nullopt;
    result += *found;
    at = close + 1;
  }
  return result;
}

// With as many digits as tell it from other numbers.
std::string shortest(double number) {
  std::array<char, 32> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  return {digits.data(), end};
}

}  // namespace

// Told at the call, in the words of the statement. False: it is not as expected, or cannot be told.
bool Elaborator::expect(const ast::Expect& node, const Span& at) {
  const Operand condition = value_of(*node.condition);
  if (condition.poisoned()) return false;
  const std::optional<double> known = constant(condition);
  if (!known && condition.get<Real>()) return true;  // a number that comes while running
  if (!known) {
    error("bad-expectation", node.condition->at,
          "expected a condition on sizes, known while compiling, found " + describe(condition));
    return false;
  }
  std::string unknown;
  const std::optional<std::string> message = filled(
      node.message.text,
      [&](const std::string& name) -> std::optional<std::string> {
        const Operand* value = find(name);
        if (value && value->get<Integer>()) return std::to_string(value->get<Integer>()->value);
        if (value && value->get<Batch>()) return "batch";
        const std::optional<double> number = value ? constant(*value) : std::nullopt;
        return number ? std::optional(shortest(*number)) : std::nullopt;
      },
      unknown);
  if (!message) {
    error("bad-expectation", node.message.at,
          "expected the name of a size or a number between braces, found " + quoted(unknown));
    return false;
  }
  if (*known != 0) return true;
  const Span& call = frame().call.source ? frame().call : at;
  error("not-as-expected", call, *message, {{at, "says " + quoted(frame().function->name.text)}});
  return false;
}

// What a function expects before all else is told before shapes are made of its sizes.
bool Elaborator::expect_first(const ast::Function& function) {
  for (const ast::Statement& statement : function.body) {
    const auto* first = std::get_if<ast::Expect>(&statement.node);
    if (!first) break;
    if (!expect(*first, statement.at)) return false;
  }
  return true;
}

}  // namespace descent::frontend
