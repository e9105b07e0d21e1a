// Puts kernels and entries together.
#include "codegen/llvm/module.h"

#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>

#include "codegen/llvm/entry.h"
#include "codegen/llvm/kernel.h"
#include "codegen/llvm/lines.h"
#include "codegen/llvm/supply.h"
#include "codegen/work.h"
#include "ir/match.h"

namespace descent::codegen {
namespace {

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

class ModuleBuilder {
 public:
  ModuleBuilder(llvm::LLVMContext& context, const loop::Program& program, const Machine& machine,
                llvm::TargetMachine& target)
      : module_(std::make_unique<llvm::Module>(program.name, context)),
        machine_(machine),
        target_(target),
        shared_{*module_, program, machine.vector_bytes},
        alignments_(alignments_of(program)),
        kernels_(program.kernels.size()) {
    module_->setTargetTriple(target.getTargetTriple().str());
    module_->setDataLayout(target.createDataLayout());
    module_->setPICLevel(llvm::PICLevel::BigPIC);
  }

  void add_kernel(loop::KernelId id, Form form = Form::fast) {
    const auto index = static_cast<std::size_t>(id);
    kernels_[index] = emit_kernel(shared_, kernel(id), alignments_[index], form);
  }
  void add_entry(const loop::Entry& entry) { emit_entry(shared_, entry, kernels_); }

  // Kernels that steps call and that were not added are elsewhere.
  void declare_kernels(const loop::Steps& steps) {
    for (const auto& step : steps) {
      match(
          step, [this](const loop::Repeat& repeat) { declare_kernels(repeat.steps); },
          [this](const loop::Call& call) {
            llvm::Function*& function = kernels_[static_cast<std::size_t>(call.kernel)];
            if (function == nullptr) function = declare_kernel(shared_, kernel(call.kernel));
          });
    }
  }
  // Code of another effort has other symbols; no entry's symbol has such a sign behind the program's name.
  void make_external(Effort effort) {
    for (std::size_t id = 0; id < kernels_.size(); ++id) {
      if (kernels_[id] == nullptr) continue;
      const std::string sign = effort == Effort::full ? "." : ":";
      kernels_[id]->setName(shared_.program.name + sign + std::to_string(id) + sign + shared_.program.kernels[id].name);
      kernels_[id]->setLinkage(llvm::GlobalValue::ExternalLinkage);
    }
  }
  llvm::Module& module() { return *module_; }

  std::unique_ptr<llvm::Module> finish() && {
    supply_missing(*module_, target_);
    describe_target(*module_, machine_);
    check(*module_);
    return std::move(module_);
  }

 private:
  const loop::Kernel& kernel(loop::KernelId id) const { return shared_.program.kernels[static_cast<std::size_t>(id)]; }

  std::unique_ptr<llvm::Module> module_;
  const Machine& machine_;
  const llvm::TargetMachine& target_;
  ModuleContext shared_;
  std::vector<std::vector<llvm::Align>> alignments_;
  std::vector<llvm::Function*> kernels_;  // by id
};

}  // namespace

std::string entry_symbol(const loop::Program& program, const loop::Entry& entry) {
  return program.name + "_" + entry.name;
}

std::unique_ptr<llvm::Module> build_module(llvm::LLVMContext& context, const loop::Program& program,
                                           const Machine& machine, llvm::TargetMachine& target, Lines lines,
                                           const std::vector<Form>& forms) {
  ModuleBuilder builder(context, program, machine, target);
  LineTable line_table(builder.module());
  for (std::size_t i = 0; i < program.kernels.size(); ++i) {
    builder.add_kernel(static_cast<loop::KernelId>(i), forms.empty() ? Form::fast : forms[i]);
    if (lines == Lines::yes) line_table.add(program.kernels[i]);
  }
  line_table.finish();
  for (const loop::Entry& entry : program.entries) builder.add_entry(entry);
  add_arena_size(builder.module(), program);
  return std::move(builder).finish();
}

namespace {

void mark_called(const loop::Steps& steps, std::vector<bool>& called) {
  for (const auto& step : steps) {
    match(
        step, [&](const loop::Repeat& repeat) { mark_called(repeat.steps, called); },
        [&](const loop::Call& call) { called[static_cast<std::size_t>(call.kernel)] = true; });
  }
}

}  // namespace

std::vector<Form> forms_in_artifact(const loop::Program& program) {
  constexpr std::int64_t least_fast_work = 1 << 12;
  const bool has_turns =
      std::any_of(program.entries.begin(), program.entries.end(), [](const loop::Entry& entry) { return entry.turns; });
  std::vector<bool> often(program.kernels.size());
  for (const loop::Entry& entry : program.entries) {
    const bool is_rare = entry.name == "init" || entry.name == "report" || (entry.name == "step" && has_turns);
    if (!is_rare && !entry.turns) mark_called(entry.steps, often);
  }
  std::vector<Form> forms;
  for (std::size_t i = 0; i < program.kernels.size(); ++i) {
    const bool is_small = !often[i] || work_of(program.kernels[i], program.largest_batch) < least_fast_work;
    forms.push_back(is_small ? Form::small : Form::fast);
  }
  return forms;
}

std::unique_ptr<llvm::Module> build_module(llvm::LLVMContext& context, const loop::Program& program, const Part& part,
                                           const Machine& machine, llvm::TargetMachine& target) {
  ModuleBuilder builder(context, program, machine, target);
  for (const loop::KernelId id : part.kernels) builder.add_kernel(id);
  for (const loop::Entry* entry : part.entries) {
    if (!entry->turns) builder.declare_kernels(entry->steps);  // with turns it has kernels of its own
  }
  builder.make_external(part.effort);
  for (const loop::Entry* entry : part.entries) builder.add_entry(*entry);
  return std::move(builder).finish();
}

}  // namespace descent::codegen
