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
  const bool is_moved = subscript.offset != Affine{};
  TempId value = indirect ? subscript.through : k_.index_value(subscript.offset);
  if (indirect && is_moved) value = k_.operation(Op::add, {value, k_.index_value(subscript.offset)});
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

TempId BodyEmitter::load(const Read& read, const std::vector<Affine>& at, TempId guard) {
  const Home home = job_.home(read.tensor);
  std::vector<Affine> all;
  for (const Affine& form : home.prefix) all.push_back(placed(form));
  all.insert(all.end(), at.begin(), at.end());
  return k_.load(arrays_.at(home.buffer), loop::at(all), guard, read.otherwise.value_or(0));
}

TempId BodyEmitter::value(const Body& body, ScalarId id, TempId guard) {
  Emission emission{body, guard, costly_sides(body, id), std::vector<TempId>(body.scalars.size(), no_temp)};
  emit_side(emission, no_scalar);
  return emission.temps[static_cast<std::size_t>(id)];
}

// `select`: none for what is always computed.
void BodyEmitter::emit_side(Emission& emission, ScalarId select) {
  for (std::size_t i = 0; i < emission.side_of.size(); ++i) {
    if (emission.side_of[i] == select) emission.temps[i] = emit_scalar(emission, static_cast<ScalarId>(i));
  }
}

TempId BodyEmitter::emit_scalar(Emission& emission, ScalarId id) {
  const Scalar& scalar = emission.body[id];
  const auto known = [&](ScalarId operand) { return emission.temps[static_cast<std::size_t>(operand)]; };
  return match(
      scalar.node, [&](const Literal& literal) { return k_.literal(literal.value, scalar.type); },
      [&](const AxisValue& value) { return k_.index_value(placed(value.form)); },
      [&](const AxisExtent& of) {
        Extent extent = job_.sweep->axes[static_cast<std::size_t>(of.axis)].extent;
        return extent.is_batch() ? k_.batch_value() : k_.literal(static_cast<double>(extent.size), DType::i32);
      },
      [&](const Read& of) { return read(of, emission.temps, emission.guard); },
      [&](const Apply& apply) {
        for (std::size_t side = 1; apply.op == Op::select && side <= 2; ++side) {
          if (known(apply.operands[side]) == no_temp) return emit_select(emission, id, side);
        }
        std::vector<TempId> operands;
        for (ScalarId operand : apply.operands) operands.push_back(known(operand));
        return k_.operation(apply.op, operands);
      });
}

// One side is there, the other is computed only where it is wanted.
TempId BodyEmitter::emit_select(Emission& emission, ScalarId select, std::size_t side) {
  const std::vector<ScalarId>& operands = std::get<Apply>(emission.body[select].node).operands;
  const auto known = [&](std::size_t operand) { return emission.temps[static_cast<std::size_t>(operands[operand])]; };
  const loop::ArrayId chosen = k_.declare("chosen", emission.body[select].type, {});
  k_.store(chosen, {}, known(3 - side));
  const TempId wanted = side == 1 ? known(0) : k_.operation(Op::logical_not, {known(0)});
  k_.branch(wanted, [&] {
    emit_side(emission, select);
    k_.store(chosen, {}, known(side));
  });
  return k_.load(chosen, {});
}

}  // namespace descent
