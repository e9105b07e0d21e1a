// From a Machine to LLVM's description of it.
#pragma once

#include <llvm/Target/TargetMachine.h>

#include <memory>

#include "codegen/llvm.h"
#include "ir/diagnostics.h"
#include "ir/machine.h"

namespace descent::codegen {

// Registers LLVM's targets, once per process.
void initialize_targets();

// The machine with an empty triple replaced by this processor.
Machine resolved(const Machine& machine);

// IEEE arithmetic as written (no contraction, no fast-math), position-independent code.
Result<std::unique_ptr<llvm::TargetMachine>> target_machine(const Machine& machine, Effort effort = Effort::full);

}  // namespace descent::codegen
