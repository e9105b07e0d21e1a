// Each worker waits at its own gate, so that a loop wakes the threads it uses and no other. Whoever waits spins for a
// moment (loops follow each other closely while training), then sleeps. Parts belong to whoever comes first: where a
// worker does not get a processor, because another process holds it, the caller does its share.
#include "runtime/core/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <new>

#include "runtime/core/float_mode.h"

namespace descent::runtime {
namespace {

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// A counter that one thread raises and another waits for.
class alignas(64) Gate {
 public:
  Gate() {
    pthread_mutex_init(&mutex_, nullptr);
    pthread_cond_init(&raised_, nullptr);
  }
  ~Gate() {
    pthread_cond_destroy(&raised_);
    pthread_mutex_destroy(&mutex_);
  }

  void raise() {
    // Either the sleeper sees the new count before it sleeps, or it is seen asleep here: both orders are total.
    count_.fetch_add(1, std::memory_order_seq_cst);
    if (!asleep_.load(std::memory_order_seq_cst)) return;
    pthread_mutex_lock(&mutex_);
    pthread_cond_signal(&raised_);
    pthread_mutex_unlock(&mutex_);
  }

  bool has_sleeper() const { return asleep_.load(std::memory_order_relaxed); }

  // Until the count differs from `seen`, which becomes the count.
  void wait(uint32_t& seen, int spins) {
    for (int spin = 0; spin < spins; ++spin) {
      if (count_.load(std::memory_order_acquire) != seen) break;
      relax();
    }
    if (count_.load(std::memory_order_acquire) == seen) sleep(seen);
    seen = count_.load(std::memory_order_acquire);
  }

 private:
  void sleep(uint32_t seen) {
    pthread_mutex_lock(&mutex_);
    asleep_.store(true, std::memory_order_seq_cst);
    while (count_.load(std::memory_order_seq_cst) == seen) pthread_cond_wait(&raised_, &mutex_);
    asleep_.store(false, std::memory_order_seq_cst);
    pthread_mutex_unlock(&mutex_);
  }

  std::atomic<uint32_t> count_{0};
  std::atomic<bool> asleep_{false};
  pthread_mutex_t mutex_;
  pthread_cond_t raised_;
};

// A parallel loop, cut into parts of nearly equal numbers of iterations.
struct Job {
  DescentPart part = nullptr;
  const void* frame = nullptr;
  int64_t begin = 0;
  int64_t end = 0;
  int64_t step = 1;
  int64_t iterations = 0;
  int64_t parts = 1;

  void run(int64_t index) const {
    const int64_t first = begin + iterations * index / parts * step;
    const int64_t last = begin + iterations * (index + 1) / parts * step;
    part(frame, first, last < end ? last : end);
  }
};

// The parts of a job that no one has begun. Job, number of parts and next part are one word, so that who comes late,
// when the job is over or another has begun, takes nothing that is not there.
class Parts {
 public:
  void offer(uint64_t parts) {
    ++job_;
    word_.store(uint64_t{job_} << 32 | parts << 16, std::memory_order_release);
  }
  // The next part, or -1. From here to its end the job stays what it is.
  int64_t take() {
    uint64_t word = word_.load(std::memory_order_acquire);
    while ((word & 0xffff) < (word >> 16 & 0xffff)) {
      if (word_.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
        return static_cast<int64_t>(word & 0xffff);
      }
    }
    return -1;
  }

 private:
  uint32_t job_ = 0;
  alignas(64) std::atomic<uint64_t> word_{0};
};
constexpr int64_t most_parts = 0xffff;

struct Worker {
  Gate start;
  pthread_t thread;
  ThreadPool* pool = nullptr;
};

int processors() {
#if defined(__linux__)
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return CPU_COUNT(&allowed);
#endif
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? static_cast<int>(online) : 1;
}

template <class T>
T* allocate(size_t n) {
  void* memory = nullptr;
  return posix_memalign(&memory, 64, n * sizeof(T)) == 0 ? static_cast<T*>(memory) : nullptr;
}

}  // namespace

class ThreadPool {
 public:
  explicit ThreadPool(const ThreadOptions& options) : force_parts_(options.force_parts) {
    const int available = processors();
    const int wanted = options.threads > 0 ? options.threads : available;
    // Spinning pays only while everyone has a processor to spin on: about 20 microseconds.
    spins_ = wanted <= available ? 2000 : 0;
    workers_ = wanted > 1 ? allocate<Worker>(static_cast<size_t>(wanted - 1)) : nullptr;
    if (workers_ == nullptr) return;
    while (threads_ < wanted && start(threads_)) ++threads_;
  }

  ~ThreadPool() {
    stop_.store(true, std::memory_order_release);
    for (int i = 1; i < threads_; ++i) workers_[i - 1].start.raise();
    for (int i = 1; i < threads_; ++i) {
      pthread_join(workers_[i - 1].thread, nullptr);
      workers_[i - 1].~Worker();
    }
    free(workers_);
  }

  int threads() const { return threads_; }

  void run(Job job, int64_t work) {
    if (job.end <= job.begin) return;
    job.iterations = (job.end - job.begin + job.step - 1) / job.step;
    const int64_t threads = threads_that_pay(job.iterations, work);
    if (threads == 1 || busy_.exchange(true, std::memory_order_acquire)) {
      job.part(job.frame, job.begin, job.end);
      return;
    }
    job.parts = parts(threads, job.iterations, work);
    job_ = job;
    pending_.store(job.parts, std::memory_order_relaxed);
    parts_.offer(static_cast<uint64_t>(job.parts));
    for (int64_t i = 1; i < threads; ++i) workers_[i - 1].start.raise();
    if (!run_parts()) done_.wait(done_seen_, spins_);
    busy_.store(false, std::memory_order_release);
  }

 private:
  int64_t threads_that_pay(int64_t iterations, int64_t work) const {
    int64_t threads = threads_ < iterations ? threads_ : iterations;
    if (force_parts_ || threads == 1) return threads;
    const int64_t least = workers_[0].start.has_sleeper() ? least_work_to_wake : least_work_per_part;
    const int64_t worthwhile = work / least;
    if (worthwhile < threads) threads = worthwhile;
    return threads > 1 ? threads : 1;
  }

  // Several per thread, so that one that is slower than others does less.
  int64_t parts(int64_t threads, int64_t iterations, int64_t work) const {
    int64_t parts = force_parts_ ? threads : work / (2 * least_work_per_part);
    if (parts > parts_per_thread * threads) parts = parts_per_thread * threads;
    if (parts < threads) parts = threads;
    if (parts > iterations) parts = iterations;
    return parts < most_parts ? parts : most_parts;
  }

  // Runs what parts it gets; whether it ended the last one of all.
  bool run_parts() {
    bool last = false;
    for (int64_t part = parts_.take(); part >= 0; part = parts_.take()) {
      job_.run(part);
      last = pending_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    }
    return last;
  }

  bool start(int index) {
    Worker* worker = new (&workers_[index - 1]) Worker;
    worker->pool = this;
    if (pthread_create(&worker->thread, nullptr, &ThreadPool::work, worker) == 0) return true;
    worker->~Worker();
    return false;
  }

  static void* work(void* argument) {
    Worker& worker = *static_cast<Worker*>(argument);
    ThreadPool& pool = *worker.pool;
    set_float_control(exact_float_control);
    uint32_t seen = 0;
    for (;;) {
      worker.start.wait(seen, pool.spins_);
      if (pool.stop_.load(std::memory_order_acquire)) return nullptr;
      if (pool.run_parts()) pool.done_.raise();
    }
  }

  bool force_parts_ = false;
  int threads_ = 1;
  int spins_ = 0;
  Worker* workers_ = nullptr;  // threads_ - 1
  Job job_;                    // written while no part is taken, published by parts_
  Parts parts_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> busy_{false};
  std::atomic<int64_t> pending_{0};  // parts that are not finished
  Gate done_;
  uint32_t done_seen_ = 0;
};

ThreadPool* create_threads(const ThreadOptions& options) {
  ThreadPool* memory = allocate<ThreadPool>(1);
  return memory == nullptr ? nullptr : new (memory) ThreadPool(options);
}

void destroy_threads(ThreadPool* pool) {
  if (pool == nullptr) return;
  pool->~ThreadPool();
  free(pool);
}

int thread_count(const ThreadPool* pool) { return pool->threads(); }

DescentThreads threads_of(ThreadPool* pool) {
  return {[](void* pool_pointer, DescentPart part, const void* frame, int64_t begin, int64_t end, int64_t step,
             int64_t work) { static_cast<ThreadPool*>(pool_pointer)->run({part, frame, begin, end, step}, work); },
          pool};
}

}  // namespace descent::runtime
