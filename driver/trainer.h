// What a Trainer holds, for the driver's own files.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <new>
#include <string>

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

struct Trainer::Parts {
  Program program;
  Timings timings;
  Arena arena;
  std::unique_ptr<runtime::ThreadPool, PoolDelete> pool;
  DescentThreads threads{};
  std::int32_t seed = 0, step = 0, steps = 1;
  std::map<std::string, double, std::less<>> rates;
  std::map<std::string, EntryCall, std::less<>> calls;

  const void* fixed(const Port& port) const {
    if (port.kind == Port::Kind::rate) return &rates.find(port.name)->second;
    if (port.kind != Port::Kind::clock) return nullptr;
    return port.name == "seed" ? &seed : port.name == "step" ? &step : &steps;
  }
  std::size_t arena_bytes() const {
    return static_cast<std::size_t>(std::max<std::int64_t>(64, program.arena_bytes()));
  }

  // Makes what code of these entries is not there; entries that the program does not have are passed over.
  Diagnostics make(const std::vector<codegen::Wanted>& wanted);
  // An entry with its code.
  Result<EntryCall*> find(std::string_view entry);
  Result<EntryCall*> ready(std::string_view entry, std::int64_t rows, std::span<const Feed> feeds);
  Result<std::span<const double>> take_steps(EntryCall& call, std::int64_t count, std::int64_t rows);
  void run(EntryCall& call, std::int64_t rows) { call.run(rows, arena.get(), &threads); }
  const loop::Buffer* state(std::string_view name) const;
};

}  // namespace descent
