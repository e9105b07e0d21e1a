// The function around a kernel, its statements and loops.
#include "codegen/cpp/kernel.h"

#include <algorithm>
#include <numeric>

#include "codegen/uses.h"
#include "codegen/vector.h"
#include "codegen/work.h"
#include "ir/loop_layout.h"
#include "ir/loop_walk.h"
#include "ir/match.h"

namespace descent::codegen::cpp {
namespace {

// Beyond this many copies of a body an `unrolled` loop is left rolled: no cache holds such code.
constexpr std::int64_t most_unrolled = 1024;

// What costs nothing to write again: numbers, and reads of what lies in a register.
bool is_free(const loop::Kernel& kernel, const loop::Let& let) {
  return match(
      let.value, [](const Literal&) { return true; }, [](const loop::IndexValue&) { return true; },
      [](const loop::BatchValue&) { return true; },
      [&](const loop::Load& load) {
        const loop::Array& array = kernel.arrays[static_cast<std::size_t>(load.array)];
        const bool direct = std::all_of(load.at.begin(), load.at.end(),
                                        [](const loop::Subscript& at) { return at.through == loop::no_temp; });
        return load.guard == loop::no_temp && direct && (array.role == loop::Array::Role::local || is_by_value(array));
      },
      [](const loop::Operation&) { return false; });
}

// A name without the number that made it unique: "sum_2" → "sum".
std::string without_number(const std::string& name) {
  const std::size_t cut = name.find_last_not_of("0123456789");
  const bool numbered = cut != std::string::npos && cut > 0 && cut + 1 < name.size() && name[cut] == '_';
  return numbered ? name.substr(0, cut) : name;
}

// "fc1.linear.weight.adam.m" → "m"; numbers are passed over.
std::string last_word(const std::string& name) {
  std::string rest = name;
  while (true) {
    const std::size_t dot = rest.rfind('.');
    const std::string word = dot == std::string::npos ? rest : rest.substr(dot + 1);
    if (dot == std::string::npos || word.find_first_not_of("0123456789") != std::string::npos) return identifier(word);
    rest.resize(dot);
  }
}

bool is_parallel(const loop::For& loop) { return loop.kind == loop::LoopKind::parallel; }

}  // namespace

Signature signature_of(const loop::Kernel& kernel) {
  const Live live(kernel);
  std::vector<bool> used(kernel.variables.size());
  std::vector<bool> touched(kernel.arrays.size());
  Signature signature;
  const auto use = [&](const Affine& form) {
    for (const Term& term : form.terms) used[static_cast<std::size_t>(term.axis)] = true;
  };
  const auto use_bound = [&](const loop::Bound& bound) {
    use(bound.form);
    signature.batch |= bound.multiple > 0;
  };
  const auto use_place = [&](loop::ArrayId array, const std::vector<loop::Subscript>& at) {
    touched[static_cast<std::size_t>(array)] = true;
    for (const loop::Subscript& subscript : at) use(subscript.offset);
  };
  loop::for_each_statement(kernel.body, [&](const loop::Statement& statement) {
    if (!live.statement(statement)) return;
    match(
        statement.node,
        [&](const loop::Let& let) {
          match(
              let.value, [](const Literal&) {}, [&](const loop::IndexValue& index) { use(index.form); },
              [&](const loop::BatchValue&) { signature.batch = true; },
              [&](const loop::Load& load) { use_place(load.array, load.at); }, [](const loop::Operation&) {});
        },
        [&](const loop::Store& store) { use_place(store.array, store.at); }, [](const loop::Declare&) {},
        [](const loop::If&) {},
        [&](const loop::For& loop) {
          use_bound(loop.begin);
          for (const loop::Bound& bound : loop.end) use_bound(bound);
          signature.threads |= is_parallel(loop);
        });
  });
  for (loop::ArrayId id = 0; id < kernel.parameters; ++id) {
    if (touched[static_cast<std::size_t>(id)]) signature.arrays.push_back(id);
  }
  for (loop::VariableId id = 0; id < kernel.indices; ++id) {
    if (used[static_cast<std::size_t>(id)]) signature.indices.push_back(id);
  }
  return signature;
}

KernelPrinter::KernelPrinter(const loop::Kernel& kernel, std::int64_t largest_batch, Callers callers)
    : kernel_(kernel),
      largest_batch_(largest_batch),
      has_threads_(callers == Callers::with_threads),
      live_(kernel),
      analysis_(kernel),
      placement_(kernel, [&kernel](const loop::Let& let) { return is_free(kernel, let); }),
      names_(reserved_words()),
      arrays_(kernel.arrays.size()),
      variables_(kernel.variables.size()),
      temps_(kernel.temps.size()),
      divisors_(kernel.variables.size(), 1),
      hoisted_(kernel.temps.size()),
      stored_in_(kernel.temps.size()) {
  loop::for_each_statement(kernel.body, [&](const loop::Statement& statement) {
    const auto* store = std::get_if<loop::Store>(&statement.node);
    if (store == nullptr || array(store->array).role == loop::Array::Role::local) return;
    std::string& name = stored_in_[static_cast<std::size_t>(store->value)];
    if (name.empty()) name = array(store->array).name;
  });
}

std::string KernelPrinter::run(const std::string& name) && {
  header(name);
  block(kernel_.body, 1);
  text_.add(0, "}");
  return std::move(text_).take();
}

std::string print_kernel(const loop::Kernel& kernel, const std::string& name, std::int64_t largest_batch,
                         Callers callers) {
  return KernelPrinter(kernel, largest_batch, callers).run(name);
}

// The model's lines, then a parameter per line with its shape.
void KernelPrinter::header(const std::string& name) {
  std::string_view rest = kernel_.comment;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (end > 0) text_.add_as_it_is(comment(rest.substr(0, end)) + "\n");
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const Signature signature = signature_of(kernel_);
  std::vector<std::pair<std::string, std::string>> parameters;  // and their comments
  for (loop::ArrayId id : signature.arrays) {
    const loop::Array& parameter = array(id);
    std::string& own = arrays_[static_cast<std::size_t>(id)];
    own = names_.take(identifier(parameter.name));
    const bool constant = parameter.role == loop::Array::Role::read;
    parameters.emplace_back(is_by_value(parameter) ? value_type(parameter.dtype) + " " + own
                                                   : pointer_to(parameter, largest_batch_, own, constant),
                            parameter.shape.empty() ? "" : shape_comment(parameter.shape, parameter.panel));
  }
  for (loop::VariableId id : signature.indices) {
    open_variable(id, 1);
    parameters.emplace_back("int64_t " + variable(id), "");
  }
  if (signature.batch) parameters.emplace_back("int64_t batch", "");
  if (signature.threads && has_threads_) parameters.emplace_back("const DescentThreads* threads", "");

  const std::string opening = "void " + name + "(";
  std::size_t widest = 0;
  for (const auto& [parameter, shape] : parameters) {
    if (!shape.empty()) widest = std::max(widest, parameter.size() + 1);
  }
  std::string line = opening;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto& [parameter, shape] = parameters[i];
    const bool last = i + 1 == parameters.size();
    std::string part = parameter + (last ? ") {" : ",");
    if (!shape.empty()) part.resize(std::max(part.size(), widest), ' ');
    line += part;
    const bool breaks = !last && (!shape.empty() || !parameters[i + 1].second.empty());
    if (!shape.empty()) line += "  " + comment(shape);
    line += last || breaks ? "\n" : " ";
    if (breaks) line += std::string(opening.size(), ' ');
  }
  text_.add_as_it_is(parameters.empty() ? opening + ") {\n" : line);
}

// -- statements
// --------------------------------------------------------------------------------------------------------

// The declaration of a local of one value waits for what it is first set to.
void KernelPrinter::declare_waiting() {
  if (undeclared_ < 0) return;
  text_.add(undeclared_depth_, local_type(undeclared_) + " " + arrays_[static_cast<std::size_t>(undeclared_)] + ";");
  undeclared_ = -1;
}

void KernelPrinter::line(int depth, const std::string& text) {
  declare_waiting();
  text_.add(depth, text);
}

void KernelPrinter::assign(loop::ArrayId id, const std::string& element, const std::string& value, int depth) {
  const bool declares = undeclared_ == id && undeclared_depth_ == depth;
  if (declares) undeclared_ = -1;
  line(depth, (declares ? local_type(id) + " " : "") + element + " = " + value + ";");
}

std::string KernelPrinter::local_type(loop::ArrayId id) const {
  const DType type = array(id).dtype;
  return analysis_.form(id) == LaneAnalysis::Form::memory ? memory_type(type)
                                                          : vector_type(type, analysis_.lanes_of(id));
}

void KernelPrinter::block(const loop::Block& block, int depth) {
  const std::size_t names = names_.mark();
  const std::size_t locals = open_locals_.size();
  statements(block, depth);
  declare_waiting();
  names_.release(names);
  open_locals_.resize(locals);
}

void KernelPrinter::statements(const loop::Block& block, int depth) {
  const auto live = std::count_if(block.begin(), block.end(),
                                  [this](const loop::Statement& inner) { return live_.statement(inner); });
  for (const loop::Statement& inner : block) {
    is_alone_ = live == 1;
    if (live_.statement(inner)) statement(inner, depth);
  }
}

void KernelPrinter::statement(const loop::Statement& statement, int depth) {
  match(
      statement.node, [&](const loop::Let& node) { let(node, depth); },
      [&](const loop::Store& node) { store(node, depth); }, [&](const loop::Declare& node) { declare(node, depth); },
      [&](const loop::If& node) { branch(node, depth); }, [&](const loop::For& node) { loop(node, depth); });
}

void KernelPrinter::let(const loop::Let& let, int depth) {
  if (placement_.in_place(let.temp) || hoisted_[static_cast<std::size_t>(let.temp)]) return;
  if (known_lanes(let.temp) >= 0) return;  // first<n>, wherever it is wanted
  const std::string text = value(let).text;
  std::string& name = temps_[static_cast<std::size_t>(let.temp)];
  name = names_.take(name_for(let));
  line(depth, "const auto " + name + " = " + text + ";");
}

// The tensor that the value becomes, or comes from; else what is done to get it.
std::string KernelPrinter::name_for(const loop::Let& let) const {
  const std::string& stored = stored_in_[static_cast<std::size_t>(let.temp)];
  const auto like = [this](const std::string& array) {
    const std::string word = last_word(array);
    return names_.is_free(word) ? word : word + "_value";
  };
  if (!stored.empty()) return like(stored);
  return match(
      let.value, [](const Literal&) { return std::string("number"); },
      [](const loop::IndexValue&) { return std::string("position"); },
      [](const loop::BatchValue&) { return std::string("rows"); },
      [&](const loop::Load& load) { return like(array(load.array).name); },
      [&](const loop::Operation& operation) {
        const loop::Let* first = placement_.let(operation.operands[0]);
        const bool of_position = first != nullptr && std::holds_alternative<loop::IndexValue>(first->value);
        const bool compares = descent::row(operation.op).typing == Typing::comparison;
        return compares && of_position ? std::string("inside") : noun_of(operation.op);
      });
}

void KernelPrinter::declare(const loop::Declare& declare, int depth) {
  const loop::Array& local = array(declare.array);
  const LaneAnalysis::Form form = analysis_.form(declare.array);
  std::string& name = arrays_[static_cast<std::size_t>(declare.array)];
  name = names_.take(without_number(identifier(local.name)));
  open_locals_.push_back(declare.array);
  Shape shape = local.shape;
  if (form == LaneAnalysis::Form::rows) shape.pop_back();
  if (shape.empty() && form != LaneAnalysis::Form::by_lane) {
    declare_waiting();
    undeclared_ = declare.array;
    undeclared_depth_ = depth;
    return;
  }
  std::string text = form == LaneAnalysis::Form::memory ? "alignas(64) " : "";
  text += local_type(declare.array) + " " + name;
  for (Extent extent : shape) text += "[" + std::to_string(extent.is_batch() ? largest_batch_ : extent.size) + "]";
  line(depth, text + ";" + (local.shape.empty() ? "" : "  " + comment(shape_comment(local.shape, 0))));
}

// A condition that differs by lane becomes a mask over everything below; one that does not is a branch.
void KernelPrinter::branch(const loop::If& branch, int depth) {
  Expression condition = value(branch.condition);
  if (!is_vector(branch.condition)) {
    line(depth, "if (" + condition.text + ") {");
    block(branch.then, depth + 1);
    return line(depth, "}");
  }
  const std::string outer = mask_;
  const std::int64_t outer_running = running_, known = known_lanes(branch.condition);
  running_ = outer.empty() ? known : both_first(outer_running, known);
  if (known >= 0) condition = {first_lanes(known)};
  if (!outer.empty()) condition = {outer + " && " + condition.at_least(Rank::comparison), Rank::both};
  if (running_ >= 0) {
    mask_ = first_lanes(running_);
  } else if (!is_identifier(condition.text)) {
    mask_ = names_.take("inside");
    line(depth, "const auto " + mask_ + " = " + condition.text + ";");
  } else {
    mask_ = condition.text;
  }
  statements(branch.then, depth);
  mask_ = outer;
  running_ = outer_running;
}

// -- loops
// -------------------------------------------------------------------------------------------------------------

void KernelPrinter::open_variable(loop::VariableId id, std::int64_t divisor) {
  const auto i = static_cast<std::size_t>(id);
  variables_[i] = names_.take(without_number(identifier(kernel_.variables[i])));
  divisors_[i] = divisor;
}

void KernelPrinter::loop(const loop::For& loop, int depth) {
  if (analysis_.is_widened(loop)) return lanes(loop, depth);
  if (is_parallel(loop) && has_threads_ && !in_part_ && lane_loop_.loop == nullptr) return parallel(loop, depth);
  const std::int64_t outer_copies = copies_;
  if (loop.kind == loop::LoopKind::unrolled) {
    if (transpose(loop, depth)) return;
    load_before(loop, depth);
    copies_ *= std::max<std::int64_t>(1, constant_trips(loop));
    if (copies_ <= most_unrolled) line(depth, "DESCENT_UNROLLED");
  }
  counted(loop, bound(loop.begin), smallest(loop.end), depth);
  copies_ = outer_copies;
}

// What every copy of an unrolled loop's vectors loads is loaded once, in front of it.
void KernelPrinter::load_before(const loop::For& loop, int depth) {
  if (lane_loop_.loop != nullptr || loop.body.size() != 1 || constant_trips(loop) < 2) return;
  const auto* vector = std::get_if<loop::For>(&loop.body[0].node);
  if (vector == nullptr || !analysis_.is_widened(*vector)) return;
  lane_loop_ = {vector, constant_trips(*vector)};
  divisors_[static_cast<std::size_t>(vector->variable)] = 0;
  for (const loop::Statement& statement : vector->body) {
    const auto* let = std::get_if<loop::Let>(&statement.node);
    const auto* load = let == nullptr ? nullptr : std::get_if<loop::Load>(&let->value);
    if (load == nullptr || !live_.temp(let->temp) || !is_same_in(loop, *load)) continue;
    const std::string text = value(*let).text;
    std::string& name = temps_[static_cast<std::size_t>(let->temp)];
    name = names_.take(name_for(*let));
    hoisted_[static_cast<std::size_t>(let->temp)] = true;
    line(depth,
         "const auto " + name + " = " + (type_of(let->temp) == DType::boolean ? text : "kept(" + text + ")") + ";");
  }
  lane_loop_ = {};
}

// Whether the load is of lanes side by side, and gives the same in every iteration.
bool KernelPrinter::is_same_in(const loop::For& loop, const loop::Load& load) const {
  if (array(load.array).role != loop::Array::Role::read || reach(load.array, load.at) != Reach::contiguous)
    return false;
  const bool fixed = std::all_of(load.at.begin(), load.at.end(), [&](const loop::Subscript& at) {
    return at.through == loop::no_temp && at.offset.coefficient(loop.variable) == 0;
  });
  return fixed && (load.guard == loop::no_temp || is_same_in(loop, load.guard));
}

// Of a temp that can be written in front of the loop.
bool KernelPrinter::is_same_in(const loop::For& loop, loop::TempId id) const {
  if (known_lanes(id) >= 0) return true;
  if (!placement_.in_place(id)) return false;
  return match(
      placement_.let(id)->value, [](const Literal&) { return true; }, [](const loop::BatchValue&) { return true; },
      [&](const loop::IndexValue& index) { return index.form.coefficient(loop.variable) == 0; },
      [](const loop::Load&) { return false; },
      [&](const loop::Operation& operation) {
        return std::all_of(operation.operands.begin(), operation.operands.end(),
                           [&](loop::TempId operand) { return is_same_in(loop, operand); });
      });
}

void KernelPrinter::counted(const loop::For& loop, const std::string& begin, const std::string& end, int depth) {
  const std::size_t names = names_.mark();
  open_variable(loop.variable, std::gcd(loop.step, std::gcd(divisor_of(loop.begin.form), loop.begin.multiple)));
  const std::string& name = variable(loop.variable);
  const std::string next = loop.step == 1 ? "++" + name : name + " += " + std::to_string(loop.step);
  line(depth, "for (int64_t " + name + " = " + begin + "; " + name + " < " + end + "; " + next + ") {");
  block(loop.body, depth + 1);
  line(depth, "}");
  names_.release(names);
}

// Whether printing the body gives names to values.
bool KernelPrinter::names_values(const loop::Block& block) const {
  return std::any_of(block.begin(), block.end(), [this](const loop::Statement& inner) {
    if (!live_.statement(inner)) return false;
    return match(
        inner.node,
        [this](const loop::Let& let) { return !placement_.in_place(let.temp) && known_lanes(let.temp) < 0; },
        [](const loop::Store&) { return false; }, [](const loop::Declare&) { return true; },
        [this](const loop::If& branch) { return known_lanes(branch.condition) < 0 || names_values(branch.then); },
        [](const loop::For&) { return false; });
  });
}

// All iterations at once; values with names stand in a block of their own.
void KernelPrinter::lanes(const loop::For& loop, int depth) {
  lane_loop_ = {&loop, constant_trips(loop)};
  const bool in_block = !is_alone_ && names_values(loop.body);
  if (in_block) line(depth, "{");
  const std::size_t names = names_.mark();
  open_variable(loop.variable, 0);
  std::string& name = variables_[static_cast<std::size_t>(loop.variable)];
  lane_ = loop.step == 1 ? name : names_.take("lane");
  if (loop.step != 1) name = "(" + std::to_string(loop.step) + " * " + lane_ + ")";
  if (in_block) {
    block(loop.body, depth + 1);
  } else {
    statements(loop.body, depth);
  }
  lane_loop_ = {};
  if (!in_block) return;
  line(depth, "}");
  names_.release(names);
}

void KernelPrinter::parallel(const loop::For& loop, int depth) {
  const Uses uses = uses_of(loop.body);
  std::string captures = "=";
  for (loop::ArrayId id : open_locals_) {
    if (uses.arrays.count(id) != 0) captures += ", &" + arrays_[static_cast<std::size_t>(id)];
  }
  const std::int64_t work = std::max<std::int64_t>(1, work_per_iteration(kernel_, loop, largest_batch_) / loop.step);
  line(depth, "parallel(threads, " + bound(loop.begin) + ", " + smallest(loop.end) + ", " + std::to_string(loop.step) +
                  ", " + std::to_string(work) + ", [" + captures + "](int64_t begin, int64_t end) {");
  in_part_ = true;
  counted(loop, "begin", "end", depth + 1);
  in_part_ = false;
  line(depth, "});");
}

std::string KernelPrinter::bound(const loop::Bound& bound) const {
  if (bound.multiple == 0) return form(bound.form);
  const std::string times = std::to_string(bound.multiple);
  const std::string batch = bound.multiple == 1 ? "batch" : "batch / " + times + " * " + times;
  return bound.form == Affine{} ? batch : form(bound.form) + " + " + batch;
}

std::string KernelPrinter::smallest(const std::vector<loop::Bound>& bounds) const {
  std::string text = bound(bounds.front());
  for (std::size_t i = 1; i < bounds.size(); ++i) text = "min<int64_t>(" + text + ", " + bound(bounds[i]) + ")";
  return text;
}

}  // namespace descent::codegen::cpp
