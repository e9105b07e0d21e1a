// What survives a step: parameters and optimizer states, and how their initial values are drawn.
#include <algorithm>
#include <utility>

#include "frontend/elaborator.h"
#include "frontend/lexer.h"
#include "ir/stack.h"

namespace descent::frontend {

// A parameter by its path. In the entry init it is drawn and updated as well.
Operand Elaborator::declare_parameter(const ast::Parameter& parameter, const std::string& path,
                                      StateDeclaration::Role role) {
  if (frames_.front()->function != program_.model()) {
    return poison("misplaced-statement", parameter.name.at, "functions with parameters are called in a model only");
  }
  const std::optional<TensorType> type = tensor_type(*parameter.type);
  if (!type) return {Poison{}};
  if (const std::string other = shared(path); other != path) return take_shared(parameter, other, *type);
  if (const auto known = parameters_.find(path); known != parameters_.end()) {
    const std::string function = frame().function->name.text;
    return poison("second-call", frame().call.source ? frame().call : parameter.name.at,
                  "a second call of " + quoted(function) + " here must be named: " + function + "(…) as NAME",
                  {{origin(reading_.parameters[known->second].at), quoted(path) + " is of this call"}});
  }
  const bool frozen = parameter.frozen || role == StateDeclaration::Role::statistic;
  StateDeclaration declaration{role, path, *type, frozen};
  const std::optional<ValueId> value = declare_state(std::move(declaration), parameter, reading_.parameters);
  if (!value) return {Poison{}};
  parameters_[path] = reading_.parameters.size() - 1;
  return state_here(*value, stacking().size());
}

// The parameter of the call that the one at hand shares with.
Operand Elaborator::take_shared(const ast::Parameter& parameter, const std::string& path, TensorType type) {
  const Span at = frame().call.source ? frame().call : parameter.name.at;
  const auto known = parameters_.find(path);
  if (known == parameters_.end()) {
    return poison("unknown-parameter", at, "what this call shares with has no parameter " + quoted(path));
  }
  const StateInfo& found = reading_.parameters[known->second];
  // Repeats around this call alone have the same value in all turns.
  Shape turns = stacking();
  const std::size_t around = turns.size() - stacked_axes(path);
  turns.erase(turns.begin(), turns.begin() + static_cast<std::ptrdiff_t>(around));
  type.shape.insert(type.shape.begin(), turns.begin(), turns.end());
  if (found.declaration.type != type) {
    return poison("shape-mismatch", at,
                  "expected parameter " + quoted(path) + ", which is shared, to be " + to_string(type) + ", found " +
                      to_string(found.declaration.type),
                  {{origin(found.at), "declared by this call"}});
  }
  return state_here(found.value, turns.size(), around);
}

// The argument of the call at hand whose shape made a size in this type be batch.
const ast::Parameter* Elaborator::batch_from(const ast::Type& type) {
  const auto names = [](const ast::Type& in, const std::string& size) {
    return std::any_of(in.extents.begin(), in.extents.end(), [&](const ast::ExpressionRef& extent) {
      const auto* name = std::get_if<ast::Name>(&extent->node);
      return name && name->text == size;
    });
  };
  for (const auto& [name, binding] : frame().names) {
    if (!binding.value.get<Batch>() || !names(type, name)) continue;
    for (const ast::Parameter& parameter : frame().function->parameters) {
      const bool shapes = parameter.type && !parameter.is_param && names(*parameter.type, name);
      if (shapes && find(parameter.name.text)) return &parameter;
    }
  }
  return nullptr;
}

std::optional<ValueId> Elaborator::declare_state(StateDeclaration declaration, const ast::Parameter& parameter,
                                                 std::vector<StateInfo>& states) {
  for (std::size_t axis = 0; axis < declaration.type.shape.size(); ++axis) {
    if (!declaration.type.shape[axis].is_batch()) continue;
    const ast::Parameter* source = parameter.type ? batch_from(*parameter.type) : nullptr;
    if (source) {
      error("batch-state", frame().call,
            "expected " + ast::print(*source->type) + " with axes of fixed size for argument " +
                quoted(source->name.text) + " of " + quoted(frame().function->name.text) + ", found " +
                describe(*find(source->name.text)) + "; parameter " + quoted(declaration.name) +
                " would grow with batch");
    } else {
      error(
          "batch-state", parameter.name.at,
          "expected a shape without batch for " + quoted(declaration.name) + ", found " + to_string(declaration.type));
    }
    return std::nullopt;
  }
  if (!is_float(declaration.type.dtype) || declaration.type.range) {
    error("wrong-type", parameter.name.at,
          "expected " + quoted(declaration.name) + " to be f32 or f64, found " + to_string(declaration.type));
    return std::nullopt;
  }
  const Span at = frame().call.source ? frame().call : parameter.name.at;
  const Shape turns = stacking();
  declaration.type.shape.insert(declaration.type.shape.begin(), turns.begin(), turns.end());
  if (descent::count(turns, 1) > most_parts) {
    error("too-many-turns", at,
          "expected at most " + std::to_string(most_parts) + " turns with values of " + quoted(declaration.name) +
              ", found " + std::to_string(descent::count(turns, 1)));
    return std::nullopt;
  }
  if (!fits(declaration.type.shape, at)) return std::nullopt;
  const std::size_t level = go_to(0);
  const ValueId value = graph_->state(declaration.name, declaration.type, origin(at));
  bool good = true;
  if (seed_) {
    const std::string binding = std::exchange(frame().binding, parameter.name.text);
    const std::optional<ValueId> drawn = draw_stack(*parameter.initial, declaration.type, declaration.name);
    frame().binding = binding;
    good = drawn.has_value();
    if (drawn) graph_->update(declaration.name, *drawn, origin(at));
  }
  go_to(level);
  if (!good) return std::nullopt;
  states.push_back({std::move(declaration), value, at});
  return value;
}

// In repeats each turn draws its own value, under the path that it would have if the block were written out.
std::optional<ValueId> Elaborator::draw_stack(const ast::Expression& initial, const TensorType& type,
                                              const std::string& name) {
  std::vector<ValueId> parts;
  for (const std::string& path : part_names(name, type.shape)) {
    const std::optional<ValueId> part = draw(initial, part_type(name, type), path);
    if (!part) return std::nullopt;
    parts.push_back(*part);
  }
  const std::size_t turns = stacked_axes(name);
  if (turns == 0) return parts[0];
  return graph_->elementwise(
      type.shape,
      [&](BodyBuilder& body, const std::vector<Affine>& axes) {
        Affine turn;
        for (std::size_t i = 0; i < turns; ++i) turn = turn * type.shape[i].size + axes[i];
        const auto element = [&](ValueId part) {
          Read read{part, {}, {}};
          for (std::size_t i = turns; i < axes.size(); ++i) read.at.push_back({axes[i], no_scalar});
          return body.read(std::move(read), type.dtype);
        };
        ScalarId value = element(parts.back());
        for (std::size_t k = parts.size() - 1; k-- > 0;) {
          if (parts[k] == parts.back()) continue;
          const ScalarId here =
              body.apply(Op::equal, {body.axis(turn), body.literal(static_cast<double>(k), DType::i32)});
          value = body.apply(Op::select, {here, element(parts[k]), value});
        }
        return value;
      },
      name);
}

// `~ f` or `~ f(…)`: the function receives the declared shape; a number fills it.
std::optional<ValueId> Elaborator::draw(const ast::Expression& initial, const TensorType& type,
                                        const std::string& site) {
  const std::size_t made = graph_->graph().values.size();
  const std::string hint = hint_;
  hint_ = site;
  draws_.push_back({type, site});
  const auto* name = std::get_if<ast::Name>(&initial.node);
  const bool is_function = name && !known(name->text) && !is_reserved(name->text);
  const Operand drawn = is_function ? call({{name->text, initial.at}, {}}, nullptr, initial.at) : value_of(initial);
  draws_.pop_back();
  const Operand value = conform(drawn, type, initial.at, "the initial value of " + quoted(site));
  hint_ = hint;
  const Whole* whole = value.get<Whole>();
  if (whole && static_cast<std::size_t>(whole->id) >= made) graph_->rename(whole->id, site);
  return whole ? std::optional(whole->id) : std::nullopt;
}

}  // namespace descent::frontend
