// One file for several levels of x86-64: code for each, and which of them runs is found out at run time.
#pragma once

#include <llvm/IR/Module.h>

#include <memory>
#include <string_view>
#include <vector>

#include "ir/diagnostics.h"
#include "ir/loop.h"
#include "ir/machine.h"

namespace descent::codegen {

// Of "x86-64-v2,x86-64-v3" in place of a processor's name its parts, weakest first; of a name that one.
Result<std::vector<Machine>> levels_of(const Machine& machine);

// The modules of a program, one per level, as one: the program's entries find out at their first call what the
// processor can do, by its own word (cpuid) and the system's (xgetbv), and call the best level's from then on.
std::unique_ptr<llvm::Module> choosing(const loop::Program& program, const std::vector<Machine>& levels,
                                       std::vector<std::unique_ptr<llvm::Module>> modules);

}  // namespace descent::codegen
