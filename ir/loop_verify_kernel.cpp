// The verifier of one kernel: what stands where, what it sees, what types meet, and which indices stay inside.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "ir/loop_layout.h"
#include "ir/loop_verify.h"
#include "ir/loop_walk.h"
#include "ir/match.h"

namespace descent::loop {
namespace {

constexpr std::size_t diagnostic_limit = 20;

class KernelVerifier {
 public:
  KernelVerifier(const Kernel& kernel, const std::vector<Range>& indices, std::int64_t largest_batch,
                 Diagnostics& diagnostics)
      : kernel_(kernel),
        ranges_(largest_batch),
        diagnostics_(diagnostics),
        before_(diagnostics.size()),
        defined_(kernel.temps.size()),
        visible_(kernel.temps.size()),
        alive_(kernel.arrays.size()) {
    for (std::size_t n = 0; n < indices.size(); ++n) ranges_.open(static_cast<VariableId>(n), indices[n]);
  }

  void run() {
    if (!declarations()) return;
    block(kernel_.body);
  }

 private:
  // A diagnostic of this kernel; `at` is the model's text or the Loop text it came from.
  template <class... Arguments>
  void fail(DiagnosticId id, fmt::format_string<Arguments...> form, Arguments&&... arguments) {
    if (diagnostics_.size() - before_ >= diagnostic_limit) return;
    std::string message = fmt::format(form, std::forward<Arguments>(arguments)...);
    diagnostics_.push_back({id, kernel_.origin, fmt::format("kernel {}: {}", kernel_.name, message), {}});
  }

  // -- declarations ----------------------------------------------------------------------------------------------

  bool declarations() {
    const int arrays = static_cast<int>(kernel_.arrays.size());
    const int variables = static_cast<int>(kernel_.variables.size());
    if (kernel_.parameters < 0 || kernel_.parameters > arrays || kernel_.indices < 0 || kernel_.indices > variables) {
      fail("loop-signature", "{} parameters of {} arrays, {} indices of {} variables", kernel_.parameters, arrays,
           kernel_.indices, variables);
      return false;
    }
    std::set<std::string_view> names;
    for (ArrayId id = 0; id < arrays; ++id) array(id, names);
    return diagnostics_.size() == before_;
  }

  void array(ArrayId id, std::set<std::string_view>& names) {
    const Array& array = kernel_.arrays[static_cast<std::size_t>(id)];
    const bool local = array.role == Array::Role::local;
    if (local != (id >= kernel_.parameters)) {
      fail("loop-signature", "array {} is {}, but {} a parameter", array.name, local ? "local" : "not local",
           local ? "stands as" : "is not");
    }
    if (!names.insert(array.name).second) fail("duplicate-name", "two arrays are named {}", array.name);
    for (Extent extent : array.shape) {
      if (extent.size < 0) fail("bad-extent", "array {} has an extent of {}", array.name, extent.size);
      if (local && id >= kernel_.parameters && extent.is_batch())
        fail("batch-in-local", "local {} has an axis of batch", array.name);
    }
    if (std::string why = why_no_panels(array.shape, array.panel); !why.empty() || (local && array.panel > 0)) {
      fail("loop-panel", "array {}: {}", array.name, why.empty() ? "a local lies in no panels" : why);
    }
    if (count(array.shape, 1) > std::int64_t{1} << 40) fail("tensor-too-large", "array {} is too large", array.name);
    alive_[static_cast<std::size_t>(id)] = !local;
  }

  // -- statements ------------------------------------------------------------------------------------------------

  void block(const Block& block) {
    std::vector<TempId> temps;
    std::vector<ArrayId> locals;
    for (const Statement& statement : block) {
      for_each_use(statement, [&](TempId temp) { use(temp); });
      match(
          statement.node,
          [&](const Let& let) {
            this->let(let);
            if (define(let.temp)) temps.push_back(let.temp);
          },
          [&](const Store& store) { this->store(store); },
          [&](const Declare& declare) {
            if (this->declare(declare.array)) locals.push_back(declare.array);
          },
          [&](const If& branch) { this->branch(branch); }, [&](const For& loop) { this->loop(loop); });
    }
    for (TempId temp : temps) visible_[static_cast<std::size_t>(temp)] = false;
    for (ArrayId local : locals) alive_[static_cast<std::size_t>(local)] = false;
  }

  bool known(TempId temp) const { return temp >= 0 && static_cast<std::size_t>(temp) < kernel_.temps.size(); }
  DType type(TempId temp) const { return kernel_.temps[static_cast<std::size_t>(temp)]; }

  void use(TempId temp) {
    if (!known(temp)) return fail("unknown-value", "there is no temp {}", temp);
    if (visible_[static_cast<std::size_t>(temp)]) return;
    fail("out-of-scope", "temp {} is used {}", temp,
         defined_[static_cast<std::size_t>(temp)] ? "outside the block that defines it" : "before its definition");
  }

  bool define(TempId temp) {
    if (!known(temp)) {
      fail("unknown-value", "there is no temp {}", temp);
      return false;
    }
    if (defined_[static_cast<std::size_t>(temp)]) {
      fail("duplicate-name", "temp {} is defined twice", temp);
      return false;
    }
    defined_[static_cast<std::size_t>(temp)] = visible_[static_cast<std::size_t>(temp)] = true;
    return true;
  }

  void let(const Let& let) {
    if (!known(let.temp)) return;
    match(
        let.value, [&](const Literal& literal) { this->literal(literal.value, type(let.temp)); },
        [&](const IndexValue& index) {
          affine(index.form);
          expect_type(let.temp, DType::i32, "an index");
        },
        [&](const BatchValue&) { expect_type(let.temp, DType::i32, "the batch"); },
        [&](const Load& load) { this->load(load, let.temp); },
        [&](const Operation& operation) { this->operation(operation, let.temp); });
  }

  void expect_type(TempId temp, DType wanted, std::string_view what) {
    if (!known(temp) || type(temp) == wanted) return;
    fail("wrong-type", "expected {} to be {}, found temp {} of {}", what, name_of(wanted), temp, name_of(type(temp)));
  }

  void literal(double value, DType type) {
    if (std::isnan(value) && is_float(type)) return;
    if (double_of(word_of(value, type), type) == value) return;
    fail("not-representable", "{} is no value of {}", value, name_of(type));
  }

  void operation(const Operation& operation, TempId result) {
    const OpRow& row = descent::row(operation.op);
    if (!is_native(operation.op)) {
      return fail("not-native", "'{}' is not native; it must be expanded", row.name);
    }
    std::vector<DType> types;
    std::vector<std::string_view> names;
    for (TempId operand : operation.operands) {
      if (!known(operand)) return;
      types.push_back(type(operand));
      names.push_back(name_of(types.back()));
    }
    const bool counted = static_cast<int>(types.size()) == row.arity;
    const std::optional<DType> found = counted ? result_type(operation.op, types) : std::nullopt;
    if (!found) return fail("wrong-type", "'{}' does not take ({})", row.name, fmt::join(names, ", "));
    expect_type(result, *found, fmt::format("the result of '{}'", row.name));
  }

  void load(const Load& load, TempId result) {
    if (!access(load.array, load.at)) return;
    const Array& array = kernel_.arrays[static_cast<std::size_t>(load.array)];
    if (array.role == Array::Role::write) {
      fail("loop-role", "load of {}, which is only written", spell(kernel_, load.array, load.at));
    }
    expect_type(result, array.dtype, fmt::format("an element of {}", array.name));
    if (load.guard == no_temp) return bounds(load.array, load.at);
    expect_type(load.guard, DType::boolean, "a guard");
    literal(load.otherwise, array.dtype);
  }

  void store(const Store& store) {
    if (!access(store.array, store.at)) return;
    const Array& array = kernel_.arrays[static_cast<std::size_t>(store.array)];
    if (array.role == Array::Role::read) {
      fail("loop-role", "store to {}, which is only read", spell(kernel_, store.array, store.at));
    }
    expect_type(store.value, array.dtype, fmt::format("what is stored in {}", array.name));
    bounds(store.array, store.at);
  }

  bool declare(ArrayId id) {
    if (id < 0 || static_cast<std::size_t>(id) >= kernel_.arrays.size()) {
      fail("unknown-array", "there is no array {}", id);
      return false;
    }
    const Array& array = kernel_.arrays[static_cast<std::size_t>(id)];
    if (array.role != Array::Role::local || alive_[static_cast<std::size_t>(id)]) {
      fail("out-of-scope", "{} is declared, but {}", array.name,
           array.role == Array::Role::local ? "lives already" : "is no local");
      return false;
    }
    return alive_[static_cast<std::size_t>(id)] = true;
  }

  void branch(const If& branch) {
    expect_type(branch.condition, DType::boolean, "a condition");
    ++conditions_;
    block(branch.then);
    --conditions_;
  }

  // -- loops -----------------------------------------------------------------------------------------------------

  void loop(const For& loop) {
    const std::size_t errors = diagnostics_.size();
    const bool exists =
        loop.variable >= kernel_.indices && static_cast<std::size_t>(loop.variable) < kernel_.variables.size();
    if (!exists) return fail("unknown-variable", "there is no loop variable {}", loop.variable);
    const std::string& name = kernel_.variables[static_cast<std::size_t>(loop.variable)];
    if (ranges_.is_open(loop.variable)) return fail("out-of-scope", "loop {} is inside itself", name);
    if (loop.end.empty() || loop.step < 1) {
      return fail("loop-bounds", "loop {} has {} ends and a step of {}", name, loop.end.size(), loop.step);
    }
    bound(loop.begin);
    for (const Bound& end : loop.end) bound(end);
    kind(loop, name);
    if (diagnostics_.size() != errors) return;
    ranges_.open(loop.variable, loop.begin, loop.end, loop.step);
    vectors_ += loop.kind == LoopKind::vector;
    block(loop.body);
    vectors_ -= loop.kind == LoopKind::vector;
    // The dependence check relies on everything inside being well-formed.
    if (diagnostics_.size() == errors && (loop.kind == LoopKind::parallel || loop.kind == LoopKind::vector)) {
      for (const std::string& reason : why_dependent(kernel_, loop, ranges_)) fail("loop-dependence", "{}", reason);
    }
    ranges_.close();
  }

  void kind(const For& loop, const std::string& name) {
    const bool constant =
        loop.begin == Bound{} && loop.end.size() == 1 && loop.end[0].multiple == 0 && loop.end[0].form.is_constant();
    if ((loop.kind == LoopKind::vector || loop.kind == LoopKind::unrolled) && !constant) {
      fail("loop-kind", "{} loop {} must run from 0 to one constant end", loop::name_of(loop.kind), name);
    }
    if (loop.kind == LoopKind::parallel && vectors_ > 0) {
      fail("loop-kind", "parallel loop {} stands in a vector loop", name);
    }
  }

  void bound(const Bound& bound) {
    affine(bound.form);
    if (bound.multiple < 0) fail("loop-bounds", "a bound rounds the batch down to a multiple of {}", bound.multiple);
  }

  // -- indices ---------------------------------------------------------------------------------------------------

  bool affine(const Affine& form) {
    for (const Term& term : form.terms) {
      if (ranges_.is_open(term.axis)) continue;
      const bool exists = term.axis >= 0 && static_cast<std::size_t>(term.axis) < kernel_.variables.size();
      if (exists) {
        fail("out-of-scope", "variable {} is used outside its loop",
             kernel_.variables[static_cast<std::size_t>(term.axis)]);
      } else {
        fail("unknown-variable", "there is no variable {}", term.axis);
      }
      return false;
    }
    return true;
  }

  bool access(ArrayId id, const std::vector<Subscript>& at) {
    if (id < 0 || static_cast<std::size_t>(id) >= kernel_.arrays.size()) {
      fail("unknown-array", "there is no array {}", id);
      return false;
    }
    const Array& array = kernel_.arrays[static_cast<std::size_t>(id)];
    if (!alive_[static_cast<std::size_t>(id)]) {
      fail("out-of-scope", "local {} is used where it is not declared", array.name);
      return false;
    }
    if (at.size() != array.shape.size()) {
      fail("index-count", "{} subscripts for {}{}", at.size(), array.name, to_string(array.shape));
      return false;
    }
    bool fine = true;
    for (const Subscript& subscript : at) {
      fine &= affine(subscript.offset);
      if (subscript.through != no_temp) expect_type(subscript.through, DType::i32, "a subscript");
    }
    return fine;
  }

  // Indices through a temp, and whatever stands under a condition, are the graph verifier's to prove.
  void bounds(ArrayId id, const std::vector<Subscript>& at) {
    if (conditions_ > 0 || !ranges_.may_run()) return;
    const Array& array = kernel_.arrays[static_cast<std::size_t>(id)];
    for (std::size_t axis = 0; axis < at.size(); ++axis) {
      const Affine& index = at[axis].offset;
      if (at[axis].through != no_temp) continue;
      const Affine last = ranges_.form_of(array.shape[axis]) - 1;
      const bool below = ranges_.low(index) < 0;
      if (!below && ranges_.low(last - index) >= 0) continue;
      fail("index-outside", "index {} reaches {} in axis of {} of {}", spell(kernel_, index),
           below ? ranges_.low(index) : ranges_.high(index), to_string(array.shape[axis]), spell(kernel_, id, at));
    }
  }

  const Kernel& kernel_;
  Ranges ranges_;
  Diagnostics& diagnostics_;
  std::size_t before_;
  std::vector<bool> defined_;  // per temp
  std::vector<bool> visible_;  // per temp
  std::vector<bool> alive_;    // per array
  int conditions_ = 0;         // open Ifs
  int vectors_ = 0;            // open vector loops
};

}  // namespace

std::string spell(const Kernel& kernel, const Affine& form) {
  return to_string(form, [&](AxisId id) {
    const bool known = id >= 0 && static_cast<std::size_t>(id) < kernel.variables.size();
    return known ? kernel.variables[static_cast<std::size_t>(id)] : fmt::format("variable {}", id);
  });
}

std::string spell(const Kernel& kernel, ArrayId array, const std::vector<Subscript>& at) {
  std::vector<std::string> parts;
  for (const Subscript& subscript : at) {
    const std::string offset = spell(kernel, subscript.offset);
    const bool through = subscript.through != no_temp;
    parts.push_back(!through ? offset : offset == "0" ? "@…" : "@… + " + offset);
  }
  return fmt::format("{}[{}]", kernel.arrays[static_cast<std::size_t>(array)].name, fmt::join(parts, ", "));
}

void verify_kernel(const Kernel& kernel, const std::vector<Range>& indices, std::int64_t largest_batch,
                   Diagnostics& diagnostics) {
  KernelVerifier(kernel, indices, largest_batch, diagnostics).run();
}

}  // namespace descent::loop
