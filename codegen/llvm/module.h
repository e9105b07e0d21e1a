// A Loop program, or a part of one, as an LLVM module, not yet optimised.
#pragma once

#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include <memory>
#include <vector>

#include "codegen/llvm.h"
#include "codegen/llvm/kernel.h"
#include "ir/diagnostics.h"
#include "ir/loop.h"
#include "ir/machine.h"

namespace descent::codegen {

// With `lines` each kernel's code points at its line in the model file.
enum class Lines : bool { no, yes };
// The whole program. Entries and `PROGRAM_arena_bytes` are external, everything else is internal. `forms`: one per
// kernel, or none: all fast.
std::unique_ptr<llvm::Module> build_module(llvm::LLVMContext& context, const loop::Program& program,
                                           const Machine& machine, llvm::TargetMachine& target, Lines lines,
                                           const std::vector<Form>& forms = {});
// What each kernel is worth in an artifact, whose size counts: small is what runs once, what hardly ever runs because
// whole batches take another way, and what has too little to do for its loops to matter.
std::vector<Form> forms_in_artifact(const loop::Program& program);

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
