// The entries of a program: functions that call kernels in order.
#pragma once

#include <vector>

#include "codegen/llvm/kernel.h"

namespace descent::codegen {

// The alignment that every call of a kernel grants each of its arrays: that of the arena's buffers, or only that of
// the caller's tensors.
std::vector<std::vector<llvm::Align>> alignments_of(const loop::Program& program);

// `void PROGRAM_ENTRY(const DescentCall*)`, external. `kernels`: the function of each kernel; an entry with turns emits
// its own to inline them.
void emit_entry(const ModuleContext& module, const loop::Entry& entry, const std::vector<llvm::Function*>& kernels);

}  // namespace descent::codegen
