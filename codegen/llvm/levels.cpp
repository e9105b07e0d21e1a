// The dispatcher is part of the module, so that the object file needs no library and no loader to choose:
//
//   @level = internal global i32 0                     ; 0: not known yet, else which of the levels, from 1 on
//   define void @digits_step(ptr %call) {
//     %known = load atomic @level; when 0: @detect()   ; racing threads find the same
//     switch %known: call @"digits_step.x86-64-v3"(ptr %call) …
#include "codegen/llvm/levels.h"

#include <llvm/ADT/StringExtras.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/Linker/Linker.h>
#include <llvm/TargetParser/Triple.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "codegen/llvm/kernel.h"
#include "codegen/llvm/module.h"

namespace descent::codegen {
namespace {

using llvm::Value;

// What a level has beyond the one before it: bits in the answers of cpuid, and in the word of what the system saves
// (xgetbv). From the System V ABI's supplement for x86-64.
struct Level {
  const char* name;
  std::uint32_t leaf_1_ecx, leaf_7_ebx, extended_ecx, saved;
};
constexpr std::uint32_t bits(std::initializer_list<int> numbers) {
  std::uint32_t sum = 0;
  for (const int number : numbers) sum |= std::uint32_t{1} << number;
  return sum;
}
constexpr int xsave_bit = 27;  // of leaf 1's ecx: that xgetbv may be asked
constexpr std::array<Level, 4> known_levels = {{
    {"x86-64", 0, 0, 0, 0},
    // SSE3, SSSE3, cmpxchg16b, SSE4.1, SSE4.2, popcnt; lahf
    {"x86-64-v2", bits({0, 9, 13, 19, 20, 23}), 0, bits({0}), 0},
    // fma, movbe, xsave, AVX, F16C; BMI1, AVX2, BMI2; lzcnt; SSE and AVX registers
    {"x86-64-v3", bits({12, 22, xsave_bit, 28, 29}), bits({3, 5, 8}), bits({5}), bits({1, 2})},
    // AVX-512 F, DQ, CD, BW, VL; its masks and registers
    {"x86-64-v4", 0, bits({16, 17, 28, 30, 31}), 0, bits({5, 6, 7})},
}};

std::size_t number_of(std::string_view name) {
  const auto found =
      std::find_if(known_levels.begin(), known_levels.end(), [name](const Level& level) { return name == level.name; });
  return static_cast<std::size_t>(found - known_levels.begin());
}

class Chooser {
 public:
  Chooser(llvm::Module& module, const std::vector<Machine>& levels)
      : module_(module), levels_(levels), builder_(module.getContext()) {
    number_ = builder_.getInt32Ty();
    level_ = new llvm::GlobalVariable(module, number_, false, llvm::GlobalValue::InternalLinkage,
                                      llvm::ConstantInt::get(number_, 0), "level");
    detect_ = add_detection();
  }

  void add_entry(const std::string& symbol, const std::vector<llvm::Function*>& targets) {
    llvm::Function* entry = add_function(symbol, targets[0]->getFunctionType());
    entry->setLinkage(llvm::GlobalValue::ExternalLinkage);
    Value* level = known_level(entry);
    llvm::SwitchInst* choice = nullptr;
    for (std::size_t i = 0; i < targets.size(); ++i) {
      llvm::BasicBlock* block = add_block(entry, levels_[i].cpu);
      if (i == 0) choice = builder_.CreateSwitch(level, block);
      if (i > 0) choice->addCase(builder_.getInt32(static_cast<std::uint32_t>(i + 1)), block);
      builder_.SetInsertPoint(block);
      builder_.CreateCall(targets[i], {entry->getArg(0)});
      builder_.CreateRetVoid();
    }
  }

 private:
  llvm::Function* add_function(const std::string& name, llvm::FunctionType* type) {
    llvm::Function* function = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, name, module_);
    function->setDoesNotThrow();
    builder_.SetInsertPoint(add_block(function, "entry"));
    return function;
  }
  llvm::BasicBlock* add_block(llvm::Function* function, const std::string& name) {
    return llvm::BasicBlock::Create(module_.getContext(), name, function);
  }

  // Where it is not known yet it is found out.
  Value* known_level(llvm::Function* function) {
    llvm::LoadInst* known = builder_.CreateAlignedLoad(number_, level_, llvm::Align(4), "known");
    known->setAtomic(llvm::AtomicOrdering::Monotonic);
    llvm::BasicBlock *before = builder_.GetInsertBlock(), *first = add_block(function, "first");
    llvm::BasicBlock* after = add_block(function, "after");
    builder_.CreateCondBr(builder_.CreateICmpEQ(known, builder_.getInt32(0)), first, after);
    builder_.SetInsertPoint(first);
    Value* found = builder_.CreateCall(detect_);
    builder_.CreateBr(after);
    builder_.SetInsertPoint(after);
    llvm::PHINode* level = builder_.CreatePHI(number_, 2);
    level->addIncoming(known, before);
    level->addIncoming(found, first);
    return level;
  }

  Value* assembly(const char* text, const char* constraints, unsigned results, llvm::ArrayRef<Value*> operands) {
    const std::vector<llvm::Type*> fields(results, number_), inputs(operands.size(), number_);
    auto* type = llvm::FunctionType::get(llvm::StructType::get(module_.getContext(), fields), inputs, false);
    return builder_.CreateCall(type, llvm::InlineAsm::get(type, text, constraints, /*hasSideEffects=*/true), operands);
  }
  enum Register : unsigned { eax, ebx, ecx };
  Value* cpuid(std::uint32_t leaf, Register answer) {
    Value* all = assembly("cpuid", "={ax},={bx},={cx},={dx},{ax},{cx},~{dirflag},~{fpsr},~{flags}", 4,
                          {builder_.getInt32(leaf), builder_.getInt32(0)});
    return builder_.CreateExtractValue(all, answer);
  }
  // `word` where the condition holds, else 0; it is asked for only then.
  template <class Ask>
  Value* word_if(Value* condition, const Ask& ask) {
    llvm::Function* function = builder_.GetInsertBlock()->getParent();
    llvm::BasicBlock *before = builder_.GetInsertBlock(), *then = add_block(function, "then");
    llvm::BasicBlock* after = add_block(function, "after");
    builder_.CreateCondBr(condition, then, after);
    builder_.SetInsertPoint(then);
    Value* word = ask();
    builder_.CreateBr(after);
    builder_.SetInsertPoint(after);
    llvm::PHINode* merged = builder_.CreatePHI(number_, 2);
    merged->addIncoming(builder_.getInt32(0), before);
    merged->addIncoming(word, then);
    return merged;
  }
  Value* has_all(Value* word, std::uint32_t wanted) {
    Value* there = builder_.CreateAnd(word, builder_.getInt32(wanted));
    return builder_.CreateICmpEQ(there, builder_.getInt32(wanted));
  }

  // The number of the best level from 1 on, which it also remembers.
  llvm::Function* add_detection() {
    llvm::Function* function = add_function("detect", llvm::FunctionType::get(number_, false));
    Value* leaf_1 = cpuid(1, ecx);
    Value* leaf_7 = word_if(builder_.CreateICmpUGE(cpuid(0, eax), builder_.getInt32(7)), [&] { return cpuid(7, ebx); });
    Value* extended = cpuid(0x80000001, ecx);
    Value* saved = word_if(has_all(leaf_1, bits({xsave_bit})), [&] {
      return builder_.CreateExtractValue(
          assembly("xgetbv", "={ax},={dx},{cx},~{dirflag},~{fpsr},~{flags}", 2, {builder_.getInt32(0)}), 0);
    });
    Value* best = builder_.getInt32(1);
    Value* has_level = builder_.getTrue();
    std::size_t next = 0;
    for (std::size_t i = 0; i < levels_.size(); ++i) {
      for (; next <= number_of(levels_[i].cpu); ++next) {
        const Level& level = known_levels[next];
        has_level = builder_.CreateAnd(has_level, has_all(leaf_1, level.leaf_1_ecx));
        has_level = builder_.CreateAnd(has_level, has_all(leaf_7, level.leaf_7_ebx));
        has_level = builder_.CreateAnd(has_level, has_all(extended, level.extended_ecx));
        has_level = builder_.CreateAnd(has_level, has_all(saved, level.saved));
      }
      best = builder_.CreateSelect(has_level, builder_.getInt32(static_cast<std::uint32_t>(i + 1)), best);
    }
    llvm::StoreInst* remembered = builder_.CreateAlignedStore(best, level_, llvm::Align(4));
    remembered->setAtomic(llvm::AtomicOrdering::Monotonic);
    builder_.CreateRet(best);
    return function;
  }

  llvm::Module& module_;
  const std::vector<Machine>& levels_;
  llvm::IRBuilder<> builder_;
  llvm::Type* number_;
  llvm::GlobalVariable* level_;
  llvm::Function* detect_;
};

}  // namespace

Result<std::vector<Machine>> levels_of(const Machine& machine) {
  if (machine.cpu.find(',') == std::string::npos) return std::vector<Machine>{machine};
  std::vector<std::string> names;
  for (const llvm::StringRef name : llvm::split(machine.cpu, ',')) names.push_back(name.str());
  bool rises = llvm::Triple(machine.triple).getArch() == llvm::Triple::x86_64;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::size_t number = number_of(names[i]);
    rises = rises && number < known_levels.size() && (i == 0 || number_of(names[i - 1]) < number);
  }
  if (!rises) {
    return Diagnostic{
        "unknown-processor",
        {},
        "expected one processor, or levels of x86-64 from low to high such as x86-64-v2,x86-64-v3, found '" +
            machine.cpu + "' for target '" + machine.triple + "'",
        {}};
  }
  std::vector<Machine> levels;
  for (const std::string& name : names) {
    Result<Machine> level = named_machine(machine.triple, name);
    if (!level.ok()) return level.errors();
    levels.push_back(std::move(level).value());
  }
  return levels;
}

std::unique_ptr<llvm::Module> choosing(const loop::Program& program, const std::vector<Machine>& levels,
                                       std::vector<std::unique_ptr<llvm::Module>> modules) {
  const auto own_symbol = [&](const loop::Entry& entry, std::size_t level) {
    return entry_symbol(program, entry) + "." + levels[level].cpu;
  };
  for (std::size_t i = 0; i < modules.size(); ++i) {
    for (const loop::Entry& entry : program.entries) {
      modules[i]->getFunction(entry_symbol(program, entry))->setName(own_symbol(entry, i));
    }
    if (i == 0) continue;
    modules[i]->getNamedGlobal(program.name + "_arena_bytes")->eraseFromParent();
    const bool failed = llvm::Linker::linkModules(*modules[0], std::move(modules[i]));
    DESCENT_CHECK(!failed, "the code of two levels cannot stand in one file");
  }
  Chooser chooser(*modules[0], levels);
  for (const loop::Entry& entry : program.entries) {
    std::vector<llvm::Function*> targets;
    for (std::size_t i = 0; i < levels.size(); ++i) {
      targets.push_back(modules[0]->getFunction(own_symbol(entry, i)));
      targets.back()->setLinkage(llvm::GlobalValue::InternalLinkage);
    }
    chooser.add_entry(entry_symbol(program, entry), targets);
  }
  return std::move(modules[0]);
}

}  // namespace descent::codegen
