#include "passes/patch.h"

#include <algorithm>
#include <cstdlib>

#include "passes/sweep_tools.h"
#include "passes/tile_loops.h"

namespace descent {

using loop::Bound;
using loop::LoopKind;
using loop::no_temp;
using loop::Subscript;
using loop::TempId;
using loop::VariableId;

std::vector<std::int64_t> reach_of(const Read& read, const std::function<std::int64_t(AxisId)>& steps) {
  std::vector<std::int64_t> reach;
  for (const Index& index : read.at) {
    std::int64_t places = 1;
    for (const Term& term : index.offset.terms) places += std::abs(term.coefficient) * (steps(term.axis) - 1);
    reach.push_back(places);
  }
  return reach;
}

// Largest values of the sweep's axes and of the scans around it.
static std::function<std::int64_t(AxisId)> last_of(const SweepJob& job) {
  return [&job](AxisId axis) {
    if (axis < 0) return job.scans[job.scans.size() - static_cast<std::size_t>(-axis)].extent.size - 1;
    return job.sweep->axes[static_cast<std::size_t>(axis)].extent.size - 1;
  };
}

std::int64_t Patch::Dimension::low() const {
  return is_known() ? std::min(size, std::max<std::int64_t>(0, -base.constant)) : 0;
}
std::int64_t Patch::Dimension::high() const {
  return is_known() ? std::max(low(), std::min(size, extent.size - base.constant)) : size;
}

Patch::Patch(loop::KernelBuilder& kernel, BodyEmitter& emit, const SweepJob& job, const Read& read,
             const Movements& movements, int lanes)
    : k_(kernel), emit_(emit), read_(read), lanes_(lanes), type_(job.graph->type(read.tensor).dtype) {
  const std::vector<std::int64_t> reach = reach_of(read, [&](AxisId axis) {
    const std::optional<Movement> movement = movements(axis);
    return movement ? movement->size : 1;
  });
  const Shape& shape = job.graph->type(read.tensor).shape;
  Shape local;
  for (std::size_t d = 0; d < reach.size(); ++d) {
    Affine still, base = Affine::of(read.at[d].offset.constant);
    for (const Term& term : read.at[d].offset.terms) {
      const std::optional<Movement> movement = movements(term.axis);
      if (!movement) {
        still = still + Affine::axis(term.axis, term.coefficient);
        continue;
      }
      const Affine first = term.coefficient > 0 ? movement->begin : movement->begin + (movement->size - 1);
      base = base + first * term.coefficient;
    }
    const bool leaves = reach[d] > 1 || may_leave(read.at[d], shape[d], last_of(job));
    dimensions_.push_back({base + emit.placed(still), reach[d], shape[d], leaves});
    if (reach[d] > 1) local.push_back({reach[d]});
  }
  array_ = k_.declare("patch", type_, local);
  const bool is_whole = std::all_of(dimensions_.begin(), dimensions_.end(), [](const Dimension& dimension) {
    return dimension.low() == 0 && dimension.high() == dimension.size;
  });
  if (!is_whole) fill(read.otherwise.value_or(0));
  std::vector<Affine> at;
  copy(0, at, no_temp);
}

TempId Patch::load() const {
  std::vector<Affine> at;
  for (std::size_t d = 0; d < dimensions_.size(); ++d) {
    at.push_back(emit_.placed(read_.at[d].offset) - dimensions_[d].base);
  }
  return k_.load(array_, places(at));
}

std::vector<Subscript> Patch::places(const std::vector<Affine>& at) const {
  std::vector<Affine> moving;
  for (std::size_t d = 0; d < dimensions_.size(); ++d) {
    if (dimensions_[d].size > 1) moving.push_back(at[d]);
  }
  return loop::at(moving);
}

void Patch::fill(double value) {
  const TempId literal = k_.literal(value, type_);
  std::vector<Affine> at;
  const std::function<void(std::size_t)> from = [&](std::size_t d) {
    if (d == dimensions_.size()) return k_.store(array_, places(at), literal);
    const auto inside = [&](const Affine& place) {
      at.push_back(place);
      from(d + 1);
      at.pop_back();
    };
    if (dimensions_[d].size == 1) return inside(Affine{});
    const bool is_last = d + 1 == dimensions_.size();
    for (const Blocks& blocks : blocks_of(Extent{dimensions_[d].size}, is_last ? lanes_ : 1)) {
      each_block(k_, LoopKind::serial, "at", blocks, [&](const Affine& first) {
        if (blocks.size == 1) return inside(first);
        k_.loop(LoopKind::vector, "lane", Bound::of(blocks.size),
                [&](VariableId lane) { inside(first + Affine::axis(lane)); });
      });
    }
  };
  from(0);
}

// Dimension by dimension, of each the places that lie in the tensor, as far as they are known.
void Patch::copy(std::size_t d, std::vector<Affine>& at, TempId guard) {
  if (d + 1 == dimensions_.size()) return copy_line(at, guard);
  const Dimension& dimension = dimensions_[d];
  const auto inside_of = [&](const Affine& place) {
    at.push_back(place);
    copy(d + 1, at, emit_.both(guard, inside(dimension, place)));
    at.pop_back();
  };
  if (dimension.low() == dimension.high()) return;
  if (dimension.size == 1) return inside_of(Affine{});
  k_.loop(LoopKind::serial, "at", Bound::of(dimension.low()), {Bound::of(dimension.high())}, 1,
          [&](VariableId place) { inside_of(Affine::axis(place)); });
}

void Patch::copy_line(std::vector<Affine>& at, TempId guard) {
  const Dimension& dimension = dimensions_.back();
  const auto element = [&](const Affine& place) {
    at.push_back(place);
    store(at, emit_.both(guard, inside(dimension, place)));
    at.pop_back();
  };
  std::int64_t begin = dimension.low();
  for (std::int64_t width = lanes_; begin < dimension.high(); width = (width + 1) / 2) {
    const std::int64_t end = begin + (dimension.high() - begin) / width * width;
    if (end == begin) continue;
    each_block(k_, LoopKind::serial, "at", {Bound::of(begin), Bound::of(end), width, false}, [&](const Affine& first) {
      if (width == 1) return element(first);
      k_.loop(LoopKind::vector, "lane", Bound::of(width),
              [&](VariableId lane) { element(first + Affine::axis(lane)); });
    });
    begin = end;
  }
}

void Patch::store(const std::vector<Affine>& at, TempId guard) {
  std::vector<Affine> there;
  for (std::size_t d = 0; d < dimensions_.size(); ++d) there.push_back(dimensions_[d].base + at[d]);
  k_.store(array_, places(at), emit_.load(read_, there, guard));
}

// Does the place lie in the tensor? no_temp: it is known to.
TempId Patch::inside(const Dimension& dimension, const Affine& place) {
  if (dimension.is_known() || !dimension.may_leave) return no_temp;
  const TempId index = k_.index_value(dimension.base + place);
  const TempId end = dimension.extent.is_batch() ? k_.batch_value()
                                                 : k_.literal(static_cast<double>(dimension.extent.size), DType::i32);
  return emit_.both(k_.operation(Op::greater_equal, {index, k_.literal(0, DType::i32)}),
                    k_.operation(Op::less, {index, end}));
}

}  // namespace descent
