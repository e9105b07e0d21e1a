#include "tests/support/loop_merge.h"

#include <map>

#include "ir/match.h"

namespace descent::test {
namespace {

using namespace loop;

class Merger {
 public:
  Program run(const std::vector<Program>& programs) && {
    result_.name = programs[0].name;
    result_.largest_batch = programs[0].largest_batch;
    for (number_ = 0; number_ < programs.size(); ++number_) add(programs[number_]);
    return std::move(result_);
  }

 private:
  void add(const Program& program) {
    first_buffer_ = static_cast<BufferId>(result_.buffers.size());
    for (Buffer buffer : program.buffers) {
      buffer.name = merged_name(buffer.name, number_);
      if (buffer.offset >= 0) buffer.offset += result_.arena_bytes;
      result_.buffers.push_back(std::move(buffer));
    }
    result_.arena_bytes += (program.arena_bytes + 63) / 64 * 64;
    kernels_.clear();
    for (const Kernel& kernel : program.kernels) kernels_.push_back(kernel_like(kernel));
    for (const Entry& entry : program.entries) {
      result_.entries.push_back({merged_name(entry.name, number_), moved(entry.inputs), moved(entry.outputs), {}});
      result_.entries.back().steps = moved(entry.steps);
      result_.entries.back().turns = entry.turns;
    }
  }

  // Kernels are equal when they print alike but for their names.
  KernelId kernel_like(Kernel kernel) {
    kernel.name.clear();
    kernel.comment.clear();
    const auto [found, is_new] = known_.emplace(print(kernel), static_cast<KernelId>(result_.kernels.size()));
    if (is_new) {
      kernel.name = "kernel_" + std::to_string(found->second);
      result_.kernels.push_back(std::move(kernel));
    }
    return found->second;
  }

  std::vector<BufferId> moved(std::vector<BufferId> buffers) const {
    for (BufferId& buffer : buffers) buffer += first_buffer_;
    return buffers;
  }
  Steps moved(const Steps& steps) const {
    Steps result;
    for (const auto& step : steps) {
      match(
          step,
          [&](Call call) {
            call.kernel = kernels_[static_cast<std::size_t>(call.kernel)];
            call.buffers = moved(std::move(call.buffers));
            result.emplace_back(std::move(call));
          },
          [&](Repeat repeat) {
            repeat.steps = moved(repeat.steps);
            result.emplace_back(std::move(repeat));
          });
    }
    return result;
  }

  Program result_;
  std::map<std::string, KernelId> known_;
  // Of the program under way.
  std::size_t number_ = 0;
  BufferId first_buffer_ = 0;
  std::vector<KernelId> kernels_;
};

}  // namespace

Program merge(const std::vector<Program>& programs) { return Merger().run(programs); }

}  // namespace descent::test
