// The bare build's answers: the caller brings the memory, and there is one thread. It needs memcpy and memset.
#include "runtime/core/trainer.h"

namespace descent::runtime {

void* allocate_trainer(int64_t) { return nullptr; }
void free_trainer(void*) {}
void start_threads(DescentTrainer&, int32_t) {}
void stop_threads(DescentTrainer&) {}

}  // namespace descent::runtime
