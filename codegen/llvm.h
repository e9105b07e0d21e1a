// The LLVM back end: a Loop program in this process (ORC JIT), as an object file, assembly or LLVM text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "ir/diagnostics.h"
#include "ir/loop.h"
#include "ir/machine.h"
#include "runtime/abi.h"

namespace descent::codegen {

// This processor: LLVM's names, vector width, caches.
Machine host_machine();
// A named target ("aarch64-linux-gnu", cpu may be empty). An unknown triple or processor is a diagnostic.
Result<Machine> named_machine(std::string_view triple, std::string_view cpu);

enum class Emit { object, assembly, llvm };
// The whole program as one translation unit with symbols `PROGRAM_ENTRY` (DescentEntry) and, as constants,
// `PROGRAM_arena_bytes` (int64).
Result<std::string> emit(const loop::Program& program, const Machine& machine, Emit kind);

// What making machine code took, in seconds, and gave.
struct JitReport {
  double emit = 0;      // Loop → LLVM
  double optimise = 0;  // LLVM → LLVM
  double generate = 0;  // LLVM → machine code, in place
  std::int64_t code_bytes = 0;
};

// Machine code in this process. Thread-safe once made: entries may run at the same time on different arenas. An entry
// is called through descent_run (runtime/core/float_mode.h), which sets the floating-point mode it relies on.
class Jit {
 public:
  static Result<std::unique_ptr<Jit>> compile(const loop::Program& program, const Machine& machine);
  virtual ~Jit() = default;
  virtual DescentEntry entry(std::string_view name) const = 0;  // null when there is none
  const JitReport& report() const { return report_; }

 protected:
  explicit Jit(const JitReport& report) : report_(report) {}

 private:
  JitReport report_;
};

}  // namespace descent::codegen
