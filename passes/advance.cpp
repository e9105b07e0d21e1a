#include "passes/advance.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "ir/match.h"
#include "passes/simplify.h"
#include "passes/sweep_tools.h"

namespace descent {
namespace {

std::size_t place(int id) { return static_cast<std::size_t>(id); }

// -- which dimensions run together -----------------------------------------------------------------------------------

// A dimension of a value, or an axis of a sweep or scan: those where one index steps through both are in one class.
using Spot = int;

class Classes {
 public:
  Spot add() {
    parent_.push_back(static_cast<Spot>(parent_.size()));
    return parent_.back();
  }
  Spot find(Spot spot) const {
    while (parent_[place(spot)] != spot) spot = parent_[place(spot)];
    return spot;
  }
  void join(Spot a, Spot b) { parent_[place(find(a))] = find(b); }

 private:
  std::vector<Spot> parent_;
};

// A Graph, the entry's or a scan's body, with the spots in it.
struct Level {
  const Graph* graph = nullptr;
  const Level* around = nullptr;
  Spot loop = -1;                             // of the scan whose body this is
  Extent turns;                               // likewise
  std::vector<std::vector<Spot>> dimensions;  // by value
  std::vector<std::vector<Spot>> axes;        // by node, of sweeps
  std::map<NodeId, std::unique_ptr<Level>> bodies;

  // The level whose scan the axis -1, -2, … of this one belongs to.
  const Level& of_loop(AxisId axis) const {
    const Level* level = this;
    for (; axis < -1; ++axis) level = level->around;
    return *level;
  }
};

Extent extent_of(const Level& level, const Sweep& sweep, AxisId axis) {
  return axis >= 0 ? sweep.axes[place(axis)].extent : level.of_loop(axis).turns;
}
Spot spot_of(const Level& level, NodeId node, AxisId axis) {
  return axis >= 0 ? level.axes[place(node)][place(axis)] : level.of_loop(axis).loop;
}

// The axis that steps through the whole dimension, if the index is nothing else.
std::optional<AxisId> whole_axis(const Level& level, const Sweep& sweep, const Index& index, Extent dimension) {
  if (index.through != no_scalar || !index.offset.is_axis()) return std::nullopt;
  const AxisId axis = index.offset.terms[0].axis;
  return extent_of(level, sweep, axis) == dimension ? std::optional(axis) : std::nullopt;
}

class Reader {
 public:
  explicit Reader(Classes& classes) : classes_(classes) {}

  void read(Level& level) {
    const Graph& graph = *level.graph;
    for (const Value& value : graph.values) level.dimensions.push_back(spots(value.type.shape.size()));
    for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes.size()); ++id) {
      const Sweep* sweep = std::get_if<Sweep>(&graph.nodes[place(id)].op);
      level.axes.push_back(spots(sweep ? sweep->axes.size() : 0));
      if (sweep) join_sweep(level, id, *sweep);
      if (const Scan* scan = std::get_if<Scan>(&graph.nodes[place(id)].op)) join_scan(level, id, *scan);
    }
  }

 private:
  std::vector<Spot> spots(std::size_t count) {
    std::vector<Spot> spots;
    while (spots.size() < count) spots.push_back(classes_.add());
    return spots;
  }

  void join_indices(const Level& level, NodeId node, const Sweep& sweep, const std::vector<Index>& at, ValueId value) {
    const Shape& shape = level.graph->type(value).shape;
    for (std::size_t d = 0; d < shape.size(); ++d) {
      const std::optional<AxisId> axis = whole_axis(level, sweep, at[d], shape[d]);
      if (axis) classes_.join(level.dimensions[place(value)][d], spot_of(level, node, *axis));
    }
  }
  void join_sweep(const Level& level, NodeId node, const Sweep& sweep) {
    for (const ScalarId id : reads_of(sweep.body)) {
      const Read& read = std::get<Read>(sweep.body[id].node);
      join_indices(level, node, sweep, read.at, read.tensor);
    }
    join_indices(level, node, sweep, sweep.landing, level.graph->nodes[place(node)].results[0]);
  }

  void join_values(const std::vector<Spot>& a, const std::vector<Spot>& b, std::size_t behind = 0) {
    for (std::size_t d = 0; d < b.size(); ++d) classes_.join(a[d + behind], b[d]);
  }
  void join_scan(Level& level, NodeId node, const Scan& scan) {
    auto body = std::make_unique<Level>();
    body->graph = scan.body.get();
    body->around = &level;
    body->loop = classes_.add();
    body->turns = scan.axis.extent;
    read(*body);
    std::vector<ValueId> entering = scan.initial;
    entering.insert(entering.end(), scan.captured.begin(), scan.captured.end());
    const std::vector<ValueId> inputs = inputs_of(*scan.body);
    const auto outer = [&](ValueId value) -> const std::vector<Spot>& { return level.dimensions[place(value)]; };
    const auto inner = [&](ValueId value) -> const std::vector<Spot>& { return body->dimensions[place(value)]; };
    for (std::size_t i = 0; i < inputs.size(); ++i) join_values(outer(entering[i]), inner(inputs[i]));
    const std::vector<ValueId>& results = level.graph->nodes[place(node)].results;
    for (std::size_t i = 0; i < results.size(); ++i) {
      const bool is_carried = i < scan.initial.size();
      const std::vector<Spot>& given = inner(scan.body->outputs[i].value);
      if (is_carried) join_values(inner(inputs[i]), given);
      if (!is_carried) classes_.join(outer(results[i])[0], body->loop);
      join_values(outer(results[i]), given, is_carried ? 0 : 1);
    }
    level.bodies[node] = std::move(body);
  }

  Classes& classes_;
};

// -- whether one class can be gone through place by place ------------------------------------------------------------

// The nodes of the Graph that these values need.
std::vector<bool> needed_by(const Graph& graph, const std::vector<ValueId>& values) {
  std::vector<bool> needed(graph.nodes.size(), false);
  for (const ValueId value : values) needed[place(graph.value(value).node)] = true;
  for (std::size_t node = graph.nodes.size(); node-- > 0;) {
    if (!needed[node]) continue;
    for (const ValueId operand : operands_of(graph.nodes[node])) needed[place(graph.value(operand).node)] = true;
  }
  return needed;
}

// Of a scan's body; its inputs stay.
std::vector<bool> needed_in(const Graph& body) {
  std::vector<ValueId> values;
  for (const Output& output : body.outputs) values.push_back(output.value);
  for (const ValueId input : inputs_of(body)) values.push_back(input);
  return needed_by(body, values);
}

struct WhyNot {
  std::string message;
  Span at;
};

class Places {
 public:
  Places(const Classes& classes, Spot spot) : classes_(classes), root_(classes.find(spot)) {}

  bool has(Spot spot) const { return classes_.find(spot) == root_; }
  bool is_loop(const Level& level) const { return level.loop >= 0 && has(level.loop); }
  bool is_inside_loop(const Level& level) const {
    return is_loop(level) || (level.around && is_inside_loop(*level.around));
  }
  // The value's dimension that runs along the places.
  std::optional<std::size_t> dimension(const Level& level, ValueId value) const {
    const std::vector<Spot>& spots = level.dimensions[place(value)];
    const auto found = std::find_if(spots.begin(), spots.end(), [&](Spot spot) { return has(spot); });
    return found == spots.end() ? std::nullopt : std::optional(static_cast<std::size_t>(found - spots.begin()));
  }

  std::optional<WhyNot> why_not(const Level& level, const std::vector<bool>& needed) const {
    const Graph& graph = *level.graph;
    for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes.size()); ++id) {
      if (!needed[place(id)]) continue;
      const Node& node = graph.nodes[place(id)];
      std::string why = why_not_results(level, node);
      if (const Sweep* sweep = std::get_if<Sweep>(&node.op); sweep && why.empty()) why = why_not(level, id, *sweep);
      if (!why.empty()) return WhyNot{why, node.origin};
      if (const Scan* scan = std::get_if<Scan>(&node.op)) {
        if (std::optional<WhyNot> inside = why_not(level, id, *scan)) return inside;
      }
    }
    return std::nullopt;
  }

 private:
  static std::string quoted(const Level& level, ValueId value) { return "'" + level.graph->value(value).name + "'"; }

  std::string why_not_results(const Level& level, const Node& node) const {
    for (const ValueId value : node.results) {
      const std::vector<Spot>& spots = level.dimensions[place(value)];
      const auto along = std::count_if(spots.begin(), spots.end(), [&](Spot spot) { return has(spot); });
      if (along > 1) return quoted(level, value) + " has a value for each pair of places";
      if (along == 1 && std::holds_alternative<State>(node.op)) {
        return "the parameter " + quoted(level, value) + " has a value for each place";
      }
      if (along == 1 && std::holds_alternative<Random>(node.op)) return quoted(level, value) + " is drawn";
    }
    return {};
  }

  bool steps_along(const Level& level, NodeId node, const Affine& form) const {
    return std::any_of(form.terms.begin(), form.terms.end(),
                       [&](const Term& term) { return has(spot_of(level, node, term.axis)); });
  }

  // An index that has nothing to do with places, or is the place itself along the value's own.
  bool is_here(const Level& level, NodeId node, const Sweep& sweep, const Index& index, Spot dimension,
               Extent extent) const {
    if (!has(dimension)) return !steps_along(level, node, index.offset);
    const std::optional<AxisId> axis = whole_axis(level, sweep, index, extent);
    return axis && has(spot_of(level, node, *axis));
  }
  bool are_here(const Level& level, NodeId node, const Sweep& sweep, const std::vector<Index>& at,
                ValueId value) const {
    const Shape& shape = level.graph->type(value).shape;
    for (std::size_t d = 0; d < shape.size(); ++d) {
      if (!is_here(level, node, sweep, at[d], level.dimensions[place(value)][d], shape[d])) return false;
    }
    return true;
  }

  std::string why_not(const Level& level, NodeId node, const Sweep& sweep) const {
    const ValueId result = level.graph->nodes[place(node)].results[0];
    std::size_t along = 0;
    for (const Spot axis : level.axes[place(node)]) along += has(axis) ? 1 : 0;
    if (along > 0 && (is_inside_loop(level) || !dimension(level, result))) {
      return quoted(level, result) + " looks at all places";
    }
    if (along > 1) return quoted(level, result) + " looks at pairs of places";
    for (const Scalar& scalar : sweep.body.scalars) {
      const Read* read = std::get_if<Read>(&scalar.node);
      if (read && !are_here(level, node, sweep, read->at, read->tensor)) {
        return quoted(level, result) + " reads " + quoted(level, read->tensor) + " at other places than its own";
      }
      const AxisValue* value = std::get_if<AxisValue>(&scalar.node);
      const AxisExtent* extent = std::get_if<AxisExtent>(&scalar.node);
      if ((value && steps_along(level, node, value->form)) || (extent && has(spot_of(level, node, extent->axis)))) {
        return quoted(level, result) + " depends on the number of the place";
      }
    }
    for (const Affine& guard : sweep.guards) {
      if (steps_along(level, node, guard)) return quoted(level, result) + " depends on the number of the place";
    }
    if (are_here(level, node, sweep, sweep.landing, result)) return {};
    return quoted(level, result) + " lands at other places than its own";
  }

  std::optional<WhyNot> why_not(const Level& level, NodeId id, const Scan& scan) const {
    const Level& body = *level.bodies.at(id);
    const Node& node = level.graph->nodes[place(id)];
    const auto because = [&](const std::string& message) { return WhyNot{message, node.origin}; };
    if (is_loop(body)) {
      if (is_inside_loop(level)) return because("a scan over all places stands within a scan over them");
      if (scan.reversed) return because("a scan goes from the last place to the first");
      for (std::size_t i = 0; i < scan.initial.size(); ++i) {
        const std::string name = quoted(level, node.results[i]);
        if (dimension(level, scan.initial[i])) return because(name + " is carried with a value for each place");
        if (!batch_dimension(level.graph->type(scan.initial[i])))
          return because(name + " is carried for all rows as one");
      }
    }
    return why_not(body, needed_in(*scan.body));
  }

 public:
  static std::optional<std::size_t> batch_dimension(const TensorType& type) {
    const auto found =
        std::find_if(type.shape.begin(), type.shape.end(), [](const Extent& extent) { return extent.is_batch(); });
    return found == type.shape.end() ? std::nullopt
                                     : std::optional(static_cast<std::size_t>(found - type.shape.begin()));
  }

 private:
  const Classes& classes_;
  const Spot root_;
};

// -- the entry -------------------------------------------------------------------------------------------------------

// A Graph being built: the entry, or the body of a scan that does not run along the places.
struct Building {
  GraphBuilder builder;
  Building* around = nullptr;
  Extent turns = {};
  std::vector<ValueId> captured = {};                            // outside
  std::optional<ValueId> fresh = {};                             // as seen here
  std::vector<std::pair<std::string, ValueId>> carried_on = {};  // what scans within leave to the next place
};

class Slicer {
 public:
  explicit Slicer(const Places& places) : places_(places) {}

  Graph run(const Level& entry, const std::vector<bool>& needed, const std::vector<Output>& outputs) {
    for (const Node& node : entry.graph->nodes) {
      if (const Input* input = std::get_if<Input>(&node.op)) taken_.insert(input->name);
    }
    Building building{.builder = GraphBuilder("advance")};
    building.fresh = building.builder.input(untaken("fresh"), {DType::boolean, {Extent::batch()}, {}});
    std::vector<ValueId> to(entry.graph->values.size(), -1);
    copy(building, entry, needed, to, [](const Node& node) { return std::holds_alternative<Input>(node.op); });
    copy(building, entry, needed, to, [](const Node& node) { return !std::holds_alternative<Input>(node.op); });
    for (const Output& output : outputs) building.builder.output(output.kind, output.name, copy_of(to, output.value));
    for (const auto& [name, value] : building.carried_on) {
      building.builder.output(Output::Kind::output, advance_prefix + name, value);
    }
    return std::move(building.builder).finish();
  }

 private:
  TensorType type_of(const Level& level, ValueId value) const {
    TensorType type = level.graph->type(value);
    if (const auto along = places_.dimension(level, value)) type.shape[*along] = Extent{1};
    return type;
  }

  // Where an axis of the level's loops went: the one along the places is gone, those around it are nearer by one.
  Affine loop_axis(const Level& level, AxisId axis) const {
    AxisId moved = axis;
    for (AxisId inner = -1; inner >= axis; --inner) {
      if (!places_.is_loop(level.of_loop(inner))) continue;
      if (inner == axis) return Affine{};
      ++moved;
    }
    return Affine::axis(moved);
  }

  template <class Wanted>
  void copy(Building& building, const Level& level, const std::vector<bool>& needed, std::vector<ValueId>& to,
            const Wanted& wanted) {
    for (NodeId id = 0; id < static_cast<NodeId>(level.graph->nodes.size()); ++id) {
      if (needed[place(id)] && wanted(level.graph->nodes[place(id)])) copy(building, level, id, to);
    }
  }
  void copy(Building& building, const Level& level, NodeId id, std::vector<ValueId>& to) {
    const Node& node = level.graph->nodes[place(id)];
    if (const Sweep* sweep = std::get_if<Sweep>(&node.op)) return copy(building, level, id, *sweep, to);
    if (const Input* input = std::get_if<Input>(&node.op)) {
      to[place(node.results[0])] = building.builder.input(input->name, type_of(level, node.results[0]), node.origin);
      return;
    }
    const Scan* scan = std::get_if<Scan>(&node.op);
    if (!scan) return copy_node(building.builder, *level.graph, id, to);
    const Level& body = *level.bodies.at(id);
    places_.is_loop(body) ? take_turn(building, level, id, *scan, to) : copy(building, level, id, *scan, to);
  }

  void copy(Building& building, const Level& level, NodeId id, const Sweep& sweep, std::vector<ValueId>& to) const {
    const Node& node = level.graph->nodes[place(id)];
    std::vector<Axis> axes = sweep.axes;
    for (std::size_t a = 0; a < axes.size(); ++a) {
      if (places_.has(level.axes[place(id)][a])) axes[a].extent = Extent{1};
    }
    const Rewriting rewriting{[&](AxisId axis) { return axis >= 0 ? Affine::axis(axis) : loop_axis(level, axis); },
                              [&](Read read) {
                                read.tensor = copy_of(to, read.tensor);
                                return read;
                              }};
    const ValueId result = node.results[0];
    to[place(result)] =
        building.builder.sweep(rewritten(sweep, std::move(axes), rewriting).finish(), type_of(level, result).shape,
                               level.graph->value(result).name, node.origin);
  }

  // A scan along other things, such as layers: itself again, with more to capture and to yield.
  void copy(Building& building, const Level& level, NodeId id, const Scan& scan, std::vector<ValueId>& to) {
    const Node& node = level.graph->nodes[place(id)];
    const Level& body = *level.bodies.at(id);
    Building inside{GraphBuilder("body"), &building, scan.axis.extent};
    std::vector<ValueId> within(body.graph->values.size(), -1);
    const std::vector<bool> needed = needed_in(*scan.body);
    copy(inside, body, needed, within, [](const Node& one) { return std::holds_alternative<Input>(one.op); });
    copy(inside, body, needed, within, [](const Node& one) { return !std::holds_alternative<Input>(one.op); });

    Scan result{scan.axis, scan.reversed, {}, {}, nullptr};
    for (const ValueId value : scan.initial) result.initial.push_back(copy_of(to, value));
    for (const ValueId value : scan.captured) result.captured.push_back(copy_of(to, value));
    result.captured.insert(result.captured.end(), inside.captured.begin(), inside.captured.end());
    std::vector<TensorType> types;
    for (std::size_t i = 0; i < node.results.size(); ++i) {
      const Output& output = body.graph->outputs[i];
      inside.builder.output(output.kind, output.name, copy_of(within, output.value));
      types.push_back(type_of(level, node.results[i]));
    }
    for (const auto& [name, value] : inside.carried_on) {
      inside.builder.output(Output::Kind::output, advance_prefix + name, value);
      types.push_back(stacked(inside.builder.type(value), scan.axis.extent));
    }
    result.body = std::make_shared<const Graph>(std::move(inside.builder).finish());
    const std::vector<ValueId> results =
        building.builder.add(std::move(result), types, level.graph->value(node.results[0]).name, node.origin);
    for (std::size_t i = 0; i < node.results.size(); ++i) to[place(node.results[i])] = results[i];
    for (std::size_t i = 0; i < inside.carried_on.size(); ++i) {
      building.carried_on.emplace_back(inside.carried_on[i].first, results[node.results.size() + i]);
    }
  }

  // The scan along the places: its body, once.
  void take_turn(Building& building, const Level& level, NodeId id, const Scan& scan, std::vector<ValueId>& to) {
    const Node& node = level.graph->nodes[place(id)];
    const Level& body = *level.bodies.at(id);
    const std::vector<ValueId> inputs = inputs_of(*scan.body);
    std::vector<ValueId> within(body.graph->values.size(), -1);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < scan.initial.size(); ++i) {
      const std::string& name = names.emplace_back(untaken(level.graph->value(node.results[i]).name));
      within[place(inputs[i])] =
          carried(building, copy_of(to, scan.initial[i]), scan.body->type(inputs[i]), name, node.origin);
    }
    for (std::size_t i = 0; i < scan.captured.size(); ++i) {
      within[place(inputs[scan.initial.size() + i])] = copy_of(to, scan.captured[i]);
    }
    const std::vector<bool> needed = needed_in(*scan.body);
    copy(building, body, needed, within, [](const Node& one) { return !std::holds_alternative<Input>(one.op); });
    for (std::size_t i = 0; i < node.results.size(); ++i) {
      const ValueId given = copy_of(within, body.graph->outputs[i].value);
      const bool is_carried = i < scan.initial.size();
      const std::string& name = level.graph->value(node.results[i]).name;
      to[place(node.results[i])] = is_carried ? given : shown_as_stack(building.builder, given, name, node.origin);
      if (is_carried) building.carried_on.emplace_back(names[i], given);
    }
  }

  // What one place leaves to the next; where a sequence begins, what the scan begins with.
  static ValueId carried(Building& building, ValueId initial, const TensorType& type, const std::string& name,
                         const Span& at) {
    const ValueId before = entering(building, name, type);
    const ValueId fresh = fresh_in(building);
    const std::size_t rows = *Places::batch_dimension(type);
    return building.builder.elementwise(
        type.shape,
        [&](BodyBuilder& body, const std::vector<Affine>& axes) {
          std::vector<Index> here;
          for (const Affine& axis : axes) here.push_back({axis, no_scalar});
          return body.apply(Op::select,
                            {body.read({fresh, {here[rows]}, {}}, DType::boolean),
                             body.read({initial, here, {}}, type.dtype), body.read({before, here, {}}, type.dtype)});
        },
        name, at);
  }

  static TensorType stacked(TensorType type, Extent turns) {
    type.shape.insert(type.shape.begin(), turns);
    return type;
  }
  // An input of the entry, seen from here: in the body of a scan each turn has its own.
  static ValueId entering(Building& building, const std::string& name, const TensorType& type) {
    if (!building.around) return building.builder.input(name, type);
    const TensorType all = stacked(type, building.turns);
    building.captured.push_back(entering(*building.around, name, all));
    const ValueId whole = building.builder.input(name, all);
    return building.builder.sweep(slice_of(building.builder.graph(), whole, {Affine::axis(-1)}), type.shape, name);
  }
  static ValueId fresh_in(Building& building) {
    if (building.fresh) return *building.fresh;
    building.captured.push_back(fresh_in(*building.around));
    building.fresh = building.builder.input("fresh", {DType::boolean, {Extent::batch()}, {}});
    return *building.fresh;
  }
  // f32[1, batch, 3] of f32[batch, 3]
  static ValueId shown_as_stack(GraphBuilder& builder, ValueId value, const std::string& name, const Span& at) {
    const TensorType type = stacked(builder.type(value), Extent{1});
    return builder.elementwise(
        type.shape,
        [&](BodyBuilder& body, const std::vector<Affine>& axes) {
          Read read{value, {}, {}};
          for (std::size_t d = 1; d < axes.size(); ++d) read.at.push_back({axes[d], no_scalar});
          return body.read(std::move(read), type.dtype);
        },
        name, at);
  }

  // Names of inputs are there once; this one from here on.
  std::string untaken(const std::string& wanted) {
    std::string name = wanted;
    for (int number = 2; !taken_.insert(name).second; ++number) name = wanted + "." + std::to_string(number);
    return name;
  }

  const Places& places_;
  std::set<std::string> taken_;
};

bool has_loop(const Level& level, const Places& places) {
  return std::any_of(level.bodies.begin(), level.bodies.end(),
                     [&](const auto& body) { return places.is_loop(*body.second) || has_loop(*body.second, places); });
}

// The outputs that have a value for each place of this class.
std::vector<Output> outputs_along(const Level& entry, const Places& places) {
  std::vector<Output> outputs;
  for (const Output& output : entry.graph->outputs) {
    if (places.dimension(entry, output.value)) outputs.push_back(output);
  }
  return outputs;
}

bool enters_along(const Level& entry, const Places& places, const std::vector<bool>& needed) {
  for (std::size_t node = 0; node < needed.size(); ++node) {
    const Node& one = entry.graph->nodes[node];
    if (needed[node] && std::holds_alternative<Input>(one.op) && places.dimension(entry, one.results[0])) return true;
  }
  return false;
}

}  // namespace

Advance advance_of(const Graph& predict) {
  Classes classes;
  Level entry;
  entry.graph = &predict;
  Reader(classes).read(entry);
  Advance result{{}, "no scan goes along the places of an input and an output", {}};
  for (const Output& output : predict.outputs) {
    for (const Spot spot : entry.dimensions[place(output.value)]) {
      const Places places(classes, spot);
      const std::vector<Output> outputs = outputs_along(entry, places);
      std::vector<ValueId> values;
      for (const Output& one : outputs) values.push_back(one.value);
      const std::vector<bool> needed = needed_by(predict, values);
      if (!has_loop(entry, places)) continue;
      if (const std::optional<WhyNot> why = places.why_not(entry, needed)) {
        result = {{}, why->message, why->at};
        continue;
      }
      if (!enters_along(entry, places, needed)) continue;
      return {Slicer(places).run(entry, needed, outputs), {}, {}};
    }
  }
  return result;
}

Model advance(const Model& model) {
  Model result = model;
  const Graph* predict = model.entry("predict");
  if (!predict || model.entry("advance")) return result;
  Advance made = advance_of(*predict);
  if (!made.entry) return result;
  Model alone{model.name, model.states, {std::move(*made.entry)}};
  result.entries.push_back(tidy(alone).entries[0]);
  return result;
}

}  // namespace descent
