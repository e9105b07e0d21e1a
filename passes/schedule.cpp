#include "passes/schedule.h"

#include <algorithm>
#include <cmath>

#include "passes/contraction.h"
#include "passes/sweep_tools.h"

namespace descent {
namespace {

bool uses(const std::vector<Index>& at, AxisId axis) {
  return std::any_of(at.begin(), at.end(), [&](const Index& index) { return index.offset.coefficient(axis) != 0; });
}

std::vector<const Read*> reads(const Sweep& sweep) {
  std::vector<const Read*> result;
  for (ScalarId id : reads_of(sweep.body)) result.push_back(&std::get<Read>(sweep.body[id].node));
  return result;
}

// The axes that some landing dimension holds alone, without `through` and with a coefficient: each of their values
// lands in a part of the result of its own.
std::vector<AxisId> axes_landing_alone(const Sweep& sweep) {
  std::vector<AxisId> alone;
  for (const Index& index : sweep.landing) {
    if (index.through != no_scalar) continue;
    std::vector<AxisId> own;
    for (const Term& term : index.offset.terms) {
      if (term.axis >= 0) own.push_back(term.axis);
    }
    if (own.size() == 1 && !std::count(alone.begin(), alone.end(), own[0])) alone.push_back(own[0]);
  }
  return alone;
}

// Whether two values of the axis land apart whatever the other axes do: in some landing dimension one step of it goes
// further than all others together.
bool lands_apart(const Sweep& sweep, AxisId axis) {
  return std::any_of(sweep.landing.begin(), sweep.landing.end(), [&](const Index& index) {
    if (index.through != no_scalar) return false;
    double others = 0;  // how far they reach
    for (const Term& term : index.offset.terms) {
      if (term.axis < 0 || term.axis == axis) continue;
      const Extent extent = sweep.axes[static_cast<std::size_t>(term.axis)].extent;
      if (extent.is_batch()) return false;
      others += std::abs(static_cast<double>(term.coefficient)) * static_cast<double>(extent.size - 1);
    }
    return std::abs(static_cast<double>(index.offset.coefficient(axis))) > others;
  });
}

// The outermost loop runs on threads if its iterations are proven to stay apart (keep_proven_parallel): an axis that
// lands apart comes first, if there is one.
//   [2*i + j, j]   j before i: for two i some j would meet in the first dimension, though never in the second as well
void put_apart_first(const Sweep& sweep, std::vector<AxisId>& free) {
  const auto is_real = [&](AxisId axis) { return sweep.axes[static_cast<std::size_t>(axis)].extent.size != 1; };
  const auto first = std::find_if(free.begin(), free.end(), is_real);
  const auto apart =
      std::find_if(first, free.end(), [&](AxisId axis) { return is_real(axis) && lands_apart(sweep, axis); });
  if (apart != free.end()) std::rotate(first, apart, apart + 1);
}

// Axes in the order of the result's dimensions: it is written from its begin to its end, whatever came first in the
// sweep's box.
//   [c, b, i] at [b, c, i]   b, c, i
void put_in_order(const Sweep& sweep, std::vector<AxisId>& free) {
  const auto dimension = [&](AxisId axis) {
    return std::find_if(sweep.landing.begin(), sweep.landing.end(),
                        [&](const Index& index) { return index.offset.coefficient(axis) != 0; }) -
           sweep.landing.begin();
  };
  std::stable_sort(free.begin(), free.end(), [&](AxisId a, AxisId b) { return dimension(a) < dimension(b); });
}

int widest_element(const Sweep& sweep, const Graph& graph, DType result) {
  int bytes = size_of(result);
  for (const Read* read : reads(sweep)) {
    DType type = graph.type(read->tensor).dtype;
    if (is_float(type)) bytes = std::max(bytes, size_of(type));
  }
  return std::max(bytes, 4);
}

// Elements that a vector of strided ones spans per element, at most: two or four loads and a shuffle.
constexpr std::int64_t near_steps = 2;

// Contiguous traffic speaks for an axis, strided traffic against it; what takes every second element, a little.
int worth(const Sweep& sweep, const Graph& graph, const Shape& result, AxisId axis) {
  constexpr int store_weight = 2, strided_cost = 3;
  Stride store = stride_of(sweep.landing, result, axis);
  int score = store == Stride::one ? store_weight : (store == Stride::near ? -1 : -store_weight);
  for (const Read* read : reads(sweep)) {
    bool indirect =
        std::any_of(read->at.begin(), read->at.end(), [](const Index& i) { return i.through != no_scalar; });
    Stride stride = stride_of(read->at, graph.type(read->tensor).shape, axis);
    score += stride == Stride::far ? -strided_cost : (stride == Stride::one && !indirect ? 1 : 0);
  }
  return score;
}

std::optional<AxisId> choose_vector(const Sweep& sweep, const Graph& graph, const Shape& result,
                                    const std::vector<AxisId>& candidates, int lanes) {
  std::optional<AxisId> best;
  std::int64_t best_worth = 0;
  for (AxisId axis : candidates) {
    Extent extent = sweep.axes[static_cast<std::size_t>(axis)].extent;
    if (!extent.is_batch() && extent.size < 2) continue;
    const std::int64_t filled = extent.is_batch() ? lanes : std::min<std::int64_t>(lanes, extent.size);
    const std::int64_t score = worth(sweep, graph, result, axis) * filled;
    if (score > best_worth) best = axis, best_worth = score;
  }
  return best;
}

// The axis whose steps fill the gaps of the vector axis in the result: side by side both write one line.
//   at [2*i + r, 2*j + s]   s, of the vector axis j
std::optional<AxisId> filling(const Sweep& sweep, AxisId vector, const std::vector<AxisId>& free) {
  if (sweep.landing.empty() || sweep.landing.back().through != no_scalar) return std::nullopt;
  const Affine& last = sweep.landing.back().offset;
  const std::int64_t gap = last.coefficient(vector);
  for (AxisId axis : free) {
    const Extent extent = sweep.axes[static_cast<std::size_t>(axis)].extent;
    if (gap == near_steps && last.coefficient(axis) == 1 && extent == Extent{gap}) return axis;
  }
  return std::nullopt;
}

// Point by point, the last two axes of the result walked by two axes of the sweep.
bool runs_by_panels(const Sweep& sweep, const std::vector<AxisId>& candidates) {
  const auto is_lone = [&](const Index& index) {
    return index.through == no_scalar && index.offset.is_axis() &&
           std::count(candidates.begin(), candidates.end(), index.offset.terms[0].axis) > 0;
  };
  const std::size_t rank = sweep.landing.size();
  return sweep.combiner == Combiner::none && rank >= 2 && is_lone(sweep.landing[rank - 1]) &&
         is_lone(sweep.landing[rank - 2]) && sweep.landing[rank - 1] != sweep.landing[rank - 2];
}

}  // namespace

Stride stride_of(const std::vector<Index>& at, const Shape& shape, AxisId axis) {
  std::size_t rank = at.size();
  while (rank > 0 && shape[rank - 1].size == 1) --rank;
  if (!uses({at.begin(), at.begin() + static_cast<std::ptrdiff_t>(rank)}, axis)) return Stride::none;
  for (std::size_t d = 0; d + 1 < rank; ++d) {
    if (at[d].offset.coefficient(axis) != 0) return Stride::far;
  }
  const Index& last = at[rank - 1];
  if (last.through != no_scalar) return Stride::far;
  const std::int64_t step = last.offset.coefficient(axis);
  return step == 1 ? Stride::one : (step > 1 && step <= near_steps ? Stride::near : Stride::far);
}

Schedule schedule(const Sweep& sweep, const Graph& graph, const TensorType& result, const Machine& machine, int lanes,
                  std::int64_t largest_batch, const Layouts& layouts) {
  Schedule plan;
  plan.scatters = !why_scatters(sweep).empty();
  const std::vector<AxisId> reduced = reduced_axes(sweep);
  const std::vector<AxisId> alone = axes_landing_alone(sweep);
  for (AxisId axis = 0; axis < static_cast<AxisId>(sweep.axes.size()); ++axis) {
    bool is_reduced = std::count(reduced.begin(), reduced.end(), axis) > 0;
    bool lands_alone = std::count(alone.begin(), alone.end(), axis) > 0;
    (is_reduced || (plan.scatters && !lands_alone) ? plan.serial : plan.free).push_back(axis);
  }
  std::vector<AxisId> candidates = plan.free;
  std::erase_if(candidates, [&](AxisId axis) { return std::count(alone.begin(), alone.end(), axis) == 0; });

  plan.lanes = lanes <= 1 ? 1 : std::max(1, lanes * 4 / widest_element(sweep, graph, result.dtype));
  plan.rest_step = machine.halves_vectors && plan.lanes >= 4 ? plan.lanes / 2 : plan.lanes;
  if (plan.lanes > 1 && is_contraction(sweep)) {
    plan_contraction(sweep, graph, result.shape, plan.free, machine, largest_batch, layouts, plan);
  } else if (plan.lanes > 1 && layouts.result > 0 && runs_by_panels(sweep, candidates)) {
    plan.vector = sweep.landing.back().offset.terms[0].axis;
    plan.row = sweep.landing[sweep.landing.size() - 2].offset.terms[0].axis;
    plan.vector_tile = layouts.result;
    plan.masks_rest = true;
  } else if (plan.lanes > 1) {
    const bool points_apart = sweep.combiner == Combiner::none && !plan.scatters;
    plan.vector = choose_vector(sweep, graph, result.shape, points_apart ? plan.free : candidates, plan.lanes);
    if (plan.vector) plan.vector_tile = plan.lanes;
    if (plan.vector && points_apart) plan.row = filling(sweep, *plan.vector, plan.free);
    if (plan.row) plan.row_tile = near_steps;
    // Of a batch anything may be left; one by one that is slow where a point is a long expression.
    plan.masks_rest = plan.vector && sweep.combiner == Combiner::none && !plan.scatters &&
                      sweep.axes[static_cast<std::size_t>(*plan.vector)].extent.is_batch();
  }
  std::erase_if(plan.free, [&](AxisId axis) {
    return axis == plan.vector || axis == plan.row || std::count(plan.inner.begin(), plan.inner.end(), axis) > 0;
  });
  if (sweep.combiner == Combiner::none && !plan.scatters) put_in_order(sweep, plan.free);
  put_apart_first(sweep, plan.free);
  return plan;
}

std::vector<std::int64_t> rest_widths(std::int64_t rest, std::int64_t tile, std::int64_t step, bool divide) {
  if (rest <= 0) return {};
  const std::int64_t width = (rest + step - 1) / step * step;
  if (!divide || tile % width == 0) return {width};
  std::int64_t first = tile / 2, second = step;
  while (first > width) first /= 2;
  while (first + second < width) second *= 2;
  if (first + second >= tile || tile % first != 0 || first % second != 0) return {tile};
  return {first, second};
}

std::optional<Tiling> tiling_of(const Sweep& sweep, const Schedule& schedule, const Shape& shape) {
  std::vector<std::optional<std::size_t>> dimension(sweep.axes.size());
  for (std::size_t d = 0; d < sweep.landing.size(); ++d) {
    const Index& index = sweep.landing[d];
    if (index.through != no_scalar || !index.offset.is_axis() || index.offset.terms[0].axis < 0) return std::nullopt;
    const auto axis = static_cast<std::size_t>(index.offset.terms[0].axis);
    if (dimension[axis] || sweep.axes[axis].extent != shape[d]) return std::nullopt;
    dimension[axis] = d;
  }
  Tiling tiling{shape,
                {},
                {},
                {},
                {},
                schedule.lanes,
                schedule.vector_tile,
                schedule.row_tile,
                schedule.row_block,
                schedule.vector_block,
                schedule.panel_block,
                schedule.masks_rest,
                schedule.inner_first,
                schedule.rest_step};
  for (AxisId axis : schedule.free) {
    if (!dimension[static_cast<std::size_t>(axis)]) return std::nullopt;
    tiling.free.push_back(*dimension[static_cast<std::size_t>(axis)]);
  }
  for (AxisId axis : schedule.inner) {
    if (!dimension[static_cast<std::size_t>(axis)]) return std::nullopt;
    tiling.inner.push_back(*dimension[static_cast<std::size_t>(axis)]);
  }
  if (schedule.vector) tiling.vector = dimension[static_cast<std::size_t>(*schedule.vector)];
  if (schedule.row) tiling.row = dimension[static_cast<std::size_t>(*schedule.row)];
  const std::size_t covered = tiling.free.size() + tiling.inner.size() + (tiling.vector ? 1 : 0) + (tiling.row ? 1 : 0);
  return covered == shape.size() ? std::optional(std::move(tiling)) : std::nullopt;
}

std::optional<Schedule> with_tiling(const Sweep& sweep, const Schedule& own, const Tiling& tiling) {
  const std::size_t rank = sweep.axes.size();
  if (sweep.combiner != Combiner::none || own.scatters || sweep.landing.size() != rank) return std::nullopt;
  if (rank == 0 || rank > tiling.shape.size()) return std::nullopt;
  for (std::size_t d = 0; d < rank; ++d) {
    if (sweep.axes[d].extent != tiling.shape[d]) return std::nullopt;
    if (sweep.landing[d] != Index{Affine::axis(static_cast<AxisId>(d)), no_scalar}) return std::nullopt;
  }
  Schedule schedule;
  if (rank < tiling.shape.size()) {  // one value for each row of the other
    for (std::size_t d = 0; d < rank; ++d) schedule.free.push_back(static_cast<AxisId>(d));
    return schedule;
  }
  if (own.lanes != tiling.lanes) return std::nullopt;
  for (std::size_t d : tiling.free) schedule.free.push_back(static_cast<AxisId>(d));
  for (std::size_t d : tiling.inner) schedule.inner.push_back(static_cast<AxisId>(d));
  if (tiling.vector) schedule.vector = static_cast<AxisId>(*tiling.vector);
  if (tiling.row) schedule.row = static_cast<AxisId>(*tiling.row);
  schedule.lanes = tiling.lanes;
  schedule.vector_tile = tiling.vector_tile;
  schedule.row_tile = tiling.row_tile;
  schedule.row_block = tiling.row_block;
  schedule.vector_block = tiling.vector_block;
  schedule.panel_block = tiling.panel_block;
  schedule.masks_rest = tiling.masks_rest;
  schedule.rest_step = tiling.rest_step;
  schedule.inner_first = tiling.inner_first;
  return schedule;
}

}  // namespace descent
