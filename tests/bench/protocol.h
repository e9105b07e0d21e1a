// How a measured program talks to compare.py: JSON objects on standard output, one a line, turns on standard input.
//
//   → {"event": "ready", "first_step_s": …, "second_step_s": …, "losses": {"1": …}, "chunk": n}
//   ← 0.5                                 seconds to train for, going on from where it is
//   → {"event": "slice", "us": […]}       time of a step in microseconds, one number for each n steps
//   → {"event": "done", "peak_rss_mb": …} when the input ends
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <vector>

namespace descent::bench {

inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline int threads() {
  const char* text = std::getenv("THREADS");
  return text ? std::atoi(text) : 1;
}

// Not getrusage: its maximum includes that of the process which started this one.
inline double peak_rss_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

// The steps whose losses are compared, in order; the first is 1.
inline std::vector<std::int64_t> checked_steps(const std::string& workload) {
  if (workload == "xor") return {1, 10, 100, 1000, 10000};
  if (workload == "cnn" || workload == "lstm" || workload == "gpt") return {1, 2, 5, 20};
  if (workload == "resnet20") return {1, 2, 3, 5};
  if (workload == "seed" || workload == "logreg") return {1, 10, 100, 1000};
  return {1, 2, 10, 100};
}

// n steps, going on from where it is; the loss of the last.
using Run = std::function<double(std::int64_t n)>;

inline constexpr double chunk_s = 0.01;  // steps are timed in chunks of about this long: the clock costs nothing

inline std::int64_t chunk_size(const Run& run) {
  std::int64_t chunk = 1;
  for (; chunk < 1 << 20; chunk *= 2) {
    const double start = now();
    run(chunk);
    if (now() - start > chunk_s) break;
  }
  return chunk;
}

inline void serve_turns(const Run& run, std::int64_t chunk) {
  for (std::string line; std::getline(std::cin, line);) {
    const double end = now() + std::stod(line);
    std::printf("{\"event\": \"slice\", \"us\": [");
    const char* comma = "";
    for (double start = now(); start < end; start = now(), comma = ", ") {
      run(chunk);
      std::printf("%s%.6g", comma, (now() - start) / static_cast<double>(chunk) * 1e6);
    }
    std::printf("]}\n");
    std::fflush(stdout);
  }
}

// `begin` is when the work that the first step needs began: compiling counts.
inline void serve(const std::string& workload, double begin, const Run& run) {
  std::map<std::int64_t, double> losses;
  std::vector<std::int64_t> stops = checked_steps(workload);
  if (stops[1] != 2) stops.insert(stops.begin() + 1, 2);
  double first_step = 0, second_step = 0;
  std::int64_t done = 0;
  for (const std::int64_t stop : stops) {
    const double start = now();
    losses[stop] = run(stop - done);
    if (stop == 1) first_step = now() - begin;
    if (stop == 2) second_step = now() - start;
    done = stop;
  }
  const std::int64_t chunk = chunk_size(run);
  std::printf("{\"event\": \"ready\", \"import_s\": 0, \"first_step_s\": %.9g, \"second_step_s\": %.9g, \"losses\": {",
              first_step, second_step);
  const char* comma = "";
  for (const std::int64_t step : checked_steps(workload)) {
    std::printf("%s\"%lld\": %.9g", comma, static_cast<long long>(step), losses[step]);
    comma = ", ";
  }
  std::printf("}, \"chunk\": %lld}\n", static_cast<long long>(chunk));
  std::fflush(stdout);
  serve_turns(run, chunk);
  std::printf("{\"event\": \"done\", \"peak_rss_mb\": %.6g}\n", peak_rss_mb());
}

}  // namespace descent::bench
