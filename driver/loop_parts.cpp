// Cuts an entry or a kernel out of a Loop program and numbers what is left anew.
#include "driver/loop_parts.h"

#include <algorithm>
#include <map>

#include "ir/match.h"

namespace descent {
namespace {

using loop::BufferId;
using loop::Call;
using loop::Entry;
using loop::KernelId;
using loop::Program;
using loop::Repeat;
using loop::Steps;

void collect(const Steps& steps, std::vector<const Call*>& calls) {
  for (const auto& step : steps) {
    match(
        step, [&](const Call& call) { calls.push_back(&call); },
        [&](const Repeat& repeat) { collect(repeat.steps, calls); });
  }
}

// Drops kernels and buffers that no entry uses, and numbers the others anew.
class Pruning {
 public:
  explicit Pruning(const Program& program) : program_(program) {}

  Program run() {
    Program pruned{program_.name, program_.largest_batch, {}, {}, program_.entries, program_.arena_bytes};
    for (Entry& entry : pruned.entries) {
      for (BufferId& id : entry.inputs) id = buffer(pruned, id);
      for (BufferId& id : entry.outputs) id = buffer(pruned, id);
      rename(pruned, entry.steps);
    }
    return pruned;
  }

 private:
  BufferId buffer(Program& pruned, BufferId id) {
    const auto [known, fresh] = buffers_.try_emplace(id, static_cast<BufferId>(pruned.buffers.size()));
    if (fresh) pruned.buffers.push_back(program_.buffers[static_cast<std::size_t>(id)]);
    return known->second;
  }
  KernelId kernel(Program& pruned, KernelId id) {
    const auto [known, fresh] = kernels_.try_emplace(id, static_cast<KernelId>(pruned.kernels.size()));
    if (fresh) pruned.kernels.push_back(program_.kernels[static_cast<std::size_t>(id)]);
    return known->second;
  }
  void rename(Program& pruned, Steps& steps) {
    for (auto& step : steps) {
      match(
          step,
          [&](Call& call) {
            call.kernel = kernel(pruned, call.kernel);
            for (BufferId& id : call.buffers) id = buffer(pruned, id);
          },
          [&](Repeat& repeat) { rename(pruned, repeat.steps); });
    }
  }

  const Program& program_;
  std::map<BufferId, BufferId> buffers_;
  std::map<KernelId, KernelId> kernels_;
};

// Calls that steps come to when they run.
double runs_of(const Steps& steps) {
  double runs = 0;
  for (const auto& step : steps) {
    match(
        step, [&](const Call&) { runs += 1; },
        [&](const Repeat& repeat) { runs += static_cast<double>(repeat.count) * runs_of(repeat.steps); });
  }
  return runs;
}

// Fills in the indices of the open repeats.
class Unrolling {
 public:
  explicit Unrolling(const Program& program) : program_(program) {}

  void add(const Steps& steps) {
    for (const auto& step : steps) {
      match(step, [&](const Call& call) { add(call); }, [&](const Repeat& repeat) { add(repeat); });
    }
  }
  std::vector<Piece> take() { return std::move(pieces_); }

 private:
  void add(Call call) {
    for (Affine& index : call.indices) {
      std::int64_t value = index.constant;
      for (const Term& term : index.terms) value += term.coefficient * turns_[static_cast<std::size_t>(term.axis)];
      index = Affine::of(value);
    }
    pieces_.push_back({program_.kernels[static_cast<std::size_t>(call.kernel)].name, std::move(call)});
  }
  void add(const Repeat& repeat) {
    for (std::int64_t i = 0; i < repeat.count; ++i) {
      turns_.push_back(repeat.reversed ? repeat.count - 1 - i : i);
      add(repeat.steps);
      turns_.pop_back();
    }
  }

  const Program& program_;
  std::vector<std::int64_t> turns_;
  std::vector<Piece> pieces_;
};

// The entry that does nothing but this call.
Entry entry_around(const Program& program, const Call& call) {
  Entry entry{program.kernels[static_cast<std::size_t>(call.kernel)].name, {}, {}, {}};
  Call alone = call;
  for (Affine& index : alone.indices) index = Affine::of(0);
  for (BufferId id : alone.buffers) {
    const auto storage = program.buffers[static_cast<std::size_t>(id)].storage;
    auto* ports = storage == loop::Buffer::Storage::input    ? &entry.inputs
                  : storage == loop::Buffer::Storage::output ? &entry.outputs
                                                             : nullptr;
    if (ports && std::find(ports->begin(), ports->end(), id) == ports->end()) ports->push_back(id);
  }
  entry.steps.push_back(std::move(alone));
  return entry;
}

}  // namespace

std::vector<const Call*> calls_of(const Steps& steps) {
  std::vector<const Call*> calls;
  collect(steps, calls);
  return calls;
}

Pieces pieces_of(const Program& program, const Entry& entry, std::size_t most_calls) {
  const auto kernel_name = [&](const Call& call) {
    return program.kernels[static_cast<std::size_t>(call.kernel)].name;
  };
  Pieces result;
  if (runs_of(entry.steps) <= static_cast<double>(most_calls)) {
    Unrolling unrolling(program);
    unrolling.add(entry.steps);
    result.pieces = unrolling.take();
    for (const Call* call : calls_of(entry.steps)) result.of_calls.push_back(kernel_name(*call));
    return result;
  }
  for (const auto& step : entry.steps) {
    const std::string name = match(step, kernel_name, [](const Repeat& repeat) { return "repeat " + repeat.variable; });
    result.pieces.push_back({name, step});
    result.of_calls.insert(result.of_calls.end(), calls_of({step}).size(), name);
  }
  return result;
}

Program only_entry(const Program& program, std::string_view entry) {
  Program part = program;
  std::erase_if(part.entries, [&](const Entry& other) { return other.name != entry; });
  return Pruning(part).run();
}

Program only_kernel(const Program& program, std::string_view kernel) {
  Program part = program;
  part.entries.clear();
  for (const Entry& entry : program.entries) {
    for (const Call* call : calls_of(entry.steps)) {
      if (program.kernels[static_cast<std::size_t>(call->kernel)].name != kernel) continue;
      part.entries.push_back(entry_around(program, *call));
      return Pruning(part).run();
    }
  }
  return Pruning(part).run();
}

}  // namespace descent
