// Which programs are refused, whatever they are compiled to.
#include "codegen/limits.h"

#include "codegen/vector.h"

namespace descent::codegen {
namespace {

// Locals live on the stack, and a worker's stack is not large.
constexpr std::int64_t most_local_bytes = 2 << 20;

}  // namespace

Diagnostics why_not_compiled(const loop::Program& program) {
  Diagnostics errors;
  for (const loop::Buffer& buffer : program.buffers) {
    const bool placed =
        buffer.storage == loop::Buffer::Storage::input || buffer.storage == loop::Buffer::Storage::output;
    if (!placed && buffer.offset < 0) {
      errors.push_back(
          {"unplanned-buffer", {}, "expected a place in the arena for buffer '" + buffer.name + "', found none", {}});
    }
  }
  for (const loop::Kernel& kernel : program.kernels) {
    const std::int64_t bytes = local_bytes(kernel, program.largest_batch);
    if (bytes > most_local_bytes) {
      errors.push_back({"large-locals",
                        kernel.origin,
                        "expected locals of at most " + std::to_string(most_local_bytes) + " bytes in kernel '" +
                            kernel.name + "', found " + std::to_string(bytes),
                        {}});
    }
  }
  return errors;
}

}  // namespace descent::codegen
