// A program as an object file, assembly or LLVM text.
#include <llvm/ADT/SmallString.h>
#include <llvm/Support/raw_ostream.h>

#include "codegen/limits.h"
#include "codegen/llvm.h"
#include "codegen/llvm/artifact.h"
#include "codegen/llvm/levels.h"
#include "codegen/llvm/machine_code.h"
#include "codegen/llvm/module.h"
#include "codegen/llvm/optimise.h"
#include "codegen/llvm/target.h"

namespace descent::codegen {
namespace {

std::string machine_code(llvm::Module& module, llvm::TargetMachine& target, llvm::CodeGenFileType kind) {
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  write_machine_code(module, target, kind, stream);
  return std::string(text);
}

std::string text_of(const llvm::Module& module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, nullptr);
  return text;
}

}  // namespace

Result<std::string> emit(const loop::Program& program, const Machine& machine, Emit kind, const ModelFace* face) {
  const Result<std::vector<Machine>> levels = levels_of(resolved(machine));
  if (!levels.ok()) return levels.errors();
  Result<std::unique_ptr<llvm::TargetMachine>> target = target_machine(levels->front());
  if (!target.ok()) return target.errors();
  llvm::LLVMContext context;
  if (Diagnostics errors = why_not_compiled(program); !errors.empty()) return errors;
  const std::vector<Form> forms = face != nullptr ? forms_in_artifact(program) : std::vector<Form>{};
  std::vector<std::unique_ptr<llvm::Module>> modules;
  for (const Machine& level : *levels) {
    const Result<std::unique_ptr<llvm::TargetMachine>> own = target_machine(level);
    if (!own.ok()) return own.errors();
    modules.push_back(build_module(context, program, level, **own, Lines::yes, forms));
    optimise(*modules.back(), **own);
  }
  const std::unique_ptr<llvm::Module> module =
      modules.size() == 1 ? std::move(modules[0]) : choosing(program, *levels, std::move(modules));
  if (face != nullptr) add_artifact(*module, program, *face);
  switch (kind) {
    case Emit::object:
      return machine_code(*module, **target, llvm::CodeGenFileType::ObjectFile);
    case Emit::assembly:
      return machine_code(*module, **target, llvm::CodeGenFileType::AssemblyFile);
    case Emit::llvm:
      return text_of(*module);
  }
  internal_error(__FILE__, __LINE__, "no such kind of file");
}

}  // namespace descent::codegen
