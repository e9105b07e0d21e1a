#include "passes/sweep_tools.h"

#include <algorithm>

#include "ir/match.h"

namespace descent {

Sweep SweepDraft::finish() const {
  std::vector<ScalarId> keep;
  for (const Index& index : landing) {
    if (index.through != no_scalar) keep.push_back(index.through);
  }
  Sweep sweep{axes, guards, body.finish(root, keep), combiner, landing, order};
  std::size_t next = 0;
  for (Index& index : sweep.landing) {
    if (index.through != no_scalar) index.through = keep[next++];
  }
  return sweep;
}

SweepDraft rewritten(const Sweep& sweep, std::vector<Axis> axes, const Rewriting& rewriting,
                     std::vector<ScalarId>* scalars) {
  auto place = [&](const Affine& form) { return rewriting.axis ? substitute(form, rewriting.axis) : form; };
  SweepDraft draft;
  draft.axes = std::move(axes);
  draft.combiner = sweep.combiner;
  draft.order = sweep.order;
  for (const Affine& guard : sweep.guards) draft.guards.push_back(place(guard));

  BodyBuilder::Rewrite rewrite;
  rewrite.axis = rewriting.axis;
  rewrite.extent = [&](AxisId axis) {
    std::optional<AxisId> to = lone_axis(place(Affine::axis(axis)));
    DESCENT_CHECK(to.has_value(), "the extent of an axis that a pass replaced by a form");
    return *to;
  };
  rewrite.read = [&](BodyBuilder& body, const Read& read, DType type, const std::function<ScalarId(ScalarId)>& copy) {
    Read moved = read;
    for (Index& index : moved.at) {
      index.offset = place(index.offset);
      if (index.through != no_scalar) index.through = copy(index.through);
    }
    return body.read(rewriting.read ? rewriting.read(std::move(moved)) : moved, type);
  };
  std::vector<ScalarId> to = draft.body.copy_all(sweep.body, rewrite);
  draft.root = to.back();
  for (const Index& index : sweep.landing) {
    ScalarId through = index.through == no_scalar ? no_scalar : to[static_cast<std::size_t>(index.through)];
    draft.landing.push_back({place(index.offset), through});
  }
  if (scalars) *scalars = std::move(to);
  return draft;
}

SweepDraft draft_of(const Sweep& sweep, std::vector<ScalarId>* scalars) {
  return rewritten(sweep, sweep.axes, {}, scalars);
}

Index index_through(const BodyBuilder& body, const Affine& offset, ScalarId through) {
  const Literal* literal = std::get_if<Literal>(&body[through].node);
  return literal ? Index{offset + static_cast<std::int64_t>(literal->value), no_scalar} : Index{offset, through};
}

ScalarId append(BodyBuilder& body, const Scalar& scalar, const std::vector<ScalarId>& moved) {
  auto at = [&](ScalarId id) { return moved[static_cast<std::size_t>(id)]; };
  return match(
      scalar.node, [&](const Literal& literal) { return body.literal(literal.value, scalar.type); },
      [&](const AxisValue& value) { return body.axis(value.form); },
      [&](const AxisExtent& extent) { return body.extent(extent.axis); },
      [&](const Read& read) {
        Read copy = read;
        for (Index& index : copy.at) {
          if (index.through != no_scalar) index = index_through(body, index.offset, at(index.through));
        }
        return body.read(std::move(copy), scalar.type);
      },
      [&](const Apply& apply) {
        std::vector<ScalarId> operands;
        for (ScalarId operand : apply.operands) operands.push_back(at(operand));
        return body.apply(apply.op, std::move(operands));
      });
}

std::optional<AxisId> lone_axis(const Affine& form) {
  if (form.terms.size() != 1 || form.terms[0].coefficient != 1) return std::nullopt;
  return form.terms[0].axis;
}

std::vector<std::set<AxisId>> axes_under(const Body& body) {
  std::vector<std::set<AxisId>> axes;
  for (const Scalar& scalar : body.scalars) {
    std::set<AxisId> own;
    const auto add = [&](const Affine& form) {
      for (const Term& term : form.terms) {
        if (term.axis >= 0) own.insert(term.axis);
      }
    };
    for (ScalarId operand : operands_of(scalar)) {
      const std::set<AxisId>& of_operand = axes[static_cast<std::size_t>(operand)];
      own.insert(of_operand.begin(), of_operand.end());
    }
    if (const auto* value = std::get_if<AxisValue>(&scalar.node)) add(value->form);
    if (const auto* read = std::get_if<Read>(&scalar.node)) {
      for (const Index& index : read->at) add(index.offset);
    }
    axes.push_back(std::move(own));
  }
  return axes;
}

std::vector<bool> scalars_under(const Body& body, const std::vector<ScalarId>& roots) {
  std::vector<bool> needed(body.scalars.size(), false);
  for (ScalarId root : roots) needed[static_cast<std::size_t>(root)] = true;
  for (std::size_t id = body.scalars.size(); id-- > 0;) {  // operands stand before users
    if (!needed[id]) continue;
    for (ScalarId operand : operands_of(body.scalars[id])) needed[static_cast<std::size_t>(operand)] = true;
  }
  return needed;
}

namespace {

// Fewer operations are cheaper than a branch.
constexpr int costly = 48;
constexpr int always = -1;  // in place of the number of a side

// The sides of a body's selects as a tree: a side stands in the side that alone needs its select.
class Sides {
 public:
  int add(ScalarId select, int parent) {
    sides_.push_back({select, parent, parent == always ? 0 : side(parent).depth + 1, 0});
    return static_cast<int>(sides_.size()) - 1;
  }
  // The innermost side that both stand in.
  int common(int a, int b) const {
    while (a != b) (depth(a) >= depth(b) ? a : b) = side(depth(a) >= depth(b) ? a : b).parent;
    return a;
  }
  void count_operation(int number) {
    if (number != always) ++side(number).operations;
  }
  // Of each side the select that computes it only where it is wanted: its own, or that of a side around it, or none.
  // Of one select's sides one waits, the other is computed.
  std::vector<ScalarId> waiting() {
    for (std::size_t s = sides_.size(); s-- > 0;) {  // what stands in a side was added behind it
      if (sides_[s].parent != always) side(sides_[s].parent).operations += sides_[s].operations;
    }
    std::vector<ScalarId> waiting;
    std::set<ScalarId> taken;
    for (const Side& one : sides_) {
      const bool waits = one.operations >= costly && taken.insert(one.select).second;
      const ScalarId around = one.parent == always ? no_scalar : waiting[static_cast<std::size_t>(one.parent)];
      waiting.push_back(waits ? one.select : around);
    }
    return waiting;
  }

 private:
  struct Side {
    ScalarId select;
    int parent, depth, operations;
  };
  Side& side(int number) { return sides_[static_cast<std::size_t>(number)]; }
  const Side& side(int number) const { return sides_[static_cast<std::size_t>(number)]; }
  int depth(int number) const { return number == always ? -1 : side(number).depth; }

  std::vector<Side> sides_;
};

}  // namespace

std::vector<ScalarId> costly_sides(const Body& body, ScalarId root) {
  std::vector<std::optional<int>> home(body.scalars.size());  // the innermost side that alone needs the scalar
  home[static_cast<std::size_t>(root)] = always;
  Sides sides;
  for (std::size_t id = body.scalars.size(); id-- > 0;) {  // operands stand before users
    if (!home[id]) continue;
    const auto* apply = std::get_if<Apply>(&body.scalars[id].node);
    if (apply) sides.count_operation(*home[id]);
    const std::vector<ScalarId> operands = operands_of(body.scalars[id]);
    for (std::size_t i = 0; i < operands.size(); ++i) {
      const bool is_side = apply && apply->op == Op::select && i > 0;
      const int user = is_side ? sides.add(static_cast<ScalarId>(id), *home[id]) : *home[id];
      std::optional<int>& known = home[static_cast<std::size_t>(operands[i])];
      known = known ? sides.common(*known, user) : user;
    }
  }
  const std::vector<ScalarId> waiting = sides.waiting();
  std::vector<ScalarId> side_of;
  for (std::size_t id = 0; id < home.size(); ++id) {
    side_of.push_back(!home[id]             ? static_cast<ScalarId>(id)
                      : *home[id] == always ? no_scalar
                                            : waiting[static_cast<std::size_t>(*home[id])]);
  }
  return side_of;
}

std::int64_t piece_of(const Sweep& sweep, std::int64_t largest_batch) {
  const std::vector<AxisId> reduced = reduced_axes(sweep);
  if (!sweep.order || sweep.order->piece == 0 || reduced.empty()) return 0;
  const Extent outermost = sweep.axes[static_cast<std::size_t>(reduced[0])].extent;
  const std::int64_t steps = outermost.is_batch() ? largest_batch : outermost.size;
  return steps > sweep.order->piece ? sweep.order->piece : 0;
}

ScalarId number_of(BodyBuilder& body, const std::vector<Axis>& box, const std::vector<AxisId>& axes,
                   const std::function<Affine(AxisId)>& place) {
  ScalarId number = body.literal(0, DType::i32);
  Affine form;  // affine as long as no symbolic extent has to be multiplied in
  bool affine = true;
  for (AxisId axis : axes) {
    Extent extent = box[static_cast<std::size_t>(axis)].extent;
    bool first = axis == axes.front();
    if (affine && (first || !extent.is_batch())) {
      form = (first ? form : form * extent.size) + place(axis);
      number = body.axis(form);
      continue;
    }
    affine = false;
    ScalarId size = extent.is_batch() ? body.extent(axis) : body.literal(static_cast<double>(extent.size), DType::i32);
    number = body.apply(Op::add, {body.apply(Op::mul, {number, size}), body.axis(place(axis))});
  }
  return number;
}

std::function<std::int64_t(AxisId)> last_of(const std::vector<Axis>& axes, const std::vector<std::int64_t>& scan_last) {
  return [&axes, &scan_last](AxisId axis) {
    if (axis < 0) return scan_last.at(static_cast<std::size_t>(-1 - axis));
    return axes[static_cast<std::size_t>(axis)].extent.size - 1;
  };
}

bool may_leave(const Index& index, Extent extent, const std::function<std::int64_t(AxisId)>& last) {
  if (index.through != no_scalar) return true;
  if (extent.is_batch()) return false;
  Bounds bounds = bounds_of(index.offset, last);
  return bounds.low < 0 || bounds.high >= extent.size;
}

// Do the axes of a form count every place of a dimension once, as the digits of a number do? One axis alone is one
// digit; 2*i + r with r < 2 are two.
static bool counts_places(const Sweep& sweep, const Affine& form, Extent places, std::vector<bool>& seen) {
  std::vector<Term> digits = form.terms;
  std::sort(digits.begin(), digits.end(), [](const Term& a, const Term& b) { return a.coefficient < b.coefficient; });
  std::int64_t counted = 1;
  for (const Term& digit : digits) {
    if (digit.axis < 0 || digit.coefficient != counted || seen[static_cast<std::size_t>(digit.axis)]) return false;
    seen[static_cast<std::size_t>(digit.axis)] = true;
    const Extent extent = sweep.axes[static_cast<std::size_t>(digit.axis)].extent;
    if (extent.is_batch() || places.is_batch()) return form.is_axis() && extent == places;
    counted *= extent.size;
  }
  return form.constant == 0 && counted == places.size;
}

bool covers(const Sweep& sweep, const Shape& shape) {
  std::vector<bool> seen(sweep.axes.size(), false);
  if (!sweep.guards.empty()) return false;
  for (std::size_t d = 0; d < sweep.landing.size(); ++d) {
    const Index& index = sweep.landing[d];
    if (index.through != no_scalar || !counts_places(sweep, index.offset, shape[d], seen)) return false;
  }
  return true;
}

bool lands_everywhere(const Sweep& sweep, const Shape& shape) {
  return covers(sweep, shape) && std::all_of(sweep.landing.begin(), sweep.landing.end(),
                                             [](const Index& index) { return index.offset.is_axis(); });
}

bool is_view(const Graph& graph, ValueId value) {
  const Sweep* sweep = std::get_if<Sweep>(&graph.node_of(value).op);
  if (!sweep || sweep->combiner != Combiner::none || sweep->body.scalars.size() != 1) return false;
  const Read* read = std::get_if<Read>(&sweep->body.scalars[0].node);
  return read && !read->otherwise && sweep->axes.size() == sweep->landing.size() &&
         lands_everywhere(*sweep, graph.type(value).shape);
}

std::optional<Read> seen_through(const Graph& graph, const Read& read) {
  if (read.otherwise || !is_view(graph, read.tensor)) return std::nullopt;
  const Sweep& view = std::get<Sweep>(graph.node_of(read.tensor).op);
  const Read& shown = std::get<Read>(view.body.scalars[0].node);
  std::vector<const Index*> place(view.axes.size());
  for (std::size_t d = 0; d < view.landing.size(); ++d) {
    place[static_cast<std::size_t>(view.landing[d].offset.terms[0].axis)] = &read.at[d];
  }
  Read composed{shown.tensor, {}, std::nullopt};
  for (const Index& index : shown.at) {
    Index to{substitute(index.offset,
                        [&](AxisId axis) {
                          return axis < 0 ? Affine::axis(axis) : place[static_cast<std::size_t>(axis)]->offset;
                        }),
             no_scalar};
    for (const Term& term : index.offset.terms) {
      if (term.axis < 0 || place[static_cast<std::size_t>(term.axis)]->through == no_scalar) continue;
      if (term.coefficient != 1 || to.through != no_scalar) return std::nullopt;
      to.through = place[static_cast<std::size_t>(term.axis)]->through;
    }
    composed.at.push_back(std::move(to));
  }
  return composed;
}

std::vector<ValueId> inputs_of(const Graph& graph) {
  std::vector<ValueId> inputs;
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<Input>(node.op)) inputs.push_back(node.results[0]);
  }
  return inputs;
}

// i, j, k … then i8, i9 …: the letters that index notation would use.
static std::string axis_name(std::size_t dimension) {
  constexpr std::string_view letters = "ijklmnop";
  if (dimension < letters.size()) return std::string(1, letters[dimension]);
  return "i" + std::to_string(dimension);
}

std::vector<Axis> axes_of(const Shape& shape) {
  std::vector<Axis> axes;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    axes.push_back({fresh_name(axes, shape[d].is_batch() ? "b" : axis_name(d)), shape[d]});
  }
  return axes;
}

Sweep with_named_axes(Sweep sweep) {
  for (std::size_t a = 0; a < sweep.axes.size(); ++a) {
    Axis& axis = sweep.axes[a];
    if (axis.name.empty()) axis.name = fresh_name(sweep.axes, axis.extent.is_batch() ? "b" : axis_name(a));
  }
  return sweep;
}

std::string fresh_name(const std::vector<Axis>& axes, std::string wanted) {
  auto taken = [&](const std::string& name) {
    return std::any_of(axes.begin(), axes.end(), [&](const Axis& axis) { return axis.name == name; });
  };
  std::string name = wanted;
  for (int number = 1; taken(name); ++number) name = wanted + std::to_string(number);
  return name;
}

std::vector<Index> identity_landing(std::size_t rank) {
  std::vector<Index> landing;
  for (std::size_t d = 0; d < rank; ++d) landing.push_back({Affine::axis(static_cast<AxisId>(d)), no_scalar});
  return landing;
}

Sweep slice_of(const Graph& graph, ValueId tensor, const std::vector<Affine>& prefix) {
  const TensorType& type = graph.type(tensor);
  Shape rest(type.shape.begin() + static_cast<std::ptrdiff_t>(prefix.size()), type.shape.end());
  SweepDraft draft;
  draft.axes = axes_of(rest);
  draft.landing = identity_landing(rest.size());
  Read read{tensor, {}, std::nullopt};
  for (const Affine& form : prefix) read.at.push_back({form, no_scalar});
  for (const Index& index : draft.landing) read.at.push_back(index);
  draft.root = draft.body.read(std::move(read), type.dtype);
  return draft.finish();
}

}  // namespace descent
