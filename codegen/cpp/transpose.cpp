// A square of memory that is copied with its axes exchanged, in one call:
//
//   unrolled k in 0 ..< 8 { vector j in 0 ..< 8 { panel[k, j] = w[j, k] } }     transpose<8>(w[0], 512, panel[0], 64);
#include <algorithm>

#include "codegen/cpp/kernel.h"
#include "codegen/vector.h"

namespace descent::codegen::cpp {
namespace {

// Where both variables are 0.
std::vector<loop::Subscript> at_first(std::vector<loop::Subscript> at, loop::VariableId a, loop::VariableId b) {
  for (loop::Subscript& subscript : at) {
    for (loop::VariableId id : {a, b}) {
      subscript.offset = subscript.offset - Affine::axis(id, subscript.offset.coefficient(id));
    }
  }
  return at;
}

// No element's place is looked up, and no panel's edge depends on both variables.
bool is_plain(const loop::Array& array, const std::vector<loop::Subscript>& at, loop::VariableId a,
              loop::VariableId b) {
  const bool is_direct = std::all_of(
      at.begin(), at.end(), [](const loop::Subscript& subscript) { return subscript.through == loop::no_temp; });
  const bool both = !at.empty() && at.back().offset.coefficient(a) != 0 && at.back().offset.coefficient(b) != 0;
  return is_direct && !(array.panel > 0 && both);
}

bool begins_at_zero(const loop::For& loop) { return loop.begin.multiple == 0 && loop.begin.form == Affine{}; }

}  // namespace

// Elements from one iteration's to the next one's, for two loops of which either may be the lanes'.
std::optional<std::int64_t> KernelPrinter::stride_in(const loop::For& loop, loop::ArrayId id,
                                                     const std::vector<loop::Subscript>& at) {
  lane_loop_ = {&loop, constant_trips(loop)};
  const std::optional<std::int64_t> stride = lane_stride(id, at);
  lane_loop_ = {};
  return stride;
}

// False where the loop is none that copies a square, and nothing is printed.
bool KernelPrinter::transpose(const loop::For& loop, int depth) {
  if (lane_loop_.loop != nullptr || !mask_.empty() || loop.body.size() != 1 || !begins_at_zero(loop)) return false;
  const auto* lanes = std::get_if<loop::For>(&loop.body[0].node);
  if (lanes == nullptr || !analysis_.is_widened(*lanes) || !begins_at_zero(*lanes) || lanes->body.size() != 2)
    return false;
  const auto* let = std::get_if<loop::Let>(&lanes->body[0].node);
  const auto* load = let == nullptr ? nullptr : std::get_if<loop::Load>(&let->value);
  const auto* store = std::get_if<loop::Store>(&lanes->body[1].node);
  if (load == nullptr || store == nullptr || store->value != let->temp || load->guard != loop::no_temp) return false;
  const std::int64_t size = constant_trips(*lanes);
  const auto in_memory = [this](loop::ArrayId id) {
    return analysis_.form(id) == LaneAnalysis::Form::memory && array(id).dtype != DType::boolean;
  };
  const bool is_square = size >= 2 && (size & (size - 1)) == 0 && constant_trips(loop) == size;
  const bool apart_from_it = array(load->array).role == loop::Array::Role::read;
  if (!is_square || !apart_from_it || !in_memory(load->array) || !in_memory(store->array)) return false;
  if (!is_plain(array(load->array), load->at, loop.variable, lanes->variable) ||
      !is_plain(array(store->array), store->at, loop.variable, lanes->variable))
    return false;
  for (loop::VariableId variable : {loop.variable, lanes->variable}) divisors_[static_cast<std::size_t>(variable)] = 0;
  const std::optional<std::int64_t> between = stride_in(*lanes, load->array, load->at),
                                    apart = stride_in(loop, store->array, store->at);
  const bool is_turned = between.value_or(0) > 1 && apart.value_or(0) > 1 &&
                         stride_in(loop, load->array, load->at) == std::int64_t{1} &&
                         stride_in(*lanes, store->array, store->at) == std::int64_t{1};
  if (!is_turned) return false;
  const auto first = [&](loop::ArrayId id, const std::vector<loop::Subscript>& at) {
    return address(id, at_first(at, loop.variable, lanes->variable));
  };
  line(depth, "transpose<" + std::to_string(size) + ">(" + first(load->array, load->at) + ", " +
                  std::to_string(*between) + ", " + first(store->array, store->at) + ", " + std::to_string(*apart) +
                  ");");
  return true;
}

}  // namespace descent::codegen::cpp
