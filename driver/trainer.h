// What a Trainer holds, for the driver's own files.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "descent/descent.h"
#include "driver/entry_call.h"
#include "driver/program.h"
#include "runtime/core/threads.h"

namespace descent {

inline constexpr std::align_val_t arena_alignment{64};
struct ArenaDelete {
  void operator()(unsigned char* memory) const { ::operator delete(memory, arena_alignment); }
};
using Arena = std::unique_ptr<unsigned char, ArenaDelete>;

struct PoolDelete {
  void operator()(runtime::ThreadPool* pool) const { runtime::destroy_threads(pool); }
};

// Whether the whole loop's entry can stand for many whole batches of `step`: a printed Loop program may hold anything.
bool does_same_in_turns(const loop::Program& program);

struct Trainer::Parts {
  Program program;
  Timings timings;
  Arena arena;
  std::unique_ptr<runtime::ThreadPool, PoolDelete> pool;
  DescentThreads threads{};
  std::vector<unsigned char> before;                              // the arena, where turns may have to be taken back
  std::vector<std::pair<std::size_t, std::size_t>> state_places;  // of each state: where in the arena, how many bytes
  std::int32_t seed = 0, step = 0, steps = 1;
  std::map<std::string, double, std::less<>> rates;
  std::map<std::string, std::string> notes;  // what weights files keep beside the tensors: see Vocabularies
  std::map<std::string, EntryCall, std::less<>> calls;
  // What `advance` leaves to the next place, as its last inputs take it, and of how many rows; 0: nothing yet.
  std::vector<std::pair<std::string, data::Array>> carried = {};
  std::int64_t carried_rows = 0;

  const void* fixed(const Port& port) const {
    if (port.kind == Port::Kind::rate) return &rates.find(port.name)->second;
    if (port.kind != Port::Kind::clock) return nullptr;
    return port.name == "seed" ? &seed : port.name == "step" ? &step : &steps;
  }
  // Whether `count` steps over what was fed run in one call.
  static bool by_turns(const EntryCall& call, std::int64_t count) {
    return call.can_take_turns() && (count > 1 || call.has_turns_code());
  }
  std::size_t arena_bytes() const {
    return static_cast<std::size_t>(std::max<std::int64_t>(64, program.arena_bytes()));
  }

  // Makes what code of these entries is not there; entries that the program does not have are passed over.
  Diagnostics make(const std::vector<codegen::Wanted>& wanted);
  // An entry, with its code or without; with it.
  Result<EntryCall*> known(std::string_view entry);
  Result<EntryCall*> find(std::string_view entry);
  Result<EntryCall*> ready(std::string_view entry, std::int64_t rows, std::span<const Feed> feeds);
  // The losses of one step; false: stop behind it.
  using Visitor = std::function<bool(std::span<const double> losses)>;
  // `count` steps over the batches that were fed, from number `first` on. The losses of the last one taken.
  Result<std::span<const double>> take_steps(EntryCall& call, std::int64_t first, std::int64_t count, std::int64_t rows,
                                             const Visitor& visit = {});
  // The same from feeds that hold `count` batches one after the other, a visit per step.
  Diagnostics train(std::int64_t count, std::int64_t rows, std::span<const Feed> feeds, const Visitor& visit);
  // Makes the code that such steps will run, and with `rest` that of a step of fewer rows: all in one go, so that the
  // first of them is not the one that waits for it.
  Diagnostics make_steps(std::int64_t count, std::int64_t rows, std::span<const Feed> feeds, bool rest);
  // As many steps as one call takes, when a batch is so many bytes: it lies near the processor then.
  std::int64_t steps_at_once(std::int64_t batch_bytes) const;
  // What take_steps does by one of these; `batch` and `first` count batches, around and around. False: stop.
  bool take_step(EntryCall& call, std::int64_t batch, std::int64_t rows, const Visitor& visit);
  bool take_turns(EntryCall& call, std::int64_t first, std::int64_t count, const Visitor& visit);
  void run(EntryCall& call, std::int64_t rows) { call.run(rows, arena.get(), &threads); }
  // All states as they lie in the arena, one behind the other.
  void keep_states(std::vector<unsigned char>& to) const;
  void put_back_states(const std::vector<unsigned char>& from);
  const loop::Buffer* state(std::string_view name) const;
};

}  // namespace descent
