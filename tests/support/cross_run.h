// Runs a Loop program on another processor: its object file and the core runtime are linked by that processor's
// compiler and run by an emulator (or by this machine).
#pragma once

#include <string>
#include <vector>

#include "ir/loop.h"
#include "ir/machine.h"
#include "tests/support/loop_run.h"

namespace descent::test {

struct CrossTarget {
  std::string triple;    // LLVM's
  std::string cpu;       // LLVM's name, may be empty
  std::string compiler;  // a C++ compiler that makes programs for it
  std::string emulator;  // runs them; empty: they run here
};
CrossTarget aarch64_linux();
CrossTarget x86_64_baseline();  // SSE2 and no fused multiply-add

// Which tool is missing here; empty: none.
std::string why_not_here(const CrossTarget& target);

// One call of an entry: with `threads` > 0 on a pool of that many, every parallel loop in parts.
struct CrossCall {
  std::string entry;
  std::int64_t batch = 1;
  int threads = 0;
  std::vector<Bytes> inputs;
  std::vector<Bytes> outputs;  // as the call finds them
};
struct CrossResult {
  std::string error;  // what went wrong before or while running; empty: nothing
  Bytes arena;
  std::vector<std::vector<Bytes>> outputs;  // per call
};

// The calls in order, on one arena that starts with these bytes.
CrossResult run_on(const CrossTarget& target, const loop::Program& program, const Bytes& arena,
                   const std::vector<CrossCall>& calls);

}  // namespace descent::test
