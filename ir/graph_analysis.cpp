// Interval arithmetic over affine forms and i32 scalars.
#include "ir/graph_analysis.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "ir/match.h"

namespace descent {
namespace {

__extension__ typedef __int128 Wide;

constexpr std::int64_t endless = std::numeric_limits<std::int64_t>::max() / 4;
constexpr Range any = {-(std::int64_t{1} << 31), std::int64_t{1} << 31};
constexpr int guards_combined = 2;  // at most so many guards are used together to bound one form

std::int64_t floor_divided(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// The largest value of the form, given that every guard is at least 0. For a guard g that shares an axis with the form
// f in opposite directions, k·f + c·g has that axis no more, and f ≤ (k·f + c·g) / k.
std::int64_t highest(const Affine& form, std::span<const Affine> guards,
                     const std::function<std::int64_t(AxisId)>& last, int depth) {
  std::int64_t high = bounds_of(form, last).high;
  if (depth == 0) return high;
  for (const Affine& guard : guards) {
    for (const Term& term : form.terms) {
      const std::int64_t other = guard.coefficient(term.axis);
      if (other == 0 || (other > 0) == (term.coefficient > 0)) continue;
      if (std::max(std::abs(other), std::abs(term.coefficient)) > endless) continue;
      const std::int64_t divisor = std::gcd(other, term.coefficient);
      const std::int64_t factor = std::abs(other) / divisor;
      const Affine without = form * factor + guard * (std::abs(term.coefficient) / divisor);
      high = std::min(high, floor_divided(highest(without, guards, last, depth - 1), factor));
    }
  }
  return high;
}

std::optional<Range> fitting(Wide low, Wide last) {
  using Limits = std::numeric_limits<std::int32_t>;
  if (low > last || low < Limits::min() || last > Limits::max()) return std::nullopt;
  return Range{static_cast<std::int64_t>(low), static_cast<std::int64_t>(last) + 1};
}

std::optional<Range> joined(const std::optional<Range>& a, const std::optional<Range>& b) {
  if (!a || !b) return std::nullopt;
  return Range{std::min(a->low, b->low), std::max(a->high, b->high)};
}

std::optional<Range> product_of(Range a, Range b) {
  const auto corners = {Wide{a.low} * b.low, Wide{a.low} * (Wide{b.high} - 1), (Wide{a.high} - 1) * b.low,
                        (Wide{a.high} - 1) * (Wide{b.high} - 1)};
  return fitting(std::min(corners), std::max(corners));
}

class ScalarRanges {
 public:
  ScalarRanges(const Graph& graph, const Sweep& sweep, Loops loops) : graph_(graph), sweep_(sweep), loops_(loops) {}

  std::vector<std::optional<Range>> run() {
    for (const Scalar& scalar : sweep_.body.scalars) {
      const bool integer = scalar.type == DType::i32 || scalar.type == DType::u8 || scalar.type == DType::boolean;
      ranges_.push_back(integer ? range_of(scalar) : std::nullopt);
      if (ranges_.back() == any) ranges_.back().reset();
    }
    return std::move(ranges_);
  }

 private:
  std::optional<Range> range_of(const Scalar& scalar) const {
    return match(
        scalar.node, [](const Literal& literal) { return exactly(literal.value); },
        [&](const AxisValue& value) -> std::optional<Range> {
          const Bounds bounds = bounds_within(value.form, sweep_, loops_);
          return fitting(bounds.low, bounds.high);
        },
        [&](const AxisExtent& extent) -> std::optional<Range> {
          const Extent size = sweep_.axes[static_cast<std::size_t>(extent.axis)].extent;
          return size.is_batch() ? std::nullopt : fitting(size.size, size.size);
        },
        [&](const Read& read) { return range_of(read); },
        [&](const Apply& apply) { return range_of(apply, scalar.type); });
  }

  static std::optional<Range> exactly(double value) {
    if (!(std::abs(value) < 0x1p32)) return std::nullopt;
    const auto whole = static_cast<std::int64_t>(value);
    return fitting(whole, whole);
  }

  std::optional<Range> range_of(const Read& read) const {
    const TensorType& type = graph_.type(read.tensor);
    const std::optional<Range> range = type.range ? type.range : range_of_type(type.dtype);
    return read.otherwise ? joined(range, exactly(*read.otherwise)) : range;
  }

  static std::optional<Range> range_of_type(DType type) {
    if (type == DType::u8) return Range{0, 256};
    if (type == DType::boolean) return Range{0, 2};
    return std::nullopt;
  }

  std::optional<Range> range_of(const Apply& apply, DType type) const {
    if (apply.op == Op::select) return joined(operand(apply, 1), operand(apply, 2));
    if (apply.op == Op::to_i32) return operand(apply, 0);
    if (type != DType::i32) return range_of_type(type);
    const std::optional<Range> a = operand(apply, 0);
    const std::optional<Range> b = apply.operands.size() == 2 ? operand(apply, 1) : a;
    if (!a || !b) return std::nullopt;
    switch (apply.op) {
      case Op::add:
        return fitting(Wide{a->low} + b->low, Wide{a->high} + b->high - 2);
      case Op::sub:
        return fitting(Wide{a->low} - b->high + 1, Wide{a->high} - 1 - b->low);
      case Op::mul:
        return product_of(*a, *b);
      case Op::neg:
        return fitting(Wide{1} - a->high, -Wide{a->low});
      case Op::min:
        return Range{std::min(a->low, b->low), std::min(a->high, b->high)};
      case Op::max:
        return Range{std::max(a->low, b->low), std::max(a->high, b->high)};
      default:  // nothing is claimed of the others
        return std::nullopt;
    }
  }

  // An i32 of which nothing is known is any i32: min and max still bound it.
  std::optional<Range> operand(const Apply& apply, std::size_t i) const {
    const auto id = apply.operands[i];
    const std::optional<Range>& known = ranges_[static_cast<std::size_t>(id)];
    return known || sweep_.body[id].type != DType::i32 ? known : any;
  }

  const Graph& graph_;
  const Sweep& sweep_;
  Loops loops_;
  std::vector<std::optional<Range>> ranges_;
};

// Whether some point lands on every place: each dimension is an axis of its own, of the same extent.
bool covers(const Sweep& sweep, const Shape& shape) {
  if (!sweep.guards.empty()) return false;
  std::vector<bool> taken(sweep.axes.size(), false);
  for (std::size_t dimension = 0; dimension < shape.size(); ++dimension) {
    const Index& index = sweep.landing[dimension];
    if (index.through != no_scalar || !index.offset.is_axis()) return false;
    const auto axis = static_cast<std::size_t>(index.offset.terms[0].axis);
    if (axis >= taken.size() || taken[axis] || sweep.axes[axis].extent != shape[dimension]) return false;
    taken[axis] = true;
  }
  return true;
}

}  // namespace

Bounds bounds_within(const Affine& form, const Sweep& sweep, Loops loops) {
  const auto last = [&](AxisId axis) -> std::int64_t {
    if (axis < 0) {
      const auto level = static_cast<std::size_t>(-(axis + 1));
      return level < loops.size() ? loops[level] - 1 : endless;
    }
    const Extent extent = sweep.axes[static_cast<std::size_t>(axis)].extent;
    return (extent.is_batch() ? longest_batch : extent.size) - 1;
  };
  const std::int64_t high = highest(form, sweep.guards, last, guards_combined);
  const std::int64_t low = -highest(form * -1, sweep.guards, last, guards_combined);
  return {low, high};
}

std::vector<std::optional<Range>> scalar_ranges(const Graph& graph, const Sweep& sweep, Loops loops) {
  return ScalarRanges(graph, sweep, loops).run();
}

std::optional<Range> range_of(const Graph& graph, const Sweep& sweep, const Shape& shape, Loops loops) {
  if (sweep.combiner == Combiner::argmax) {
    Shape reduced;
    for (const AxisId axis : reduced_axes(sweep)) reduced.push_back(sweep.axes[static_cast<std::size_t>(axis)].extent);
    const bool endless_batch = std::find(reduced.begin(), reduced.end(), Extent::batch()) != reduced.end();
    return endless_batch ? std::nullopt : fitting(0, Wide{count(reduced, 1)} - 1);
  }
  const bool picks = sweep.combiner == Combiner::min || sweep.combiner == Combiner::max;
  if (sweep.combiner != Combiner::none && !picks) return std::nullopt;
  const std::optional<Range> range = scalar_ranges(graph, sweep, loops).back();
  if (picks) return covers(sweep, shape) ? range : std::nullopt;  // a place without a term has the combiner's zero
  return covers(sweep, shape) ? range : joined(range, Range{0, 1});
}

}  // namespace descent
