// Machine code in this process, by LLVM's ORC.
#include <llvm/ExecutionEngine/Orc/CompileUtils.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/ExecutionEngine/Orc/ObjectTransformLayer.h>
#include <llvm/Object/ObjectFile.h>
#include <llvm/TargetParser/Host.h>

#include <chrono>
#include <map>

#include "codegen/llvm.h"
#include "codegen/llvm/module.h"
#include "codegen/llvm/optimise.h"
#include "codegen/llvm/target.h"

namespace descent::codegen {
namespace {

Diagnostic failure(llvm::Error error) {
  return {"jit-failure", {}, "the just-in-time compiler failed: " + llvm::toString(std::move(error)), {}};
}

class OrcJit : public Jit {
 public:
  OrcJit(std::unique_ptr<llvm::orc::LLJIT> engine, std::map<std::string, DescentEntry, std::less<>> entries,
         const JitReport& report)
      : Jit(report), engine_(std::move(engine)), entries_(std::move(entries)) {}

  DescentEntry entry(std::string_view name) const override {
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : found->second;
  }

 private:
  std::unique_ptr<llvm::orc::LLJIT> engine_;  // owns the code
  std::map<std::string, DescentEntry, std::less<>> entries_;
};

llvm::Expected<std::unique_ptr<llvm::orc::LLJIT>> make_engine(const Machine& machine,
                                                              std::unique_ptr<llvm::TargetMachine> target) {
  llvm::orc::JITTargetMachineBuilder description{llvm::Triple(machine.triple)};
  // The same target machine that optimised the module also compiles it: one set of options.
  std::shared_ptr<llvm::TargetMachine> shared = std::move(target);
  return llvm::orc::LLJITBuilder()
      .setJITTargetMachineBuilder(std::move(description))
      .setCompileFunctionCreator([shared](llvm::orc::JITTargetMachineBuilder)
                                     -> llvm::Expected<std::unique_ptr<llvm::orc::IRCompileLayer::IRCompiler>> {
        class Compiler : public llvm::orc::SimpleCompiler {
         public:
          explicit Compiler(std::shared_ptr<llvm::TargetMachine> target)
              : SimpleCompiler(*target), target_(std::move(target)) {}

         private:
          std::shared_ptr<llvm::TargetMachine> target_;
        };
        return std::make_unique<Compiler>(shared);
      })
      .create();
}

// The machine code in an object file that is about to be placed.
std::int64_t code_bytes(const llvm::MemoryBuffer& buffer) {
  auto object = llvm::object::ObjectFile::createObjectFile(buffer.getMemBufferRef());
  DESCENT_CHECK(static_cast<bool>(object), "the just-in-time compiler made no object file");
  std::int64_t bytes = 0;
  for (const llvm::object::SectionRef& section : (*object)->sections()) {
    if (section.isText()) bytes += static_cast<std::int64_t>(section.getSize());
  }
  return bytes;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Result<std::unique_ptr<Jit>> Jit::compile(const loop::Program& program, const Machine& machine) {
  const Machine actual = resolved(machine);
  Result<std::unique_ptr<llvm::TargetMachine>> target = target_machine(actual);
  if (!target.ok()) return target.errors();
  const llvm::Triple here(llvm::sys::getProcessTriple());
  if ((*target)->getTargetTriple().getArch() != here.getArch()) {
    return Diagnostic{"foreign-machine",
                      {},
                      "expected this processor's kind, '" + here.getArchName().str() +
                          "', to compile for in place, found '" + actual.triple + "'",
                      {}};
  }
  JitReport report;
  auto start = std::chrono::steady_clock::now();
  auto context = std::make_unique<llvm::LLVMContext>();
  Result<std::unique_ptr<llvm::Module>> module = build_module(*context, program, actual, **target, Lines::no);
  if (!module.ok()) return module.errors();
  report.emit = seconds_since(start);
  start = std::chrono::steady_clock::now();
  optimise(**module, **target);
  report.optimise = seconds_since(start);

  start = std::chrono::steady_clock::now();
  auto engine = make_engine(actual, std::move(*target));
  if (!engine) return failure(engine.takeError());
  (*engine)->getObjTransformLayer().setTransform(
      [&report](std::unique_ptr<llvm::MemoryBuffer> object) -> llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> {
        report.code_bytes += code_bytes(*object);
        return object;
      });
  if (llvm::Error error = (*engine)->addIRModule({std::move(*module), std::move(context)})) {
    return failure(std::move(error));
  }
  std::map<std::string, DescentEntry, std::less<>> entries;
  for (const loop::Entry& entry : program.entries) {
    auto address = (*engine)->lookup(entry_symbol(program, entry));
    if (!address) return failure(address.takeError());
    entries.emplace(entry.name, address->toPtr<DescentEntry>());
  }
  report.generate = seconds_since(start);
  (*engine)->getObjTransformLayer().setTransform(nullptr);  // every entry was looked up: nothing comes any more
  return std::unique_ptr<Jit>(std::make_unique<OrcJit>(std::move(*engine), std::move(entries), report));
}

}  // namespace descent::codegen
