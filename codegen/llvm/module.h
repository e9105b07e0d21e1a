// A whole Loop program as one LLVM module, not yet optimised.
#pragma once

#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include <memory>

#include "ir/diagnostics.h"
#include "ir/loop.h"
#include "ir/machine.h"

namespace descent::codegen {

// Entries and `PROGRAM_arena_bytes` are external, everything else is internal. With `lines` each kernel's code points
// at its line in the model file. The error: a program that this back end cannot compile, with the reason.
enum class Lines : bool { no, yes };
Result<std::unique_ptr<llvm::Module>> build_module(llvm::LLVMContext& context, const loop::Program& program,
                                                   const Machine& machine, llvm::TargetMachine& target, Lines lines);

std::string entry_symbol(const loop::Program& program, const loop::Entry& entry);

}  // namespace descent::codegen
