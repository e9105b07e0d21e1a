// Prints Loop programs as text (the grammar stands above the functions of loop_parse.cpp).
//
//   t0 = x[b, k]; t1 = w[k, j]; t2 = sum[j]; t3 = fma(t0, t1, t2); sum[j] = t3   →   sum[j] = fma(x[b, k], w[k, j],
//   sum[j])
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "ir/loop.h"
#include "ir/loop_layout.h"
#include "ir/loop_placement.h"
#include "ir/loop_verify.h"
#include "ir/match.h"
#include "ir/text_literal.h"

namespace descent::loop {
namespace {

constexpr int primary_precedence = 9;

std::string_view word_for(Array::Role role) {
  switch (role) {
    case Array::Role::read:
      return "read";
    case Array::Role::write:
      return "write";
    case Array::Role::update:
      return "update";
    case Array::Role::local:
      return "local";
  }
  return {};
}

std::string_view word_for(Buffer::Storage storage) {
  switch (storage) {
    case Buffer::Storage::state:
      return "state";
    case Buffer::Storage::input:
      return "input";
    case Buffer::Storage::output:
      return "output";
    case Buffer::Storage::arena:
      return "arena";
  }
  return {};
}

// The name, with a number behind it when it is taken.
std::string free_name(const std::string& wanted, const std::set<std::string>& taken) {
  std::string name = wanted;
  for (int number = 2; taken.count(name) != 0; ++number) name = fmt::format("{}_{}", wanted, number);
  return name;
}

std::string joined(const std::vector<std::string>& parts) { return fmt::format("{}", fmt::join(parts, ", ")); }

// "2*i - 1" behind something: " + 2*i - 1"; nothing for zero.
std::string added(const std::string& sum) {
  if (sum == "0") return {};
  return sum[0] == '-' ? " - " + sum.substr(1) : " + " + sum;
}

using PrintAffine = std::function<std::string(const Affine&)>;

std::string print_bound(const Bound& bound, const PrintAffine& affine) {
  if (bound.multiple == 0) return affine(bound.form);
  const std::string batch =
      bound.multiple == 1 ? "batch" : fmt::format("batch // {} * {}", bound.multiple, bound.multiple);
  return bound.form == Affine{} ? batch : fmt::format("{} + {}", affine(bound.form), batch);
}

// "0 ..< batch // 8 * 8 step 8"
std::string range_of(const For& loop, const PrintAffine& affine) {
  std::vector<std::string> ends;
  for (const Bound& end : loop.end) ends.push_back(print_bound(end, affine));
  return fmt::format("{} ..< {}{}", print_bound(loop.begin, affine),
                     ends.size() == 1 ? ends[0] : fmt::format("min({})", joined(ends)),
                     loop.step == 1 ? "" : fmt::format(" step {}", loop.step));
}

class KernelPrinter {
 public:
  explicit KernelPrinter(const Kernel& kernel)
      : kernel_(kernel),
        placement_(kernel),
        temp_names_(kernel.temps.size()),
        variable_names_(kernel.variables.size()) {
    std::set<std::string> taken;
    for (const Array& array : kernel.arrays) {
      array_names_.push_back(free_name(array.name, taken));
      taken.insert(array_names_.back());
    }
    for (VariableId id = 0; id < kernel.indices && id < static_cast<int>(kernel.variables.size()); ++id) {
      open_variable(id);
    }
  }

  std::string run() && {
    comment();
    text_ += fmt::format("kernel {}({}) {{\n", quoted_name(kernel_.name), parameters());
    block(kernel_.body, 1);
    return std::move(text_) + "}\n";
  }

 private:
  struct Expression {
    std::string text;
    int precedence = primary_precedence;
  };

  void comment() {
    if (kernel_.comment.empty()) return;
    std::string_view rest = kernel_.comment;
    while (true) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      text_ += end == 0 ? "#\n" : fmt::format("# {}\n", rest.substr(0, end));
      if (end == rest.size()) return;
      rest.remove_prefix(end + 1);
    }
  }

  std::string parameters() const {
    std::vector<std::string> parts;
    for (ArrayId id = 0; id < kernel_.parameters; ++id) {
      const Array& array = kernel_.arrays[static_cast<std::size_t>(id)];
      parts.push_back(fmt::format("{} {}", word_for(array.role), declared(id)));
    }
    for (VariableId id = 0; id < kernel_.indices; ++id) parts.push_back("index " + variable(id));
    return joined(parts);
  }

  std::string declared(ArrayId id) const {
    if (id < 0 || static_cast<std::size_t>(id) >= kernel_.arrays.size()) return "?";
    const Array& array = kernel_.arrays[static_cast<std::size_t>(id)];
    return fmt::format("{} : {}{}{}", array_name(id), descent::name_of(array.dtype), to_string(array.shape),
                       panel_text(array.panel));
  }
  std::string array_name(ArrayId id) const {
    const bool known = id >= 0 && static_cast<std::size_t>(id) < array_names_.size();
    return known ? quoted_name(array_names_[static_cast<std::size_t>(id)]) : "?";
  }
  std::string variable(VariableId id) const {
    const bool known = id >= 0 && static_cast<std::size_t>(id) < variable_names_.size();
    return known ? quoted_name(variable_names_[static_cast<std::size_t>(id)]) : "?";
  }
  std::string affine(const Affine& form) const {
    return to_string(form, [&](AxisId id) { return variable(id); });
  }

  void open_variable(VariableId id) {
    if (id < 0 || static_cast<std::size_t>(id) >= variable_names_.size()) return;
    variable_names_[static_cast<std::size_t>(id)] =
        free_name(kernel_.variables[static_cast<std::size_t>(id)], open_variables_);
    open_variables_.insert(variable_names_[static_cast<std::size_t>(id)]);
  }

  void line(int depth, const std::string& text) {
    text_ += std::string(static_cast<std::size_t>(2 * depth), ' ') + text + "\n";
  }

  void block(const Block& block, int depth) {
    for (const Statement& statement : block) {
      match(
          statement.node, [&](const Let& let) { this->let(let, depth); },
          [&](const Store& store) {
            line(depth, fmt::format("{}[{}] = {}", array_name(store.array), subscripts(store.at),
                                    expression(store.value).text));
          },
          [&](const Declare& declare) { line(depth, "local " + declared(declare.array)); },
          [&](const If& branch) {
            line(depth, fmt::format("if {} {{", expression(branch.condition).text));
            this->block(branch.then, depth + 1);
            line(depth, "}");
          },
          [&](const For& loop) { this->loop(loop, depth); });
    }
  }

  void let(const Let& let, int depth) {
    if (placement_.in_place(let.temp)) return;
    const std::string value = expression(let).text;
    const std::string name = fmt::format("t{}", named_++);
    if (let.temp >= 0 && static_cast<std::size_t>(let.temp) < temp_names_.size()) {
      temp_names_[static_cast<std::size_t>(let.temp)] = name;
    }
    line(depth, fmt::format("let {} = {}", name, value));
  }

  void loop(const For& loop, int depth) {
    const std::string range = range_of(loop, [this](const Affine& form) { return affine(form); });
    const std::set<std::string> outside = open_variables_;
    open_variable(loop.variable);
    line(depth, fmt::format("{} {} in {} {{", loop::name_of(loop.kind), variable(loop.variable), range));
    block(loop.body, depth + 1);
    line(depth, "}");
    open_variables_ = outside;
  }

  // -- expressions -----------------------------------------------------------------------------------------------

  Expression expression(TempId temp) const {
    if (placement_.in_place(temp)) return expression(*placement_.let(temp));
    const bool known = temp >= 0 && static_cast<std::size_t>(temp) < temp_names_.size();
    const std::string name = known ? temp_names_[static_cast<std::size_t>(temp)] : "";
    return {name.empty() ? "?" : name};
  }

  Expression expression(const Let& let) const {
    return match(
        let.value, [&](const Literal& literal) -> Expression { return {print_literal(literal.value, type(let.temp))}; },
        [&](const IndexValue& index) -> Expression { return {fmt::format("index({})", affine(index.form))}; },
        [&](const BatchValue&) -> Expression { return {"batch"}; },
        [&](const Load& load) -> Expression { return {this->load(load, type(let.temp))}; },
        [&](const Operation& operation) { return this->operation(operation); });
  }

  DType type(TempId temp) const {
    const bool known = temp >= 0 && static_cast<std::size_t>(temp) < kernel_.temps.size();
    return known ? kernel_.temps[static_cast<std::size_t>(temp)] : DType::f32;
  }

  std::string load(const Load& load, DType type) const {
    std::string guard;
    if (load.guard != no_temp) {
      guard = fmt::format("{}when {} else {}", load.at.empty() ? "" : " ", expression(load.guard).text,
                          print_literal(load.otherwise, type));
    }
    return fmt::format("{}[{}{}]", array_name(load.array), subscripts(load.at), guard);
  }

  std::string subscripts(const std::vector<Subscript>& at) const {
    std::vector<std::string> parts;
    for (const Subscript& subscript : at) {
      const std::string offset = affine(subscript.offset);
      if (subscript.through == no_temp) {
        parts.push_back(offset);
      } else {
        parts.push_back("@" + in_brackets(expression(subscript.through), primary_precedence) + added(offset));
      }
    }
    return joined(parts);
  }

  static std::string in_brackets(const Expression& expression, int at_least) {
    return expression.precedence >= at_least ? expression.text : "(" + expression.text + ")";
  }

  Expression operation(const Operation& operation) const {
    const OpRow& row = descent::row(operation.op);
    if (!row.infix.empty() && operation.operands.size() == 2) {
      // Signs of one rank are read from the left; comparisons are never chained without brackets.
      const int left = row.precedence == 1 ? row.precedence + 1 : row.precedence;
      return {fmt::format("{} {} {}", in_brackets(expression(operation.operands[0]), left), row.infix,
                          in_brackets(expression(operation.operands[1]), row.precedence + 1)),
              row.precedence};
    }
    std::vector<std::string> operands;
    for (TempId operand : operation.operands) operands.push_back(expression(operand).text);
    return {fmt::format("{}({})", row.name, joined(operands))};
  }

  const Kernel& kernel_;
  Placement placement_;
  std::string text_;
  int named_ = 0;
  std::vector<std::string> temp_names_;
  std::vector<std::string> array_names_;
  std::vector<std::string> variable_names_;
  std::set<std::string> open_variables_{"batch"};
};

class ProgramPrinter {
 public:
  explicit ProgramPrinter(const Program& program) : program_(program) {}

  std::string run() && {
    text_ = fmt::format("descent loop 1\nprogram {} batch {} arena {}\n", quoted_name(program_.name),
                        program_.largest_batch, program_.arena_bytes);
    for (const Buffer& buffer : program_.buffers) {
      text_ += fmt::format("buffer {} : {}{} {}{}\n", quoted_name(buffer.name), to_string(buffer.type),
                           panel_text(buffer.panel), word_for(buffer.storage),
                           buffer.offset < 0 ? std::string() : fmt::format(" at {}", buffer.offset));
    }
    for (const Kernel& kernel : program_.kernels) text_ += "\n" + print(kernel);
    for (const Entry& entry : program_.entries) this->entry(entry);
    return std::move(text_);
  }

 private:
  void entry(const Entry& entry) {
    text_ += fmt::format("\nentry {}({}) -> ({}){} {{\n", quoted_name(entry.name), buffers(entry.inputs),
                         buffers(entry.outputs), entry.turns ? " turns" : "");
    steps(entry.steps, 1);
    text_ += "}\n";
  }

  std::string buffer(BufferId id) const {
    const bool known = id >= 0 && static_cast<std::size_t>(id) < program_.buffers.size();
    return known ? quoted_name(program_.buffers[static_cast<std::size_t>(id)].name) : "?";
  }
  std::string buffers(const std::vector<BufferId>& ids) const {
    std::vector<std::string> names;
    for (BufferId id : ids) names.push_back(buffer(id));
    return joined(names);
  }

  void line(int depth, const std::string& text) {
    text_ += std::string(static_cast<std::size_t>(2 * depth), ' ') + text + "\n";
  }

  void steps(const Steps& steps, int depth) {
    for (const auto& step : steps) {
      match(
          step, [&](const Call& call) { this->call(call, depth); },
          [&](const Repeat& repeat) {
            const std::set<std::string> taken(variables_.begin(), variables_.end());
            variables_.push_back(free_name(repeat.variable, taken));
            line(depth, fmt::format("repeat {} < {}{} {{", quoted_name(variables_.back()), repeat.count,
                                    repeat.reversed ? " reversed" : ""));
            this->steps(repeat.steps, depth + 1);
            line(depth, "}");
            variables_.pop_back();
          });
    }
  }

  void call(const Call& call, int depth) {
    const bool known = call.kernel >= 0 && static_cast<std::size_t>(call.kernel) < program_.kernels.size();
    std::vector<std::string> arguments;
    for (BufferId id : call.buffers) arguments.push_back(buffer(id));
    for (const Affine& index : call.indices) {
      arguments.push_back(to_string(index, [&](AxisId id) {
        const bool open = id >= 0 && static_cast<std::size_t>(id) < variables_.size();
        return open ? quoted_name(variables_[static_cast<std::size_t>(id)]) : "?";
      }));
    }
    const std::string name = known ? quoted_name(program_.kernels[static_cast<std::size_t>(call.kernel)].name) : "?";
    line(depth, fmt::format("call {}({})", name, joined(arguments)));
  }

  const Program& program_;
  std::string text_;
  std::vector<std::string> variables_;  // of the open Repeats
};

}  // namespace

std::string print(const Kernel& kernel) { return KernelPrinter(kernel).run(); }
std::string print(const Program& program) { return ProgramPrinter(program).run(); }

std::string spell(const Kernel& kernel, const For& loop) {
  const auto affine = [&](const Affine& form) { return spell(kernel, form); };
  return fmt::format("{} {} in {}", name_of(loop.kind), kernel.variables[static_cast<std::size_t>(loop.variable)],
                     range_of(loop, affine));
}

}  // namespace descent::loop
