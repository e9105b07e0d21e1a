// What a trainer takes from an operating system: memory and threads.
#include <stdlib.h>

#include "runtime/core/threads.h"
#include "runtime/core/trainer.h"

namespace descent::runtime {

void* allocate_trainer(int64_t bytes) {
  void* memory = nullptr;
  return posix_memalign(&memory, 64, static_cast<size_t>(bytes)) == 0 ? memory : nullptr;
}

void free_trainer(void* memory) { free(memory); }

// Without memory for a pool the caller's thread does the work alone.
void start_threads(DescentTrainer& trainer, int32_t threads) {
  if (threads == 1) return;
  trainer.pool = create_threads({threads, false});
  if (trainer.pool != nullptr) trainer.threads = threads_of(trainer.pool);
}

void stop_threads(DescentTrainer& trainer) { destroy_threads(trainer.pool); }

}  // namespace descent::runtime
