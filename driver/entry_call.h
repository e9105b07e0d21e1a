// One entry ready to be called: its pointers, the memory of its outputs, and what is checked at the door; with code
// that has turns, many runs in one call.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "descent/descent.h"
#include "driver/program.h"
#include "runtime/abi.h"

namespace descent {

class EntryCall {
 public:
  // `program` and what `fixed` gives live as long as this: the address of an input that the trainer feeds itself
  // (clocks and rates), null for data.
  EntryCall(const Program& program, const EntryPorts& ports, const std::function<const void*(const Port&)>& fixed);

  // What `run` calls; there is none at first.
  void set_code(DescentEntry code) { code_ = code; }
  bool has_code() const { return code_ != nullptr; }

  // Points the data inputs at the feeds, one batch. A feed that this entry does not need is passed over.
  Diagnostics feed(std::int64_t rows, std::span<const Feed> feeds);
  // The same with any number of batches one after the other, as many in each feed; it points at the first, `select`
  // at another.
  Diagnostics feed_batches(std::int64_t rows, std::span<const Feed> feeds);
  std::int64_t batches() const { return batches_; }
  void select(std::int64_t batch);
  void run(std::int64_t rows, unsigned char* arena, const DescentThreads* threads);
  // Other code over the same pointers, a part of this entry; `numbers` stay as they are.
  void run_part(DescentEntry code, std::int64_t rows, unsigned char* arena, const DescentThreads* threads) const;

  // From here on there may be code that does the same for whole batches and has turns (loop::Entry::turns).
  void allow_turns();
  bool may_have_turns() const { return !turns_.order.empty(); }
  void set_turns_code(DescentEntry code) { turns_.code = code; }
  bool has_turns_code() const { return turns_.code != nullptr; }
  // Whether such code can run what was fed: whole batches that serve where they lie.
  bool can_take_turns() const;
  static constexpr std::int64_t most_turns = 1024;
  // `count` runs, at most most_turns, of the batches from number `first` on, around and around; the clock is `step` in
  // the first one and goes on by one. `numbers` are the last run's.
  void run_turns(std::int64_t first, std::int64_t count, std::int32_t step, unsigned char* arena);
  std::span<const double> numbers_of(std::int64_t turn);  // of the last run_turns

  // Outputs of rank 0 as numbers, in order, those of kind `output` left out; good until the next run.
  std::span<const double> numbers() const { return numbers_; }
  std::vector<data::Array> arrays(std::int64_t rows) const;

 private:
  // What a feed holds for one input.
  struct Source {
    const std::byte* data = nullptr;
    std::int64_t batches = 0;  // 0: not data
    std::int64_t batch_bytes = 0;
    bool in_place = false;  // the caller's memory serves as it is
  };
  bool serves_all(std::size_t input) const;
  enum class Wanted : bool { one_batch, batches };
  // What turns need: numbers of batches and steps, how ports move, room for the numbers of every turn.
  struct Turns {
    DescentEntry code = nullptr;
    std::vector<std::int64_t> order;
    std::vector<std::int32_t> clock;
    std::vector<const void*> bases;  // of the inputs
    std::vector<DescentMotion> inputs, outputs;
    std::vector<std::vector<std::byte>> results;  // per output
    std::vector<void*> places;                    // of the results
  };
  Diagnostics take(std::int64_t rows, std::span<const Feed> feeds, Wanted wanted);
  Diagnostics take_one(std::size_t input, std::int64_t rows, const Feed& feed, Wanted wanted);

  const Program* program_;
  const EntryPorts* ports_;
  DescentEntry code_ = nullptr;
  std::int64_t rows_ = 0;  // of each batch that was fed
  std::int64_t batches_ = 0;
  std::vector<Source> sources_;  // per input
  std::vector<const void*> inputs_;
  std::vector<void*> outputs_;
  std::vector<std::vector<std::byte>> staging_;  // per input; empty where the caller's memory serves as it is
  std::vector<std::vector<std::byte>> results_;  // per output
  std::vector<std::size_t> numeric_;             // outputs that `numbers` holds
  std::vector<double> numbers_;
  Turns turns_;
};

}  // namespace descent
