// What the interpreter's instructions do. Float arithmetic, the bulk of a training step, has handlers of its own that
// do what apply_exact does (a test compares them row by row); every other operation goes through apply_exact.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ir/loop_flat.h"

namespace descent::loop {
namespace {

template <class T>
T get(Word word) {
  T value;
  std::memcpy(&value, &word.bits, sizeof value);
  return value;
}
template <class T>
Word put(T value) {
  Word word;
  std::memcpy(&word.bits, &value, sizeof value);
  return word;
}

// -- operations ------------------------------------------------------------------------------------------------------

const Instruction* any_operation(Frame& frame, const Instruction* at) {
  const Word operands[3] = {frame.registers[std::max(at->operands[0], 0)],
                            frame.registers[std::max(at->operands[1], 0)],
                            frame.registers[std::max(at->operands[2], 0)]};
  frame.registers[at->result] = apply_exact(at->op, at->operand_type, at->type, operands);
  return at + 1;
}

const Instruction* select(Frame& frame, const Instruction* at) {
  const int chosen = (frame.registers[at->operands[0]].bits & 0xff) != 0 ? at->operands[1] : at->operands[2];
  frame.registers[at->result] = frame.registers[chosen];
  return at + 1;
}

template <class T, T (*function)(T)>
const Instruction* unary(Frame& frame, const Instruction* at) {
  frame.registers[at->result] = put(function(get<T>(frame.registers[at->operands[0]])));
  return at + 1;
}
template <class T, class R, R (*function)(T, T)>
const Instruction* binary(Frame& frame, const Instruction* at) {
  frame.registers[at->result] =
      put(function(get<T>(frame.registers[at->operands[0]]), get<T>(frame.registers[at->operands[1]])));
  return at + 1;
}
template <class T>
const Instruction* fused(Frame& frame, const Instruction* at) {
  frame.registers[at->result] =
      put(std::fma(get<T>(frame.registers[at->operands[0]]), get<T>(frame.registers[at->operands[1]]),
                   get<T>(frame.registers[at->operands[2]])));
  return at + 1;
}

template <class T>
T sum(T a, T b) {
  return a + b;
}
template <class T>
T difference(T a, T b) {
  return a - b;
}
template <class T>
T product(T a, T b) {
  return a * b;
}
template <class T>
T quotient(T a, T b) {
  return a / b;
}
template <class T>
T larger(T a, T b) {
  return b > a ? b : a;
}
template <class T>
T smaller(T a, T b) {
  return b < a ? b : a;
}
template <class T>
T negated(T a) {
  return -a;
}
template <class T>
T root(T a) {
  return std::sqrt(a);
}
template <class T>
std::uint8_t is_less(T a, T b) {
  return a < b;
}
template <class T>
std::uint8_t is_greater(T a, T b) {
  return a > b;
}

template <class T>
Handler float_handler(Op op) {
  switch (op) {
    case Op::add:
      return binary<T, T, sum<T>>;
    case Op::sub:
      return binary<T, T, difference<T>>;
    case Op::mul:
      return binary<T, T, product<T>>;
    case Op::div:
      return binary<T, T, quotient<T>>;
    case Op::max:
      return binary<T, T, larger<T>>;
    case Op::min:
      return binary<T, T, smaller<T>>;
    case Op::neg:
      return unary<T, negated<T>>;
    case Op::sqrt:
      return unary<T, root<T>>;
    case Op::less:
      return binary<T, std::uint8_t, is_less<T>>;
    case Op::greater:
      return binary<T, std::uint8_t, is_greater<T>>;
    case Op::fma:
      return fused<T>;
    default:
      return any_operation;
  }
}

// -- memory ----------------------------------------------------------------------------------------------------------

std::int64_t value_of(const Affine& form, const std::int64_t* variables) {
  std::int64_t value = form.constant;
  for (const Term& term : form.terms) value += term.coefficient * variables[term.axis];
  return value;
}

[[noreturn]] void outside(const Frame& frame, const Access& access, std::size_t axis, std::int64_t index) {
  const Kernel& kernel = *frame.kernel->source;
  const Array& array = kernel.arrays[static_cast<std::size_t>(access.array)];
  internal_error(__FILE__, __LINE__,
                 fmt::format("kernel {}: index {} leaves axis {} of {}{} at batch {}", kernel.name, index, axis,
                             array.name, to_string(array.shape), frame.batch));
}

std::byte* place(Frame& frame, const Instruction* at) {
  const Access& access = frame.kernel->accesses[static_cast<std::size_t>(at->item)];
  std::byte* address = frame.arrays[access.array];
  for (const FlatSubscript& subscript : access.at) {
    std::int64_t index = value_of(subscript.offset, frame.variables);
    if (subscript.through != no_temp) index += get<std::int32_t>(frame.registers[subscript.through]);
    const std::int64_t extent = subscript.extent.is_batch() ? frame.batch : subscript.extent.size;
    if (index < 0 || index >= extent) {
      outside(frame, access, static_cast<std::size_t>(&subscript - access.at.data()), index);
    }
    if (subscript.panel > 0) {
      address += index / subscript.panel * subscript.panel_stride;
      index %= subscript.panel;
    }
    address += index * subscript.stride;
  }
  return address;
}

template <int bytes, bool guarded>
const Instruction* load(Frame& frame, const Instruction* at) {
  if (guarded && (frame.registers[at->operands[0]].bits & 0xff) == 0) {
    frame.registers[at->result] = at->otherwise;
    return at + 1;
  }
  Word word;
  std::memcpy(&word.bits, place(frame, at), bytes);
  frame.registers[at->result] = word;
  return at + 1;
}
template <int bytes>
const Instruction* store(Frame& frame, const Instruction* at) {
  std::memcpy(place(frame, at), &frame.registers[at->operands[0]].bits, bytes);
  return at + 1;
}

// A local that has just begun to live holds NaNs, so that a kernel which reads before it writes is noticed.
const Instruction* declare(Frame& frame, const Instruction* at) {
  const std::int64_t bytes = frame.kernel->local_bytes[static_cast<std::size_t>(at->item)];
  std::memset(frame.arrays[at->item], 0xff, static_cast<std::size_t>(bytes));
  return at + 1;
}

// -- control ---------------------------------------------------------------------------------------------------------

std::int64_t bound_of(const Bound& bound, const Frame& frame) {
  const std::int64_t batch = bound.multiple > 0 ? frame.batch / bound.multiple * bound.multiple : 0;
  return value_of(bound.form, frame.variables) + batch;
}

const Instruction* index(Frame& frame, const Instruction* at) {
  const std::int64_t value = value_of(frame.kernel->forms[static_cast<std::size_t>(at->item)], frame.variables);
  frame.registers[at->result] = put(static_cast<std::int32_t>(value));
  return at + 1;
}
const Instruction* batch(Frame& frame, const Instruction* at) {
  frame.registers[at->result] = put(static_cast<std::int32_t>(frame.batch));
  return at + 1;
}
const Instruction* branch(Frame& frame, const Instruction* at) {
  return (frame.registers[at->operands[0]].bits & 0xff) != 0 ? at + 1 : at + at->jump;
}
const Instruction* loop_enter(Frame& frame, const Instruction* at) {
  const FlatLoop& loop = frame.kernel->loops[static_cast<std::size_t>(at->item)];
  const std::int64_t begin = bound_of(loop.begin, frame);
  std::int64_t end = bound_of(loop.end.front(), frame);
  for (const Bound& bound : loop.end) end = std::min(end, bound_of(bound, frame));
  frame.variables[at->result] = begin;
  frame.ends[at->item] = end;
  return begin < end ? at + 1 : at + at->jump;
}
const Instruction* loop_next(Frame& frame, const Instruction* at) {
  std::int64_t& variable = frame.variables[at->result];
  variable += frame.kernel->loops[static_cast<std::size_t>(at->item)].step;
  return variable < frame.ends[at->item] ? at + at->jump : at + 1;
}
const Instruction* halt(Frame&, const Instruction*) { return nullptr; }

template <bool guarded>
Handler load_of(int bytes) {
  return bytes == 1 ? load<1, guarded> : bytes == 4 ? load<4, guarded> : load<8, guarded>;
}

}  // namespace

Handler operation_handler(Op op, DType operand_type) {
  if (op == Op::select) return select;
  if (operand_type == DType::f32) return float_handler<float>(op);
  if (operand_type == DType::f64) return float_handler<double>(op);
  return any_operation;
}
Handler load_handler(DType type, bool guarded) {
  return guarded ? load_of<true>(size_of(type)) : load_of<false>(size_of(type));
}
Handler store_handler(DType type) {
  const int bytes = size_of(type);
  return bytes == 1 ? store<1> : bytes == 4 ? store<4> : store<8>;
}
Handler index_handler() { return index; }
Handler batch_handler() { return batch; }
Handler declare_handler() { return declare; }
Handler branch_handler() { return branch; }
Handler loop_enter_handler() { return loop_enter; }
Handler loop_next_handler() { return loop_next; }
Handler halt_handler() { return halt; }

}  // namespace descent::loop
