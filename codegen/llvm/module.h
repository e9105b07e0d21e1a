// A Loop program, or a part of one, as an LLVM module, not yet optimised.
#pragma once

#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include <memory>
#include <vector>

#include "codegen/llvm.h"
#include "ir/diagnostics.h"
#include "ir/loop.h"
#include "ir/machine.h"

namespace descent::codegen {

// With `lines` each kernel's code points at its line in the model file.
enum class Lines : bool { no, yes };
// The whole program. Entries and `PROGRAM_arena_bytes` are external, everything else is internal.
std::unique_ptr<llvm::Module> build_module(llvm::LLVMContext& context, const loop::Program& program,
                                           const Machine& machine, llvm::TargetMachine& target, Lines lines);

// Some kernels and entries, to be linked with other parts of the same effort. Kernels are external too; those that the
// entries call and that are not here are declared. What a kernel becomes does not depend on the part that it is in.
struct Part {
  std::vector<loop::KernelId> kernels;
  std::vector<const loop::Entry*> entries;
  Effort effort = Effort::full;
};
std::unique_ptr<llvm::Module> build_module(llvm::LLVMContext& context, const loop::Program& program, const Part& part,
                                           const Machine& machine, llvm::TargetMachine& target);

std::string entry_symbol(const loop::Program& program, const loop::Entry& entry);

}  // namespace descent::codegen
