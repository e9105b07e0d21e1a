#include "passes/panels.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

#include "passes/contraction.h"
#include "passes/schedule.h"
#include "passes/sweep_tools.h"

namespace descent {
namespace {

bool is_power_of_two(std::int64_t number) { return number > 0 && (number & (number - 1)) == 0; }

// Tensors of all entries, those that stand for one state as one.
class Vote {
 public:
  Vote(const Model& model, const Machine& machine, int lanes, std::int64_t largest_batch)
      : machine_(machine), lanes_(lanes), largest_batch_(largest_batch) {
    for (const StateDeclaration& state : model.states) state_ids_[state.name] = add(state.type.shape);
    for (const Graph& entry : model.entries) name_values(entry);
    for (const Graph& entry : model.entries) count_votes(entry);
  }

  std::int64_t of_state(const std::string& name) const { return chosen(state_ids_.at(name)); }
  std::int64_t of_value(const Graph& graph, ValueId value) const { return chosen(ids_.at({&graph, value})); }

 private:
  using Id = std::size_t;
  struct Tensor {
    Shape shape;
    Id same;  // union-find
    bool is_state = false, is_vetoed = false;
    std::map<std::int64_t, double> votes;  // by the panel's elements: what is read or written so
  };

  Id add(const Shape& shape) {
    tensors_.push_back({shape, tensors_.size(), false, false, {}});
    return tensors_.size() - 1;
  }
  Id find(Id id) const {
    while (tensors_[id].same != id) id = tensors_[id].same;
    return id;
  }
  Id id_of(const Graph& graph, ValueId value) const { return ids_.at({&graph, value}); }

  // A state's old value and the new one that takes its place share its storage.
  void name_values(const Graph& graph) {
    for (const Node& node : graph.nodes) {
      const State* state = std::get_if<State>(&node.op);
      for (ValueId result : node.results) {
        ids_[{&graph, result}] = state ? state_ids_.at(state->name) : add(graph.type(result).shape);
      }
      if (std::holds_alternative<Input>(node.op)) tensors_[ids_[{&graph, node.results[0]}]].is_vetoed = true;
    }
    for (const Node& node : graph.nodes) {
      const Update* update = std::get_if<Update>(&node.op);
      if (update && std::holds_alternative<Sweep>(graph.node_of(update->value).op)) {
        ids_[{&graph, update->value}] = state_ids_.at(update->state);
      }
    }
    for (const auto& [name, id] : state_ids_) tensors_[id].is_state = true;
    for (const Output& output : graph.outputs) veto(id_of(graph, output.value));
  }
  void veto(Id id) {
    if (!tensors_[id].is_state) tensors_[id].is_vetoed = true;
  }

  void count_votes(const Graph& graph) {
    for (const Node& node : graph.nodes) {
      const Sweep* sweep = std::get_if<Sweep>(&node.op);
      if (!sweep) continue;
      const Id result = id_of(graph, node.results[0]);
      if (is_contraction(*sweep)) count_votes(graph, *sweep, result, graph.type(node.results[0]));
      if (sweep->combiner == Combiner::none && tensors_[result].is_state) join_states(graph, *sweep, result);
      veto_reads_across(graph, *sweep);
    }
  }

  // What is read along its last axis by anything but one axis alone would be looked for panel by panel.
  void veto_reads_across(const Graph& graph, const Sweep& sweep) {
    for (ScalarId scalar : reads_of(sweep.body)) {
      const Read& read = std::get<Read>(sweep.body[scalar].node);
      if (!read.at.empty() && read.at.back().offset.terms.size() > 1) veto(id_of(graph, read.tensor));
    }
  }

  void count_votes(const Graph& graph, const Sweep& sweep, Id result, const TensorType& type) {
    const Schedule plan = schedule(sweep, graph, type, machine_, lanes_, largest_batch_, {});
    if (!plan.vector || !plan.row) return;
    const auto steps_with = [](const std::vector<Index>& at, AxisId axis) {
      return !at.empty() && at.back() == Index{Affine::axis(axis), no_scalar};
    };
    Shape box;
    for (const Axis& axis : sweep.axes) box.push_back(axis.extent);
    const auto points = static_cast<double>(count(box, largest_batch_));
    const auto vote = [&](Id id) { tensors_[find(id)].votes[plan.vector_tile] += points; };
    if (steps_with(sweep.landing, *plan.vector)) vote(result);
    for (ScalarId scalar : reads_of(sweep.body)) {
      const Read& read = std::get<Read>(sweep.body[scalar].node);
      const Id id = id_of(graph, read.tensor);
      if (steps_with(read.at, *plan.vector)) {
        vote(id);
      } else if (!read.at.empty()) {
        veto(id);  // its last axis is walked element by element, in an inner loop
      }
    }
  }

  void join_states(const Graph& graph, const Sweep& sweep, Id result) {
    for (ScalarId scalar : reads_of(sweep.body)) {
      const Read& read = std::get<Read>(sweep.body[scalar].node);
      const Id other = id_of(graph, read.tensor);
      const bool is_alike =
          tensors_[other].is_state && read.at == sweep.landing && tensors_[other].shape == tensors_[result].shape;
      if (!is_alike || find(other) == find(result)) continue;
      Tensor &from = tensors_[find(other)], &to = tensors_[find(result)];
      for (const auto& [panel, votes] : from.votes) to.votes[panel] += votes;
      from.same = find(result);
    }
  }

  std::int64_t chosen(Id id) const {
    const Tensor& tensor = tensors_[find(id)];
    const auto most = std::max_element(tensor.votes.begin(), tensor.votes.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (tensor.is_vetoed || most == tensor.votes.end() || tensor.shape.size() < 2) return 0;
    const Extent last = tensor.shape.back();
    const bool fits = !last.is_batch() && last.size >= most->first && is_power_of_two(most->first);
    return fits && most->first > 1 ? most->first : 0;
  }

  const Machine& machine_;
  int lanes_;
  std::int64_t largest_batch_;
  std::vector<Tensor> tensors_;
  std::map<std::string, Id> state_ids_;
  std::map<std::pair<const Graph*, ValueId>, Id> ids_;
};

}  // namespace

Panels::Panels(const Model& model, const Machine& machine, int lanes, std::int64_t largest_batch) {
  const Vote vote(model, machine, lanes, largest_batch);
  for (const StateDeclaration& state : model.states) states_[state.name] = vote.of_state(state.name);
  for (const Graph& entry : model.entries) {
    for (const Node& node : entry.nodes) {
      if (!std::holds_alternative<Sweep>(node.op)) continue;
      const std::int64_t panel = vote.of_value(entry, node.results[0]);
      if (panel > 0) values_[{&entry, node.results[0]}] = panel;
    }
  }
}

std::int64_t Panels::of_state(const std::string& name) const { return states_.at(name); }

std::int64_t Panels::of_value(const Graph& graph, ValueId value) const {
  const auto found = values_.find({&graph, value});
  return found == values_.end() ? 0 : found->second;
}

}  // namespace descent
