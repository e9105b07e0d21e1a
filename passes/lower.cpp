// Graph → Loop: a kernel per sweep, called in node order; then kernels join (kernel_list.h).
//
//   %h = sweep [b < batch, j < 3, k < 2] sum chain fused at [b, j] { %x[b, k] * %w[k, j] } : f32[batch, 3]
// → kernel h(read x : …, read w : …, write h : …) { parallel b … { … } }      call h(x, w, h)
//
// Every value gets a home: a buffer, or for a yield a slice of its stack. An update writes its state in place when
// nobody needs the old value any more; an output is written where the caller wants it.
#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "ir/loop_builder.h"
#include "ir/match.h"
#include "passes/graph_tools.h"
#include "passes/kernel_list.h"
#include "passes/lower_random.h"
#include "passes/lower_sweep.h"
#include "passes/panels.h"
#include "passes/pipeline.h"
#include "passes/plan_memory.h"
#include "passes/sweep_tools.h"
#include "passes/whole_loop.h"

namespace descent {
namespace {

using loop::Buffer;
using loop::BufferId;
using loop::Kernel;
using loop::Steps;

std::string comment_of(const Span& origin) {
  if (!origin.source) return {};
  const std::string& text = origin.source->text;
  std::size_t begin = text.rfind('\n', origin.begin == 0 ? std::string::npos : origin.begin - 1);
  begin = origin.begin == 0 || begin == std::string::npos ? 0 : begin + 1;
  begin = text.find_first_not_of(" \t", begin);
  std::string line = text.substr(begin, text.find('\n', begin) - begin);
  line = line.substr(0, line.find('#'));
  line.erase(line.find_last_not_of(" \t\r") + 1);
  const Origin place = origin_of(origin);
  return place.file + ":" + std::to_string(place.line) + "  " + line;
}

// name, name.1, name.2, …
class UniqueNames {
 public:
  std::string unique(const std::string& name) {
    std::string candidate = name;
    for (int& number = next_[name]; !taken_.insert(candidate).second;) {
      candidate = name + "." + std::to_string(++number);
    }
    return candidate;
  }

 private:
  std::unordered_set<std::string> taken_;
  std::unordered_map<std::string, int> next_;
};

class ModelLowering {
 public:
  ModelLowering(const Model& model, const LowerOptions& options)
      : model_(model),
        options_(options),
        kernels_(program_.buffers, options.largest_batch, options.fuse),
        panels_(model, options.machine, lanes_of(options), options.largest_batch) {
    program_.name = model.name;
    program_.largest_batch = options.largest_batch;
    for (const StateDeclaration& state : model.states) {
      states_[state.name] = add_buffer(Buffer::Storage::state, state.name, state.type, panels_.of_state(state.name));
    }
  }

  Result<loop::Program> run(std::vector<FusedCall>* calls) {
    std::optional<WholeLoop> whole;
    if (options_.whole_loop) whole = whole_loop(model_, options_.largest_batch);
    for (const Graph& entry : model_.entries) {
      is_small_ = options_.small_code && is_worth_little(entry, whole.has_value());
      lower_entry(entry);
    }
    is_small_ = false;
    if (wrong_.empty()) whole_ = std::move(whole);
    if (whole_) {
      lower_entry(whole_->graph);
      program_.entries.back().turns = true;
    }
    if (!wrong_.empty()) return wrong_;
    std::vector<FusedCall> made =
        kernels_.finish(program_, [this](const std::string& name) { return kernel_names_.unique(name); });
    if (calls) *calls = std::move(made);
    return std::move(program_);
  }

 private:
  // One Graph being lowered: an entry, or the body of a scan.
  struct Frame {
    const Graph* graph = nullptr;
    std::vector<Axis> scans;         // enclosing, outermost first
    std::map<ValueId, Home> homes;   // known so far
    std::map<ValueId, Home> wanted;  // where a value still to be computed should go
    Steps* steps = nullptr;
  };

  static int lanes_of(const LowerOptions& options) {
    return options.lanes > 0 ? options.lanes : options.machine.vector_bytes / 4;
  }
  // Whether the entry's size counts for more than its speed: beside a whole loop `step` is left with short batches.
  bool is_worth_little(const Graph& entry, bool has_whole_loop) const {
    constexpr double least_fast_operations = 1 << 11;
    const bool is_rare = entry.name == "init" || entry.name == "report" || (entry.name == "step" && has_whole_loop);
    return is_rare || operations_of(entry, options_.largest_batch) < least_fast_operations;
  }
  BufferId add_buffer(Buffer::Storage storage, std::string name, const TensorType& type, std::int64_t panel = 0) {
    program_.buffers.push_back({storage, buffer_names_.unique(name.empty() ? "value" : name), type, -1, panel});
    return static_cast<BufferId>(program_.buffers.size()) - 1;
  }
  // What enters or leaves has no place in the arena: entries share the buffer of a name.
  BufferId add_port(Buffer::Storage storage, const std::string& name, const TensorType& type,
                    const std::vector<BufferId>& taken) {
    auto key = std::make_pair(storage, name);
    auto known = ports_.find(key);
    const bool shared = known != ports_.end() && buffer(known->second).type == type &&
                        std::count(taken.begin(), taken.end(), known->second) == 0;
    return shared ? known->second : ports_[key] = add_buffer(storage, name, type);
  }
  const Buffer& buffer(BufferId id) const { return program_.buffers[static_cast<std::size_t>(id)]; }

  // What is too large is refused before a back end works on it for minutes.
  bool fits(const Body& body, const Span& at) {
    std::int64_t operations = 0;
    for (const Scalar& scalar : body.scalars) {
      const Apply* apply = std::get_if<Apply>(&scalar.node);
      operations += apply ? std::max(1, row(apply->op).flops) : 1;
    }
    if (operations > body_limit) refuse("body-too-large", "this expression", body_limit, at);
    return operations <= body_limit;
  }
  void refuse(DiagnosticId id, const std::string& what, std::int64_t limit, const Span& at) {
    if (!wrong_.empty()) return;
    wrong_.push_back(
        {id,
         at,
         what + " comes to more than " + std::to_string(limit) + " operations; split it or make it smaller",
         {}});
  }

  // -- entries -------------------------------------------------------------------------------------------------------

  void lower_entry(const Graph& graph) {
    program_.entries.push_back({graph.name, {}, {}, {}});
    loop::Entry entry{graph.name, {}, {}, {}};
    Frame frame{&graph, {}, {}, {}, &entry.steps};
    for (ValueId input : inputs_of(graph)) {
      BufferId id = add_port(Buffer::Storage::input, std::get<Input>(graph.node_of(input).op).name, graph.type(input),
                             entry.inputs);
      frame.homes[input] = {id, {}};
      entry.inputs.push_back(id);
    }
    for (const Output& output : graph.outputs) {
      BufferId id = add_port(Buffer::Storage::output, output.name, graph.type(output.value), entry.outputs);
      entry.outputs.push_back(id);
      if (is_computed(graph, output.value)) frame.wanted.try_emplace(output.value, Home{id, {}});
    }
    for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
      const Update* update = std::get_if<Update>(&graph.nodes[n].op);
      if (update && is_computed(graph, update->value) && old_value_is_free(graph, *update)) {
        frame.wanted.try_emplace(update->value, Home{states_.at(update->state), {}});
      }
    }
    lower_nodes(frame);
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
      copy(frame, graph.outputs[i].value, {entry.outputs[i], {}}, "output");
    }
    write_states(frame);
    program_.entries.back() = std::move(entry);
  }

  static bool is_computed(const Graph& graph, ValueId value) {
    return std::holds_alternative<Sweep>(graph.node_of(value).op) ||
           std::holds_alternative<Random>(graph.node_of(value).op);
  }

  // The last node that reads the value, -1 when none does.
  NodeId last_use_of(const Graph& graph, ValueId value) {
    auto [known, fresh] = last_uses_.try_emplace(&graph);
    if (fresh) {
      known->second.assign(graph.values.size(), -1);
      for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
        for (ValueId used : operands_of(graph.nodes[n])) {
          known->second[static_cast<std::size_t>(used)] = static_cast<NodeId>(n);
        }
      }
    }
    return known->second[static_cast<std::size_t>(value)];
  }

  // May the node that makes the new value write over the old one? Only when no later node wants the old one, and it
  // reads no other element of it than the one it writes.
  bool overwrites_safely(const Graph& graph, ValueId value, ValueId old) {
    const NodeId maker = graph.value(value).node;
    for (const Output& output : graph.outputs) {
      if (output.value == old) return false;
    }
    if (last_use_of(graph, old) > maker) return false;
    std::vector<ValueId> operands = operands_of(graph.nodes[static_cast<std::size_t>(maker)]);
    if (!std::count(operands.begin(), operands.end(), old)) return true;
    const Sweep* sweep = std::get_if<Sweep>(&graph.nodes[static_cast<std::size_t>(maker)].op);
    if (!sweep || sweep->combiner != Combiner::none || !lands_everywhere(*sweep, graph.type(value).shape)) return false;
    for (ScalarId id : reads_of(sweep->body)) {
      const Read& read = std::get<Read>(sweep->body[id].node);
      if (read.tensor == old && read.at != sweep->landing) return false;
    }
    return true;
  }
  bool old_value_is_free(const Graph& graph, const Update& update) {
    for (const Node& node : graph.nodes) {
      const State* state = std::get_if<State>(&node.op);
      if (state && state->name == update.state) return overwrites_safely(graph, update.value, node.results[0]);
    }
    return true;  // the old value is never read
  }

  // Does another value take the place of the one that lives in this state?
  bool is_overwritten(const Graph& graph, ValueId value, loop::BufferId state) const {
    return std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) {
      const Update* update = std::get_if<Update>(&node.op);
      return update && states_.at(update->state) == state && update->value != value;
    });
  }

  // Updates that could not be made in place: what lives in a state that changes is set aside first, then all are
  // copied.
  void write_states(Frame& frame) {
    std::vector<std::pair<ValueId, Home>> copies;
    for (const Node& node : frame.graph->nodes) {
      const Update* update = std::get_if<Update>(&node.op);
      if (!update) continue;
      ValueId value = update->value;
      Home target{states_.at(update->state), {}};
      const BufferId home = frame.homes.at(value).buffer;
      const bool is_state = buffer(home).storage == Buffer::Storage::state;
      if (is_state && home != target.buffer && is_overwritten(*frame.graph, value, home)) set_aside(frame, value);
      copies.push_back({value, target});
    }
    for (const auto& [value, target] : copies) copy(frame, value, target, "update");
  }

  void set_aside(Frame& frame, ValueId value) {
    Home home{add_buffer(Buffer::Storage::arena, frame.graph->value(value).name + ".old", frame.graph->type(value)),
              {}};
    copy(frame, value, home, "set_aside");
    frame.homes[value] = home;
  }

  // -- nodes ---------------------------------------------------------------------------------------------------------

  void lower_nodes(Frame& frame) {
    for (const Node& node : frame.graph->nodes) {
      const Sweep* sweep = std::get_if<Sweep>(&node.op);
      if (sweep && (!wrong_.empty() || !fits(sweep->body, node.origin))) {
        home_for(frame, node.results[0]);  // nothing is lowered any more, but what follows may ask where it lives
        continue;
      }
      match(
          node.op, [](const Input&) {},
          [&](const State& state) { frame.homes[node.results[0]] = {states_.at(state.name), {}}; },
          [&](const Sweep& sweep) { lower_one(frame, node, with_named_axes(sweep)); },
          [&](const Scan& scan) { lower_scan(frame, node, scan); },
          [&](const Random& random) { lower_draw(frame, node, random); },
          [](const Gradient&) { DESCENT_CHECK(false, "lower: a gradient node is left"); },
          [](const Adjoint&) { DESCENT_CHECK(false, "lower: an adjoint is left"); },
          [](const Override&) { DESCENT_CHECK(false, "lower: an override is left"); }, [](const Update&) {});
    }
  }

  Home home_for(Frame& frame, ValueId value) {
    auto wanted = frame.wanted.find(value);
    Home home = wanted != frame.wanted.end()
                    ? wanted->second
                    : Home{add_buffer(Buffer::Storage::arena, frame.graph->value(value).name, frame.graph->type(value),
                                      is_small_ ? 0 : panels_.of_value(*frame.graph, value)),
                           {}};
    frame.homes[value] = home;
    return home;
  }

  SweepJob job_for(Frame& frame, const Sweep& sweep, const TensorType& type, const Home& home, std::string name) {
    SweepJob job;
    job.graph = frame.graph;
    job.sweep = &sweep;
    job.type = type;
    job.result = home;
    job.home = [&frame](ValueId value) { return frame.homes.at(value); };
    job.buffers = &program_.buffers;
    job.scans = frame.scans;
    job.largest_batch = options_.largest_batch;
    job.name = std::move(name);
    return job;
  }

  void lower_one(Frame& frame, const Node& node, const Sweep& sweep) {
    const Value& value = frame.graph->value(node.results[0]);
    Home home = home_for(frame, node.results[0]);
    SweepJob job = job_for(frame, sweep, value.type, home, value.name.empty() ? "sweep" : value.name);
    job.origin = node.origin;
    emit(frame, job, plan(sweep, frame, value.type, home, &node), node, false);
  }
  Schedule plan(const Sweep& sweep, const Frame& frame, const TensorType& type, const Home& result,
                const Node* node = nullptr) const {
    const Layouts layouts{buffer(result.buffer).panel,
                          [&](ValueId value) { return buffer(frame.homes.at(value).buffer).panel; }};
    const Schedule found = schedule(sweep, *frame.graph, type, options_.machine, is_small_ ? 1 : lanes_of(options_),
                                    options_.largest_batch, layouts);
    if (!whole_ || frame.graph != &whole_->graph || !whole_->is_spelled_out || found.lanes == 1) return found;
    return unrolled(sweep, node ? whole_->rows_of(*node) : std::nullopt, type.shape, found);
  }

  void lower_draw(Frame& frame, const Node& node, const Random& random) {
    Home home = home_for(frame, node.results[0]);
    emit(frame, Candidate{lower_random(random, frame.graph->type(node.results[0]), home, frame.homes.at(random.seed),
                                       frame.homes.at(random.step), program_.buffers, frame.scans,
                                       is_small_ ? Rounds::looped : Rounds::spelled_out),
                          {},
                          {},
                          &node,
                          false,
                          false});
  }

  // Copies a value to where it is wanted, unless it is there.
  void copy(Frame& frame, ValueId value, const Home& target, const std::string& name) {
    const Home& from = frame.homes.at(value);
    if (from.buffer == target.buffer && from.prefix == target.prefix) return;
    Sweep sweep = slice_of(*frame.graph, value, {});
    SweepJob job = job_for(frame, sweep, frame.graph->type(value), target, name);
    emit(frame, job, plan(sweep, frame, frame.graph->type(value), target), frame.graph->node_of(value), true);
  }

  void emit(Frame& frame, const SweepJob& job, const Schedule& schedule, const Node& node, bool is_copy) {
    const auto with_tiling = [&](const Tiling& tiling) -> std::optional<LoweredKernel> {
      std::optional<Schedule> other = descent::with_tiling(*job.sweep, schedule, tiling);
      if (!other) return std::nullopt;
      LoweredKernel lowered = lower_sweep(job, *other);
      lowered.kernel.comment = comment_of(job.origin);
      return lowered;
    };
    emit(frame, Candidate{lower_sweep(job, schedule), tiling_of(*job.sweep, schedule, job.type.shape), with_tiling,
                          &node, is_copy, schedule.unrolled.has_value()});
  }
  void emit(Frame& frame, Candidate candidate) {
    Kernel& kernel = candidate.lowered.kernel;
    const Span origin = kernel.origin;
    kernel.comment = comment_of(origin);
    kernels_.call(*frame.steps, frame.scans, std::move(candidate));
    // Equal kernels become one, but on the way each is held.
    constexpr std::int64_t most_copies = 16;
    if (kernels_.distinct_operations() > program_limit || kernels_.operations() > most_copies * program_limit) {
      refuse("program-too-large", "this model", program_limit, origin);
    }
  }

  // -- scans ---------------------------------------------------------------------------------------------------------

  void lower_scan(Frame& frame, const Node& node, const Scan& scan) {
    const Graph& body = *scan.body;
    const std::vector<ValueId> inputs = inputs_of(body);
    const std::size_t carried = scan.initial.size();

    loop::Repeat repeat{scan.axis.name, scan.axis.extent.size, scan.reversed, {}};
    Frame inner{&body, frame.scans, {}, {}, &repeat.steps};
    inner.scans.push_back(scan.axis);
    for (std::size_t i = 0; i < carried; ++i) {
      Home home{add_buffer(Buffer::Storage::arena, body.value(inputs[i]).name, body.type(inputs[i])), {}};
      copy(frame, scan.initial[i], home, "carry");
      inner.homes[inputs[i]] = home;
      frame.homes[node.results[i]] = home;
    }
    for (std::size_t k = 0; k < scan.captured.size(); ++k) {
      Home home = frame.homes.at(scan.captured[k]);
      for (Affine& form : home.prefix) {  // seen from one scan further in
        form = substitute(form, [](AxisId axis) { return Affine::axis(axis - 1); });
      }
      inner.homes[inputs[carried + k]] = home;
    }
    lower_body(inner, scan, stacks_of(frame, node, carried));
    frame.steps->push_back(std::move(repeat));
  }

  std::vector<Home> stacks_of(Frame& frame, const Node& node, std::size_t carried) {
    std::vector<Home> stacks;
    for (std::size_t y = carried; y < node.results.size(); ++y) {
      const Value& value = frame.graph->value(node.results[y]);
      BufferId id = add_buffer(Buffer::Storage::arena, value.name, value.type);
      frame.homes[node.results[y]] = {id, {}};
      stacks.push_back({id, {Affine::axis(-1)}});
    }
    return stacks;
  }

  void lower_body(Frame& frame, const Scan& scan, const std::vector<Home>& stacks) {
    const Graph& body = *frame.graph;
    const std::vector<ValueId> inputs = inputs_of(body);
    const std::size_t carried = scan.initial.size();
    auto value_of = [&](std::size_t output) { return body.outputs[output].value; };
    // An input that is yielded or carried on as it is: before anything is overwritten.
    for (std::size_t y = 0; y < stacks.size(); ++y) {
      if (is_computed(body, value_of(carried + y))) {
        frame.wanted.try_emplace(value_of(carried + y), stacks[y]);
      } else if (frame.homes.count(value_of(carried + y))) {
        copy(frame, value_of(carried + y), stacks[y], "yield");
      }
    }
    for (std::size_t i = 0; i < carried; ++i) {
      if (is_computed(body, value_of(i)) && carries_in_place(body, inputs[i], value_of(i), carried)) {
        frame.wanted.try_emplace(value_of(i), frame.homes.at(inputs[i]));
      }
    }
    for (std::size_t i = 0; i < carried; ++i) {
      bool is_input = frame.homes.count(value_of(i)) > 0;
      if (is_input && value_of(i) != inputs[i]) set_aside_as_next(frame, value_of(i));
    }
    lower_nodes(frame);
    for (std::size_t y = 0; y < stacks.size(); ++y) {
      ValueId value = value_of(carried + y);
      bool is_input = std::holds_alternative<Input>(body.node_of(value).op);
      if (!is_input) copy(frame, value, stacks[y], "yield");
    }
    for (std::size_t i = 0; i < carried; ++i) {
      if (value_of(i) == inputs[i]) continue;
      auto aside = next_aside_.find(value_of(i));
      Home from = frame.homes.at(value_of(i));
      if (aside != next_aside_.end()) frame.homes[value_of(i)] = aside->second;
      copy(frame, value_of(i), frame.homes.at(inputs[i]), "next");
      frame.homes[value_of(i)] = from;
    }
    next_aside_.clear();
  }

  // The old carried value is an input like any other to overwrites_safely; but a next value that is wanted twice has
  // one home only.
  bool carries_in_place(const Graph& body, ValueId old, ValueId next, std::size_t carried) {
    for (const Output& output : body.outputs) {
      if (output.value == old) return false;
    }
    std::size_t times = 0;
    for (std::size_t i = 0; i < carried; ++i) times += body.outputs[i].value == next ? 1 : 0;
    return times == 1 && overwrites_safely(body, next, old);
  }

  // A carried value that becomes another input's: kept aside at the start of the turn.
  void set_aside_as_next(Frame& frame, ValueId value) {
    Home home{add_buffer(Buffer::Storage::arena, frame.graph->value(value).name + ".old", frame.graph->type(value)),
              {}};
    copy(frame, value, home, "set_aside");
    next_aside_[value] = home;
  }

  const Model& model_;
  const LowerOptions& options_;
  loop::Program program_;
  std::map<std::string, BufferId> states_;
  std::map<std::pair<Buffer::Storage, std::string>, BufferId> ports_;
  UniqueNames buffer_names_, kernel_names_;
  KernelList kernels_;
  Panels panels_;
  std::optional<WholeLoop> whole_;
  bool is_small_ = false;  // the entry under way
  std::map<ValueId, Home> next_aside_;
  Diagnostics wrong_;
  std::map<const Graph*, std::vector<NodeId>> last_uses_;
};

}  // namespace

Result<loop::Program> lower(const Model& model, const LowerOptions& options, std::vector<FusedCall>* calls) {
  Result<loop::Program> lowered = ModelLowering(model, options).run(calls);
  if (!lowered) return lowered;
  Result<loop::Program> program = plan_memory(std::move(lowered).value());
  if (!program) return program;
  const Diagnostics broken = loop::verify(*program);

  DESCENT_CHECK(broken.empty(), "lowering made a Loop program that is not well-formed:\n" + render(broken));
  return program;
}

}  // namespace descent
