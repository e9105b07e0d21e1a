// LLVM's passes over a freshly emitted module.
#pragma once

#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

namespace descent::codegen {

void optimise(llvm::Module& module, llvm::TargetMachine& target);

}  // namespace descent::codegen
