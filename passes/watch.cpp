#include "passes/watch.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "ir/accumulation.h"
#include "ir/match.h"
#include "ir/stack.h"
#include "passes/reverse.h"
#include "passes/sweep_tools.h"

namespace descent {
namespace {

std::size_t place(int id) { return static_cast<std::size_t>(id); }

// What is known of a value.
struct Trait {
  bool of_data = false;        // depends on an input or on chance
  bool of_parameters = false;  // depends on a state
  std::vector<bool> units;     // by axis: given by a parameter
  bool reached = false;        // a gradient of the loss comes here
  bool hidden = false;         // a parameter stands between it and the loss

  bool is_weight() const { return of_parameters && !of_data && !units.empty(); }
  void join(const Trait& other) {
    of_data |= other.of_data;
    of_parameters |= other.of_parameters;
    for (std::size_t d = 0; d < units.size(); ++d) units[d] = units[d] || other.units[d];
  }
};

// A Graph and the bodies of its scans.
struct Analysis {
  const Graph* graph = nullptr;
  std::vector<Trait> traits;               // by value
  std::map<NodeId, Analysis> bodies = {};  // by scan
  bool has_own_parameters = false;         // of a body: a parameter is read at the number of the turn

  Trait& of(ValueId value) { return traits[place(value)]; }
  const Trait& of(ValueId value) const { return traits[place(value)]; }
};

const std::vector<Term>& terms_of(const Index& index) { return index.offset.terms; }

bool names_axis(const Index& index, const std::set<AxisId>& axes) {
  return std::any_of(terms_of(index).begin(), terms_of(index).end(),
                     [&](const Term& term) { return axes.count(term.axis) > 0; });
}

// -- forward: where values and their axes come from ------------------------------------------------------------------

class Forward {
 public:
  // The traits of the Graph's inputs, in order; of an entry's the vector is empty.
  Analysis run(const Graph& graph, const std::vector<Trait>& inputs) {
    Analysis analysis{&graph, {}, {}, false};
    for (const Value& value : graph.values) {
      analysis.traits.push_back({});
      analysis.traits.back().units.resize(value.type.shape.size(), false);
    }
    open_.push_back(&analysis);
    std::size_t input = 0;
    for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes.size()); ++id) {
      const Node& node = graph.nodes[place(id)];
      match(
          node.op,
          [&](const Input&) {
            Trait& trait = analysis.of(node.results[0]);
            trait.of_data = true;
            if (!inputs.empty()) trait = inputs[input++];
          },
          [&](const State&) {
            Trait& trait = analysis.of(node.results[0]);
            trait.of_parameters = true;
            trait.units.assign(trait.units.size(), true);
          },
          [&](const Sweep& sweep) { walk(sweep, analysis, analysis.of(node.results[0])); },
          [&](const Scan& scan) { walk(scan, id, node, analysis); },
          [&](const Random&) { analysis.of(node.results[0]).of_data = true; },
          [&](const Gradient& gradient) {
            analysis.of(node.results[0]).join(analysis.of(gradient.by));
            analysis.of(node.results[0]).of_data = true;
          },
          [](const Adjoint&) {},
          [&](const Override& override) {
            for (std::size_t i = 0; i < node.results.size(); ++i) {
              analysis.of(node.results[i]).join(analysis.of(override.values[i]));
            }
          },
          [](const Update&) {});
    }
    open_.pop_back();
    return analysis;
  }

 private:
  void walk(const Sweep& sweep, const Analysis& analysis, Trait& result) {
    bool has_weight = false;
    for (const ScalarId id : reads_of(sweep.body)) {
      const Trait& read = analysis.of(std::get<Read>(sweep.body[id].node).tensor);
      result.of_data |= read.of_data;
      result.of_parameters |= read.of_parameters;
      has_weight |= read.is_weight();
    }
    const bool is_contraction = has_weight && sweep.combiner == Combiner::sum;
    for (const ScalarId id : reads_of(sweep.body)) {
      const auto& read = std::get<Read>(sweep.body[id].node);
      const Trait& tensor = analysis.of(read.tensor);
      if (is_contraction && !tensor.is_weight()) continue;
      for (std::size_t d = 0; d < sweep.landing.size(); ++d) {
        std::set<AxisId> axes;
        for (const Term& term : terms_of(sweep.landing[d])) axes.insert(term.axis);
        for (std::size_t q = 0; q < read.at.size(); ++q) {
          if (tensor.units[q] && names_axis(read.at[q], axes)) result.units[d] = true;
        }
      }
      note_turns(read, tensor);
    }
  }

  // Axis -1 is the scan whose body is read, -2 the one around it.
  void note_turns(const Read& read, const Trait& tensor) {
    if (!tensor.is_weight()) return;
    for (std::size_t q = 0; q < read.at.size(); ++q) {
      for (const Term& term : terms_of(read.at[q])) {
        if (term.axis < 0 && tensor.units[q]) {
          open_[open_.size() - static_cast<std::size_t>(-term.axis)]->has_own_parameters = true;
        }
      }
    }
  }

  // What a turn carries on may know more than what the first one began with.
  void walk(const Scan& scan, NodeId id, const Node& node, Analysis& analysis) {
    std::vector<Trait> inputs;
    for (const ValueId value : scan.initial) {
      inputs.push_back(analysis.of(value));
      inputs.back().of_data = true;
    }
    for (const ValueId value : scan.captured) inputs.push_back(analysis.of(value));
    Analysis body = run(*scan.body, inputs);
    const auto output = [&](std::size_t i) -> const Trait& { return body.of(scan.body->outputs[i].value); };
    for (std::size_t i = 0; i < scan.initial.size(); ++i) inputs[i].join(output(i));
    body = run(*scan.body, inputs);
    for (std::size_t i = 0; i < node.results.size(); ++i) {
      Trait& result = analysis.of(node.results[i]);
      Trait inside = output(i);
      if (i >= scan.initial.size()) inside.units.insert(inside.units.begin(), body.has_own_parameters);
      result.join(inside);
    }
    analysis.bodies.emplace(id, std::move(body));
  }

  std::vector<Analysis*> open_;  // the entry's, then that of each body being read
};

// -- backward: where the loss's gradient comes -----------------------------------------------------------------------

// The local derivatives of a sweep's body: of each read in it that has one.
struct Derivatives {
  SweepDraft draft;
  std::vector<std::pair<ScalarId, ScalarId>>
      by_read;  // the read in the sweep's own body, the derivative in the draft's
};

Derivatives derivatives_of(const Sweep& sweep) {
  std::vector<ScalarId> copied;
  Derivatives result{draft_of(sweep, &copied), {}};
  BodyBuilder& body = result.draft.body;
  if (!is_float(sweep.body.type()) || sweep.combiner == Combiner::argmax) return result;
  const ScalarId one = body.literal(1, sweep.body.type());
  for (const auto& [read, derivative] : body_adjoints(body, sweep.body, copied, one)) {
    if (derivative != no_scalar) result.by_read.emplace_back(read, derivative);
  }
  return result;
}

void mark_back(Analysis& analysis);

void mark_back(const Sweep& sweep, const Trait& result, Analysis& analysis) {
  bool has_weight = false;
  for (const ScalarId id : reads_of(sweep.body)) {
    has_weight |= analysis.of(std::get<Read>(sweep.body[id].node).tensor).is_weight();
  }
  for (const auto& [read, derivative] : derivatives_of(sweep).by_read) {
    Trait& tensor = analysis.of(std::get<Read>(sweep.body[read].node).tensor);
    tensor.reached |= result.reached;
    tensor.hidden |= result.hidden || has_weight;
  }
}

void take_marks(Trait& to, const Trait& from) {
  to.reached |= from.reached;
  to.hidden |= from.hidden;
}

// Twice: what a turn carries on, the next turn reads.
void mark_back(const Scan& scan, const Node& node, Analysis& analysis, Analysis& body) {
  const std::vector<ValueId> inputs = inputs_of(*scan.body);
  for (int turn = 0; turn < 2; ++turn) {
    for (std::size_t i = 0; i < node.results.size(); ++i) {
      Trait& inside = body.of(scan.body->outputs[i].value);
      take_marks(inside, analysis.of(node.results[i]));
      if (i < scan.initial.size()) take_marks(inside, body.of(inputs[i]));
    }
    mark_back(body);
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool is_carried = i < scan.initial.size();
    take_marks(analysis.of(is_carried ? scan.initial[i] : scan.captured[i - scan.initial.size()]), body.of(inputs[i]));
  }
}

void mark_back(Analysis& analysis) {
  const Graph& graph = *analysis.graph;
  for (NodeId id = static_cast<NodeId>(graph.nodes.size()); id-- > 0;) {
    const Node& node = graph.nodes[place(id)];
    const bool reached = std::any_of(node.results.begin(), node.results.end(),
                                     [&](ValueId result) { return analysis.of(result).reached; });
    if (!reached) continue;
    match(
        node.op, [](const Input&) {}, [](const State&) {}, [](const Random&) {}, [](const Adjoint&) {},
        [](const Update&) {}, [&](const Sweep& sweep) { mark_back(sweep, analysis.of(node.results[0]), analysis); },
        [&](const Scan& scan) { mark_back(scan, node, analysis, analysis.bodies.at(id)); },
        [&](const Gradient& gradient) {
          take_marks(analysis.of(gradient.of), analysis.of(node.results[0]));
          take_marks(analysis.of(gradient.by), analysis.of(node.results[0]));
        },
        [&](const Override& override) {
          for (const ValueId of : override.of) {
            for (const ValueId result : node.results) take_marks(analysis.of(of), analysis.of(result));
          }
        });
  }
}

// -- the outputs -----------------------------------------------------------------------------------------------------

// A value that says of each unit whether it lives, in the Graph being built.
struct Flags {
  ValueId value = -1;
  std::string name;
  std::size_t turns = 0;
  Span at;
};

// Does the scalar depend on this element of this tensor?
bool depends_on(const BodyBuilder& body, ScalarId scalar, const Read& element) {
  if (const auto* read = std::get_if<Read>(&body[scalar].node)) return *read == element;
  const std::vector<ScalarId> operands = operands_of(body[scalar]);
  return std::any_of(operands.begin(), operands.end(),
                     [&](ScalarId operand) { return depends_on(body, operand, element); });
}

// The sweep's element by the element of a tensor in the same place, if it is an activation of that.
std::optional<std::pair<Derivatives, ScalarId>> activation_of(const Sweep& sweep, const Shape& shape,
                                                              const Analysis& analysis) {
  if (sweep.combiner != Combiner::none || !lands_everywhere(sweep, shape)) return std::nullopt;
  Derivatives derivatives = derivatives_of(sweep);
  for (const auto& [id, derivative] : derivatives.by_read) {
    const auto& read = std::get<Read>(sweep.body[id].node);
    const Trait& tensor = analysis.of(read.tensor);
    const bool is_same_place = read.at == sweep.landing && !read.otherwise;
    if (!is_same_place || !tensor.of_data || !tensor.of_parameters) continue;
    if (depends_on(derivatives.draft.body, derivative, read)) return std::pair(std::move(derivatives), derivative);
  }
  return std::nullopt;
}

// Which axes of a result are units: those that parameters gave, else all but batch.
std::vector<bool> units_of(const Trait& trait, const Shape& shape) {
  std::vector<bool> units = trait.units;
  if (std::none_of(units.begin(), units.end(), [](bool unit) { return unit; })) {
    for (std::size_t d = 0; d < units.size(); ++d) units[d] = !shape[d].is_batch();
  }
  return units;
}

// 1 where the derivative is not 0 for some sample.
void add_flags(GraphBuilder& builder, const Graph& graph, const Node& node, const Analysis& analysis,
               const std::vector<ValueId>& to, std::vector<Flags>& flags) {
  const ValueId result = node.results[0];
  const Trait& trait = analysis.of(result);
  const Value& value = graph.value(result);
  if (!trait.reached || !trait.hidden || !is_float(value.type.dtype)) return;
  auto found = activation_of(std::get<Sweep>(node.op), value.type.shape, analysis);
  if (!found) return;
  SweepDraft& draft = found->first.draft;
  const DType type = draft.body.type(found->second);
  const ScalarId lives = draft.body.apply(Op::not_equal, {found->second, draft.body.literal(0, type)});
  draft.root =
      draft.body.apply(Op::select, {lives, draft.body.literal(1, DType::f32), draft.body.literal(0, DType::f32)});
  const std::vector<bool> units = units_of(trait, value.type.shape);
  std::vector<Index> landing;
  Shape shape;
  for (std::size_t d = 0; d < units.size(); ++d) {
    if (!units[d]) continue;
    landing.push_back(draft.landing[d]);
    shape.push_back(value.type.shape[d]);
  }
  draft.combiner = shape.size() < draft.axes.size() ? Combiner::max : Combiner::none;
  draft.landing = std::move(landing);
  Sweep sweep = draft.finish();
  for (Scalar& scalar : sweep.body.scalars) {
    if (auto* read = std::get_if<Read>(&scalar.node)) read->tensor = copy_of(to, read->tensor);
  }
  flags.push_back({builder.sweep(std::move(sweep), shape, value.name + ".lives"), value.name, 0, node.origin});
}

// The largest over the first axis.
ValueId largest_of_turns(GraphBuilder& builder, ValueId value) {
  Sweep sweep = slice_of(builder.graph(), value, {});
  sweep.combiner = Combiner::max;
  sweep.landing.erase(sweep.landing.begin());
  const Shape& shape = builder.type(value).shape;
  return builder.sweep(std::move(sweep), {shape.begin() + 1, shape.end()});
}

std::vector<Flags> copy_watched(GraphBuilder& builder, const Analysis& analysis, std::vector<ValueId>& to);

// The scan with the flags of its body for further yields.
void copy_watched_scan(GraphBuilder& builder, const Scan& scan, const Node& node, const Analysis& analysis,
                       const Analysis& body, std::vector<ValueId>& to, std::vector<Flags>& flags) {
  GraphBuilder inner(scan.body->name);
  std::vector<ValueId> inner_to(scan.body->values.size(), -1);
  const std::vector<Flags> yielded = copy_watched(inner, body, inner_to);
  std::vector<TensorType> types;
  for (const ValueId result : node.results) types.push_back(analysis.graph->type(result));
  for (const Output& output : scan.body->outputs) {
    inner.output(output.kind, output.name, copy_of(inner_to, output.value));
  }
  for (const Flags& one : yielded) {
    inner.output(Output::Kind::output, "lives", one.value);
    types.push_back(stacked(inner.type(one.value), scan.axis.extent));
  }
  Scan copy{scan.axis, scan.reversed, {}, {}, std::make_shared<const Graph>(std::move(inner).finish())};
  for (const ValueId value : scan.initial) copy.initial.push_back(copy_of(to, value));
  for (const ValueId value : scan.captured) copy.captured.push_back(copy_of(to, value));
  const std::vector<ValueId> results = builder.add(std::move(copy), std::move(types), scan.axis.name, node.origin);
  for (std::size_t i = 0; i < node.results.size(); ++i) {
    builder.rename(results[i], analysis.graph->value(node.results[i]).name);
    to[place(node.results[i])] = results[i];
  }
  for (std::size_t k = 0; k < yielded.size(); ++k) {
    Flags one = yielded[k];
    one.value = results[node.results.size() + k];
    if (body.has_own_parameters) {
      ++one.turns;
    } else {
      one.value = largest_of_turns(builder, one.value);
    }
    flags.push_back(std::move(one));
  }
}

// The Graph's nodes, and behind them what says which units live.
std::vector<Flags> copy_watched(GraphBuilder& builder, const Analysis& analysis, std::vector<ValueId>& to) {
  const Graph& graph = *analysis.graph;
  std::vector<Flags> flags;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes.size()); ++id) {
    const Node& node = graph.nodes[place(id)];
    if (const auto* scan = std::get_if<Scan>(&node.op)) {
      copy_watched_scan(builder, *scan, node, analysis, analysis.bodies.at(id), to, flags);
      continue;
    }
    copy_node(builder, graph, id, to);
    if (std::holds_alternative<Sweep>(node.op)) add_flags(builder, graph, node, analysis, to, flags);
  }
  return flags;
}

// Σ x² over all axes but the first `turns`, x being f64(a), or f64(a) - f64(b).
ValueId squares(GraphBuilder& builder, std::size_t turns, ValueId a, std::optional<ValueId> b,
                const std::string& name) {
  const TensorType type = builder.type(a);
  SweepDraft draft;
  draft.axes = axes_of(type.shape);
  draft.combiner = type.shape.size() > turns ? Combiner::sum : Combiner::none;
  const std::vector<Index> all = identity_landing(type.shape.size());
  draft.landing.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(turns));
  const auto element = [&](ValueId value) {
    return draft.body.apply(Op::to_f64, {draft.body.read({value, all, {}}, type.dtype)});
  };
  ScalarId x = element(a);
  if (b) x = draft.body.apply(Op::sub, {x, element(*b)});
  draft.root = draft.body.apply(Op::mul, {x, x});
  const Shape shape(type.shape.begin(), type.shape.begin() + static_cast<std::ptrdiff_t>(turns));
  return builder.sweep(draft.finish(), shape, name);
}

// A parameter in the step: by which a gradient of the loss is taken.
struct Learnt {
  ValueId state = -1, gradient = -1, loss = -1, next = -1;
};

// Of a step that takes several batches what the optimizer sees: the mean, which reads the last batch's gradient and the
// sum of those before. Else the gradient.
ValueId gradient_of_step(const Graph& step, const std::string& parameter, ValueId gradient) {
  for (const Node& node : step.nodes) {
    const auto* sweep = std::get_if<Sweep>(&node.op);
    if (!sweep) continue;
    bool has_gradient = false, has_sum = false;
    for (const ScalarId id : reads_of(sweep->body)) {
      const ValueId tensor = std::get<Read>(sweep->body[id].node).tensor;
      const auto* state = std::get_if<State>(&step.node_of(tensor).op);
      has_gradient |= tensor == gradient;
      has_sum |= state && state->name == parameter + std::string(accumulated_suffix);
    }
    if (has_gradient && has_sum) return node.results[0];
  }
  return gradient;
}

// In the order of the model's states. A model may take gradients of its own; that of the loss stands behind them.
std::vector<std::pair<std::string, Learnt>> learnt_in(const Model& model, const Graph& step) {
  std::vector<std::pair<std::string, Learnt>> all;
  const auto find = [&](const std::string& name) {
    return std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.first == name; });
  };
  for (const Node& node : step.nodes) {
    if (const auto* gradient = std::get_if<Gradient>(&node.op)) {
      const auto* state = std::get_if<State>(&step.node_of(gradient->by).op);
      if (!state) continue;
      auto known = find(state->name);
      if (known == all.end()) known = all.insert(all.end(), {state->name, {}});
      if (gradient->of >= known->second.loss) {
        known->second = {gradient->by, node.results[0], gradient->of, known->second.next};
      }
    }
    if (const auto* update = std::get_if<Update>(&node.op)) {
      if (const auto known = find(update->state); known != all.end()) known->second.next = update->value;
    }
  }
  std::vector<std::pair<std::string, Learnt>> ordered;
  for (const StateDeclaration& state : model.states) {
    const auto known = find(state.name);
    if (known == all.end()) continue;
    known->second.gradient = gradient_of_step(step, state.name, known->second.gradient);
    ordered.push_back(*known);
  }
  return ordered;
}

}  // namespace

Watched watch(const Model& model) {
  Watched result{model, {}, {}};
  for (Graph& entry : result.model.entries) {
    if (entry.name != "step" && entry.name != "accumulate") continue;
    const Graph before = entry;
    const auto learnt = learnt_in(model, before);
    Analysis analysis = Forward().run(before, {});
    for (const auto& [name, one] : learnt) analysis.of(one.loss).reached = true;
    mark_back(analysis);

    GraphBuilder builder(before.name);
    std::vector<ValueId> to(before.values.size(), -1);
    const std::vector<Flags> flags = copy_watched(builder, analysis, to);
    for (const Output& output : before.outputs) builder.output(output.kind, output.name, copy_of(to, output.value));
    for (const auto& [name, one] : learnt) {
      if (one.next < 0) continue;  // it is not the step that learns
      const std::size_t turns = stacked_axes(name);
      const ValueId state = copy_of(to, one.state);
      const auto output = [&](const std::string& what, ValueId a, std::optional<ValueId> b) {
        const std::string called = what + "." + name;
        builder.output(Output::Kind::output, called, squares(builder, turns, a, b, called));
      };
      output("gradient", copy_of(to, one.gradient), {});
      output("update", copy_of(to, one.next), state);
      output("weight", state, {});
      result.parameters.push_back({name, before.type(one.state), before.node_of(one.state).origin});
    }
    std::vector<WatchedUnits> units;
    for (const Flags& one : flags) {
      builder.output(Output::Kind::output, "units." + std::to_string(units.size()), one.value);
      units.push_back({one.name, builder.type(one.value).shape, one.turns, one.at});
    }
    DESCENT_CHECK(result.units.empty() || result.units.size() == units.size(), "batches of a step have other units");
    result.units = std::move(units);
    entry = std::move(builder).finish();
  }
  return result;
}

}  // namespace descent
