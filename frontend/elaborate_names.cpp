// Names and places: what a name means, the paths of parameters, and where a mistake is reported.
#include <algorithm>
#include <cmath>

#include "frontend/elaborator.h"
#include "ir/match.h"
#include "ir/stack.h"

namespace descent::frontend {

namespace {

// `block.*.inner.up.weight` as it is written behind the repeat: block.inner.up.weight.
std::string without_turns(const std::string& path) {
  std::string written;
  for (std::size_t at = 0; at < path.size(); ++at) {
    if (path.compare(at, 3, ".*.") == 0) at += 2;
    written += path[at];
  }
  return written;
}

bool within(const Span& inner, const Span& outer) {
  return inner.source == outer.source && inner.begin >= outer.begin && inner.end <= outer.end;
}

}  // namespace

Elaborator::Elaborator(const Program& program, Reporter& reporter, std::string graph_name, Purpose purpose)
    : program_(program),
      reporter_(reporter),
      purpose_(purpose),
      outermost_(std::move(graph_name)),
      graph_(&outermost_) {}

// The innermost place of the user's own text: library code reports at the user's call.
Span Elaborator::origin(const Span& at) const {
  if (!program_.is_library(at)) return at;
  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
    const Span& call = (*frame)->call;
    if (call.source && !program_.is_library(call)) return call;
  }
  return at;
}

void Elaborator::error(DiagnosticId id, const Span& at, std::string message, std::vector<Note> notes) {
  ++errors_;
  const Frame* inner = frames_.empty() ? nullptr : frames_.back().get();
  const std::string function = inner && inner->function ? quoted(inner->function->name.text) : "";
  const Span place = origin(at);
  if (program_.is_library(at)) {
    // Of what goes wrong in one call of the library the first tells; the rest follows from it.
    if (failed_call_.source == place.source && failed_call_.begin == place.begin && failed_call_.end == place.end)
      return;
    failed_call_ = place;
    notes.insert(notes.begin(), {at, "in " + function + " of the standard library"});
  } else if (inner && inner->call.source && inner->function && !within(at, inner->call)) {
    notes.push_back({origin(inner->call), "in this call of " + function});
  }
  reporter_.error(id, place, std::move(message), std::move(notes));
}

Operand Elaborator::poison(DiagnosticId id, const Span& at, std::string message, std::vector<Note> notes) {
  error(id, at, std::move(message), std::move(notes));
  return {Poison{}};
}

ReportError Elaborator::reporting() {
  return [this](DiagnosticId id, const Span& at, std::string message, std::vector<Note> notes) {
    error(id, at, std::move(message), std::move(notes));
  };
}

// One more expression read. Stops functions that call functions that call functions from growing without end.
bool Elaborator::count(const Span& at) {
  if (exhausted_) return false;
  if (++nodes_ <= most_nodes) return true;
  exhausted_ = true;
  error("model-too-large", at,
        "expected at most " + std::to_string(most_nodes) + " expressions with every call read anew, found more");
  return false;
}

// As given, wherever that was.
const Operand* Elaborator::known(const std::string& name) {
  const auto found = frame().names.find(name);
  if (found != frame().names.end()) return &found->second.value;
  const auto clock = clock_.find(name);
  return clock == clock_.end() ? nullptr : &clock->second;
}

// As it is seen here: what stands outside of the block being read enters it.
const Operand* Elaborator::find(const std::string& name) {
  const Operand* const given = known(name);
  if (!given) return nullptr;
  const auto found = frame().names.find(name);
  const std::size_t level = found == frame().names.end() ? 0 : found->second.level;
  if (level == level_) return given;
  if (level > level_) return &(unreachable_ = imported(*given, level));
  const auto [seen, fresh] = loops_[level_ - 1]->imported.try_emplace(name);
  if (fresh) seen->second = imported(*given, level);
  return &seen->second;
}

Operand Elaborator::resolve(const ast::Name& name, const Span& at) {
  if (name.next) {
    const Operand* next = find("next " + name.text);
    return next ? *next : unknown_next(name.text, at);
  }
  if (name.text == "batch") return {Batch{}};
  if (name.text == "inf") return {Real{numbers_.literal(HUGE_VAL, DType::f64), {}}};
  if (name.text == "true" || name.text == "false") {
    return {Real{numbers_.literal(name.text == "true", DType::boolean), {}}};
  }
  if (const Operand* found = find(name.text)) return *found;
  if (name.text == "training") return {Real{numbers_.literal(purpose_ != Purpose::judge, DType::boolean), {}}};
  if (name.text.find('.') != std::string::npos) return resolve_path(name.text, at);
  return unknown_name(name.text, at);
}

// The path under which the parameter is that a call here would declare: another one's where the call shares.
std::string Elaborator::shared(std::string path) const {
  for (auto sharing = sharing_.rbegin(); sharing != sharing_.rend(); ++sharing) {
    if (path.starts_with(sharing->own + ".")) path = sharing->from + path.substr(sharing->own.size());
  }
  return path;
}

// The whole path of the call that `sharing PATH` names, for a call whose own path is `own`.
std::optional<std::string> Elaborator::shared_call(const ast::Identifier& written, const std::string& own) {
  const auto has_parameters = [&](const std::string& call) {
    const auto next = parameters_.lower_bound(call + ".");
    return next != parameters_.end() && next->first.starts_with(call + ".");
  };
  const auto from = [&](const std::string& prefix) {
    return shared(prefix.empty() ? written.text : prefix + "." + written.text);
  };
  std::string call = from(frame().path);
  for (auto outer = frame().outer_paths.rbegin(); outer != frame().outer_paths.rend(); ++outer) {
    if (!has_parameters(call)) call = from(*outer);
  }
  if (!has_parameters(call)) {
    std::vector<std::string> candidates;
    for (const auto& [known, place] : parameters_) {
      if (stacked_axes(known) > 0) continue;
      for (std::size_t dot = known.rfind('.'); dot != std::string::npos && dot > 0; dot = known.rfind('.', dot - 1)) {
        candidates.push_back(known.substr(0, dot));
      }
    }
    error("unknown-parameter", written.at,
          "expected the path of a call above with parameters, found " + quoted(written.text) +
              suggestion(written.text, candidates));
    return std::nullopt;
  }
  if (stacked_axes(call) != 0 && stacked_axes(call) != stacked_axes(own)) {
    error("unknown-parameter", written.at,
          "a call shares with one outside of repeats, or in as many as itself: " + quoted(call) + " is in " +
              std::to_string(stacked_axes(call)) + ", this call in " + std::to_string(stacked_axes(own)));
    return std::nullopt;
  }
  return call;
}

// A parameter declared above, by its path from here.
Operand Elaborator::resolve_path(const std::string& path, const Span& at) {
  const auto from = [&](const std::string& prefix) { return shared(prefix.empty() ? path : prefix + "." + path); };
  const std::string full = from(frame().path);
  auto found = parameters_.find(full);
  for (auto outer = frame().outer_paths.rbegin(); outer != frame().outer_paths.rend(); ++outer) {
    if (found == parameters_.end()) found = parameters_.find(from(*outer));
  }
  if (found != parameters_.end()) {
    const auto stacked = stacked_axes(found->first);
    return state_here(reading_.parameters[found->second].value, stacked);
  }
  for (const auto& [known, place] : parameters_) {  // behind its repeat: of all turns at once
    if (without_turns(known) != without_turns(full)) continue;
    return state_here(reading_.parameters[place].value, stacked_axes(full));
  }
  std::vector<std::string> candidates;
  for (const auto& [known, place] : parameters_) candidates.push_back(known);
  const std::string hint = suggestion(full, candidates);
  const std::string base = path.substr(0, path.find('.'));
  if (const TensorType* type = tensor_type(base); type && hint.empty()) {
    return poison("unknown-parameter", at,
                  quoted(base) + " is a tensor, " + to_string(*type) + ", and has no " +
                      quoted(path.substr(base.size() + 1)) + "; sizes have names of their own, f32[batch, n]");
  }
  return poison("unknown-parameter", at, "no parameter " + quoted(full) + " above this line" + hint);
}

Operand Elaborator::unknown_name(const std::string& name, const Span& at) {
  if (formula_) {
    return poison("formula-of-tensors", at,
                  "expected numbers and over_epoch(…) in the formula of a metric, found " + quoted(name));
  }
  std::vector<std::string> candidates = {"true", "false", "inf", "batch", "training"};
  for (const auto& [known, binding] : frame().names) candidates.push_back(known);
  for (const auto& [known, value] : clock_) candidates.push_back(known);
  std::string hint = suggestion(name, candidates);
  if (hint.empty() && program_.find(ast::Function::Kind::function, name, at)) {
    hint = "; " + quoted(name) + " is a function, call it with (…)";
  }
  if (hint.empty() && (name == "step" || name == "steps")) hint = "; it is known in optimizers and schedules only";
  return poison("unknown-name", at, "unknown name " + quoted(name) + hint);
}

Operand Elaborator::unknown_next(const std::string& name, const Span& at) {
  return poison("unknown-name", at,
                frame().loop ? "'next " + name + "' is not given above this line"
                             : "'next' stands in the block of a scan or a repeat");
}

void Elaborator::bind(const ast::Identifier& name, Operand value) {
  const auto [entry, fresh] = frame().names.emplace(name.text, Frame::Binding{std::move(value), name.at, level_});
  if (fresh) return;
  std::vector<Note> notes;
  if (entry->second.at.source) notes.push_back({entry->second.at, "first given here"});
  error("duplicate-name", name.at, quoted(name.text) + " has a meaning already; a name is given once", notes);
}

// path of the call, binding, `last`; empty parts left out
std::string Elaborator::path_of(std::string_view last) const {
  std::string path;
  for (const std::string_view part :
       {std::string_view(frames_.back()->path), std::string_view(frames_.back()->binding), last}) {
    if (!part.empty()) path += (path.empty() ? "" : ".") + std::string(part);
  }
  return path;
}

std::string Elaborator::describe(const Operand& operand) const {
  return match(
      operand.is, [](const Poison&) { return std::string("a mistake"); },
      [](const Integer& integer) { return "the integer " + std::to_string(integer.value); },
      [](const Batch&) { return std::string("batch"); }, [](const Real&) { return std::string("a number"); },
      [](const Form&) { return std::string("an index"); },
      [](const Point& point) {
        return point.shape.empty() ? std::string("an element") : "a tensor of shape " + to_string(point.shape);
      },
      [&](const Whole& whole) { return to_string(graph_->type(whole.id)); },
      [](const Tuple& tuple) { return std::to_string(tuple.parts.size()) + " values"; });
}

const TensorType* Elaborator::tensor_type(const std::string& name) {
  const Operand* operand = find(name);
  const Whole* whole = operand ? operand->get<Whole>() : nullptr;
  return whole ? &graph_->type(whole->id) : nullptr;
}

void Elaborator::push_frame(const ast::Function* function, Span call, std::string path) {
  frames_.push_back(std::make_unique<Frame>());
  frame().function = function;
  frame().call = std::move(call);
  frame().path = std::move(path);
}

// The model's arguments, in the order of its signature.
void Elaborator::bind_model(const ModelArguments& arguments) {
  const std::vector<ast::Parameter>& parameters = program_.model()->parameters;
  for (std::size_t i = 0; i < parameters.size() && i < arguments.size(); ++i) {
    Operand value;
    if (const auto* size = std::get_if<Integer>(&arguments[i])) value = {*size};
    if (const auto* number = std::get_if<KnownNumber>(&arguments[i])) {
      value = {Real{numbers_.literal(number->value, number->type), number->text}};
    }
    frame().names.emplace(parameters[i].name.text, Frame::Binding{value, parameters[i].name.at, 0});
  }
}

}  // namespace descent::frontend
