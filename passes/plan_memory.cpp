#include "passes/plan_memory.h"

#include <algorithm>
#include <map>

#include "ir/loop_layout.h"
#include "ir/match.h"

namespace descent {
namespace {

using loop::Buffer;
using loop::BufferId;

constexpr std::int64_t alignment = 64;

std::int64_t bytes_of(const Buffer& buffer, std::int64_t batch) {
  std::int64_t bytes = loop::stored_bytes(buffer, batch);
  return std::max<std::int64_t>(alignment, (bytes + alignment - 1) / alignment * alignment);
}

struct Life {
  int first = 0;
  int last = 0;
};
using Lives = std::map<BufferId, Life>;

// Walks the steps of an entry in order, counting calls.
class Liveness {
 public:
  explicit Liveness(const loop::Program& program) : program_(program) {}

  Lives of(const loop::Entry& entry) {
    walk(entry.steps);
    for (auto [begin, end] : repeats_) extend(begin, end);
    return lives_;
  }

 private:
  void walk(const loop::Steps& steps) {
    for (const auto& step : steps) {
      match(
          step, [&](const loop::Call& call) { touch(call); },
          [&](const loop::Repeat& repeat) {
            int begin = now_;
            walk(repeat.steps);
            repeats_.push_back({begin, now_ - 1});  // inner repeats stand before outer ones
          });
    }
  }
  void touch(const loop::Call& call) {
    for (BufferId id : call.buffers) {
      if (program_.buffers[static_cast<std::size_t>(id)].storage != Buffer::Storage::arena) continue;
      auto [life, fresh] = lives_.try_emplace(id, Life{now_, now_});
      life->second.last = now_;
    }
    ++now_;
  }
  void extend(int begin, int end) {
    for (auto& [id, life] : lives_) {
      bool inside = life.first <= end && life.last >= begin;
      bool outside = life.first < begin || life.last > end;
      if (inside && outside) life = {std::min(life.first, begin), std::max(life.last, end)};
    }
  }

  const loop::Program& program_;
  Lives lives_;
  std::vector<std::pair<int, int>> repeats_;
  int now_ = 0;
};

// The lowest offset from `base` at which `bytes` meet none of the placed buffers that live at the same time.
class Placement {
 public:
  Placement(loop::Program& program, std::int64_t base) : program_(program), base_(base) {}

  std::int64_t place(const Lives& lives) {
    std::vector<BufferId> order;
    for (const auto& [id, life] : lives) order.push_back(id);
    std::stable_sort(order.begin(), order.end(), [&](BufferId a, BufferId b) { return bytes(a) > bytes(b); });
    std::int64_t end = base_;
    for (BufferId id : order) {
      std::int64_t offset = lowest(id, lives);
      buffer(id).offset = offset;
      placed_.push_back(id);
      end = std::max(end, offset + bytes(id));
    }
    return end;
  }

 private:
  Buffer& buffer(BufferId id) { return program_.buffers[static_cast<std::size_t>(id)]; }
  std::int64_t bytes(BufferId id) { return bytes_of(buffer(id), program_.largest_batch); }

  std::int64_t lowest(BufferId id, const Lives& lives) {
    const Life mine = lives.at(id);
    std::vector<std::pair<std::int64_t, std::int64_t>> taken;
    for (BufferId other : placed_) {
      const Life theirs = lives.at(other);
      if (theirs.first <= mine.last && mine.first <= theirs.last) {
        taken.push_back({buffer(other).offset, buffer(other).offset + bytes(other)});
      }
    }
    std::sort(taken.begin(), taken.end());
    std::int64_t at = base_;
    for (auto [begin, end] : taken) {
      if (at + bytes(id) <= begin) break;
      at = std::max(at, end);
    }
    return at;
  }

  loop::Program& program_;
  std::int64_t base_;
  std::vector<BufferId> placed_;
};

}  // namespace

Result<loop::Program> plan_memory(loop::Program program) {
  std::int64_t states = 0;
  for (Buffer& buffer : program.buffers) {
    if (buffer.storage != Buffer::Storage::state) continue;
    buffer.offset = states;
    states += bytes_of(buffer, program.largest_batch);
    if (states > arena_limit) break;
  }
  program.arena_bytes = states;
  for (const loop::Entry& entry : program.entries) {
    if (program.arena_bytes > arena_limit) break;
    Placement placement(program, states);
    program.arena_bytes = std::max(program.arena_bytes, placement.place(Liveness(program).of(entry)));
  }
  if (program.arena_bytes > arena_limit) {
    return Diagnostic{"memory-limit",
                      {},
                      "model '" + program.name + "' needs more than " + std::to_string(arena_limit >> 30) +
                          " GiB of memory at batch " + std::to_string(program.largest_batch) +
                          "; make the model or the batch smaller",
                      {}};
  }
  return program;
}

}  // namespace descent
