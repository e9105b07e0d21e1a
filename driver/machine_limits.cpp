// Measures what this machine can do, with a small Loop program compiled like any model: its instruction set and its
// threads are those that training gets.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "descent/bench.h"
#include "driver/trainer.h"
#include "fmt/format.h"

namespace descent {
namespace {

// Enough independent chains for two units of four to six cycles, and few enough for sixteen registers.
constexpr int chains = 12;
constexpr std::int64_t turns = 20'000;
constexpr std::int64_t tile = 8;      // vectors
constexpr double measure_for = 0.05;  // seconds, each of the two

// `multiply_adds` keeps its sums in registers; `pass` reads and writes each element of a span once.
std::string limits_program(int threads, int lanes, std::int64_t tiles) {
  return fmt::format(R"(descent loop 1
program limits batch 1 arena 0
buffer sums : f32[{threads}, {chains}, {lanes}] state
buffer memory : f32[{threads}, {tiles}, {tile}, {lanes}] state

kernel multiply_adds(update sums : f32[{threads}, {chains}, {lanes}]) {{
  parallel t in 0 ..< {threads} {{
    local sum : f32[{chains}, {lanes}]
    unrolled c in 0 ..< {chains} {{
      vector l in 0 ..< {lanes} {{
        sum[c, l] = sums[t, c, l]
      }}
    }}
    serial i in 0 ..< {turns} {{
      unrolled c in 0 ..< {chains} {{
        vector l in 0 ..< {lanes} {{
          sum[c, l] = fma(sum[c, l], 0.5, 0.25)
        }}
      }}
    }}
    unrolled c in 0 ..< {chains} {{
      vector l in 0 ..< {lanes} {{
        sums[t, c, l] = sum[c, l]
      }}
    }}
  }}
}}

kernel pass(update memory : f32[{threads}, {tiles}, {tile}, {lanes}]) {{
  parallel t in 0 ..< {threads} {{
    serial i in 0 ..< {tiles} {{
      unrolled u in 0 ..< {tile} {{
        vector l in 0 ..< {lanes} {{
          memory[t, i, u, l] = fma(memory[t, i, u, l], 0.5, 0.25)
        }}
      }}
    }}
  }}
}}

entry multiply_adds() -> () {{
  call multiply_adds(sums)
}}

entry pass() -> () {{
  call pass(memory)
}}
)",
                     fmt::arg("threads", threads), fmt::arg("chains", chains), fmt::arg("lanes", lanes),
                     fmt::arg("tiles", tiles), fmt::arg("tile", tile), fmt::arg("turns", turns));
}

// Seconds of the fastest run. Short runs are repeated, so that the clock costs nothing.
double fastest(Trainer::Parts& parts, EntryCall& call) {
  using Clock = std::chrono::steady_clock;
  const auto time = [&](std::int64_t runs) {
    const auto start = Clock::now();
    for (std::int64_t i = 0; i < runs; ++i) parts.run(call, 1);
    return std::chrono::duration<double>(Clock::now() - start).count() / static_cast<double>(runs);
  };
  const double once = std::max(time(1), 1e-9);
  const auto runs = static_cast<std::int64_t>(std::clamp(2e-4 / once, 1.0, 1e5));
  double least = INFINITY;
  const auto end = Clock::now() + std::chrono::duration<double>(measure_for);
  do least = std::min(least, time(runs));
  while (Clock::now() < end);
  return least;
}

}  // namespace

Result<MachineLimits> measure_limits(int threads, std::int64_t span) {
  const int lanes = std::max(1, codegen::host_machine().vector_bytes / 4);
  const std::int64_t tile_bytes = tile * lanes * 4;
  const std::int64_t tiles = std::max<std::int64_t>(1, (span + threads * tile_bytes - 1) / (threads * tile_bytes));
  Result<Program> program = compile_text("limits", limits_program(threads, lanes, tiles));
  if (!program) return program.errors();
  Result<Trainer> trainer = Trainer::create(*program, {.threads = threads});
  if (!trainer) return trainer.errors();
  if (Diagnostics wrong = trainer->init(0); !wrong.empty()) return wrong;
  Trainer::Parts& parts = trainer->parts();
  Result<EntryCall*> multiply_adds = parts.find("multiply_adds");
  if (!multiply_adds) return multiply_adds.errors();
  Result<EntryCall*> pass = parts.find("pass");
  if (!pass) return pass.errors();
  MachineLimits limits;
  limits.span = threads * tiles * tile_bytes;
  limits.flops_per_second = 2.0 * lanes * chains * turns * threads / fastest(parts, **multiply_adds);
  limits.bytes_per_second = 2.0 * static_cast<double>(limits.span) / fastest(parts, **pass);
  return limits;
}

}  // namespace descent
