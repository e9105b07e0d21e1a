#include "passes/reverse.h"

#include <algorithm>
#include <numeric>

#include "ir/match.h"
#include "passes/graph_tools.h"

namespace descent {
namespace {

std::vector<bool> dependents(const Graph& graph, const std::vector<ValueId>& sources,
                             const std::map<ValueId, ValueId>& stand_ins) {
  std::vector<bool> depends(graph.values.size(), false);
  for (ValueId source : sources) depends[static_cast<std::size_t>(source)] = true;
  for (const Node& node : graph.nodes) {
    std::vector<ValueId> operands = operands_of(node);
    if (const auto found = node.results.empty() ? stand_ins.end() : stand_ins.find(node.results[0]);
        found != stand_ins.end()) {
      operands = {found->second};
    }
    bool reached = std::any_of(operands.begin(), operands.end(),
                               [&](ValueId operand) { return depends[static_cast<std::size_t>(operand)]; });
    if (!reached) continue;
    for (ValueId result : node.results) {
      if (is_float(graph.type(result).dtype)) depends[static_cast<std::size_t>(result)] = true;
    }
  }
  return depends;
}

// A sweep that lands on each place at most once needs no sum.
Combiner combiner_for(const SweepDraft& draft) {
  Sweep sweep = draft.finish();
  return reduced_axes(sweep).empty() && why_scatters(sweep).empty() ? Combiner::none : Combiner::sum;
}

// Where the body of `sweep` reads, the landing of `sweep` as the indices of a read of its result.
Read read_at_landing(const Sweep& sweep, ValueId tensor, const Shape& shape, const std::vector<ScalarId>& scalars) {
  Read read{tensor, {}, std::nullopt};
  auto last = [&](AxisId axis) -> std::int64_t {
    return axis < 0 ? 0 : sweep.axes[static_cast<std::size_t>(axis)].extent.size - 1;
  };
  for (std::size_t d = 0; d < sweep.landing.size(); ++d) {
    Index index = sweep.landing[d];
    bool loop_index = std::any_of(index.offset.terms.begin(), index.offset.terms.end(),
                                  [](const Term& term) { return term.axis < 0; });
    if (loop_index || may_leave(index, shape[d], last)) read.otherwise = 0;
    if (index.through != no_scalar) index.through = scalars[static_cast<std::size_t>(index.through)];
    read.at.push_back(std::move(index));
  }
  return read;
}

std::vector<Index> moved(const std::vector<Index>& indices, const std::vector<ScalarId>& scalars) {
  std::vector<Index> result = indices;
  for (Index& index : result) {
    if (index.through != no_scalar) index.through = scalars[static_cast<std::size_t>(index.through)];
  }
  return result;
}

}  // namespace

TensorType stacked(TensorType type, Extent extent) {
  type.shape.insert(type.shape.begin(), extent);
  return type;
}

std::vector<ValueId> kept_values(const Graph& body) {
  constexpr std::int64_t least_terms = 16;
  std::vector<ValueId> kept;
  for (const Node& node : body.nodes) {
    const Sweep* sweep = std::get_if<Sweep>(&node.op);
    if (!sweep || sweep->combiner == Combiner::none) continue;
    std::int64_t terms = 1;
    for (AxisId axis : reduced_axes(*sweep)) {
      const Extent extent = sweep->axes[static_cast<std::size_t>(axis)].extent;
      terms = std::min(least_terms, terms * (extent.is_batch() ? least_terms : std::min(extent.size, least_terms)));
    }
    if (terms == least_terms) kept.push_back(node.results[0]);
  }
  return kept;
}

Reverse::Reverse(GraphBuilder& builder, std::vector<ValueId> sources, bool tape, std::map<ValueId, ValueId> stand_ins)
    : builder_(builder),
      end_(builder.graph().nodes.size()),
      tape_(tape),
      stand_ins_(std::move(stand_ins)),
      active_(dependents(builder.graph(), sources, stand_ins_)) {}

ValueId Reverse::computed(ValueId value) const {
  const auto found = stand_ins_.find(value);
  return found == stand_ins_.end() ? value : found->second;
}

void Reverse::hold_back(const std::vector<ValueId>& values) {
  for (ValueId value : values) held_back_[value] = true;
}

bool Reverse::active(ValueId value) const {
  return static_cast<std::size_t>(value) < active_.size() && active_[static_cast<std::size_t>(value)];
}

void Reverse::seed(ValueId value, ValueId adjoint) {
  value = computed(value);
  if (held_back_.count(value)) {
    contribute(value, slice_of(builder_.graph(), adjoint, {}));
  } else {
    contributions_[value].push_back(adjoint);
  }
}

std::optional<ValueId> Reverse::contribute(ValueId target, Sweep sweep) {
  target = computed(target);
  if (held_back_.count(target)) {
    held_.push_back({target, std::move(sweep)});
    return std::nullopt;
  }
  const Graph& graph = builder_.graph();
  std::string name = graph.value(target).name;
  ValueId value = builder_.sweep(std::move(sweep), Shape(graph.type(target).shape),
                                 name.empty() ? std::string() : "d_" + name, graph.node_of(target).origin);
  contributions_[target].push_back(value);
  return value;
}

std::optional<ValueId> Reverse::adjoint(ValueId value) {
  value = computed(value);
  auto found = contributions_.find(value);
  if (found == contributions_.end()) return std::nullopt;
  std::vector<ValueId>& parts = found->second;
  const TensorType type = builder_.type(value);
  while (parts.size() > 1) {
    ValueId first = parts[0], second = parts[1];
    auto add = [&](BodyBuilder& body, const std::vector<Affine>& axes) {
      std::vector<Index> at;
      for (const Affine& axis : axes) at.push_back({axis, no_scalar});
      return body.apply(Op::add, {body.read({first, at, {}}, type.dtype), body.read({second, at, {}}, type.dtype)});
    };
    ValueId sum = builder_.elementwise(type.shape, add, builder_.graph().value(first).name,
                                       builder_.graph().node_of(value).origin);
    parts.erase(parts.begin());
    parts[0] = sum;
  }
  return parts[0];
}

ValueId Reverse::adjoint_or_zero(ValueId value) {
  if (std::optional<ValueId> known = adjoint(value)) return *known;
  return zero_like(builder_, TensorType(builder_.type(value)));
}

void Reverse::run() {
  for (std::size_t n = end_; n-- > 0 && builder_.graph().nodes.size() <= node_limit;) {
    const Node node = builder_.graph().nodes[n];  // a copy: the walk appends nodes
    bool reached = std::any_of(node.results.begin(), node.results.end(),
                               [&](ValueId result) { return active(result) && contributions_.count(result) > 0; });
    if (reached) walk(node);
  }
}

void Reverse::walk(const Node& node) {
  match(
      node.op, [&](const Sweep& sweep) { walk_sweep(sweep, node.results[0]); },
      [&](const Scan& scan) { walk_scan(scan, node.results); }, [](const Input&) {}, [](const State&) {},
      [&](const Override& override) { walk_override(override, node.results); }, [](const Adjoint&) {},
      [](const Random&) {}, [](const Update&) {},
      [](const Gradient&) { DESCENT_CHECK(false, "differentiate: a gradient node stands before the one in turn"); });
}

void Reverse::walk_sweep(const Sweep& sweep, ValueId result) {
  if (sweep.combiner == Combiner::argmax) return;
  const ValueId upstream = *adjoint(result);
  const TensorType type = builder_.type(result);

  // The sweep over the same box whose body is the adjoint of each read in turn.
  std::vector<ScalarId> scalars;
  SweepDraft draft = draft_of(sweep, &scalars);
  draft.order.reset();
  ScalarId flow = draft.body.read(read_at_landing(sweep, upstream, type.shape, scalars), type.dtype);
  if (sweep.combiner == Combiner::max || sweep.combiner == Combiner::min) {
    ValueId winner = winners(sweep, result);
    ScalarId won = draft.body.read(read_at_landing(sweep, winner, type.shape, scalars), DType::i32);
    ScalarId number = number_of(draft.body, sweep.axes, reduced_axes(sweep), [](AxisId a) { return Affine::axis(a); });
    ScalarId wins = draft.body.apply(Op::equal, {number, won});
    flow = draft.body.apply(Op::select, {wins, flow, draft.body.literal(0, type.dtype)});
  }
  if (sweep.combiner == Combiner::product && !reduced_axes(sweep).empty()) {
    std::vector<Index> here = identity_landing(sweep.axes.size());
    for (bool before : {true, false}) {
      ScalarId others = draft.body.read({exclusive_product(sweep, before), here, {}}, type.dtype);
      flow = draft.body.apply(Op::mul, {flow, others});
    }
  }
  // What the body computed already stands in the result: tanh' = 1 - y².
  if (sweep.combiner == Combiner::none && lands_everywhere(sweep, type.shape)) {
    scalars.back() = draft.body.read(read_at_landing(sweep, result, type.shape, scalars), type.dtype);
  }
  std::map<ScalarId, Read> made;  // an adjoint that stands in a tensor, element by element of the box
  for (auto [read_id, adjoint] : body_adjoints(draft.body, sweep.body, scalars, flow)) {
    const Read& read = std::get<Read>(sweep.body[read_id].node);
    if (adjoint == no_scalar || !active(read.tensor)) continue;
    SweepDraft part = draft;
    auto known = made.find(adjoint);
    part.root = known == made.end() ? adjoint : part.body.read(known->second, type_of(read.tensor).dtype);
    part.landing = moved(read.at, scalars);
    part.combiner = combiner_for(part);
    const Sweep made_sweep = part.finish();
    std::optional<ValueId> value = contribute(read.tensor, made_sweep);
    if (value && part.combiner == Combiner::none && lands_everywhere(made_sweep, type_of(read.tensor).shape)) {
      made.try_emplace(adjoint, Read{*value, part.landing, std::nullopt});
    }
  }
}

// What the gradients are made of, with what has reached the results in the places of the adjoints.
void Reverse::walk_override(const Override& override, const std::vector<ValueId>& results) {
  std::vector<ValueId> to(builder_.graph().values.size());
  std::iota(to.begin(), to.end(), 0);
  NodeId first = builder_.graph().value(results[0]).node;
  const NodeId last = first;
  for (std::size_t i = 0; i < results.size(); ++i) {
    first = std::min(first, builder_.graph().value(override.adjoints[i]).node);
    to[static_cast<std::size_t>(override.adjoints[i])] = adjoint_or_zero(results[i]);
  }
  for (NodeId id = first; id < last && builder_.graph().nodes.size() <= node_limit; ++id) {
    const std::vector<ValueId> operands = operands_of(builder_.graph().nodes[static_cast<std::size_t>(id)]);
    const bool moved = std::any_of(operands.begin(), operands.end(),
                                   [&](ValueId operand) { return to[static_cast<std::size_t>(operand)] != operand; });
    if (moved) copy_node(builder_, builder_.graph(), id, to);
  }
  for (std::size_t i = 0; i < override.of.size(); ++i) {
    if (active(override.of[i])) seed(override.of[i], copy_of(to, override.gradients[i]));
  }
}

// Which point gave the largest (or smallest) value: the same sweep with argmax; min is the argmax of the negation.
ValueId Reverse::winners(const Sweep& sweep, ValueId result) {
  SweepDraft draft = draft_of(sweep);
  draft.order.reset();
  if (sweep.combiner == Combiner::min) draft.root = draft.body.apply(Op::neg, {draft.root});
  draft.combiner = Combiner::argmax;
  return builder_.sweep(draft.finish(), builder_.type(result).shape, "winner");
}

// result[box] = the product of the body over the points of the reduced axes before (or after) the box's own.
ValueId Reverse::exclusive_product(const Sweep& sweep, bool before) {
  std::vector<AxisId> reduced = reduced_axes(sweep);
  std::vector<Axis> axes = sweep.axes;
  std::vector<AxisId> other(sweep.axes.size());
  for (std::size_t a = 0; a < other.size(); ++a) other[a] = static_cast<AxisId>(a);
  Shape box;
  for (const Axis& axis : sweep.axes) box.push_back(axis.extent);
  for (AxisId axis : reduced) {
    other[static_cast<std::size_t>(axis)] = static_cast<AxisId>(axes.size());
    axes.push_back(
        {fresh_name(axes, sweep.axes[static_cast<std::size_t>(axis)].name), box[static_cast<std::size_t>(axis)]});
  }
  auto moved_axis = [&](AxisId axis) { return Affine::axis(axis < 0 ? axis : other[static_cast<std::size_t>(axis)]); };
  SweepDraft draft = rewritten(sweep, axes, {moved_axis, {}});
  draft.order.reset();
  draft.landing = identity_landing(sweep.axes.size());
  ScalarId own = number_of(draft.body, axes, reduced, [](AxisId a) { return Affine::axis(a); });
  ScalarId that = number_of(draft.body, axes, reduced, moved_axis);
  // An affine number makes a guard; otherwise points on the wrong side multiply by one.
  const AxisValue* own_form = std::get_if<AxisValue>(&draft.body[own].node);
  const AxisValue* that_form = std::get_if<AxisValue>(&draft.body[that].node);
  if (own_form && that_form) {
    Affine distance = before ? own_form->form - that_form->form : that_form->form - own_form->form;
    draft.guards.push_back(distance - 1);
  } else {
    ScalarId side = draft.body.apply(Op::less, before ? std::vector{that, own} : std::vector{own, that});
    ScalarId one = draft.body.literal(1, draft.body.type(draft.root));
    draft.root = draft.body.apply(Op::select, {side, draft.root, one});
  }
  return builder_.sweep(draft.finish(), box, before ? "before" : "after");
}

}  // namespace descent
