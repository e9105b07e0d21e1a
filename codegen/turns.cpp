#include "codegen/turns.h"

#include <map>

#include "ir/loop_layout.h"
#include "ir/match.h"

namespace descent::codegen {
namespace {

// What the first-level cache holds beside the data.
constexpr std::int64_t most_local_bytes = 16 << 10;

}  // namespace

void for_each_call(const loop::Steps& steps, const std::function<void(const loop::Call&)>& visit) {
  for (const auto& step : steps) {
    match(
        step, [&](const loop::Repeat& repeat) { for_each_call(repeat.steps, visit); },
        [&](const loop::Call& call) { visit(call); });
  }
}

std::vector<LocalBuffer> local_buffers(const loop::Program& program, const loop::Entry& entry) {
  std::map<loop::BufferId, bool> is_written;
  for_each_call(entry.steps, [&](const loop::Call& call) {
    const loop::Kernel& kernel = program.kernels[static_cast<std::size_t>(call.kernel)];
    for (std::size_t i = 0; i < call.buffers.size(); ++i) {
      const loop::BufferId id = call.buffers[i];
      if (program.buffers[static_cast<std::size_t>(id)].offset < 0) continue;
      is_written[id] = is_written[id] || kernel.arrays[i].role != loop::Array::Role::read;
    }
  });
  std::vector<LocalBuffer> locals;
  std::int64_t bytes = 0;
  for (const auto& [id, written] : is_written) {
    const loop::Buffer& buffer = program.buffers[static_cast<std::size_t>(id)];
    const std::int64_t own = loop::stored_bytes(buffer, program.largest_batch);
    bytes += own;
    locals.push_back({id, own, buffer.storage == loop::Buffer::Storage::state, written});
  }
  if (bytes > most_local_bytes) locals.clear();
  return locals;
}

}  // namespace descent::codegen
