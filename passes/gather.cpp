#include "passes/gather.h"

#include <algorithm>
#include <numeric>

#include "ir/combine.h"
#include "passes/graph_tools.h"
#include "passes/sweep_tools.h"

namespace descent {
namespace {

// More phases than this cost more than they save.
constexpr std::int64_t most_phases = 64;

// Floor and ceiling of a quotient with a positive divisor.
std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }
std::int64_t ceil_divide(std::int64_t a, std::int64_t b) { return -floor_divide(-a, b); }

std::vector<AxisId> own_axes(const Affine& form) {
  std::vector<AxisId> axes;
  for (const Term& term : form.terms) {
    if (term.axis >= 0) axes.push_back(term.axis);
  }
  return axes;
}

// Two axes of one landing dimension that no elimination tells apart.
struct Meeting {
  std::size_t dimension = 0;
  std::vector<AxisId> axes;
};

// Distinct digits of a mixed radix: sorted by coefficient, each is larger than all that the smaller ones can add up to.
bool is_mixed_radix(const Sweep& sweep, const Affine& form, const std::vector<AxisId>& axes) {
  std::vector<AxisId> sorted = axes;
  auto size = [&](AxisId axis) { return std::abs(form.coefficient(axis)); };
  std::sort(sorted.begin(), sorted.end(), [&](AxisId a, AxisId b) { return size(a) < size(b); });
  std::int64_t reach = 0;
  for (AxisId axis : sorted) {
    if (size(axis) <= reach) return false;
    reach += size(axis) * (sweep.axes[static_cast<std::size_t>(axis)].extent.size - 1);
  }
  return true;
}

// The first landing dimension with axes that stay unpinned after elimination; none when the landing inverts.
std::optional<Meeting> find_meeting(const Sweep& sweep) {
  std::vector<bool> pinned(sweep.axes.size(), false);
  auto unpinned = [&](std::size_t d) {
    std::vector<AxisId> axes = own_axes(sweep.landing[d].offset);
    std::erase_if(axes, [&](AxisId axis) { return pinned[static_cast<std::size_t>(axis)]; });
    return axes;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t d = 0; d < sweep.landing.size(); ++d) {
      if (sweep.landing[d].through != no_scalar) continue;
      std::vector<AxisId> axes = unpinned(d);
      if (axes.empty() || !is_mixed_radix(sweep, sweep.landing[d].offset, axes)) continue;
      for (AxisId axis : axes) pinned[static_cast<std::size_t>(axis)] = true;
      changed = true;
    }
  }
  for (std::size_t d = 0; d < sweep.landing.size(); ++d) {
    if (sweep.landing[d].through != no_scalar) continue;
    if (std::vector<AxisId> axes = unpinned(d); !axes.empty()) return Meeting{d, axes};
  }
  return std::nullopt;
}

Sweep with_axis_replaced(const Sweep& sweep, std::vector<Axis> axes, const std::function<Affine(AxisId)>& by,
                         std::vector<Affine> guards) {
  Sweep result = rewritten(sweep, std::move(axes), {by, {}}).finish();
  result.guards.insert(result.guards.end(), guards.begin(), guards.end());
  return result;
}

// Axis a counted from its other end, so that its coefficient in the landing becomes positive.
Sweep reflected(const Sweep& sweep, AxisId a) {
  std::int64_t last = sweep.axes[static_cast<std::size_t>(a)].extent.size - 1;
  return with_axis_replaced(
      sweep, sweep.axes, [&](AxisId axis) { return axis == a ? Affine::axis(a, -1, last) : Affine::axis(axis); }, {});
}

// One phase: r = s'·m + rho, o = q - d'·m; q and m take the places of o and r.
Sweep phase(const Sweep& sweep, AxisId o, AxisId r, std::int64_t s, std::int64_t d, std::int64_t rho) {
  std::vector<Axis> axes = sweep.axes;
  Axis &outer = axes[static_cast<std::size_t>(o)], &inner = axes[static_cast<std::size_t>(r)];
  const std::int64_t size = outer.extent.size, turns = ceil_divide(inner.extent.size - rho, s);
  outer.extent.size = size + d * (turns - 1);
  inner.extent.size = turns;
  Affine old_outer = Affine::axis(o) - Affine::axis(r, d);
  auto by = [&](AxisId axis) {
    if (axis == o) return old_outer;
    return axis == r ? Affine::axis(r, s, rho) : Affine::axis(axis);
  };
  std::vector<Affine> guards;
  if (turns > 1) guards = {old_outer, Affine::of(size - 1) - old_outer};
  return with_axis_replaced(sweep, std::move(axes), by, guards);
}

// Axes whose landing dimension is theirs alone are cut to the part that lands inside; empty when no point does.
std::optional<Sweep> clipped(Sweep sweep, const Shape& shape) {
  for (std::size_t dimension = 0; dimension < sweep.landing.size(); ++dimension) {
    const Index index = sweep.landing[dimension];
    if (index.through != no_scalar || index.offset.terms.size() != 1 || shape[dimension].is_batch()) continue;
    const auto [axis, coefficient] = index.offset.terms[0];
    if (axis < 0 || coefficient <= 0) continue;
    const std::int64_t size = sweep.axes[static_cast<std::size_t>(axis)].extent.size;
    std::int64_t low = std::max<std::int64_t>(0, ceil_divide(-index.offset.constant, coefficient));
    std::int64_t high =
        std::min(size - 1, floor_divide(shape[dimension].size - 1 - index.offset.constant, coefficient));
    if (low > high) return std::nullopt;
    if (low == 0 && high == size - 1) continue;
    std::vector<Axis> axes = sweep.axes;
    axes[static_cast<std::size_t>(axis)].extent.size = high - low + 1;
    sweep = with_axis_replaced(sweep, std::move(axes),
                               [&](AxisId a) { return a == axis ? Affine::axis(a, 1, low) : Affine::axis(a); }, {});
  }
  return sweep;
}

// The place itself as one more axis, and every point that does not land on it skipped: one sweep, whatever the phases,
// at the price of looking at each point once per place.
Sweep searched(const Sweep& sweep, std::size_t dimension, Extent extent) {
  std::vector<Axis> axes = sweep.axes;
  const Affine place = Affine::axis(static_cast<AxisId>(axes.size())), landing = sweep.landing[dimension].offset;
  axes.push_back({fresh_name(axes, "q"), extent});
  Sweep result = with_axis_replaced(sweep, std::move(axes), [](AxisId axis) { return Affine::axis(axis); },
                                    {landing - place, place - landing});
  result.landing[dimension].offset = place;
  return result;
}

// The factors of the body's product that are reads as they stand; none of any other body.
std::vector<ScalarId> factors_read(const Body& body) {
  const Apply* product = std::get_if<Apply>(&body.scalars.back().node);
  if (!product || product->op != Op::mul || !is_float(body.type())) return {};
  std::vector<ScalarId> factors;
  for (ScalarId factor : product->operands) {
    if (std::holds_alternative<Read>(body[factor].node)) factors.push_back(factor);
  }
  return factors;
}

// Are these the two guards that keep an index inside a dimension of this extent?
//   index >= 0, extent - 1 - index >= 0
bool keep_inside(const Affine& low, const Affine& high, const Index& index, Extent extent) {
  return index.through == no_scalar && !extent.is_batch() && low == index.offset &&
         high == Affine::of(extent.size - 1) - index.offset;
}

// May the read leave its tensor when no guard stands before it?
bool leaves(const Graph& graph, const Sweep& sweep, const Read& read) {
  if (read.otherwise) return false;
  const auto last = [&](AxisId axis) {
    return axis < 0 ? 0 : sweep.axes[static_cast<std::size_t>(axis)].extent.size - 1;
  };
  const Shape& shape = graph.type(read.tensor).shape;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    const std::vector<Term>& terms = read.at[d].offset.terms;
    const bool is_of_scan = terms.size() > 1 && terms.front().axis < 0;
    if (is_of_scan || (read.at[d].through == no_scalar && may_leave(read.at[d], shape[d], last))) return true;
  }
  return false;
}

// A term of a sum of products that guards skip because a factor would be read outside its tensor is nothing: the read
// names 0 outside, and the guards go. So a sum over the places of a window has no conditions but those of its reads.
//   where o - r >= 0, 5 - o + r >= 0 { %d_y[o - r] * %w[r] }   →   { %d_y[o - r else 0.0] * %w[r] }
Sweep with_reads_for_guards(const Graph& graph, const Sweep& sweep) {
  if (sweep.combiner != Combiner::sum) return sweep;
  Sweep result = sweep;
  std::vector<Affine>& guards = result.guards;
  for (ScalarId factor : factors_read(sweep.body)) {
    Read& read = std::get<Read>(result.body.scalars[static_cast<std::size_t>(factor)].node);
    if (read.otherwise && *read.otherwise != 0) continue;
    for (std::size_t d = 0; d < read.at.size(); ++d) {
      const Extent extent = graph.type(read.tensor).shape[d];
      for (std::size_t i = 0; i + 1 < guards.size(); ++i) {
        if (!keep_inside(guards[i], guards[i + 1], read.at[d], extent)) continue;
        guards.erase(guards.begin() + static_cast<std::ptrdiff_t>(i),
                     guards.begin() + static_cast<std::ptrdiff_t>(i) + 2);
        read.otherwise = 0;
        break;
      }
    }
  }
  const std::vector<ScalarId> reads = reads_of(result.body);
  const bool others_stay = std::none_of(reads.begin(), reads.end(), [&](ScalarId id) {
    return leaves(graph, result, std::get<Read>(result.body[id].node));
  });
  return others_stay ? result : sweep;
}

std::vector<Sweep> gathered(Sweep sweep, const Shape& shape) {
  std::optional<Meeting> meeting = find_meeting(sweep);
  if (!meeting) {
    std::optional<Sweep> kept = clipped(std::move(sweep), shape);
    return kept ? std::vector<Sweep>{*kept} : std::vector<Sweep>{};
  }
  for (AxisId axis : meeting->axes) {
    if (sweep.landing[meeting->dimension].offset.coefficient(axis) < 0) sweep = reflected(sweep, axis);
  }
  const Affine form = sweep.landing[meeting->dimension].offset;
  auto extent = [&](AxisId axis) { return sweep.axes[static_cast<std::size_t>(axis)].extent.size; };
  std::vector<AxisId> axes = meeting->axes;
  std::stable_sort(axes.begin(), axes.end(), [&](AxisId a, AxisId b) { return extent(a) > extent(b); });
  const AxisId o = axes[0], r = axes[1];
  const std::int64_t divisor = std::gcd(form.coefficient(o), form.coefficient(r));
  const std::int64_t s = form.coefficient(o) / divisor, d = form.coefficient(r) / divisor;
  if (std::min(s, extent(r)) > most_phases) {
    return gathered(searched(sweep, meeting->dimension, shape[meeting->dimension]), shape);
  }
  std::vector<Sweep> parts;
  for (std::int64_t rho = 0; rho < std::min(s, extent(r)); ++rho) {
    std::vector<Sweep> deeper = gathered(phase(sweep, o, r, s, d, rho), shape);
    parts.insert(parts.end(), deeper.begin(), deeper.end());
  }
  return parts;
}

// How the parts of a reduction are joined; nothing for those whose parts do not tell the whole.
std::optional<Op> joining_operation(Combiner combiner) {
  switch (combiner) {
    case Combiner::sum:
      return Op::add;
    case Combiner::product:
      return Op::mul;
    case Combiner::max:
      return Op::max;
    case Combiner::min:
      return Op::min;
    case Combiner::none:
    case Combiner::argmax:
      return std::nullopt;
  }
  return std::nullopt;
}

// Without a part, because no point lands inside, every place holds the identity.
ValueId join_parts(GraphBuilder& builder, const std::vector<Sweep>& parts, Combiner combiner, const Value& value,
                   const Span& origin) {
  const DType type = value.type.dtype;
  std::vector<ValueId> values;
  for (const Sweep& part : parts) {
    values.push_back(builder.sweep(with_reads_for_guards(builder.graph(), part), value.type.shape, value.name, origin));
  }
  if (values.size() == 1) return values[0];
  auto joined = [&](BodyBuilder& body, const std::vector<Affine>& axes) {
    std::vector<Index> at;
    for (const Affine& axis : axes) at.push_back({axis, no_scalar});
    if (values.empty()) return body.literal(identity_of(combiner, type), type);
    ScalarId total = body.read({values[0], at, {}}, type);
    for (std::size_t i = 1; i < values.size(); ++i)
      total = body.apply(*joining_operation(combiner), {total, body.read({values[i], at, {}}, type)});
    return total;
  };
  return builder.elementwise(value.type.shape, joined, value.name, origin);
}

void gather_node(GraphBuilder& builder, const Graph& graph, NodeId id, std::vector<ValueId>& to) {
  const Node& node = graph.nodes[static_cast<std::size_t>(id)];
  const Sweep* sweep = std::get_if<Sweep>(&node.op);
  if (!sweep || !joining_operation(sweep->combiner) || !find_meeting(*sweep)) return copy_node(builder, graph, id, to);
  const Value& value = graph.value(node.results[0]);
  std::vector<Sweep> parts = gathered(renamed(*sweep, to), value.type.shape);
  to[static_cast<std::size_t>(node.results[0])] = join_parts(builder, parts, sweep->combiner, value, node.origin);
}

}  // namespace

Model gather(const Model& model) { return rebuild(model, gather_node); }

}  // namespace descent
