// Runs a Loop program on another processor: its object file and the core runtime are linked by that processor's
// compiler and run by an emulator (or by this machine).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ir/loop.h"
#include "ir/machine.h"
#include "tests/support/data.h"
#include "tests/support/loop_run.h"

namespace descent::test {

struct CrossTarget {
  std::string name;      // for messages
  std::string triple;    // LLVM's
  std::string cpu;       // as `descent build --cpu` takes it, may be empty
  std::string compiler;  // a C++ compiler that makes programs for it
  std::string emulator;  // runs them, a command with its options; empty: they run here
  std::string fault;     // what the emulator says when it fails by a known fault of its own; empty: none is known
};
// All that the tests run on.
const std::vector<CrossTarget>& cross_targets();

// Which tool or processor is missing here; empty: none.
std::string why_not_here(const CrossTarget& target);
// Those that are not missing; the others are named, with the reason.
std::vector<CrossTarget> targets_here();

// One call of an entry: with `threads` > 0 on a pool of that many, every parallel loop in parts.
struct CrossCall {
  std::string entry;
  std::int64_t batch = 1;
  int threads = 0;
  std::vector<Bytes> inputs;
  std::vector<Bytes> outputs;  // as the call finds them
};
struct CrossResult {
  std::string error;     // what went wrong before or while running; empty: nothing
  bool faulted = false;  // by the emulator's known fault, which has been told
  Bytes arena;
  std::vector<std::vector<Bytes>> outputs;  // per call
};

// A program that the target's compiler has linked.
class CrossProgram {
 public:
  CrossProgram(const CrossTarget& target, const loop::Program& program);
  // The calls in order, on one arena that starts with these bytes.
  CrossResult run(const Bytes& arena, const std::vector<CrossCall>& calls) const;

 private:
  const CrossTarget target_;
  const loop::Program program_;
  const data::test::Folder folder_;
  std::string error_;
};

}  // namespace descent::test
