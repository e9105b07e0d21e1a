// One line for all code of a kernel: where the model says what it computes.
#include "codegen/llvm/lines.h"

#include <llvm/BinaryFormat/Dwarf.h>

namespace descent::codegen {

void LineTable::add(const loop::Kernel& kernel) {
  auto function = last_ == nullptr ? module_.begin() : std::next(last_->getIterator());
  for (; function != module_.end(); ++function) {
    last_ = &*function;
    if (kernel.origin.source == nullptr || function->isDeclaration()) continue;
    const Origin origin = origin_of(kernel.origin);
    mark(*function, file_of(origin.file), origin);
  }
}

void LineTable::finish() {
  if (files_.empty()) return;
  module_.addModuleFlag(llvm::Module::Warning, "Debug Info Version", llvm::DEBUG_METADATA_VERSION);
  builder_.finalize();
}

// The first file also makes the compile unit, so that a module without origins has no trace of lines.
llvm::DIFile* LineTable::file_of(const std::string& name) {
  const bool first = files_.empty();
  llvm::DIFile*& file = files_[name];
  if (file == nullptr) file = builder_.createFile(name, "");
  if (first) {
    builder_.createCompileUnit(llvm::dwarf::DW_LANG_C, file, "descent", true, "", 0, "",
                               llvm::DICompileUnit::LineTablesOnly);
  }
  return file;
}

void LineTable::mark(llvm::Function& function, llvm::DIFile* file, const Origin& place) {
  const auto line = static_cast<unsigned>(place.line);
  llvm::DISubroutineType* type = builder_.createSubroutineType(builder_.getOrCreateTypeArray({}));
  llvm::DISubprogram* subprogram =
      builder_.createFunction(file, function.getName(), "", file, line, type, line, llvm::DINode::FlagZero,
                              llvm::DISubprogram::SPFlagDefinition | llvm::DISubprogram::SPFlagLocalToUnit);
  function.setSubprogram(subprogram);
  auto* location = llvm::DILocation::get(module_.getContext(), line, static_cast<unsigned>(place.column), subprogram);
  for (llvm::BasicBlock& block : function) {
    for (llvm::Instruction& instruction : block) instruction.setDebugLoc(location);
  }
}

}  // namespace descent::codegen
