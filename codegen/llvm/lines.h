// Line tables: a profiler or debugger shows the line of the model file that a kernel comes from.
#pragma once

#include <llvm/IR/DIBuilder.h>
#include <llvm/IR/Module.h>

#include <map>
#include <string>

#include "ir/loop.h"

namespace descent::codegen {

class LineTable {
 public:
  explicit LineTable(llvm::Module& module) : module_(module), builder_(module) {}

  // Every function that was added to the module since the last call belongs to this kernel.
  void add(const loop::Kernel& kernel);
  void finish();

 private:
  llvm::DIFile* file_of(const std::string& name);
  void mark(llvm::Function& function, llvm::DIFile* file, const Origin& place);

  llvm::Module& module_;
  llvm::DIBuilder builder_;
  std::map<std::string, llvm::DIFile*> files_;
  llvm::Function* last_ = nullptr;  // seen by `add`
};

}  // namespace descent::codegen
