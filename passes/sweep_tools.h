// What several passes do to sweeps: draft a new one, copy one with its axes and reads rewritten, see through views.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace descent {

// A sweep under construction. `through` of a landing index counts scalars of `body`; finish() renumbers them.
struct SweepDraft {
  std::vector<Axis> axes;
  std::vector<Affine> guards;
  Combiner combiner = Combiner::none;
  std::vector<Index> landing;
  BodyBuilder body;
  ScalarId root = no_scalar;
  std::optional<Order> order;

  Sweep finish() const;
};

// How rewritten() changes what it copies. Absent: unchanged.
struct Rewriting {
  std::function<Affine(AxisId)> axis;  // every axis of every affine form
  std::function<Read(Read)> read;      // after `axis` has been applied to its indices
};

// The sweep with `axes` for its own, everything in it rewritten. `scalars`, when given, receives where each scalar of
// the old body went.
SweepDraft rewritten(const Sweep& sweep, std::vector<Axis> axes, const Rewriting& rewriting,
                     std::vector<ScalarId>* scalars = nullptr);
SweepDraft draft_of(const Sweep& sweep, std::vector<ScalarId>* scalars = nullptr);

// offset + through, where a read that turned out to be a constant joins the offset.
Index index_through(const BodyBuilder& body, const Affine& offset, ScalarId through);

// Appends a scalar of another body, its operands where `moved` says they went.
ScalarId append(BodyBuilder& body, const Scalar& scalar, const std::vector<ScalarId>& moved);

// The form of one axis standing alone, shifted or not; nothing when the form is anything else.
std::optional<AxisId> lone_axis(const Affine& form);

// The sweep's own axes that the value of each scalar of its body depends on.
std::vector<std::set<AxisId>> axes_under(const Body& body);
// Of every scalar of the body: do the roots need it?
std::vector<bool> scalars_under(const Body& body, const std::vector<ScalarId>& roots);

// The position of a point among the points that differ in `axes` only, counted in box order, as i32.
ScalarId number_of(BodyBuilder& body, const std::vector<Axis>& box, const std::vector<AxisId>& axes,
                   const std::function<Affine(AxisId)>& place);

// Largest values of the axes for bounds_of: static extents; `scan_last[k]` for the axis -1-k.
std::function<std::int64_t(AxisId)> last_of(const std::vector<Axis>& axes, const std::vector<std::int64_t>& scan_last);

// May an index without `through` leave an axis of this extent? Batch axes are indexed whole: never.
bool may_leave(const Index& index, Extent extent, const std::function<std::int64_t(AxisId)>& last);

// result[i, j, …] = tensor[affine…]: nothing computed, nothing guarded, every place landed on once.
bool lands_everywhere(const Sweep& sweep, const Shape& shape);
// Every place is landed on once; a dimension of one element may be left to a constant.
bool covers(const Sweep& sweep, const Shape& shape);
bool is_view(const Graph& graph, ValueId value);
// A read of a view as a read of what it shows; nothing when `read` reads no view or names values outside it.
std::optional<Read> seen_through(const Graph& graph, const Read& read);

// Where only one operand of a select needs many operations, for those the select, the innermost where selects nest; for
// every other scalar that `root` needs no_scalar; for what it does not need its own number.
std::vector<ScalarId> costly_sides(const Body& body, ScalarId root);

// Steps of the outermost reduced axis in a piece of the sum (Order::piece); 0: there is only one piece.
std::int64_t piece_of(const Sweep& sweep, std::int64_t largest_batch);

// The values of a Graph's inputs, in order.
std::vector<ValueId> inputs_of(const Graph& graph);

// result[i…] = tensor[prefix…, i…]
Sweep slice_of(const Graph& graph, ValueId tensor, const std::vector<Affine>& prefix);
std::vector<Axis> axes_of(const Shape& shape);
// `wanted`, or with the first number behind it that no axis has.
std::string fresh_name(const std::vector<Axis>& axes, std::string wanted);
// The sweep with a name for every axis that had none.
Sweep with_named_axes(Sweep sweep);
std::vector<Index> identity_landing(std::size_t rank);

}  // namespace descent
