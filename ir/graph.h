// Graph IR: what is computed. One computing node, the sweep; the rest names what enters, stays and leaves.
//
// A Graph is a list of nodes, operands before users. Each node defines zero or more values; a value is defined once.
// Nodes that differ in nothing but names are one node (GraphBuilder interns); `update` is the only effect.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "ir/affine.h"
#include "ir/diagnostics.h"
#include "ir/scalar.h"
#include "ir/type.h"

namespace descent {

using NodeId = int;

// How points on one place are combined. `none`: at most one point lands on a place; a place without a point holds 0.
// sum: +0; max: -inf; min: +inf; product: 1 (for integers the type's own least and greatest value).
// argmax: the result is i32, the number of the winning point counted in box order over the axes that do not stand in
// the landing; ties go to the smallest, a NaN never wins; without a point 0.
enum class Combiner : std::uint8_t { none, sum, max, min, product, argmax };
std::string_view name_of(Combiner combiner);

// The order in which a reduction adds up, part of its meaning in f32 (design, section 6); written by the pass `order`.
// chain: one term after another in box order. lanes: term i of a piece goes to lane i mod 16; the lanes are folded
// i with i+8, +4, +2, +1. Accumulators start at the identity. `piece` > 0: the outermost reduced axis is cut into
// pieces of that many steps, each reduced alone from the identity, and the pieces are combined by a chain.
// `fused`: the body is a product a·b and a term joins by fma(a, b, accumulator).
struct Order {
  enum class Kind : std::uint8_t { chain, lanes } kind = Kind::chain;
  bool fused = false;
  std::int64_t piece = 0;
  bool operator==(const Order&) const = default;
};
inline constexpr int lane_count = 16;

struct Axis {
  std::string name;
  Extent extent;
};

// result[landing(p)] = combine over all points p of the box, in box order (the last axis fastest), of body(p).
// An axis that does not stand in the landing (nor in a read that the landing goes through) is reduced. A point where
// some guard is negative is skipped. A landing outside the result vanishes. If the landing is not injective on the axes
// in it, the sweep scatters.
struct Sweep {
  std::vector<Axis> axes;
  std::vector<Affine> guards;  // each ≥ 0
  Body body;
  Combiner combiner = Combiner::none;
  std::vector<Index> landing;  // one per axis of the result
  std::optional<Order> order;
};

// A value that enters; at run time a pointer. The name is unique in its Graph.
struct Input {
  std::string name;
};
// What survives a step, as it was on entry.
struct State {
  std::string name;
};
// The only effect: the state holds `value` from the next run on. At most one per state and Graph.
struct Update {
  std::string state;
  ValueId value = -1;
};
// ∂of/∂by, `of` of rank 0; the type of `by`. Legal until the pass `differentiate`.
struct Gradient {
  ValueId of = -1;
  ValueId by = -1;
};
// What flows back into a result of an `override`: a name that its gradients are written with. Of value 0 wherever no
// gradient is taken. Names are unique in their Graph. Legal until `differentiate`, like Gradient.
struct Adjoint {
  std::string name;
};
// The results are `values`; but the gradient goes on to each of `of` as the one of `gradients` in its place, computed
// from what has reached the results, `adjoints`, and does not pass through `values`.
struct Override {
  std::vector<ValueId> values;
  std::vector<ValueId> adjoints;  // one per value, each of an Adjoint
  std::vector<ValueId> of;
  std::vector<ValueId> gradients;  // one for each, of its type
};
// f32, uniform in [0, 1) on the grid of 2^-24: Philox4x32-10 with key (seed, low half of the site's hash) and counter
// (position / 4, step, high half of the hash, 0), word position mod 4, top 24 bits. `seed` and `step` are i32[].
struct Random {
  std::string site;
  ValueId seed = -1;
  ValueId step = -1;
};
std::uint64_t site_hash(std::string_view site);  // FNV-1a, 64 bits

struct Graph;

// The body runs once for each t of the axis (static extent), downwards when `reversed`. Its inputs, in order: one per
// carried value, then one per captured value. Its outputs, in order: the next carried values, then the yields. In
// affine forms of the body's sweeps the axis is -1 (enclosing scans: -2 …). Results: the last carried values, then
// each yield stacked along a new first axis at index t. Carried values keep their type.
struct Scan {
  Axis axis;
  bool reversed = false;
  std::vector<ValueId> initial;
  std::vector<ValueId> captured;
  std::shared_ptr<const Graph> body;
};

struct Node {
  std::variant<Input, State, Sweep, Scan, Random, Gradient, Adjoint, Override, Update> op;
  std::vector<ValueId> results;
  Span origin;  // the model's text it comes from
};

struct Value {
  TensorType type;
  NodeId node = -1;
  std::string name;  // a hint for readers, without '%'; unique in print
};

// What a Graph gives. Names are unique per kind. In a scan's body kind and name carry no meaning, the place does.
struct Output {
  enum class Kind : std::uint8_t { output, loss, metric } kind = Kind::output;
  std::string name;
  ValueId value = -1;
};

struct Graph {
  std::string name;  // of the entry: init, step, evaluate, predict
  std::vector<Node> nodes;
  std::vector<Value> values;
  std::vector<Output> outputs;

  const Value& value(ValueId id) const { return values[static_cast<std::size_t>(id)]; }
  const TensorType& type(ValueId id) const { return value(id).type; }
  const Node& node_of(ValueId id) const { return nodes[static_cast<std::size_t>(value(id).node)]; }
};

// What survives a step. Parameters are what a weights file holds; the rest belongs to optimizers and statistics.
struct StateDeclaration {
  enum class Role : std::uint8_t { parameter, optimizer, statistic } role = Role::parameter;
  std::string name;
  TensorType type;
  bool frozen = false;  // no gradient wanted
};

// Beyond this many nodes, those of scan bodies included, an entry is not compiled (passes/pipeline.h): no pass takes
// more than seconds then. A text is not read beyond fifty such entries: a node of a few letters takes hundreds of
// bytes.
inline constexpr std::size_t node_limit = 20'000, text_node_limit = 50 * node_limit;

// A file holds one model: its states and the entries over them, each at most once.
struct Model {
  std::string name;
  std::vector<StateDeclaration> states;
  std::vector<Graph> entries;

  const Graph* entry(std::string_view name) const;
  const StateDeclaration* state(std::string_view name) const;
};

// Appends nodes to a Graph; a pure node equal to an earlier one (axis names, value names and origins apart) gives the
// earlier one's values.
class GraphBuilder {
 public:
  explicit GraphBuilder(std::string name);

  // Adds a node whose results have these types. `name`: hint for the results.
  std::vector<ValueId> add(decltype(Node::op) op, std::vector<TensorType> types, std::string name = {},
                           Span origin = {});

  ValueId input(std::string name, TensorType type, Span origin = {});
  ValueId state(std::string name, TensorType type, Span origin = {});
  // The sweep's dtype is its body's (i32 for argmax); `shape` is the result's.
  ValueId sweep(Sweep sweep, Shape shape, std::string name = {}, Span origin = {});
  // result[i…] = body(i…): one axis per extent of `shape`, no reduction. `body` gets the builder and the axes' forms.
  ValueId elementwise(Shape shape, const std::function<ScalarId(BodyBuilder&, const std::vector<Affine>&)>& body,
                      std::string name = {}, Span origin = {});
  ValueId literal(double value, DType type);  // rank 0
  void update(std::string state, ValueId value, Span origin = {});
  void rename(ValueId value, std::string name);  // the hint for readers
  void output(Output::Kind kind, std::string name, ValueId value);

  const Graph& graph() const { return graph_; }
  const TensorType& type(ValueId id) const { return graph_.type(id); }
  Graph finish() && { return std::move(graph_); }

 private:
  Graph graph_;
  std::unordered_map<std::string, NodeId> interned_;
};

// Every value a node reads, in order, with repetitions.
std::vector<ValueId> operands_of(const Node& node);
// The reads of a body, in order.
std::vector<ScalarId> reads_of(const Body& body);
// The axes of the sweep that do not stand in its landing (nor in a read it goes through), ascending.
std::vector<AxisId> reduced_axes(const Sweep& sweep);

// Copies the nodes of a Graph into a builder, one by one; a pass overrides what it changes. `to[v]` is where the
// value v of `from` went (-1: not yet copied).
ValueId copy_of(const std::vector<ValueId>& to, ValueId from);
void copy_node(GraphBuilder& builder, const Graph& from, NodeId node, std::vector<ValueId>& to);

// -- text ------------------------------------------------------------------------------------------------------------
//   descent graph 1
//   model xor
//   state hidden.linear.weight : f32[2, 3] parameter
//
//   entry step {
//     %x = input x : f32[batch, 2]                                                     # xor.descent:3
//     %w = state hidden.linear.weight : f32[2, 3]
//     %h = sweep [b < batch, j < 3, k < 2] sum chain fused at [b, j] { %x[b, k] * %w[k, j] } : f32[batch, 3]
//     %s = sweep [b < batch, j < 3] { e = exp(%h[b, j]); e / (1.0 + e) } : f32[batch, 3]
//     %y = sweep [b < batch, i < 3, r < 2 where i - r >= 0] max at [b, i] { %s[b, i - r else 0.0] } : f32[batch, 3]
//     %m = random hidden.dropout(%seed, %step) : f32[batch, 3]
//     %last, %all = scan [t < 5] reversed {
//       carry %c = %s : f32[batch, 3]
//       capture %y = %y : f32[batch, 3]
//       %n = sweep [b < batch, j < 3] { %c[b, j] * %y[b, j] } : f32[batch, 3]
//       next %c = %n
//       yield %n
//     } : f32[batch, 3], f32[5, batch, 3]
//     %g = gradient of %loss by %w : f32[2, 3]
//     %d = adjoint h.sign : f32[batch, 3]
//     %o = override %r adjoint %d gradient %h = %d : f32[batch, 3]
//     update hidden.linear.weight = %w2
//     loss mse = %loss
//   }
// Without `at` a point lands where it stands: one dimension per axis, in order. A scalar that is used more than once
// has a name. Comments at the ends of lines are origins. Reading gives an equal Graph whose origins are this text.
std::string print(const Model& model);
std::string print(const Graph& graph);  // one entry
Result<Model> parse_model(const SourceRef& source);

// Everything a later stage relies on. Diagnostics point at the node's origin, or into the printed text when it has
// none; empty: well-formed. `differentiated`: gradient nodes must be gone; `gathered`: nothing scatters but through
// integer tensors; `ordered`: every reduction carries its order.
struct Legality {
  bool differentiated = false;
  bool gathered = false;
  bool ordered = false;
};
Diagnostics verify(const Model& model, Legality legality = {});

// Why the sweep's landing is not injective on its axes ("axes 'i' and 'r' meet in i + r"); empty when it is.
std::string why_scatters(const Sweep& sweep);

// -- the oracle ------------------------------------------------------------------------------------------------------
// The mathematics: every f32 and f64 in double, naive loops over the box.
struct Tensor {
  TensorType type;
  std::vector<std::int64_t> shape;  // actual
  std::vector<double> data;         // row-major
};
struct Evaluation {
  std::vector<Tensor> outputs;                          // as Graph::outputs
  std::vector<std::pair<std::string, Tensor>> updates;  // new states
};
// Of a well-formed Graph; `inputs` and `states` by name. Wrong shapes, missing values, integers out of range, gradient
// nodes and more than 10^10 points of work are diagnostics.
Result<Evaluation> evaluate(const Graph& graph, std::int64_t batch,
                            const std::unordered_map<std::string, Tensor>& inputs,
                            const std::unordered_map<std::string, Tensor>& states);

}  // namespace descent
