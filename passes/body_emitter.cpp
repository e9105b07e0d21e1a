#include "passes/body_emitter.h"

#include <algorithm>

#include "ir/match.h"
#include "passes/sweep_tools.h"

namespace descent {

using loop::no_temp;
using loop::Subscript;
using loop::TempId;

void BodyEmitter::bind(std::vector<loop::BufferId>& buffers) {
  std::vector<loop::BufferId> read;
  for (ScalarId id : reads_of(job_.sweep->body)) {
    loop::BufferId buffer = job_.home(std::get<Read>(job_.sweep->body[id].node).tensor).buffer;
    if (!std::count(read.begin(), read.end(), buffer)) read.push_back(buffer);
  }
  auto declare = [&](loop::BufferId id, loop::Array::Role role) {
    const loop::Buffer& buffer = (*job_.buffers)[static_cast<std::size_t>(id)];
    arrays_[id] = k_.parameter(role, buffer.name, buffer.type.dtype, buffer.type.shape, buffer.panel);
    buffers.push_back(id);
  };
  for (loop::BufferId id : read) {
    declare(id, id == job_.result.buffer ? loop::Array::Role::update : loop::Array::Role::read);
  }
  const bool joins = !why_scatters(*job_.sweep).empty();
  if (!arrays_.count(job_.result.buffer)) {
    declare(job_.result.buffer, joins ? loop::Array::Role::update : loop::Array::Role::write);
  }
  for (const Axis& scan : job_.scans) k_.index(scan.name);
}

loop::VariableId BodyEmitter::scan_variable(AxisId axis) const {
  return static_cast<loop::VariableId>(job_.scans.size()) + axis;  // -1 is the innermost, the last index parameter
}

Affine BodyEmitter::placed(const Affine& form) const {
  return substitute(form, [&](AxisId axis) {
    return axis < 0 ? Affine::axis(scan_variable(axis)) : place_[static_cast<std::size_t>(axis)];
  });
}

std::vector<Subscript> BodyEmitter::within_result(const std::vector<Affine>& at) const {
  std::vector<Subscript> subscripts;
  for (const Affine& form : job_.result.prefix) subscripts.push_back({placed(form), no_temp});
  for (const Affine& form : at) subscripts.push_back({form, no_temp});
  return subscripts;
}

std::vector<Subscript> BodyEmitter::landing(const Sweep& sweep) {
  std::vector<Affine> at;
  for (const Index& index : sweep.landing) at.push_back(placed(index.offset));
  std::vector<Subscript> subscripts = within_result(at);
  for (std::size_t d = 0; d < sweep.landing.size(); ++d) {
    const ScalarId through = sweep.landing[d].through;
    if (through == no_scalar) continue;
    subscripts[job_.result.prefix.size() + d].through = value(sweep.body, through, guards(sweep));
  }
  return subscripts;
}

TempId BodyEmitter::both(TempId a, TempId b) {
  if (a == no_temp) return b;
  return b == no_temp ? a : k_.operation(Op::logical_and, {a, b});
}

// 0 ≤ index < extent, as far as it is not certain.
TempId BodyEmitter::in_range(const Index& index, const Subscript& subscript, Extent extent) {
  auto last = [&](AxisId axis) -> std::int64_t {
    if (axis < 0) return job_.scans[job_.scans.size() - static_cast<std::size_t>(-axis)].extent.size - 1;
    return job_.sweep->axes[static_cast<std::size_t>(axis)].extent.size - 1;
  };
  if (!may_leave(index, extent, last)) return no_temp;
  Bounds bounds = bounds_of(index.offset, last);
  const bool indirect = subscript.through != no_temp;
  TempId value = k_.index_value(subscript.offset);
  if (indirect) value = k_.operation(Op::add, {subscript.through, value});
  TempId result = no_temp;
  if (indirect || bounds.low < 0) result = k_.operation(Op::greater_equal, {value, k_.literal(0, DType::i32)});
  if (indirect || bounds.high >= extent.size) {
    TempId size = extent.is_batch() ? k_.batch_value() : k_.literal(static_cast<double>(extent.size), DType::i32);
    result = both(result, k_.operation(Op::less, {value, size}));
  }
  return result;
}

TempId BodyEmitter::inside(const std::vector<Index>& at, const std::vector<Subscript>& subscripts, const Shape& shape,
                           std::size_t fixed) {
  TempId result = no_temp;
  for (std::size_t d = 0; d < at.size(); ++d) {
    result = both(result, in_range(at[d], subscripts[fixed + d], shape[d]));
  }
  return result;
}

TempId BodyEmitter::guards(const Sweep& sweep) {
  TempId result = required_;
  for (const Affine& guard : sweep.guards) {
    TempId holds = k_.operation(Op::greater_equal, {k_.index_value(placed(guard)), k_.literal(0, DType::i32)});
    result = both(result, holds);
  }
  return result;
}

TempId BodyEmitter::read(const Read& read, const std::vector<TempId>& known, TempId guard) {
  const Home home = job_.home(read.tensor);
  const loop::Buffer& buffer = (*job_.buffers)[static_cast<std::size_t>(home.buffer)];
  std::vector<Subscript> at;
  for (const Affine& form : home.prefix) at.push_back({placed(form), no_temp});
  for (const Index& index : read.at) {
    at.push_back(
        {placed(index.offset), index.through == no_scalar ? no_temp : known[static_cast<std::size_t>(index.through)]});
  }
  if (!read.otherwise) return k_.load(arrays_.at(home.buffer), at, guard);
  Shape shape(buffer.type.shape.begin() + static_cast<std::ptrdiff_t>(home.prefix.size()), buffer.type.shape.end());
  TempId within = both(guard, inside(read.at, at, shape, home.prefix.size()));
  return k_.load(arrays_.at(home.buffer), at, within, *read.otherwise);
}

TempId BodyEmitter::value(const Body& body, ScalarId id, TempId guard) {
  const std::vector<bool> needed = scalars_under(body, {id});
  std::vector<TempId> known(body.scalars.size(), no_temp);
  for (std::size_t i = 0; i <= static_cast<std::size_t>(id); ++i) {
    if (!needed[i]) continue;
    const Scalar& scalar = body.scalars[i];
    known[i] = match(
        scalar.node, [&](const Literal& literal) { return k_.literal(literal.value, scalar.type); },
        [&](const AxisValue& value) { return k_.index_value(placed(value.form)); },
        [&](const AxisExtent& of) {
          Extent extent = job_.sweep->axes[static_cast<std::size_t>(of.axis)].extent;
          return extent.is_batch() ? k_.batch_value() : k_.literal(static_cast<double>(extent.size), DType::i32);
        },
        [&](const Read& of) { return read(of, known, guard); },
        [&](const Apply& apply) {
          std::vector<TempId> operands;
          for (ScalarId operand : apply.operands) operands.push_back(known[static_cast<std::size_t>(operand)]);
          return k_.operation(apply.op, operands);
        });
  }
  return known[static_cast<std::size_t>(id)];
}

}  // namespace descent
