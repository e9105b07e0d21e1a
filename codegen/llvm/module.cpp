// Puts kernels and entries together.
#include "codegen/llvm/module.h"

#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>

#include "codegen/llvm/entry.h"
#include "codegen/llvm/kernel.h"
#include "codegen/llvm/lines.h"
#include "codegen/llvm/vector.h"

namespace descent::codegen {
namespace {

// Locals live on the stack, and a worker's stack is not large.
constexpr std::int64_t most_local_bytes = 1 << 20;

Diagnostics why_not(const loop::Program& program) {
  Diagnostics errors;
  for (const loop::Buffer& buffer : program.buffers) {
    const bool placed =
        buffer.storage == loop::Buffer::Storage::input || buffer.storage == loop::Buffer::Storage::output;
    if (!placed && buffer.offset < 0) {
      errors.push_back(
          {"unplanned-buffer", {}, "expected a place in the arena for buffer '" + buffer.name + "', found none", {}});
    }
  }
  for (const loop::Kernel& kernel : program.kernels) {
    const std::int64_t bytes = local_bytes(kernel, program.largest_batch);
    if (bytes > most_local_bytes) {
      errors.push_back({"large-locals",
                        kernel.origin,
                        "expected locals of at most " + std::to_string(most_local_bytes) + " bytes in kernel '" +
                            kernel.name + "', found " + std::to_string(bytes),
                        {}});
    }
  }
  return errors;
}

// Every function is compiled for the machine, with its widest vectors: some processors are sold with a preference for
// narrower ones, which would split what the tile model counted as one register.
void describe_target(llvm::Module& module, const Machine& machine) {
  const std::string bits = std::to_string(machine.vector_bytes * 8);
  for (llvm::Function& function : module) {
    if (function.isDeclaration()) continue;
    if (!machine.cpu.empty()) function.addFnAttr("target-cpu", machine.cpu);
    if (!machine.features.empty()) function.addFnAttr("target-features", machine.features);
    function.addFnAttr("prefer-vector-width", bits);
    function.addFnAttr("min-legal-vector-width", bits);
  }
}

void add_arena_size(llvm::Module& module, const loop::Program& program) {
  llvm::Type* number = llvm::Type::getInt64Ty(module.getContext());
  new llvm::GlobalVariable(module, number, true, llvm::GlobalValue::ExternalLinkage,
                           llvm::ConstantInt::getSigned(number, program.arena_bytes), program.name + "_arena_bytes");
}

void check(const llvm::Module& module) {
  std::string reason;
  llvm::raw_string_ostream stream(reason);
  DESCENT_CHECK(!llvm::verifyModule(module, &stream), "the emitted LLVM module is malformed: " + reason);
}

}  // namespace

std::string entry_symbol(const loop::Program& program, const loop::Entry& entry) {
  return program.name + "_" + entry.name;
}

Result<std::unique_ptr<llvm::Module>> build_module(llvm::LLVMContext& context, const loop::Program& program,
                                                   const Machine& machine, llvm::TargetMachine& target, Lines lines) {
  if (Diagnostics errors = why_not(program); !errors.empty()) return errors;
  auto module = std::make_unique<llvm::Module>(program.name, context);
  module->setTargetTriple(target.getTargetTriple().str());
  module->setDataLayout(target.createDataLayout());
  module->setPICLevel(llvm::PICLevel::BigPIC);

  const ModuleContext shared{*module, program, machine.vector_bytes};
  const std::vector<std::vector<llvm::Align>> alignments = alignments_of(program);
  std::vector<llvm::Function*> kernels;
  LineTable line_table(*module);
  for (std::size_t i = 0; i < program.kernels.size(); ++i) {
    kernels.push_back(emit_kernel(shared, program.kernels[i], alignments[i]));
    if (lines == Lines::yes) line_table.add(program.kernels[i]);
  }
  line_table.finish();
  for (const loop::Entry& entry : program.entries) emit_entry(shared, entry, kernels);
  add_arena_size(*module, program);
  describe_target(*module, machine);
  check(*module);
  return module;
}

}  // namespace descent::codegen
