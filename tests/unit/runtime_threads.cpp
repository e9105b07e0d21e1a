// The thread pool: every iteration once, in the floating-point mode that compiled code relies on.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "runtime/core/float_mode.h"
#include "runtime/core/threads.h"

namespace descent::runtime {
namespace {

struct Counts {
  std::vector<int> runs;  // per iteration
  std::vector<std::pair<int64_t, int64_t>> parts;
  int64_t first = 0;
  std::vector<FloatControl> modes;
};

// Parts never share an element; which parts there were is written at the place of their first iteration.
void count_part(const void* frame, int64_t begin, int64_t end) {
  Counts& counts = *static_cast<Counts*>(const_cast<void*>(frame));
  const auto place = static_cast<std::size_t>(begin - counts.first);
  counts.parts[place] = {begin, end};
  counts.modes[place] = float_control();
  for (int64_t i = begin; i < end; ++i) ++counts.runs[static_cast<std::size_t>(i - counts.first)];
}

// Runs a loop, checks that each number of the range was covered once, and gives the number of parts.
int parts_of(ThreadPool* pool, int64_t begin, int64_t end, int64_t step, int64_t work) {
  const auto length = static_cast<std::size_t>(end > begin ? end - begin : 0);
  Counts counts{std::vector<int>(length), std::vector<std::pair<int64_t, int64_t>>(length, {-1, -1}), begin,
                std::vector<FloatControl>(length)};
  const DescentThreads threads = threads_of(pool);
  threads.run(threads.pool, count_part, &counts, begin, end, step, work);
  for (int runs : counts.runs) REQUIRE(runs == 1);
  int parts = 0;
  for (const auto& [first, last] : counts.parts) {
    if (last < 0) continue;
    ++parts;
    REQUIRE((first - begin) % step == 0);
  }
  return parts;
}

}  // namespace

TEST_CASE("a loop is cut into parts that cover it once") {
  for (int threads = 1; threads <= 5; ++threads) {
    ThreadPool* pool = create_threads({threads, true});
    REQUIRE(thread_count(pool) == threads);
    for (int64_t length = 0; length < 20; ++length) {
      for (int64_t step : {1, 2, 7}) {
        const int64_t iterations = (length + step - 1) / step;
        INFO(threads << " threads, " << length << " in steps of " << step);
        CHECK(parts_of(pool, 3, 3 + length, step, 1) == std::min<int64_t>(threads, iterations));
      }
    }
    destroy_threads(pool);
  }
}

TEST_CASE("a small loop stays on its caller, a larger one takes as many threads as pay") {
  ThreadPool* pool = create_threads({4, false});
  CHECK(parts_of(pool, 0, 100, 1, 1000) == 1);
  CHECK(parts_of(pool, 0, 100, 1, 2 * least_work_per_part - 1) == 1);
  CHECK(parts_of(pool, 0, 100, 1, 1000 * least_work_to_wake) == 4 * parts_per_thread);
  CHECK(parts_of(pool, 0, 3, 1, 1000 * least_work_to_wake) == 3);
  // Once all workers sleep, which takes them a moment, and on a busy machine a long one.
  const auto parts_asleep = [&](int64_t work, int expected) {
    int parts = 0;
    for (int tries = 0; tries < 500 && parts != expected; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      parts = parts_of(pool, 0, 100, 1, work);
    }
    return parts;
  };
  CHECK(parts_asleep(2 * least_work_to_wake, 2 * parts_per_thread) == 2 * parts_per_thread);
  CHECK(parts_asleep(2 * least_work_to_wake - 1, 1) == 1);
  destroy_threads(pool);
}

TEST_CASE("what a thread does not get to, others do") {
  struct Shared {
    std::thread::id caller = std::this_thread::get_id();
    std::atomic<int> done{0};
    std::atomic<int> waited{0};
  } shared;
  constexpr int parts = 2 * parts_per_thread;
  ThreadPool* pool = create_threads({2, false});
  const DescentThreads threads = threads_of(pool);
  // A worker does not end its first part before all other parts are done: it takes no second one.
  threads.run(
      threads.pool,
      [](const void* frame, int64_t, int64_t) {
        auto& shared = *static_cast<Shared*>(const_cast<void*>(frame));
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        if (std::this_thread::get_id() != shared.caller) {
          while (shared.done < parts - 1 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
          if (shared.done < parts - 1) ++shared.waited;
        }
        ++shared.done;
      },
      &shared, 0, 100, 1, 1000 * least_work_to_wake);
  destroy_threads(pool);
  CHECK(shared.done == parts);
  CHECK(shared.waited == 0);
}

TEST_CASE("many loops one after another, with pauses in which workers fall asleep") {
  ThreadPool* pool = create_threads({3, true});
  for (int i = 0; i < 2000; ++i) {
    REQUIRE(parts_of(pool, 0, 3, 1, 1) == 3);
    if (i % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  destroy_threads(pool);
}

TEST_CASE("callers that meet in one pool all get their loops done") {
  ThreadPool* pool = create_threads({2, true});
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([pool] {
      const DescentThreads threads = threads_of(pool);
      for (int i = 0; i < 500; ++i) {
        std::vector<int> runs(8);
        threads.run(
            threads.pool,
            [](const void* frame, int64_t begin, int64_t end) {
              auto& counts = *static_cast<std::vector<int>*>(const_cast<void*>(frame));
              for (int64_t j = begin; j < end; ++j) ++counts[static_cast<std::size_t>(j)];
            },
            &runs, 0, 8, 1, 1);
        for (int count : runs) {
          if (count != 1) std::abort();
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  destroy_threads(pool);
}

#if defined(__x86_64__)
TEST_CASE("compiled code runs in exact floats and the caller's mode comes back") {
  constexpr FloatControl flushing = 0x9fc0;  // flush to zero, denormals are zero
  const FloatControl before = float_control();
  set_float_control(flushing);
  static FloatControl inside = 0;
  descent_run([](const DescentCall*) { inside = float_control(); }, nullptr);
  const FloatControl after = float_control();
  ThreadPool* pool = create_threads({3, true});  // whose workers inherit the flushing mode and must leave it
  struct Modes {
    std::atomic<int> begun{0};
    FloatControl of[3] = {};
    std::thread::id by[3];
  } modes;
  const DescentThreads threads = threads_of(pool);
  threads.run(
      threads.pool,
      [](const void* frame, int64_t begin, int64_t) {
        auto& modes = *static_cast<Modes*>(const_cast<void*>(frame));
        modes.of[begin] = float_control();
        modes.by[begin] = std::this_thread::get_id();
        for (++modes.begun; modes.begun < 3;) std::this_thread::yield();  // so that each part has a thread of its own
      },
      &modes, 0, 3, 1, 1);
  destroy_threads(pool);
  set_float_control(before);
  CHECK((inside & ~FloatControl{0x3f}) == exact_float_control);
  CHECK(after == flushing);
  for (int part = 0; part < 3; ++part) {
    if (modes.by[part] == std::this_thread::get_id()) continue;
    CHECK((modes.of[part] & ~FloatControl{0x3f}) == exact_float_control);
  }
}
#endif

TEST_CASE("the core runtime needs no symbol of the C++ library") {
  const std::string command = std::string("nm -u ") + DESCENT_RUNTIME_LIBRARY;
  std::FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  char line[512];
  int symbols = 0;
  while (std::fgets(line, sizeof line, pipe) != nullptr) {
    const std::string text(line);
    const std::size_t at = text.find(" U ");
    if (at == std::string::npos) continue;
    ++symbols;
    const std::string symbol = text.substr(at + 3);
    INFO(symbol);
    for (const char* foreign : {"_ZSt", "_ZNSt", "_ZNKSt", "_Znw", "_Zna", "_Zdl", "_Zda", "__cxa", "__gxx", "_Unwind",
                                "_ZTI", "_ZTV", "_ZN9__gnu_cxx", "__dynamic_cast"}) {
      CHECK(symbol.compare(0, std::string(foreign).size(), foreign) != 0);
    }
  }
  CHECK(pclose(pipe) == 0);
  CHECK(symbols > 3);  // it does need threads, so an empty list means that nm saw nothing
}

}  // namespace descent::runtime
