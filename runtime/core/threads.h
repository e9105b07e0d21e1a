// A pool of threads that share parallel loops, cut into parts of equal length beforehand.
//
// A part depends on nothing but the loop and the number of parts, and parts never join sums, so neither the number of
// threads nor who runs which part can change a bit of the result.
#pragma once

#include <stdint.h>

#include "runtime/abi.h"

namespace descent::runtime {

struct ThreadOptions {
  int threads = 0;           // the caller among them; 0: one per processor that this process may use
  bool force_parts = false;  // for tests: as many parts as threads, however small the loop
};

class ThreadPool;

// Never null but without memory. Where the system grants fewer threads, the pool has fewer.
ThreadPool* create_threads(const ThreadOptions& options);
void destroy_threads(ThreadPool* pool);
int thread_count(const ThreadPool* pool);

// What a DescentCall carries. A loop that arrives while the pool is busy with another caller's runs on its caller
// alone.
DescentThreads threads_of(ThreadPool* pool);

// A loop is cut into no more parts than give each this much work: what a core does of the fastest kernels while threads
// that spin are set off and joined (half a microsecond, measured on two Zen 3 cores).
inline constexpr int64_t least_work_per_part = 1 << 16;
// The same for threads that sleep: to wake one takes the caller about ten microseconds.
inline constexpr int64_t least_work_to_wake = 1 << 20;
inline constexpr int64_t parts_per_thread = 4;

}  // namespace descent::runtime
