// Counts by trips: what stands in a loop counts as often as the loop runs. Only where the bounds of an inner loop
// depend on an outer variable is the outer loop gone through, value by value.
//
//   serial p in 0 ..< 90 step 32 { serial i in p ..< min(p + 32, 90) { … } }      3 values of p, then 32 + 32 + 26
#include "ir/loop_cost.h"

#include <algorithm>
#include <map>
#include <set>

#include "ir/loop_ranges.h"
#include "ir/loop_walk.h"
#include "ir/match.h"

namespace descent::loop {
namespace {

// Statements visited per entry: far beyond what lowering makes, soon done.
constexpr std::int64_t most_visits = 5'000'000;
// Calls of one kernel with different values for its indices that are counted each by itself.
constexpr std::size_t most_calls = 64;

// Of one call.
struct Tally {
  double flops = 0;
  std::vector<double> loads, stores;  // executed, per array
  bool exact = true;
};

class Counter {
 public:
  // `indices`: the values of the kernel's index parameters.
  Counter(const Kernel& kernel, std::int64_t batch, const std::vector<std::int64_t>& indices, std::int64_t& visits)
      : kernel_(kernel), batch_(batch), values_(kernel.variables.size(), 0), visits_(visits) {
    std::copy(indices.begin(), indices.end(), values_.begin());
    tally_.loads.resize(kernel.arrays.size());
    tally_.stores.resize(kernel.arrays.size());
    for_each_statement(kernel.body, [&](const Statement& statement) {
      const auto* loop = std::get_if<For>(&statement.node);
      if (!loop) return;
      note(loop->begin);
      for (const Bound& bound : loop->end) note(bound);
    });
  }

  Tally run() && {
    count(kernel_.body, 1);
    return std::move(tally_);
  }

 private:
  void note(const Bound& bound) {
    for (const Term& term : bound.form.terms) bounding_.insert(term.axis);
  }

  std::int64_t value(const Affine& form) const {
    std::int64_t value = form.constant;
    for (const Term& term : form.terms) value += term.coefficient * values_[static_cast<std::size_t>(term.axis)];
    return value;
  }
  std::int64_t value(const Bound& bound) const {
    return value(bound.form) + (bound.multiple > 0 ? batch_ / bound.multiple * bound.multiple : 0);
  }

  void count(const Block& block, double times) {
    for (const Statement& statement : block) {
      ++visits_;
      match(
          statement.node, [&](const Let& let) { this->count(let, times); },
          [&](const Store& store) { tally_.stores[static_cast<std::size_t>(store.array)] += times; },
          [](const Declare&) {}, [&](const If& branch) { this->count(branch, times); },
          [&](const For& loop) { this->count(loop, times); });
    }
  }

  // As if always taken: how often it is, the data say.
  void count(const If& branch, double times) {
    const double before = tally_.flops;
    count(branch.then, times);
    tally_.exact = tally_.exact && tally_.flops == before;
  }

  void count(const Let& let, double times) {
    match(
        let.value, [](const Literal&) {}, [](const IndexValue&) {}, [](const BatchValue&) {},
        [&](const Load& load) { tally_.loads[static_cast<std::size_t>(load.array)] += times; },
        [&](const Operation& operation) {
          const bool floats = is_float(type(let.temp)) || is_float(type(operation.operands.back()));
          if (floats) tally_.flops += times * row(operation.op).flops;
        });
  }
  DType type(TempId temp) const { return kernel_.temps[static_cast<std::size_t>(temp)]; }

  void count(const For& loop, double times) {
    const std::int64_t begin = value(loop.begin);
    std::int64_t end = value(loop.end.front());
    for (const Bound& bound : loop.end) end = std::min(end, value(bound));
    const std::int64_t trips = end > begin ? (end - begin + loop.step - 1) / loop.step : 0;
    if (trips == 0) return;
    std::int64_t& variable = values_[static_cast<std::size_t>(loop.variable)];
    variable = begin;
    if (!bounding_.contains(loop.variable)) return count(loop.body, times * static_cast<double>(trips));
    for (std::int64_t trip = 0; trip < trips; ++trip, variable += loop.step) {
      if (visits_ > most_visits) {  // the rest of the trips as this one
        tally_.exact = false;
        return count(loop.body, times * static_cast<double>(trips - trip));
      }
      count(loop.body, times);
    }
  }

  const Kernel& kernel_;
  std::int64_t batch_;
  std::vector<std::int64_t> values_;  // of the variables
  std::set<VariableId> bounding_;     // variables that bound a loop
  std::int64_t& visits_;
  Tally tally_;
};

// The smallest box of elements that holds all that the loads, or the stores, of each parameter can touch.
class Boxes {
 public:
  Boxes(const Kernel& kernel, std::int64_t batch, const std::vector<std::int64_t>& indices)
      : kernel_(kernel), batch_(batch), ranges_(batch), read_(kernel.arrays.size()), written_(kernel.arrays.size()) {
    for (std::size_t i = 0; i < indices.size(); ++i) {
      ranges_.open(static_cast<VariableId>(i), Range{indices[i], indices[i] + 1});
    }
    walk(kernel.body);
  }

  double elements_read(ArrayId array) const { return elements(read_[static_cast<std::size_t>(array)]); }
  double elements_written(ArrayId array) const { return elements(written_[static_cast<std::size_t>(array)]); }

 private:
  using Box = std::vector<Range>;  // one per axis; empty axes: a scalar
  struct Touched {
    bool any = false;
    Box box;
  };

  void walk(const Block& block) {
    for (const Statement& statement : block) {
      match(
          statement.node,
          [&](const Let& let) {
            const auto* load = std::get_if<Load>(&let.value);
            if (load) touch(read_, load->array, load->at);
          },
          [&](const Store& store) { touch(written_, store.array, store.at); }, [](const Declare&) {},
          [&](const If& branch) { walk(branch.then); },
          [&](const For& loop) {
            ranges_.open(loop.variable, loop.begin, loop.end, loop.step);
            if (ranges_.may_run()) walk(loop.body);
            ranges_.close();
          });
    }
  }

  void touch(std::vector<Touched>& all, ArrayId id, const std::vector<Subscript>& at) {
    if (id >= kernel_.parameters) return;
    Touched& touched = all[static_cast<std::size_t>(id)];
    const Shape& shape = kernel_.arrays[static_cast<std::size_t>(id)].shape;
    for (std::size_t axis = 0; axis < at.size(); ++axis) {
      const std::int64_t extent = shape[axis].is_batch() ? batch_ : shape[axis].size;
      Range range{0, extent};
      if (at[axis].through == no_temp) {
        range.low = std::clamp<std::int64_t>(ranges_.low(at[axis].offset), 0, extent - 1);
        range.high = std::clamp<std::int64_t>(ranges_.high(at[axis].offset) + 1, range.low + 1, extent);
      }
      if (!touched.any) touched.box.push_back(range);
      touched.box[axis].low = std::min(touched.box[axis].low, range.low);
      touched.box[axis].high = std::max(touched.box[axis].high, range.high);
    }
    touched.any = true;
  }

  static double elements(const Touched& touched) {
    double product = touched.any ? 1 : 0;
    for (const Range& range : touched.box) product *= static_cast<double>(range.high - range.low);
    return product;
  }

  const Kernel& kernel_;
  std::int64_t batch_;
  Ranges ranges_;
  std::vector<Touched> read_, written_;
};

// A kernel with given values for its indices: its operations and the bytes of each parameter.
struct KernelCount {
  double flops = 0;
  std::vector<double> read, written;
  bool exact = true;
};

KernelCount count_kernel(const Kernel& kernel, std::int64_t batch, const std::vector<std::int64_t>& indices,
                         std::int64_t& visits) {
  const Tally tally = Counter(kernel, batch, indices, visits).run();
  const Boxes boxes(kernel, batch, indices);
  KernelCount body{tally.flops, {}, {}, tally.exact};
  for (ArrayId id = 0; id < kernel.parameters; ++id) {
    const auto at = static_cast<std::size_t>(id);
    const double bytes = size_of(kernel.arrays[at].dtype);
    body.read.push_back(bytes * std::min(boxes.elements_read(id), tally.loads[at]));
    body.written.push_back(bytes * std::min(boxes.elements_written(id), tally.stores[at]));
  }
  return body;
}

class EntryCounter {
 public:
  EntryCounter(const Program& program, std::int64_t batch) : program_(program), batch_(batch) {}

  std::vector<CallCost> run(const Entry& entry) && {
    count(entry.steps, 1);
    return std::move(costs_);
  }

 private:
  void count(const Steps& steps, double times) {
    for (const auto& step : steps) {
      match(
          step, [&](const Call& call) { this->count(call, times); },
          [&](const Repeat& repeat) {
            middles_.push_back(repeat.count / 2);
            count(repeat.steps, times * static_cast<double>(repeat.count));
            middles_.pop_back();
          });
    }
  }

  // A call inside of a repeat costs what its middle turn does.
  void count(const Call& call, double times) {
    std::vector<std::int64_t> indices;
    for (const Affine& index : call.indices) {
      std::int64_t value = index.constant;
      for (const Term& term : index.terms) value += term.coefficient * middles_[static_cast<std::size_t>(term.axis)];
      indices.push_back(value);
    }
    const KernelCount body = body_of(call.kernel, indices);
    CallCost cost{call.kernel, times, body.flops, {}, body.exact};
    // A buffer that is bound twice is read once.
    std::map<BufferId, Traffic> traffic;
    for (std::size_t at = 0; at < body.read.size(); ++at) {
      Traffic& known = traffic.try_emplace(call.buffers[at], Traffic{call.buffers[at], 0, 0}).first->second;
      known.read = std::max(known.read, body.read[at]);
      known.written += body.written[at];
    }
    for (const auto& [buffer, moved] : traffic) cost.traffic.push_back(moved);
    costs_.push_back(std::move(cost));
  }

  KernelCount body_of(KernelId id, const std::vector<std::int64_t>& indices) {
    auto& known = bodies_[id];
    const auto found = known.find(indices);
    if (found != known.end()) return found->second;
    if (known.size() < most_calls) {
      const Kernel& kernel = program_.kernels[static_cast<std::size_t>(id)];
      return known.emplace(indices, count_kernel(kernel, batch_, indices, visits_)).first->second;
    }
    KernelCount near = known.begin()->second;
    near.exact = false;
    return near;
  }

  const Program& program_;
  std::int64_t batch_;
  std::int64_t visits_ = 0;
  std::vector<std::int64_t> middles_;  // of the open repeats
  std::map<KernelId, std::map<std::vector<std::int64_t>, KernelCount>> bodies_;
  std::vector<CallCost> costs_;
};

}  // namespace

std::vector<CallCost> cost_of_calls(const Program& program, const Entry& entry, std::int64_t batch) {
  return EntryCounter(program, batch).run(entry);
}

std::vector<KernelCost> cost_of(const Program& program, const Entry& entry, std::int64_t batch) {
  std::vector<KernelCost> costs;
  std::map<KernelId, std::size_t> places;
  for (const CallCost& call : cost_of_calls(program, entry, batch)) {
    const auto [known, fresh] = places.try_emplace(call.kernel, costs.size());
    if (fresh) costs.push_back({call.kernel, 0, 0, 0, 0, true});
    KernelCost& sum = costs[known->second];
    sum.calls += call.times;
    sum.flops += call.times * call.flops;
    for (const Traffic& moved : call.traffic) {
      sum.bytes_read += call.times * moved.read;
      sum.bytes_written += call.times * moved.written;
    }
    sum.exact = sum.exact && call.exact;
  }
  return costs;
}

}  // namespace descent::loop
