// The kernel builder: a stack of open blocks, each with what has been computed in it.
#include "ir/loop_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace descent::loop {
namespace {

enum KeyKind : std::int64_t { literal_key, index_key, batch_key, operation_key, load_key };

void append(std::vector<std::int64_t>& key, const Affine& form) {
  key.push_back(form.constant);
  key.push_back(static_cast<std::int64_t>(form.terms.size()));
  for (const Term& term : form.terms) {
    key.push_back(term.axis);
    key.push_back(term.coefficient);
  }
}

template <class Names>
std::string free_name(std::string wanted, const Names& taken) {
  if (!taken(wanted)) return wanted;
  for (int number = 2;; ++number) {
    std::string candidate = fmt::format("{}_{}", wanted, number);
    if (!taken(candidate)) return candidate;
  }
}

}  // namespace

std::vector<Subscript> at(const std::vector<Affine>& offsets) {
  std::vector<Subscript> result;
  for (const Affine& offset : offsets) result.push_back({offset, no_temp});
  return result;
}

KernelBuilder::KernelBuilder(std::string name, std::string comment, Span origin) : scopes_(1) {
  kernel_.name = std::move(name);
  kernel_.comment = std::move(comment);
  kernel_.origin = std::move(origin);
}

ArrayId KernelBuilder::add_array(Array array) {
  array.name = free_name(std::move(array.name), [&](const std::string& name) {
    return std::any_of(kernel_.arrays.begin(), kernel_.arrays.end(), [&](const Array& a) { return a.name == name; });
  });
  kernel_.arrays.push_back(std::move(array));
  return static_cast<ArrayId>(kernel_.arrays.size()) - 1;
}

ArrayId KernelBuilder::parameter(Array::Role role, std::string name, DType dtype, Shape shape, std::int64_t panel) {
  DESCENT_CHECK(role != Array::Role::local, "a local is not a parameter of kernel " + kernel_.name);
  DESCENT_CHECK(kernel_.parameters == static_cast<int>(kernel_.arrays.size()),
                "parameters stand before locals in kernel " + kernel_.name);
  ++kernel_.parameters;
  return add_array({role, std::move(name), dtype, std::move(shape), panel});
}

VariableId KernelBuilder::index(std::string name) {
  DESCENT_CHECK(kernel_.indices == static_cast<int>(kernel_.variables.size()),
                "index parameters stand before loop variables in kernel " + kernel_.name);
  kernel_.variables.push_back(std::move(name));
  return kernel_.indices++;
}

ArrayId KernelBuilder::declare(std::string name, DType dtype, Shape shape) {
  const ArrayId array = add_array({Array::Role::local, std::move(name), dtype, std::move(shape)});
  scopes_.back().block.push_back({Declare{array}});
  return array;
}

void KernelBuilder::check_temp(TempId temp) const {
  const bool usable = temp >= 0 && temp < static_cast<TempId>(reachable_.size()) && reachable_[std::size_t(temp)];
  DESCENT_CHECK(usable, fmt::format("temp {} is not in scope in kernel {}", temp, kernel_.name));
}

void KernelBuilder::check_subscripts(ArrayId id, const std::vector<Subscript>& at) const {
  DESCENT_CHECK(id >= 0 && id < static_cast<ArrayId>(kernel_.arrays.size()),
                fmt::format("no array {} in kernel {}", id, kernel_.name));
  DESCENT_CHECK(at.size() == array(id).shape.size(),
                fmt::format("{} subscripts for array {}{} in kernel {}", at.size(), array(id).name,
                            to_string(array(id).shape), kernel_.name));
  for (const Subscript& subscript : at) {
    if (subscript.through != no_temp) check_temp(subscript.through);
  }
}

TempId KernelBuilder::let(DType type, decltype(Let::value) value) {
  const TempId temp = static_cast<TempId>(kernel_.temps.size());
  kernel_.temps.push_back(type);
  reachable_.push_back(true);
  scopes_.back().temps.push_back(temp);
  scopes_.back().block.push_back({Let{temp, std::move(value)}});
  return temp;
}

TempId KernelBuilder::pure(Key key, DType type, decltype(Let::value) value) {
  for (const Scope& scope : scopes_) {
    if (auto found = scope.pure.find(key); found != scope.pure.end()) return found->second;
  }
  return scopes_.back().pure[std::move(key)] = let(type, std::move(value));
}

TempId KernelBuilder::literal(double value, DType type) {
  const double rounded = double_of(word_of(value, type), type);
  return pure({literal_key, static_cast<std::int64_t>(type), std::bit_cast<std::int64_t>(rounded)}, type,
              Literal{rounded});
}

TempId KernelBuilder::index_value(Affine form) {
  Key key{index_key};
  append(key, form);
  return pure(std::move(key), DType::i32, IndexValue{std::move(form)});
}

TempId KernelBuilder::batch_value() { return pure({batch_key}, DType::i32, BatchValue{}); }

TempId KernelBuilder::operation(Op op, std::vector<TempId> operands) {
  std::vector<DType> types;
  Key key{operation_key, static_cast<std::int64_t>(op)};
  for (TempId operand : operands) {
    check_temp(operand);
    types.push_back(type(operand));
    key.push_back(operand);
  }
  const std::optional<DType> result = result_type(op, types);
  DESCENT_CHECK(result.has_value(), fmt::format("operation {} is mistyped in kernel {}", row(op).name, kernel_.name));
  return pure(std::move(key), *result, Operation{op, std::move(operands)});
}

TempId KernelBuilder::load(ArrayId array_id, std::vector<Subscript> at, TempId guard, double otherwise) {
  check_subscripts(array_id, at);
  if (guard != no_temp) check_temp(guard);
  Key key{load_key, guard, guard == no_temp ? 0 : std::bit_cast<std::int64_t>(otherwise)};
  for (const Subscript& subscript : at) {
    append(key, subscript.offset);
    key.push_back(subscript.through);
  }
  auto& loads = scopes_.back().loads[array_id];
  if (auto found = loads.find(key); found != loads.end()) return found->second;
  const TempId temp = let(array(array_id).dtype, Load{array_id, std::move(at), guard, otherwise});
  return loads[std::move(key)] = temp;
}

void KernelBuilder::store(ArrayId array_id, std::vector<Subscript> at, TempId value) {
  check_subscripts(array_id, at);
  check_temp(value);
  DESCENT_CHECK(type(value) == array(array_id).dtype,
                fmt::format("{} stored in {} of {} in kernel {}", name_of(type(value)), array(array_id).name,
                            name_of(array(array_id).dtype), kernel_.name));
  for (Scope& scope : scopes_) scope.loads.erase(array_id);
  scopes_.back().block.push_back({Store{array_id, std::move(at), value}});
}

Block KernelBuilder::scoped(const Body& body) {
  scopes_.emplace_back();
  body();
  for (TempId temp : scopes_.back().temps) reachable_[static_cast<std::size_t>(temp)] = false;
  Block block = std::move(scopes_.back().block);
  scopes_.pop_back();
  return block;
}

void KernelBuilder::loop(LoopKind kind, std::string name, Bound begin, std::vector<Bound> end, std::int64_t step,
                         const LoopBody& body) {
  kernel_.variables.push_back(std::move(name));
  const VariableId variable = static_cast<VariableId>(kernel_.variables.size()) - 1;
  Block block = scoped([&] { body(variable); });
  scopes_.back().block.push_back({For{kind, variable, std::move(begin), std::move(end), step, std::move(block)}});
}

void KernelBuilder::loop(LoopKind kind, std::string name, Bound end, const LoopBody& body) {
  loop(kind, std::move(name), Bound::of(0), {std::move(end)}, 1, body);
}

void KernelBuilder::branch(TempId condition, const Body& then) {
  check_temp(condition);
  DESCENT_CHECK(type(condition) == DType::boolean, "a condition is a bool in kernel " + kernel_.name);
  Block block = scoped(then);
  scopes_.back().block.push_back({If{condition, std::move(block)}});
}

Kernel KernelBuilder::finish() && {
  DESCENT_CHECK(scopes_.size() == 1, "an open block in kernel " + kernel_.name);
  kernel_.body = std::move(scopes_.front().block);
  return std::move(kernel_);
}

}  // namespace descent::loop
