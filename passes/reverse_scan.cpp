// The reverse of a scan is a scan that runs the other way.
//
//   %last, %ys, %tape, %kept = scan t < T carry (%h = %h0) over (%x, %w) { … next %h2  yield %y, %h, %sum }
// →
//   %d_h0, %stack… = scan t < T reversed carry (%d_h = %d_last) over (%tape, %kept, %x, %w, %d_ys) {
//     %h = %tape[t]; %sum = %kept[t];  the body's other nodes again;  their adjoints from %d_h and %d_ys[t];  next: the
//     adjoint of %h yield: the values that the adjoints of %x and %w are made of
//   }
//   %d_w = sweep [t < T, b < batch, i < n, j < m] sum at [i, j] { %stack1[t, b, i] * %stack2[t, b, j] }
//
// What a captured value receives is not added up turn by turn: the sweep that makes it leaves the loop and takes the
// loop index among its own axes.
#include <algorithm>
#include <map>

#include "passes/graph_tools.h"
#include "passes/reverse.h"

namespace descent {
namespace {

// Where a value of the reverse body is found outside: a captured value under its outer name, anything else in a stack.
struct Outside {
  ValueId value = -1;
  bool stack = false;
};

class ScanReversal {
 public:
  ScanReversal(GraphBuilder& outer, const Scan& scan, const std::vector<ValueId>& results, bool tape)
      : outer_(outer),
        scan_(scan),
        body_(*scan.body),
        results_(results),
        tape_(tape),
        kept_(kept_values(body_)),
        inner_("reverse") {}

  // `adjoints[i]`: of the scan's i-th result, -1 where nothing reached it.
  void build(const std::vector<ValueId>& adjoints, const std::vector<bool>& active_captured) {
    enter(adjoints);
    recompute();
    reverse(active_captured);
    leave();
  }

  std::vector<std::pair<ValueId, ValueId>> initial_adjoints() const { return initial_; }
  std::vector<std::pair<ValueId, Sweep>> captured_adjoints() const { return captured_; }

 private:
  std::size_t carried_count() const { return scan_.initial.size(); }
  static Affine turn() { return Affine::axis(-1); }
  bool carries_float(std::size_t i) const { return is_float(body_.type(inputs_[i]).dtype); }

  // An input of the reverse body, bound to a value outside.
  ValueId capture(const std::string& name, ValueId outside) {
    ValueId value = inner_.input(name + "." + std::to_string(captures_.size()), outer_.type(outside));
    captures_.push_back({value, outside});
    return value;
  }
  ValueId at_turn(ValueId stack, const std::string& name) {
    TensorType type = inner_.type(stack);
    type.shape.erase(type.shape.begin());
    return inner_.sweep(slice_of(inner_.graph(), stack, {turn()}), type.shape, name);
  }

  void enter(const std::vector<ValueId>& adjoints) {
    inputs_ = inputs_of(body_);
    for (std::size_t i = 0; i < carried_count(); ++i) {
      if (!carries_float(i)) continue;
      const Value& value = body_.value(inputs_[i]);
      carried_.push_back({i, inner_.input("d_" + value.name + "." + std::to_string(i), value.type)});
      ValueId last = adjoints[i];
      starts_.push_back(last >= 0 ? last : zero_like(outer_, value.type));
    }
    to_.assign(body_.values.size(), -1);
    const std::size_t tape = results_.size() - kept_.size() - carried_count();
    for (std::size_t i = 0; i < carried_count(); ++i) {
      const std::string& name = body_.value(inputs_[i]).name;
      to_[static_cast<std::size_t>(inputs_[i])] = at_turn(capture("tape", results_[tape + i]), name);
    }
    for (std::size_t k = 0; k < scan_.captured.size(); ++k) {
      ValueId input = inputs_[carried_count() + k];
      to_[static_cast<std::size_t>(input)] = capture(body_.value(input).name, scan_.captured[k]);
    }
    for (std::size_t y = carried_count(); y < results_.size(); ++y) {
      if (adjoints[y] < 0) continue;
      yields_.push_back({body_.outputs[y].value, at_turn(capture("d_yield", adjoints[y]), {})});
    }
  }

  // The nodes of kept values too, for their adjoints' sake; but what is read is what was kept.
  void recompute() {
    for (NodeId id = 0; id < static_cast<NodeId>(body_.nodes.size()); ++id) {
      const Node& node = body_.nodes[static_cast<std::size_t>(id)];
      if (std::holds_alternative<Input>(node.op)) continue;
      copy_node(inner_, body_, id, to_);
      if (!node.results.empty()) show_kept(node.results[0]);
    }
  }
  void show_kept(ValueId value) {
    const auto found = std::find(kept_.begin(), kept_.end(), value);
    if (found == kept_.end()) return;
    const ValueId stack = results_[results_.size() - static_cast<std::size_t>(kept_.end() - found)];
    ValueId& copy = to_[static_cast<std::size_t>(value)];
    const ValueId shown = at_turn(capture("kept", stack), body_.value(value).name);
    stand_ins_[shown] = copy;
    copy = shown;
  }

  void reverse(const std::vector<bool>& active_captured) {
    std::vector<ValueId> sources, held;
    for (auto [i, adjoint] : carried_) sources.push_back(copy_of(to_, inputs_[i]));
    for (std::size_t k = 0; k < scan_.captured.size(); ++k) {
      if (active_captured[k]) held.push_back(copy_of(to_, inputs_[carried_count() + k]));
    }
    sources.insert(sources.end(), held.begin(), held.end());
    Reverse walk(inner_, sources, tape_, stand_ins_);
    walk.hold_back(held);
    for (auto [i, adjoint] : carried_) walk.seed(copy_of(to_, body_.outputs[i].value), adjoint);
    for (auto [value, adjoint] : yields_) walk.seed(copy_of(to_, value), adjoint);
    walk.run();
    for (auto [i, adjoint] : carried_) {
      inner_.output(Output::Kind::output, "next." + std::to_string(i), walk.adjoint_or_zero(copy_of(to_, inputs_[i])));
    }
    held_ = walk.held();
    for (const Reverse::Held& part : held_) {
      for (ScalarId id : reads_of(part.sweep.body)) stack(std::get<Read>(part.sweep.body[id].node));
    }
    if (tape_) {
      for (auto [i, adjoint] : carried_) {
        inner_.output(Output::Kind::output, "tape." + std::to_string(i), adjoint);
      }
      for (ValueId value : kept_values(inner_.graph())) inner_.output(Output::Kind::output, "kept", value);
    }
  }

  // The read as one of values that exist outside the loop, as far as views allow.
  Read visible(Read read) const {
    while (!captured_outside(read.tensor)) {
      std::optional<Read> through = seen_through(inner_.graph(), read);
      if (!through) break;
      read = *through;
    }
    return read;
  }
  std::optional<ValueId> captured_outside(ValueId value) const {
    for (auto [inside, outside] : captures_) {
      if (inside == value) return outside;
    }
    return std::nullopt;
  }
  void stack(const Read& read) {
    ValueId value = visible(read).tensor;
    if (captured_outside(value) || std::count(stacked_.begin(), stacked_.end(), value)) return;
    inner_.output(Output::Kind::output, "stack." + std::to_string(stacked_.size()), value);
    stacked_.push_back(value);
  }

  void leave() {
    Scan scan{scan_.axis, !scan_.reversed, starts_, {}, nullptr};
    for (auto [inside, outside] : captures_) scan.captured.push_back(outside);
    std::vector<TensorType> types;
    for (ValueId start : starts_) types.push_back(outer_.type(start));
    const Graph& body = inner_.graph();
    for (std::size_t i = starts_.size(); i < body.outputs.size(); ++i) {
      types.push_back(stacked(body.type(body.outputs[i].value), scan.axis.extent));
    }
    scan.body = std::make_shared<const Graph>(body);
    std::vector<ValueId> results = outer_.add(scan, types, "d_" + scan_.axis.name);
    for (std::size_t c = 0; c < carried_.size(); ++c) {
      initial_.push_back({scan_.initial[carried_[c].first], results[c]});
    }
    stacks_.assign(results.begin() + static_cast<std::ptrdiff_t>(starts_.size()), results.end());
    for (const Reverse::Held& part : held_) captured_.push_back({*captured_outside(part.target), outside(part.sweep)});
  }

  // The sweep with the loop index as its first axis, over the values outside.
  Sweep outside(const Sweep& sweep) const {
    std::vector<Axis> axes{{fresh_name(sweep.axes, scan_.axis.name), scan_.axis.extent}};
    axes.insert(axes.end(), sweep.axes.begin(), sweep.axes.end());
    // Inside, own axes count from 0 and the loop is -1; outside, the loop is 0, own axes follow, outer loops move up.
    auto axis = [](AxisId a) { return Affine::axis(a + 1); };
    Rewriting rewriting{axis, nullptr};
    rewriting.read = [&](Read read) { return moved_out(std::move(read)); };
    SweepDraft draft = rewritten(inlined(sweep), axes, rewriting);
    draft.combiner = Combiner::sum;
    return draft.finish();
  }
  // Every read that a view stands before replaced by what the view shows, still inside.
  Sweep inlined(const Sweep& sweep) const {
    Rewriting rewriting{nullptr, [&](Read read) { return visible(std::move(read)); }};
    return rewritten(sweep, sweep.axes, rewriting).finish();
  }
  Read moved_out(Read read) const {
    if (std::optional<ValueId> value = captured_outside(read.tensor)) {
      read.tensor = *value;
      return read;
    }
    auto at = std::find(stacked_.begin(), stacked_.end(), read.tensor);
    read.tensor = stacks_[static_cast<std::size_t>(at - stacked_.begin())];
    read.at.insert(read.at.begin(), Index{Affine::axis(0), no_scalar});
    return read;
  }

  GraphBuilder& outer_;
  const Scan& scan_;
  const Graph& body_;
  const std::vector<ValueId>& results_;
  bool tape_;
  std::vector<ValueId> kept_;  // of body_; their stacks are the scan's last results
  GraphBuilder inner_;
  std::vector<ValueId> inputs_;                           // of body_
  std::vector<ValueId> to_;                               // body_'s values in inner_
  std::vector<std::pair<std::size_t, ValueId>> carried_;  // number among the carried, its adjoint's input in inner_
  std::vector<ValueId> starts_;                           // outside, what each of carried_ starts with
  std::vector<std::pair<ValueId, ValueId>> captures_;     // inner_ input, outside value
  std::vector<std::pair<ValueId, ValueId>> yields_;       // value of body_, its adjoint in inner_
  std::map<ValueId, ValueId> stand_ins_;                  // of inner_: kept values, and the nodes that make them
  std::vector<ValueId> stacked_;                          // values of inner_ that are yielded
  std::vector<ValueId> stacks_;                           // their stacks outside
  std::vector<Reverse::Held> held_;
  std::vector<std::pair<ValueId, ValueId>> initial_;
  std::vector<std::pair<ValueId, Sweep>> captured_;
};

}  // namespace

void Reverse::walk_scan(const Scan& scan, const std::vector<ValueId>& results) {
  std::vector<ValueId> adjoints;
  for (ValueId result : results) adjoints.push_back(active(result) ? adjoint(result).value_or(-1) : -1);
  std::vector<bool> active_captured;
  for (ValueId value : scan.captured) active_captured.push_back(active(value));

  ScanReversal reversal(builder_, scan, results, tape_);
  reversal.build(adjoints, active_captured);
  for (auto [target, value] : reversal.initial_adjoints()) {
    if (active(target)) seed(target, value);
  }
  for (auto& [target, sweep] : reversal.captured_adjoints()) contribute(target, sweep);
}

}  // namespace descent
