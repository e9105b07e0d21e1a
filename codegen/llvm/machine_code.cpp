// LLVM's list of passes behind instruction selection, less those that cost much and bring nothing here: loops arrive
// blocked and unrolled, their addresses as a base that an outer loop fixes, a counter and a displacement, so strength
// reduction of loops (a fifth of the time) and the second scheduling, after registers are given, found nothing to gain.
#include "codegen/llvm/machine_code.h"

#include <llvm/CodeGen/MachineModuleInfo.h>
#include <llvm/CodeGen/Passes.h>
#include <llvm/CodeGen/TargetPassConfig.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/InitializePasses.h>

#include "ir/diagnostics.h"

namespace descent::codegen {
namespace {

// Strength reduction belongs to the passes over LLVM's IR that depend on the level; what is left of them at the lowest
// level are the legalisations, such as that of masked loads.
void add_ir_passes(llvm::TargetPassConfig& config, llvm::TargetMachine& target) {
  const llvm::CodeGenOptLevel level = target.getOptLevel();
  target.setOptLevel(llvm::CodeGenOptLevel::None);
  config.addIRPasses();
  target.setOptLevel(level);
}

void add_passes(llvm::legacy::PassManager& passes, llvm::LLVMTargetMachine& target,
                llvm::MachineModuleInfoWrapperPass& modules) {
  llvm::TargetPassConfig& config = *target.createPassConfig(passes);
  config.setDisableVerify(true);
  config.disablePass(&llvm::PostRASchedulerID);
  passes.add(&config);
  passes.add(&modules);
  passes.add(llvm::createPreISelIntrinsicLoweringPass());
  add_ir_passes(config, target);
  config.addCodeGenPrepare();
  config.addISelPrepare();
  config.addInstSelector();
  passes.add(llvm::Pass::createPass(&llvm::FinalizeISelID));
  config.addMachinePasses();
  config.setInitialized();
}

}  // namespace

void write_machine_code(llvm::Module& module, llvm::TargetMachine& target, llvm::CodeGenFileType kind,
                        llvm::raw_pwrite_stream& out) {
  llvm::legacy::PassManager passes;
  bool unsupported = false;
  if (target.getOptLevel() == llvm::CodeGenOptLevel::None) {
    unsupported = target.addPassesToEmitFile(passes, out, nullptr, kind);
  } else {
    auto& native = static_cast<llvm::LLVMTargetMachine&>(target);
    auto* modules = new llvm::MachineModuleInfoWrapperPass(&native);  // the passes own it
    add_passes(passes, native, *modules);
    unsupported = native.addAsmPrinter(passes, out, nullptr, kind, modules->getMMI().getContext());
    passes.add(llvm::createFreeMachineFunctionPass());
  }
  DESCENT_CHECK(!unsupported, "target '" + target.getTargetTriple().str() + "' cannot write this kind of file");
  passes.run(module);
}

}  // namespace descent::codegen
