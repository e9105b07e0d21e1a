// How fast an entry runs, kernel by kernel, and what this machine could do at best: `descent bench`.
//
// The roofline of an entry is a time that no schedule can beat: the sum over the contractions and passes of its Graph
// as written, after differentiation and before layout and fusion, of
//   max(operations / measured peak, bytes of states and inputs that it is the first to read or write / measured
//   bandwidth).
// States are weights, moments and statistics. What a pass reads of another's result costs nothing: a fused program
// need not store it. Every state and input is read at most once and every state written once in the whole entry,
// because a cache or a register may hold it in between; so a pass over the weights that follows a contraction with
// them pays for its moments and for what it writes. A printed Loop program says nothing of what it came from and has
// no roofline.
//
// The roofline of a kernel counts what that kernel does: its own operations, and the states and inputs that it touches.
//
// Peak and bandwidth are those of this machine in this run on as many threads, by loops that Descent itself compiles:
// independent multiply-adds in registers, and a pass in place over as many bytes as the entry works on, so that what
// fits a cache is held against that cache.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "descent/descent.h"
#include "descent/tools.h"

namespace descent {

struct MachineLimits {
  double flops_per_second = 0;  // f32; a fused multiply-add is two
  double bytes_per_second = 0;  // read and written together
  std::int64_t span = 0;        // bytes that the bandwidth was measured over
};
// `span`: rounded up to what every thread's share divides.
Result<MachineLimits> measure_limits(int threads, std::int64_t span);

struct BenchOptions {
  std::string entry;   // empty: step, without a train block evaluate, without losses predict
  int threads = 0;     // as TrainerOptions
  double seconds = 1;  // to measure for; compiling comes on top
  int batches = 8;     // of inputs, taken in turn; fewer where they would fill the memory
};

// Seconds of one run of the entry: the fastest, and the middle one.
struct BenchTime {
  double least = 0;
  double median = 0;
};

struct KernelBench {
  KernelCost cost;      // of all its calls, like the times
  BenchTime time;       // a call apart from the others, with the clock's own time taken off; 0: too short to tell
  double roofline = 0;  // seconds
};

struct BenchReport {
  std::string program, entry;
  std::string cpu;  // LLVM's name
  std::int64_t rows = 0;
  int threads = 0;
  MachineLimits limits;
  std::vector<KernelBench> kernels;  // in the order of their first calls
  KernelCost cost;                   // of all kernels
  BenchTime time;                    // of the entry as a whole, not the kernels' sum
  std::optional<double> roofline;    // seconds; none for a printed Loop program
  std::int64_t arena_bytes = 0;
  Timings timings;
};

// Runs an entry on random inputs of the declared types and ranges (floats in [0, 1)), several batches of them in turn,
// from the states that `init` gives. Floats end where training on noise leads, so states go back from time to time.
//
// Kernels are timed one by one in rounds: each call of the entry is compiled as an entry of its own over the same
// memory, and a round runs them in order with the clock read in between. The machine code of the kernels is that of the
// whole entry, nothing in them is instrumented, and every call finds in memory and caches what it would in training. A
// repeat of more than a few thousand calls is timed as a whole.
Result<BenchReport> bench(const Program& program, const BenchOptions& options = {});

// One object, for other programs: all of the report, with rates.
std::string to_json(const BenchReport& report);

}  // namespace descent
