// Machines: this processor, and the ones that LLVM knows by name.
#include "codegen/llvm/target.h"

#include <llvm/ADT/SmallVector.h>
#include <llvm/ADT/StringMap.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/TargetParser/Host.h>
#include <llvm/TargetParser/RISCVISAInfo.h>
#include <llvm/TargetParser/SubtargetFeature.h>
#include <llvm/TargetParser/Triple.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "codegen/llvm.h"
#include "codegen/llvm/levels.h"

namespace descent::codegen {
namespace {

Diagnostic error(DiagnosticId id, std::string message) { return {id, {}, std::move(message), {}}; }

// Where LLVM has instructions, or calls of its run-time library, for every native operation. Elsewhere it ends the
// process over one it can't select (rounding to even on armv7 and powerpc).
bool is_supported(const llvm::Triple& triple) {
  return triple.getArch() == llvm::Triple::x86_64 || triple.isAArch64() || triple.isRISCV64() ||
         triple.getArch() == llvm::Triple::wasm32;
}

// RISC-V processors go by what they have: "rv64gcv" in place of a name. Without either the machine is what Linux
// distributions are compiled for; LLVM's own default has no floats.
constexpr std::string_view usual_riscv = "rv64gc";
Diagnostics describe_riscv(Machine& machine) {
  const std::string isa = machine.cpu.empty() ? std::string(usual_riscv) : machine.cpu;
  if (!llvm::StringRef(isa).starts_with("rv64")) return {};
  auto extensions = llvm::RISCVISAInfo::parseArchString(isa, /*EnableExperimentalExtension=*/false);
  if (!extensions) {
    return {
        error("unknown-processor", "expected a RISC-V processor's name or its extensions, such as rv64gcv, found '" +
                                       isa + "': " + llvm::toString(extensions.takeError()))};
  }
  machine.cpu = "generic-rv64";
  llvm::SubtargetFeatures features;
  for (const std::string& feature : (*extensions)->toFeatures()) features.AddFeature(feature);
  machine.features = features.getString();
  return {};
}

// WebAssembly without a name is what browsers and Node have had for years: vectors, and the instructions that copy,
// fill and convert without a trap.
constexpr const char* usual_wasm = "+simd128,+bulk-memory,+nontrapping-fptoint,+sign-ext";

// LLVM reports a processor that it does not know on stderr and goes on; so names are looked up first.
Result<std::unique_ptr<llvm::MCSubtargetInfo>> subtarget_of(const Machine& machine) {
  initialize_targets();
  std::string reason;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(machine.triple, reason);
  if (target == nullptr) {
    return error("unknown-target", "expected a target that LLVM can compile for, found '" + machine.triple + "'");
  }
  if (const llvm::Triple triple(machine.triple); !is_supported(triple)) {
    return error("unsupported-target", "no code can be made for '" + triple.getArchName().str() +
                                           "' yet; there is x86_64, aarch64, riscv64 and wasm32");
  }
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget(target->createMCSubtargetInfo(machine.triple, "", machine.features));
  if (!machine.cpu.empty() && !subtarget->isCPUStringValid(machine.cpu)) {
    Diagnostic unknown = error("unknown-processor",
                               "expected a processor of target '" + machine.triple + "', found '" + machine.cpu + "'");
    std::vector<std::string> names;
    for (const llvm::SubtargetSubTypeKV& processor : subtarget->getAllProcessorDescriptions()) {
      names.emplace_back(processor.Key);
    }
    if (std::string near = nearest(machine.cpu, names); !near.empty()) {
      unknown.notes.push_back({{}, "did you mean '" + near + "'?"});
    }
    return unknown;
  }
  subtarget.reset(target->createMCSubtargetInfo(machine.triple, machine.cpu, machine.features));
  if (llvm::Triple(machine.triple).isRISCV64() && !subtarget->checkFeatures("+d")) {
    return error("unsupported-target",
                 "expected a RISC-V processor with floats of 64 bits (extension d), found '" + machine.cpu + "'");
  }
  return subtarget;
}

// Vector unit and multiply-add ports, from the features; what features do not say comes from the processor's name.
void describe_vectors(Machine& machine, const llvm::MCSubtargetInfo& subtarget) {
  const llvm::Triple triple(machine.triple);
  machine.vector_bytes = 16;
  machine.vector_registers = triple.isAArch64() ? 32 : 16;
  if (triple.isRISCV64()) {
    machine.vector_registers = 32;
    machine.vector_bytes = 4;  // scalars
    if (subtarget.checkFeatures("+v")) machine.vector_bytes = 16;
    if (subtarget.checkFeatures("+v,+zvl256b")) machine.vector_bytes = 32;
    if (subtarget.checkFeatures("+v,+zvl512b")) machine.vector_bytes = 64;
  }
  if (triple.isWasm() && !subtarget.checkFeatures("+simd128")) machine.vector_bytes = 4;
  if (!triple.isX86()) return;
  if (subtarget.checkFeatures("+avx")) machine.vector_bytes = 32;
  if (subtarget.checkFeatures("+avx512f")) {
    machine.vector_bytes = 64;
    machine.vector_registers = 32;
  }
  // Zen 4 joins its two 256-bit units for one 512-bit operation.
  if (machine.cpu == "znver4") {
    machine.fma_ports = 1;
    machine.halves_vectors = true;
  }
}

std::int64_t cache_bytes(int name, std::int64_t otherwise) {
  const long bytes = ::sysconf(name);
  return bytes > 0 ? bytes : otherwise;
}

}  // namespace

void initialize_targets() {
  static const bool once = [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    llvm::InitializeAllAsmParsers();
    return true;
  }();
  (void)once;
}

Machine host_machine() {
  Machine machine;
  machine.triple = llvm::sys::getProcessTriple();
  machine.cpu = llvm::sys::getHostCPUName().str();
  llvm::SubtargetFeatures features;
  for (const auto& feature : llvm::sys::getHostCPUFeatures()) features.AddFeature(feature.first(), feature.second);
  machine.features = features.getString();
  machine.l1_bytes = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, machine.l1_bytes);
  machine.l2_bytes = cache_bytes(_SC_LEVEL2_CACHE_SIZE, machine.l2_bytes);
  machine.l3_bytes = cache_bytes(_SC_LEVEL3_CACHE_SIZE, machine.l3_bytes);
  const Result<std::unique_ptr<llvm::MCSubtargetInfo>> subtarget = subtarget_of(machine);
  DESCENT_CHECK(subtarget.ok(), "LLVM does not know this processor: " + machine.triple + " " + machine.cpu);
  describe_vectors(machine, **subtarget);
  return machine;
}

Result<Machine> named_machine(std::string_view triple, std::string_view cpu) {
  Machine machine;
  machine.triple = llvm::Triple::normalize(llvm::StringRef(triple.data(), triple.size()));
  machine.cpu = std::string(cpu);
  if (const auto levels = levels_of(machine); !levels.ok() || levels->size() > 1) {
    if (!levels.ok()) return levels.errors();
    // Lowered once, for the weakest level on which speed is promised: that has a fused multiply-add.
    for (const Machine& level : *levels) {
      const auto subtarget = subtarget_of(level);
      machine = level;
      if (subtarget.ok() && (*subtarget)->checkFeatures("+fma")) break;
    }
    machine.cpu = std::string(cpu);
    return machine;
  }
  if (llvm::Triple(machine.triple).isRISCV64()) {
    if (Diagnostics errors = describe_riscv(machine); !errors.empty()) return errors;
  }
  if (llvm::Triple(machine.triple).isWasm() && cpu.empty()) machine.features = usual_wasm;
  const Result<std::unique_ptr<llvm::MCSubtargetInfo>> subtarget = subtarget_of(machine);
  if (!subtarget.ok()) return subtarget.errors();
  describe_vectors(machine, **subtarget);
  return machine;
}

Machine resolved(const Machine& machine) { return machine.triple.empty() ? host_machine() : machine; }

Result<std::unique_ptr<llvm::TargetMachine>> target_machine(const Machine& machine, Effort effort) {
  const Result<std::unique_ptr<llvm::MCSubtargetInfo>> subtarget = subtarget_of(machine);
  if (!subtarget.ok()) return subtarget.errors();
  std::string reason;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(machine.triple, reason);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  if (llvm::Triple(machine.triple).isRISCV64()) options.MCOptions.ABIName = "lp64d";
  // Paths of the model's file as one text, which assemblers of every age take.
  options.MCOptions.MCUseDwarfDirectory = llvm::MCTargetOptions::DisableDwarfDirectory;
  // WebAssembly's loaders place a module's parts themselves.
  const auto relocations = llvm::Triple(machine.triple).isWasm() ? llvm::Reloc::Static : llvm::Reloc::PIC_;
  const auto level = effort == Effort::full ? llvm::CodeGenOptLevel::Default : llvm::CodeGenOptLevel::None;
  std::unique_ptr<llvm::TargetMachine> made(target->createTargetMachine(machine.triple, machine.cpu, machine.features,
                                                                        options, relocations, std::nullopt, level));
  if (made == nullptr) {
    return error("unknown-target", "expected a target that LLVM can compile for, found '" + machine.triple + "'");
  }
  return made;
}

}  // namespace descent::codegen
