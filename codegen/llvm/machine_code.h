// LLVM → machine code.
#pragma once

#include <llvm/IR/Module.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>

namespace descent::codegen {

void write_machine_code(llvm::Module& module, llvm::TargetMachine& target, llvm::CodeGenFileType kind,
                        llvm::raw_pwrite_stream& out);

}  // namespace descent::codegen
