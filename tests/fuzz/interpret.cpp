#include "tests/fuzz/interpret.h"

#include <algorithm>
#include <cstring>

#include "ir/loop_layout.h"
#include "ir/loop_ranges.h"
#include "ir/match.h"

namespace descent::fuzz {
namespace {

using namespace loop;

constexpr std::int64_t most_work = 20'000, most_bytes = 1 << 22;
constexpr std::int64_t any_index = 1 << 20;  // what an index parameter may be, as far as costs go

std::int64_t times(std::int64_t a, std::int64_t b) { return a > most_work || b > most_work ? most_work + 1 : a * b; }

// Statements that a kernel runs at most, saturating.
class Cost {
 public:
  Cost(const Kernel& kernel, std::int64_t largest_batch) : ranges_(largest_batch) {
    for (int index = 0; index < kernel.indices; ++index) ranges_.open(index, Range{-any_index, any_index});
    total_ = of(kernel.body);
  }
  std::int64_t total() const { return total_; }

 private:
  std::int64_t of(const Block& block) {
    std::int64_t sum = 1;
    for (const Statement& statement : block) sum = std::min(most_work + 1, sum + of(statement));
    return sum;
  }
  std::int64_t of(const Statement& statement) {
    if (const auto* condition = std::get_if<If>(&statement.node)) return of(condition->then);
    const auto* loop = std::get_if<For>(&statement.node);
    if (loop == nullptr) return 1;
    ranges_.open(loop->variable, loop->begin, loop->end, loop->step);
    const std::int64_t each = of(loop->body);
    const std::int64_t iterations = ranges_.may_run() ? ranges_.span_of(loop->variable) / loop->step + 1 : 1;
    ranges_.close();
    return times(iterations, each);
  }

  Ranges ranges_;
  std::int64_t total_ = 0;
};

// More than most_work when a kernel is not trusted.
std::int64_t cost_of(const Program& program, const Steps& steps, const Trust& trusted) {
  std::int64_t sum = 0;
  for (const auto& step : steps) {
    const std::int64_t cost = match(
        step,
        [&](const Call& call) {
          const Kernel& kernel = program.kernels[static_cast<std::size_t>(call.kernel)];
          return trusted(kernel) ? Cost(kernel, program.largest_batch).total() : most_work + 1;
        },
        [&](const Repeat& repeat) { return times(repeat.count, cost_of(program, repeat.steps, trusted) + 1); });
    sum = std::min(most_work + 1, sum + cost);
  }
  return sum;
}

std::int64_t bytes_of(const Program& program, const Buffer& buffer) {
  const std::int64_t elements = stored_count(buffer.type.shape, buffer.panel, program.largest_batch);
  return elements > most_bytes ? most_bytes + 1 : elements * size_of(buffer.type.dtype);
}

bool is_small(const Program& program) {
  std::int64_t bytes = std::min(program.arena_bytes, most_bytes);
  for (const Buffer& buffer : program.buffers) bytes += bytes_of(program, buffer);
  for (const Kernel& kernel : program.kernels) {
    for (std::size_t local = static_cast<std::size_t>(kernel.parameters); local < kernel.arrays.size(); ++local) {
      bytes += std::min(most_bytes, count(kernel.arrays[local].shape, program.largest_batch));
    }
  }
  return program.arena_bytes <= most_bytes && bytes <= most_bytes;
}

// A state stands at zero, whatever its range says.
bool zero_is_no_value(const Buffer& buffer) {
  const std::optional<Range>& range = buffer.type.range;
  return buffer.storage == Buffer::Storage::state && range && (range->low > 0 || range->high <= 0);
}

enum class End : std::uint8_t { low, high };

// Integers are at an end of their range, where what they look up lies outermost; everything else is zero.
std::vector<std::byte> contents_of(const Program& program, const Buffer& buffer, End end) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(bytes_of(program, buffer)));
  if (!buffer.type.range) return bytes;
  const auto value = static_cast<std::int32_t>(end == End::low ? buffer.type.range->low : buffer.type.range->high - 1);
  for (std::size_t at = 0; at + sizeof value <= bytes.size(); at += sizeof value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
  }
  return bytes;
}

void interpret(const Program& program, const Entry& entry, std::int64_t batch, End end) {
  std::vector<std::vector<std::byte>> blocks;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  for (BufferId id : entry.inputs) {
    const Buffer& buffer = program.buffers[static_cast<std::size_t>(id)];
    inputs.push_back(blocks.emplace_back(contents_of(program, buffer, end)).data());
  }
  for (BufferId id : entry.outputs) {
    const Buffer& buffer = program.buffers[static_cast<std::size_t>(id)];
    outputs.push_back(blocks.emplace_back(static_cast<std::size_t>(bytes_of(program, buffer))).data());
  }
  Interpreter(program).run(entry.name, batch, inputs, outputs);
}

}  // namespace

void interpret_small(const Program& program, const Trust& trusted) {
  if (!is_small(program) || std::any_of(program.buffers.begin(), program.buffers.end(), zero_is_no_value)) return;
  for (const Entry& entry : program.entries) {
    if (cost_of(program, entry.steps, trusted) > most_work) continue;
    interpret(program, entry, 1, End::low);
    interpret(program, entry, program.largest_batch, End::high);
  }
}

}  // namespace descent::fuzz
