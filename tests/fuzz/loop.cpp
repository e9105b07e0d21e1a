// A Loop program's text → program → text, and when it is well-formed and small, the interpreter runs it: bounds that
// the verifier proved must hold.
#include <algorithm>

#include "ir/loop_ranges.h"
#include "ir/loop_walk.h"
#include "ir/match.h"
#include "tests/fuzz/road.h"

namespace descent::fuzz {
namespace {

using namespace loop;

constexpr std::int64_t most_work = 100'000, most_bytes = 1 << 22;
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

// Indices under a condition, under a guard or through memory are the program's own affair: the verifier proves nothing
// about them and the interpreter ends the process.
bool is_proved(const Kernel& kernel) {
  bool proved = true;
  const auto through = [](const std::vector<Subscript>& at) {
    return std::any_of(at.begin(), at.end(), [](const Subscript& subscript) { return subscript.through != no_temp; });
  };
  for_each_statement(kernel.body, [&](const Statement& statement) {
    if (std::holds_alternative<If>(statement.node)) proved = false;
    if (const auto* store = std::get_if<Store>(&statement.node)) proved &= !through(store->at);
    if (const auto* let = std::get_if<Let>(&statement.node)) {
      if (const auto* load = std::get_if<Load>(&let->value)) proved &= load->guard == no_temp && !through(load->at);
    }
  });
  return proved;
}

std::int64_t cost_of(const Program& program, const Steps& steps) {
  std::int64_t sum = 0;
  for (const auto& step : steps) {
    const std::int64_t cost = match(
        step,
        [&](const Call& call) {
          return Cost(program.kernels[static_cast<std::size_t>(call.kernel)], program.largest_batch).total();
        },
        [&](const Repeat& repeat) { return times(repeat.count, cost_of(program, repeat.steps) + 1); });
    sum = std::min(most_work + 1, sum + cost);
  }
  return sum;
}

std::int64_t bytes_of(const Program& program, const Buffer& buffer) {
  const std::int64_t elements = count(buffer.type.shape, program.largest_batch);
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

void interpret(const Program& program, const Entry& entry, std::int64_t batch) {
  std::vector<std::vector<std::byte>> blocks;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  for (BufferId id : entry.inputs) {
    const Buffer& buffer = program.buffers[static_cast<std::size_t>(id)];
    inputs.push_back(blocks.emplace_back(static_cast<std::size_t>(bytes_of(program, buffer))).data());
  }
  for (BufferId id : entry.outputs) {
    const Buffer& buffer = program.buffers[static_cast<std::size_t>(id)];
    outputs.push_back(blocks.emplace_back(static_cast<std::size_t>(bytes_of(program, buffer))).data());
  }
  Interpreter(program).run(entry.name, batch, inputs, outputs);
}

}  // namespace

void run(std::string_view input) {
  const Result<Program> program = parse_program(source_of(input));
  if (!program) return check_refusal(program.errors());
  check_prints(*program);
  if (const Diagnostics wrong = verify(*program); !wrong.empty()) return check_refusal(wrong);
  if (!is_small(*program) || !std::all_of(program->kernels.begin(), program->kernels.end(), is_proved)) return;
  for (const Entry& entry : program->entries) {
    if (cost_of(*program, entry.steps) > most_work) continue;
    for (const std::int64_t batch : {std::int64_t{1}, program->largest_batch}) interpret(*program, entry, batch);
  }
}

}  // namespace descent::fuzz
