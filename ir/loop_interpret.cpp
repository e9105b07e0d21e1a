// The oracle of the bits: runs a Loop program one operation at a time, in order.
#include <fmt/format.h>

#include <algorithm>

#include "ir/loop_flat.h"
#include "ir/loop_layout.h"
#include "ir/match.h"

namespace descent::loop {

struct Interpreter::Translation {
  std::vector<FlatKernel> kernels;
  std::vector<std::int64_t> offsets;  // per buffer, into the arena; -1 for inputs and outputs
};

namespace {

std::int64_t aligned(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }

// Runs an entry's steps: binds each call's arrays and index parameters and executes its kernel.
class Run {
 public:
  Run(const Program& program, const std::vector<FlatKernel>& kernels, std::int64_t batch)
      : program_(program), kernels_(kernels), batch_(batch) {}

  // The entry's steps, once, with these places of the buffers.
  void turn(const Steps& steps, const std::vector<std::byte*>& places) {
    places_ = places;
    this->steps(steps);
  }

 private:
  void steps(const Steps& steps) {
    for (const auto& step : steps) {
      match(step, [&](const Call& call) { this->call(call); }, [&](const Repeat& repeat) { this->repeat(repeat); });
    }
  }

  void repeat(const Repeat& repeat) {
    variables_.push_back(0);
    for (std::int64_t n = 0; n < repeat.count; ++n) {
      variables_.back() = repeat.reversed ? repeat.count - 1 - n : n;
      steps(repeat.steps);
    }
    variables_.pop_back();
  }

  void call(const Call& call) {
    const FlatKernel& flat = kernels_[static_cast<std::size_t>(call.kernel)];
    registers_ = flat.registers;
    index_values_.assign(flat.source->variables.size(), 0);
    for (std::size_t n = 0; n < call.indices.size(); ++n) {
      index_values_[n] = call.indices[n].constant;
      for (const Term& term : call.indices[n].terms) {
        index_values_[n] += term.coefficient * variables_[static_cast<std::size_t>(term.axis)];
      }
    }
    ends_.assign(flat.loops.size(), 0);
    scratch_.resize(static_cast<std::size_t>(flat.scratch_bytes));
    bind(call, flat);
    Frame frame{&flat, registers_.data(), index_values_.data(), ends_.data(), arrays_.data(), batch_};
    execute(frame);
  }

  void bind(const Call& call, const FlatKernel& flat) {
    arrays_.clear();
    for (BufferId buffer : call.buffers) {
      std::byte* place = places_[static_cast<std::size_t>(buffer)];
      DESCENT_CHECK(place != nullptr,
                    fmt::format("kernel {} is given buffer {}, which this entry has not", flat.source->name,
                                program_.buffers[static_cast<std::size_t>(buffer)].name));
      arrays_.push_back(place);
    }
    for (std::size_t local = arrays_.size(); local < flat.local_offset.size(); ++local) {
      arrays_.push_back(scratch_.data() + flat.local_offset[local]);
    }
  }

  const Program& program_;
  const std::vector<FlatKernel>& kernels_;
  std::vector<std::byte*> places_;  // per buffer
  std::int64_t batch_;
  std::vector<std::int64_t> variables_;  // of the open Repeats
  // Of the running kernel; members, so that a call allocates only when it needs more than any before.
  std::vector<Word> registers_;
  std::vector<std::int64_t> index_values_;
  std::vector<std::int64_t> ends_;
  std::vector<std::byte*> arrays_;
  std::vector<std::byte> scratch_;
};

}  // namespace

Interpreter::Interpreter(const Program& program) : program_(&program) {
  auto translation = std::make_shared<Translation>();
  for (const Kernel& kernel : program.kernels) {
    translation->kernels.push_back(flatten(kernel, program.largest_batch));
  }
  // Buffers that are not planned yet stand behind the planned arena.
  std::int64_t bytes = aligned(program.arena_bytes);
  for (const Buffer& buffer : program.buffers) {
    const bool inside = buffer.storage == Buffer::Storage::state || buffer.storage == Buffer::Storage::arena;
    translation->offsets.push_back(!inside ? -1 : buffer.offset >= 0 ? buffer.offset : bytes);
    if (inside && buffer.offset < 0) {
      bytes += aligned(stored_bytes(buffer, program.largest_batch));
    }
  }
  arena_.resize(static_cast<std::size_t>(bytes));
  translation_ = std::move(translation);
}

void Interpreter::run(std::string_view name, std::int64_t batch, const std::vector<const void*>& inputs,
                      const std::vector<void*>& outputs) {
  run(name, batch, inputs, outputs, {{0}, std::vector<Motion>(inputs.size()), std::vector<Motion>(outputs.size())});
}

void Interpreter::run(std::string_view name, std::int64_t batch, const std::vector<const void*>& inputs,
                      const std::vector<void*>& outputs, const Turns& turns) {
  const Entry* entry = program_->entry(name);
  DESCENT_CHECK(entry != nullptr, fmt::format("program {} has no entry {}", program_->name, name));
  DESCENT_CHECK(batch >= 1 && batch <= program_->largest_batch,
                fmt::format("batch {} is outside 1 … {}", batch, program_->largest_batch));
  DESCENT_CHECK(inputs.size() == entry->inputs.size() && outputs.size() == entry->outputs.size(),
                fmt::format("entry {} takes {} inputs and {} outputs, not {} and {}", name, entry->inputs.size(),
                            entry->outputs.size(), inputs.size(), outputs.size()));
  std::vector<std::byte*> places(program_->buffers.size(), nullptr);
  for (std::size_t id = 0; id < places.size(); ++id) {
    if (translation_->offsets[id] >= 0) places[id] = arena_.data() + translation_->offsets[id];
  }
  DESCENT_CHECK(entry->turns || turns.order.size() == 1, fmt::format("entry {} has no turns", name));
  DESCENT_CHECK(turns.inputs.size() == inputs.size() && turns.outputs.size() == outputs.size(),
                fmt::format("entry {}: every input and output moves somehow", name));
  Run run(*program_, translation_->kernels, batch);
  for (std::size_t turn = 0; turn < turns.order.size(); ++turn) {
    const auto moved = [&](const void* base, const Motion& motion) {
      // Kernels only read inputs (the verifier holds them to it), so dropping the const harms nobody.
      return static_cast<std::byte*>(const_cast<void*>(base)) + turns.order[turn] * motion.by_batch +
             static_cast<std::int64_t>(turn) * motion.by_turn;
    };
    for (std::size_t n = 0; n < inputs.size(); ++n) {
      places[static_cast<std::size_t>(entry->inputs[n])] = moved(inputs[n], turns.inputs[n]);
    }
    for (std::size_t n = 0; n < outputs.size(); ++n) {
      places[static_cast<std::size_t>(entry->outputs[n])] = moved(outputs[n], turns.outputs[n]);
    }
    run.turn(entry->steps, places);
  }
}

}  // namespace descent::loop
