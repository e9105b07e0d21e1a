// Calls: matching arguments, binding sizes from shapes, parameters of the callee, its statements, its results. On
// elements inside index notation a function is read in place, as part of the sweep's body.
#include <algorithm>
#include <utility>

#include "frontend/elaborator.h"

namespace descent::frontend {

namespace {

bool is_size(const ast::Parameter& parameter) { return parameter.type && parameter.type->element.text == "size"; }
bool is_tensor(const ast::Parameter& parameter) { return parameter.type && !is_size(parameter); }

bool has_leading(const ast::Type& type) {
  return !type.extents.empty() && std::holds_alternative<ast::Ellipsis>(type.extents[0]->node);
}

std::string listed(const ast::Function& function) {
  std::string text;
  for (const ast::Parameter& parameter : function.parameters) text += (text.empty() ? "" : ", ") + parameter.name.text;
  return function.name.text + "(" + text + ")";
}

}  // namespace

Operand Elaborator::call(const ast::Call& node, OpenSweep* elements, const Span& at) {
  if (std::optional<Operand> special = special_call(node, elements, at)) return *special;
  const ast::Function* function = program_.find(ast::Function::Kind::function, node.function.text, node.function.at);
  return function ? call_function(*function, node, elements, at) : unknown_function(node.function);
}

Operand Elaborator::unknown_function(const ast::Identifier& name) {
  std::vector<std::string> candidates = program_.names(ast::Function::Kind::function);
  for (const OpRow& entry : op_table()) {
    if (find_primitive(std::string(entry.name))) candidates.emplace_back(entry.name);
  }
  for (const char* special : {"grad", "over_epoch", "over_parameters", "plateaus", "uniform"})
    candidates.emplace_back(special);
  if (ast::is_reduction(name.text)) return needs_brackets(name);
  return poison("unknown-function", name.at,
                "unknown function " + quoted(name.text) + suggestion(name.text, candidates));
}

// sum(x) for sum[i](x[i])
Operand Elaborator::needs_brackets(const ast::Identifier& reduction) {
  const std::string& name = reduction.text;
  return poison("unknown-function", reduction.at,
                "expected the indices that " + quoted(name) + " runs over: " + name + "[i](x[b, i]) for one axis, " +
                    name + "[...](x[...]) for all");
}

// -- what is neither in the library nor in the op table --------------------------------------------------------------

std::optional<Operand> Elaborator::special_call(const ast::Call& node, OpenSweep* elements, const Span& at) {
  const std::string& name = node.function.text;
  if (name == "grad") return gradient(node, at);
  if (name == "uniform") return uniform(node, elements, at);
  if (name == "over_epoch") return over_epoch(node, at);
  if (name == "over_parameters") return over_parameters(node, at);
  if (name == "plateaus") return plateaus(node, at);
  return std::nullopt;
}

// grad(y, x): ∂y/∂x, y of rank 0, as a tensor like x.
Operand Elaborator::gradient(const ast::Call& node, const Span& at) {
  if (node.arguments.size() != 2 || node.arguments[0].name || node.arguments[1].name) {
    return poison("argument-count", at, "expected grad(y, x)");
  }
  const Operand of = value_of(*node.arguments[0].value);
  const Operand by = value_of(*node.arguments[1].value);
  if (of.poisoned() || by.poisoned()) return {Poison{}};
  const Whole* y = of.get<Whole>();
  const Whole* x = by.get<Whole>();
  if (!y || !graph_->type(y->id).shape.empty() || !is_float(graph_->type(y->id).dtype)) {
    return poison("not-a-scalar", node.arguments[0].value->at,
                  "expected one f32 to take the gradient of, found " + describe(of));
  }
  if (!x || !is_float(graph_->type(x->id).dtype)) {
    return poison("wrong-type", node.arguments[1].value->at,
                  "expected a tensor of f32 to take the gradient by, found " + describe(by));
  }
  if (is_from_outside(y->id)) {
    return poison("gradient-of-outside", node.arguments[0].value->at,
                  "expected a value that this block computes to take the gradient of, found one from outside; write "
                  "grad(…) above the loop");
  }
  TensorType type = graph_->type(x->id);
  return {Whole{graph_->add(Gradient{y->id, x->id}, {std::move(type)}, hint_, origin(at))[0]}};
}

Operand Elaborator::over_epoch(const ast::Call& node, const Span& at) {
  if (!formula_) return poison("misplaced-over-epoch", at, "expected over_epoch(…) in the formula of a metric only");
  const auto part = std::find(formula_->parts.begin(), formula_->parts.end(), &node);
  DESCENT_CHECK(part != formula_->parts.end(), "a part of the formula was not collected");
  const std::string name = formula_->name + "." + std::to_string(part - formula_->parts.begin());
  return {Whole{graph_->input(name, {DType::f64, {}, {}}, origin(at))}};
}

// -- functions -------------------------------------------------------------------------------------------------------

Operand Elaborator::call_function(const ast::Function& function, const ast::Call& node, OpenSweep* elements,
                                  const Span& at) {
  const bool recursive =
      std::any_of(frames_.begin(), frames_.end(), [&](const auto& frame) { return frame->function == &function; });
  if (recursive) {
    return poison("calls-itself", at,
                  "function " + quoted(function.name.text) + " calls itself; functions of the language can't");
  }
  if (frames_.size() > most_calls) {
    return poison("nested-too-deeply", at, "expected at most " + std::to_string(most_calls) + " calls in one another");
  }
  const auto matched = match_arguments(function, node.arguments, 0, at);
  if (!matched) return {Poison{}};
  const std::string path = path_of(node.as ? node.as->text : function.name.text);
  const std::string hint = hint_;
  std::vector<Argument> arguments;
  bool good = true;
  for (std::size_t i = 0; i < function.parameters.size(); ++i) {
    const ast::Parameter& parameter = function.parameters[i];
    const ast::Expression* given = (*matched)[i];
    arguments.push_back({&parameter, std::nullopt, given ? given->at : at});
    if (!given) continue;
    hint_ = path + "." + parameter.name.text;
    arguments.back().value = elements ? element_of(*given, *elements) : value_of(*given);
    good &= !arguments.back().value->poisoned();
  }
  const std::optional<std::string> from = node.sharing ? shared_call(*node.sharing, path) : std::nullopt;
  good &= from.has_value() == node.sharing.has_value();
  if (from) sharing_.push_back({path, *from});
  push_frame(&function, at, path);
  frame().elements = elements;
  // The caller's indices are no names of the function, whose parameters may be called alike.
  std::map<std::string, AxisId> indices;
  if (elements) indices.swap(elements->indices);
  Operand result{Poison{}};
  if (good && bind_arguments(function, arguments) && expect_results(function)) {
    run(function.body);
    keep_updates();
    if (!function.adjoints.empty() && frame().has_returned) override_gradient(function, at);
    std::vector<Operand>& values = frame().returned;
    if (values.size() == 1) result = values[0];
    if (values.size() > 1) result = {Tuple{values}};
    if (!frame().has_returned) {
      error("no-return", function.name.at, "expected a return in function " + quoted(function.name.text));
    }
  }
  if (elements) indices.swap(elements->indices);
  frames_.pop_back();
  if (from) sharing_.pop_back();
  hint_ = hint;
  return result;
}

// The tensors that a function's gradient goes to: all of floats in its signature.
std::vector<ValueId> Elaborator::overridden(const ast::Function& function) {
  std::vector<ValueId> tensors;
  for (const ast::Parameter& parameter : function.parameters) {
    if (!is_tensor(parameter)) continue;
    const Whole* whole = frame().names.at(parameter.name.text).value.get<Whole>();
    if (whole && is_float(graph_->type(whole->id).dtype)) tensors.push_back(whole->id);
  }
  return tensors;
}

// fn f(x : f32[…]) { … } gradient(g) { … return d }: the results stay, but g, what flows back into them, goes on as d.
void Elaborator::override_gradient(const ast::Function& function, const Span& at) {
  Frame& here = frame();
  std::vector<Operand> results = std::exchange(here.returned, {});
  const auto give_up = [&] { here.returned.assign(results.size(), {Poison{}}); };
  descent::Override override;
  std::vector<TensorType> types;
  for (const Operand& result : results) {
    const Whole* whole = result.get<Whole>();
    if (result.poisoned()) return give_up();
    if (here.elements) {
      give_up();
      return error("not-an-element", at,
                   "expected a function of single elements within index notation, found one with a gradient of its "
                   "own; call it on the whole tensor above");
    }
    if (!whole || !is_float(graph_->type(whole->id).dtype)) {
      give_up();
      return error("wrong-type", at,
                   "expected tensors of f32 from a function with a gradient of its own, found " + describe(result));
    }
    override.values.push_back(whole->id);
    types.push_back(graph_->type(whole->id));
  }
  override.of = overridden(function);
  const auto* last = function.gradient.empty() ? nullptr : std::get_if<ast::Return>(&function.gradient.back().node);
  if (function.adjoints.size() != results.size() || !last || last->values.size() != override.of.size()) {
    give_up();
    return error("bad-gradient", function.adjoints[0].at,
                 "expected gradient(…) of " + quoted(function.name.text) + " to name what flows back into " +
                     counted(results.size(), "result", "results") + " and to return what goes on to " +
                     counted(override.of.size(), "tensor", "tensors") + " of its signature");
  }
  for (const ast::Statement& statement : function.gradient) {
    if (!std::holds_alternative<ast::Update>(statement.node)) continue;
    error("misplaced-statement", statement.at, "states are updated above gradient(…)");
    return give_up();
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::string name = here.path + "." + function.adjoints[i].text + "." + std::to_string(override.values[i]);
    override.adjoints.push_back(graph_->add(Adjoint{name}, {types[i]}, function.adjoints[i].text, origin(at))[0]);
    bind(function.adjoints[i], {Whole{override.adjoints.back()}});
  }
  here.results.emplace();
  for (const ValueId of : override.of) here.results->push_back(graph_->type(of));
  here.has_returned = false;
  run(function.gradient);
  for (const Operand& gradient : here.returned) {
    if (const Whole* whole = gradient.get<Whole>()) override.gradients.push_back(whole->id);
  }
  if (override.gradients.size() != override.of.size()) return give_up();
  here.returned.clear();
  const std::size_t known = graph_->graph().values.size();
  for (const ValueId value : graph_->add(override, types, here.path, origin(at))) {
    if (static_cast<std::size_t>(value) >= known) graph_->rename(value, here.path);
    here.returned.push_back({Whole{value}});
  }
}

std::optional<std::vector<const ast::Expression*>> Elaborator::match_arguments(
    const ast::Function& function, const std::vector<ast::Argument>& arguments, std::size_t skip, const Span& at) {
  const std::vector<ast::Parameter>& parameters = function.parameters;
  std::vector<const ast::Expression*> matched(parameters.size(), nullptr);
  const std::vector<Note> note = {{function.name.at, listed(function) + " is defined here"}};
  std::size_t next = skip;
  bool good = true;
  for (const ast::Argument& argument : arguments) {
    std::size_t place = parameters.size();
    if (argument.name) {
      std::vector<std::string> names;
      for (std::size_t i = skip; i < parameters.size(); ++i) names.push_back(parameters[i].name.text);
      const auto found = std::find(names.begin(), names.end(), argument.name->text);
      place = skip + static_cast<std::size_t>(found - names.begin());
      if (found == names.end()) {
        error("unknown-argument", argument.name->at,
              quoted(function.name.text) + " has no argument " + quoted(argument.name->text) +
                  suggestion(argument.name->text, names),
              note);
        good = false;
        continue;
      }
    } else {
      while (next < parameters.size() && parameters[next].is_param) ++next;  // parameters are given by name
      place = next++;
    }
    if (place >= parameters.size()) {
      error("argument-count", argument.value->at, "too many arguments for " + listed(function), note);
      return std::nullopt;
    }
    if (matched[place]) {
      error("duplicate-argument", argument.value->at,
            "argument " + quoted(parameters[place].name.text) + " is given twice", {{matched[place]->at, "the first"}});
      good = false;
    }
    matched[place] = argument.value.get();
  }
  for (std::size_t i = skip; i < parameters.size(); ++i) {
    if (matched[i] || parameters[i].otherwise || parameters[i].is_param) continue;
    error("missing-argument", at, "expected argument " + quoted(parameters[i].name.text) + " of " + listed(function),
          note);
    good = false;
  }
  return good ? std::optional(matched) : std::nullopt;
}

// Numbers and sizes first, then the sizes that shapes give, then defaults, then what the function expects of them, then
// parameters, then what must agree.
bool Elaborator::bind_arguments(const ast::Function& function, std::vector<Argument>& arguments) {
  bool good = true;
  for (Argument& argument : arguments) {
    if (argument.value && !is_tensor(*argument.parameter)) good &= bind_number(argument);
  }
  for (Argument& argument : arguments) {
    if (!argument.value || !is_tensor(*argument.parameter)) continue;
    good = good && (frame().elements ? bind_element(argument) : bind_tensor(argument));
  }
  const bool tensors = std::any_of(function.parameters.begin(), function.parameters.end(), is_tensor);
  if (good && !draws_.empty() && !tensors && function.results.size() == 1 && !function.results[0].extents.empty()) {
    good =
        bind_shape(function, function.results[0], draws_.back().type.shape, quoted(draws_.back().site), frame().call);
  }
  for (const Argument& argument : arguments) {
    const bool is_early = !argument.value && !argument.parameter->is_param;
    if (good && is_early) good = bind_default(*argument.parameter, frame().path);
  }
  good = good && expect_first(function);
  for (const Argument& argument : arguments) {
    const bool is_late = !argument.value && argument.parameter->is_param;
    if (good && is_late) good = bind_default(*argument.parameter, frame().path);
  }
  for (const Argument& argument : arguments) {
    if (good && argument.value && is_tensor(*argument.parameter)) good = check_tensor(argument);
  }
  return good;
}

bool Elaborator::bind_number(const Argument& argument) {
  const std::string what = "argument " + quoted(argument.parameter->name.text);
  Operand value = *argument.value;
  if (const Whole* whole = value.get<Whole>()) {
    const TensorType& type = graph_->type(whole->id);
    if (type.shape.empty() && type.dtype == DType::f64)
      value = {Real{numbers_.read({whole->id, {}, {}}, DType::f64), {}}};
  }
  if (is_size(*argument.parameter) && !value.get<Integer>()) {
    error("not-a-size", argument.at,
          "expected an integer known while compiling for " + what + ", found " + describe(value));
    return false;
  }
  if (!is_number(value)) {
    error("not-a-number", argument.at, "expected a number for " + what + ", found " + describe(value));
    return false;
  }
  // Without a type it is an f64, whatever integer was given.
  if (!is_size(*argument.parameter) && value.get<Integer>()) value = {Real{number(value), {}}};
  bind(argument.parameter->name, value);
  return true;
}

// Inside index notation: the argument is one element, so the parameter must take rank 0.
bool Elaborator::bind_element(const Argument& argument) {
  const ast::Type& type = *argument.parameter->type;
  const bool fits = !argument.parameter->is_param && type.extents.size() == (has_leading(type) ? 1u : 0u);
  if (!fits) {
    error("not-an-element", argument.at,
          "expected a function of single elements within index notation, found one that takes " + ast::print(type) +
              "; call it on the whole tensor above");
    return false;
  }
  const std::optional<DType> own = dtype_of(*argument.value, *frame().elements);
  if (own && name_of(*own) != type.element.text) {
    error("wrong-type", argument.at,
          "expected " + type.element.text + " for argument " + quoted(argument.parameter->name.text) + ", found " +
              std::string(name_of(*own)));
    return false;
  }
  frame().leading = Shape{};
  bind(argument.parameter->name, *argument.value);
  return true;
}

bool Elaborator::bind_tensor(Argument& argument) {
  const ast::Parameter& parameter = *argument.parameter;
  const std::string what = "argument " + quoted(parameter.name.text);
  if (is_number(*argument.value)) {
    const DType type = dtype_named(parameter.type->element.text).value_or(DType::f32);
    argument.value = conform(*argument.value, {type, {}, {}}, argument.at, what);
    if (argument.value->poisoned()) return false;
  }
  const Whole* whole = argument.value->get<Whole>();
  if (!whole) {
    error("wrong-type", argument.at,
          "expected " + ast::print(*parameter.type) + " for " + what + ", found " + describe(*argument.value));
    return false;
  }
  const TensorType& found = graph_->type(whole->id);
  const std::optional<DType> element = dtype_named(parameter.type->element.text);
  if (element && *element != found.dtype) {  // before shapes, which say little about a wrong tensor
    error("wrong-type", argument.at,
          "expected elements of " + parameter.type->element.text + " for " + what + " of " +
              quoted(frame().function->name.text) + ", found " + to_string(TensorType{found.dtype, found.shape, {}}) +
              (*element == DType::f32 ? "; convert with f32()" : ""),
          {{parameter.type->at, "declared here as " + ast::print(*parameter.type)}});
    return false;
  }
  bind(parameter.name, *argument.value);
  return bind_shape(*frame().function, *parameter.type, found.shape, what, argument.at);
}

// Names in a type that are not known yet take the extents they stand for.
bool Elaborator::bind_shape(const ast::Function& function, const ast::Type& type, const Shape& shape,
                            const std::string& what, const Span& at) {
  const std::vector<Note> note = {{type.at, "declared here"}};
  const bool leads = has_leading(type);
  const std::size_t named = type.extents.size() - (leads ? 1 : 0);
  if (named > shape.size() || (!leads && named != shape.size())) {
    error("shape-mismatch", at,
          "expected " + ast::print(type) + " for " + what + ", found the shape " + to_string(shape), note);
    return false;
  }
  const std::size_t first = shape.size() - named;
  // Where leading axes are written, batch is the first of them: a shape that has none lacks an axis.
  if (leads && first == 0 && named > 0 && shape[0].is_batch()) {
    const auto* name = std::get_if<ast::Name>(&type.extents[1]->node);
    if (!name || name->text != "batch") {
      error("shape-mismatch", at,
            "expected " + ast::print(type) + " with batch among the leading axes for " + what + ", found the shape " +
                to_string(shape),
            note);
      return false;
    }
  }
  if (leads) {
    const Shape leading(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(first));
    if (frame().leading && *frame().leading != leading) {
      error(
          "shape-mismatch", at,
          "expected the leading axes " + to_string(*frame().leading) + " for " + what + ", found " + to_string(leading),
          note);
      return false;
    }
    frame().leading = leading;
  }
  for (std::size_t i = 0; i < named; ++i) {
    const auto* name = std::get_if<ast::Name>(&type.extents[i + (leads ? 1 : 0)]->node);
    if (!name || name->text == "batch" || known(name->text)) continue;
    const bool declared = std::any_of(function.parameters.begin(), function.parameters.end(),
                                      [&](const ast::Parameter& p) { return p.name.text == name->text; });
    if (declared) continue;
    const Extent extent = shape[first + i];
    const Operand size = extent.is_batch() ? Operand{Batch{}} : Operand{Integer{extent.size}};
    bind({name->text, type.extents[i + (leads ? 1 : 0)]->at}, size);
  }
  return true;
}

bool Elaborator::bind_default(const ast::Parameter& parameter, const std::string& path) {
  if (parameter.is_param) {
    if (frame().elements) {
      error("not-an-element", frame().call,
            "expected a function of single elements within index notation, found one with parameters; call it on the "
            "whole tensor above");
      return false;
    }
    const Operand value = declare_parameter(parameter, path + "." + parameter.name.text);
    if (value.poisoned()) return false;
    bind(parameter.name, value);
    return true;
  }
  Argument argument{&parameter, value_of(*parameter.otherwise), parameter.otherwise->at};
  if (argument.value->poisoned()) return false;
  return is_tensor(parameter) ? bind_tensor(argument) && check_tensor(argument) : bind_number(argument);
}

// Now that every size is known: is the argument of the declared type?
bool Elaborator::check_tensor(const Argument& argument) {
  if (frame().elements) return true;
  const ast::Parameter& parameter = *argument.parameter;
  const std::optional<TensorType> expected = tensor_type(*parameter.type);
  if (!expected) return false;
  const TensorType& found = graph_->type(argument.value->get<Whole>()->id);
  const std::vector<Note> note = {{parameter.type->at, "declared here as " + ast::print(*parameter.type)}};
  if (expected->shape != found.shape) {
    error("shape-mismatch", argument.at,
          "expected " + to_string(TensorType{expected->dtype, expected->shape, {}}) + " for argument " +
              quoted(parameter.name.text) + " of " + quoted(frame().function->name.text) + ", found " +
              to_string(TensorType{found.dtype, found.shape, {}}),
          note);
    return false;
  }
  if (!expected->range) return true;
  const std::string range = std::to_string(expected->range->low) + " ..< " + std::to_string(expected->range->high);
  const bool inside =
      found.range && found.range->low >= expected->range->low && found.range->high <= expected->range->high;
  if (inside) return true;
  error(
      "range-mismatch", argument.at,
      "expected integers in " + range + " for argument " + quoted(parameter.name.text) + " of " +
          quoted(frame().function->name.text) + ", found " +
          (found.range ? "integers in " + std::to_string(found.range->low) + " ..< " + std::to_string(found.range->high)
                       : "integers of unknown range"),
      note);
  return false;
}

bool Elaborator::expect_results(const ast::Function& function) {
  if (frame().elements || function.results.empty()) return true;
  std::vector<TensorType> results;
  for (const ast::Type& type : function.results) {
    const std::optional<TensorType> result = tensor_type(type);
    if (!result) return false;
    results.push_back(*result);
  }
  frame().results = std::move(results);
  return true;
}

}  // namespace descent::frontend
