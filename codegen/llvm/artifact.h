// An artifact's data and functions as LLVM IR (codegen/artifact.h).
#pragma once

#include <llvm/IR/Module.h>

#include "codegen/artifact.h"
#include "ir/loop.h"

namespace descent::codegen {

// Adds them to a module that holds the program; its entries are known to the model's data alone from here on.
void add_artifact(llvm::Module& module, const loop::Program& program, const ModelFace& face);

}  // namespace descent::codegen
