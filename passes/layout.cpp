#include "passes/layout.h"

#include <algorithm>

#include "passes/graph_tools.h"
#include "passes/sweep_tools.h"

namespace descent {
namespace {

// A copy costs a strided read and a write; below this many uses of an element the strides are cheaper.
constexpr std::int64_t uses_that_pay = 8;
// Shorter rows than this fill no vector.
constexpr std::int64_t shortest_row = 4;
constexpr std::int64_t typical_batch = 32;

// The axis that the result has in its last dimension, one element a step.
std::optional<AxisId> row_axis(const Sweep& sweep) {
  if (sweep.landing.empty() || sweep.landing.back().through != no_scalar) return std::nullopt;
  std::optional<AxisId> axis = lone_axis(sweep.landing.back().offset);
  if (!axis || *axis < 0) return std::nullopt;
  Extent extent = sweep.axes[static_cast<std::size_t>(*axis)].extent;
  if (extent.is_batch() || extent.size < shortest_row) return std::nullopt;
  return axis;
}

// The dimension in which `axis` alone walks a tensor whose last dimension it is not in.
std::optional<std::size_t> strided_dimension(const Read& read, AxisId axis) {
  std::optional<std::size_t> found;
  for (std::size_t d = 0; d < read.at.size(); ++d) {
    if (read.at[d].offset.coefficient(axis) == 0) continue;
    if (found || !read.at[d].offset.is_axis() || read.at[d].through != no_scalar) return std::nullopt;
    found = d;
  }
  return found && *found + 1 < read.at.size() ? found : std::nullopt;
}

std::int64_t points(const Sweep& sweep) {
  Shape box;
  for (const Axis& axis : sweep.axes) box.push_back(axis.extent);
  return count(box, typical_batch);
}

// tensor with `dimension` moved to the end.
ValueId moved_last(GraphBuilder& builder, ValueId tensor, std::size_t dimension) {
  const Value value = builder.graph().value(tensor);
  Shape shape = value.type.shape;
  shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(dimension));
  shape.push_back(value.type.shape[dimension]);
  SweepDraft draft;
  draft.axes = axes_of(shape);
  draft.landing = identity_landing(shape.size());
  Read read{tensor, {}, std::nullopt};
  for (std::size_t d = 0; d < shape.size(); ++d) {
    std::size_t from = d == dimension ? shape.size() - 1 : (d > dimension ? d - 1 : d);
    read.at.push_back({Affine::axis(static_cast<AxisId>(from)), no_scalar});
  }
  draft.root = draft.body.read(std::move(read), value.type.dtype);
  return builder.sweep(draft.finish(), shape, value.name.empty() ? "" : value.name + ".t",
                       builder.graph().node_of(tensor).origin);
}

void layout_node(GraphBuilder& builder, const Graph& graph, NodeId id, std::vector<ValueId>& to) {
  const Node& node = graph.nodes[static_cast<std::size_t>(id)];
  const Sweep* sweep = std::get_if<Sweep>(&node.op);
  std::optional<AxisId> row = sweep ? row_axis(*sweep) : std::nullopt;
  if (!row || !sweep->order || !sweep->order->fused || !why_scatters(*sweep).empty()) {
    return copy_node(builder, graph, id, to);
  }
  Rewriting rewriting{nullptr, [&](Read read) {
                        std::optional<std::size_t> dimension = strided_dimension(read, *row);
                        const std::int64_t elements = count(builder.type(read.tensor).shape, typical_batch);
                        if (!dimension || points(*sweep) < uses_that_pay * elements) return read;
                        read.tensor = moved_last(builder, read.tensor, *dimension);
                        Index index = read.at[*dimension];
                        read.at.erase(read.at.begin() + static_cast<std::ptrdiff_t>(*dimension));
                        read.at.push_back(index);
                        return read;
                      }};
  const Value& value = graph.value(node.results[0]);
  Sweep moved = rewritten(renamed(*sweep, to), sweep->axes, rewriting).finish();
  to[static_cast<std::size_t>(node.results[0])] = builder.sweep(moved, value.type.shape, value.name, node.origin);
}

}  // namespace

Model layout(const Model& model) { return rebuild(model, layout_node); }

}  // namespace descent
