// The LLVM back end: a Loop program in this process (ORC JIT), as an object file, assembly or LLVM text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ir/diagnostics.h"
#include "ir/loop.h"
#include "ir/machine.h"
#include "runtime/abi.h"

namespace descent::codegen {

struct ModelFace;

// This processor: LLVM's names, vector width, caches.
Machine host_machine();
// A named target ("aarch64-linux-gnu", cpu may be empty). An unknown triple or processor is a diagnostic. Of x86-64
// also several levels, "x86-64-v2,x86-64-v3": the file has code for each and chooses when it is first called.
Result<Machine> named_machine(std::string_view triple, std::string_view cpu);

enum class Emit { object, assembly, llvm };
// The whole program as one translation unit with symbols `PROGRAM_ENTRY` (DescentEntry) and, as constants,
// `PROGRAM_arena_bytes` (int64). With a face it is an artifact instead: the symbols are those that the face's header
// declares, over the core runtime.
Result<std::string> emit(const loop::Program& program, const Machine& machine, Emit kind,
                         const ModelFace* face = nullptr);

// What making machine code took, in seconds, and gave. Where threads made it side by side, the time that passed, shared
// out as they spent theirs.
struct JitReport {
  double emit = 0;      // Loop → LLVM
  double optimise = 0;  // LLVM → LLVM
  double generate = 0;  // LLVM → machine code, in place
  std::int64_t code_bytes = 0;
};

// What code is worth: of an entry that runs once, compiling it takes longer than running it.
enum class Effort : bool { quick, full };
struct Wanted {
  std::string entry;
  Effort effort = Effort::full;
};

// Machine code in this process, made entry by entry: a kernel is compiled once, however many entries call it. Its bits
// depend neither on which are made when nor on the number of threads that make them. An entry is called through
// descent_run (runtime/core/float_mode.h), which sets the floating-point mode it relies on; entries may run at the same
// time on different arenas.
class Jit {
 public:
  // With no code yet. Several threads share the making of code; 0: one per processor.
  static Result<std::unique_ptr<Jit>> create(const loop::Program& program, const Machine& machine, int threads = 0);
  // With the code of every entry.
  static Result<std::unique_ptr<Jit>> compile(const loop::Program& program, const Machine& machine, int threads = 0);
  virtual ~Jit() = default;

  // From here on these entries have code; those that have it already, or that do not exist, are passed over. May be
  // called at any time by any thread; the report is of this call.
  virtual Result<JitReport> make(const std::vector<Wanted>& entries) = 0;
  virtual DescentEntry entry(std::string_view name) const = 0;  // null when there is none, or no code for it
  virtual std::int64_t code_bytes() const = 0;
};

}  // namespace descent::codegen
