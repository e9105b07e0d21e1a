// Tables become arrays of constant structs, doors functions that call the core runtime.
#include "codegen/llvm/artifact.h"

#include <llvm/IR/IRBuilder.h>

#include <map>

#include "codegen/llvm/kernel.h"
#include "codegen/llvm/module.h"
#include "ir/match.h"

namespace descent::codegen {
namespace {

class ArtifactEmitter {
 public:
  ArtifactEmitter(llvm::Module& module, const loop::Program& program) : module_(module), builder_(module.getContext()) {
    for (const loop::Entry& entry : program.entries) {
      llvm::Function* function = module.getFunction(entry_symbol(program, entry));
      DESCENT_CHECK(function != nullptr, "an entry of the program is not in its module");
      function->setName(program.name + ".entry." + entry.name);
      function->setLinkage(llvm::GlobalValue::InternalLinkage);
      entries_[entry.name] = function;
    }
    // The model's own data has the size.
    if (llvm::GlobalVariable* size = module.getNamedGlobal(program.name + "_arena_bytes")) size->eraseFromParent();
  }

  void add(const Table& table) {
    std::vector<llvm::Constant*> rows;
    for (const std::vector<Field>& row : table.rows) {
      std::vector<llvm::Constant*> fields;
      for (const Field& field : row) fields.push_back(constant(field));
      rows.push_back(fields.size() == 1 ? fields[0] : llvm::ConstantStruct::getAnon(module_.getContext(), fields));
    }
    auto* type = llvm::ArrayType::get(rows.front()->getType(), rows.size());
    const bool is_inner = table.symbol.empty();
    llvm::GlobalVariable* global =
        add_constant(is_inner ? "model." + table.name : table.symbol, llvm::ConstantArray::get(type, rows));
    if (is_inner) global->setLinkage(llvm::GlobalValue::InternalLinkage);
    global->setAlignment(llvm::Align(8));
    tables_[table.name] = global;
  }

  void add(const Door& door) {
    std::vector<llvm::Type*> types;
    for (const Parameter& parameter : door.parameters) types.push_back(type_of(parameter.type));
    llvm::Function* function = declare(door.name, door.result, types);
    make_small(*function);
    builder_.SetInsertPoint(llvm::BasicBlock::Create(module_.getContext(), "entry", function));
    std::vector<llvm::Value*> arguments;
    bool has_pack = false;
    for (const auto& argument : door.arguments) {
      arguments.push_back(match(
          argument,
          [&](const Door::Passed& passed) -> llvm::Value* {
            return function->getArg(static_cast<unsigned>(passed.parameter));
          },
          [&](const Door::Pack& pack) {
            has_pack = has_pack || pack.last > pack.first;
            return packed(function, pack);
          },
          [&](const Door::Constant& number) -> llvm::Value* {
            return builder_.getInt32(static_cast<std::uint32_t>(number.value));
          },
          [&](const Door::Model&) -> llvm::Value* { return tables_.at("model"); }));
    }
    std::vector<llvm::Type*> passed;
    for (const llvm::Value* value : arguments) passed.push_back(value->getType());
    llvm::Function* callee = module_.getFunction(door.calls);
    if (callee == nullptr) callee = declare(door.calls, door.result, passed);
    llvm::CallInst* call = builder_.CreateCall(callee, arguments);
    call->setAttributes(callee->getAttributes());
    if (!has_pack) call->setTailCallKind(llvm::CallInst::TCK_Tail);
    if (function->getReturnType()->isVoidTy()) {
      builder_.CreateRetVoid();
    } else {
      builder_.CreateRet(call);
    }
  }

 private:
  llvm::GlobalVariable* add_constant(const std::string& name, llvm::Constant* value) {
    auto* global = llvm::cast<llvm::GlobalVariable>(module_.getOrInsertGlobal(name, value->getType()));
    global->setInitializer(value);
    global->setConstant(true);
    return global;
  }

  llvm::Constant* constant(const Field& field) {
    auto* pointer = llvm::PointerType::get(module_.getContext(), 0);
    return match(
        field,
        [&](const Whole& whole) -> llvm::Constant* {
          return llvm::ConstantInt::getSigned(builder_.getIntNTy(static_cast<unsigned>(whole.bytes * 8)), whole.value);
        },
        [&](double value) -> llvm::Constant* { return llvm::ConstantFP::get(builder_.getDoubleTy(), value); },
        [&](const TextPointer& text) -> llvm::Constant* { return text_of(text.text); },
        [&](const TablePointer& to) -> llvm::Constant* {
          if (to.table.empty()) return llvm::ConstantPointerNull::get(pointer);
          llvm::GlobalVariable* table = tables_.at(to.table);
          llvm::Constant* indices[] = {builder_.getInt64(0), builder_.getInt64(to.row)};
          return llvm::ConstantExpr::getInBoundsGetElementPtr(table->getValueType(), table, indices);
        },
        [&](const EntryPointer& to) -> llvm::Constant* {
          if (to.entry.empty()) return llvm::ConstantPointerNull::get(pointer);
          return entries_.at(to.entry);
        });
  }

  // Equal texts are one.
  llvm::Constant* text_of(const std::string& text) {
    llvm::GlobalVariable*& global = texts_[text];
    if (global == nullptr) {
      llvm::Constant* bytes = llvm::ConstantDataArray::getString(module_.getContext(), text);
      global = add_constant("text." + std::to_string(texts_.size()), bytes);
      global->setLinkage(llvm::GlobalValue::PrivateLinkage);
      global->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
      global->setAlignment(llvm::Align(1));
    }
    return global;
  }

  llvm::Type* type_of(const std::string& type) {
    if (type.back() == '*') return builder_.getPtrTy();
    if (type == "void") return builder_.getVoidTy();
    if (type == "double") return builder_.getDoubleTy();
    return type == "int32_t" ? builder_.getInt32Ty() : builder_.getInt64Ty();
  }

  // Integers of 32 bits are extended, which the calling convention of riscv64 wants and others do not mind.
  llvm::Function* declare(const std::string& name, const std::string& result, const std::vector<llvm::Type*>& types) {
    auto* type = llvm::FunctionType::get(type_of(result), types, false);
    llvm::Function* function = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, name, module_);
    function->setDoesNotThrow();
    for (unsigned i = 0; i < types.size(); ++i) {
      if (types[i]->isIntegerTy(32)) function->addParamAttr(i, llvm::Attribute::SExt);
    }
    if (function->getReturnType()->isIntegerTy(32)) function->addRetAttr(llvm::Attribute::SExt);
    return function;
  }

  // An array of pointers on the stack.
  llvm::Value* packed(llvm::Function* function, const Door::Pack& pack) {
    llvm::Type* pointer = builder_.getPtrTy();
    if (pack.first == pack.last) return llvm::ConstantPointerNull::get(builder_.getPtrTy());
    llvm::Value* array = builder_.CreateAlloca(llvm::ArrayType::get(pointer, pack.last - pack.first));
    for (std::size_t i = pack.first; i < pack.last; ++i) {
      builder_.CreateStore(function->getArg(static_cast<unsigned>(i)),
                           builder_.CreateConstGEP1_64(pointer, array, i - pack.first));
    }
    return array;
  }

  llvm::Module& module_;
  llvm::IRBuilder<> builder_;
  std::map<std::string, llvm::Function*> entries_;
  std::map<std::string, llvm::GlobalVariable*> tables_;
  std::map<std::string, llvm::GlobalVariable*> texts_;
};

}  // namespace

void add_artifact(llvm::Module& module, const loop::Program& program, const ModelFace& face) {
  ArtifactEmitter emitter(module, program);
  for (const Table& table : tables_of(face)) emitter.add(table);
  for (const Door& door : doors_of(face)) emitter.add(door);
}

}  // namespace descent::codegen
