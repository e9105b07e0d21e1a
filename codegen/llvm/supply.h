// What a processor's unit lacks, supplied.
#pragma once

#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

namespace descent::codegen {

// Calls of LLVM's intrinsics that would become calls of a C library on this machine, replaced by functions of the
// module that give the same bits: fused multiply-adds where there is none, rounding where there is none.
void supply_missing(llvm::Module& module, const llvm::TargetMachine& target);

}  // namespace descent::codegen
