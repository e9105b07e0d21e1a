// Entries: the pointers of a DescentCall go to kernels; a repeat is a loop around calls.
#include "codegen/llvm/entry.h"

#include <algorithm>

#include "ir/match.h"

namespace descent::codegen {
namespace {

using llvm::Value;

constexpr std::uint64_t arena_alignment = 64;
constexpr std::uint64_t caller_alignment = 4;  // of inputs and outputs, as runtime/abi.h promises

std::uint64_t alignment_of(const loop::Buffer& buffer) {
  const bool in_arena =
      buffer.storage == loop::Buffer::Storage::state || buffer.storage == loop::Buffer::Storage::arena;
  return in_arena ? arena_alignment : caller_alignment;
}

void weaken(const loop::Program& program, const loop::Steps& steps, std::vector<std::vector<llvm::Align>>& alignments) {
  for (const auto& step : steps) {
    match(
        step, [&](const loop::Repeat& repeat) { weaken(program, repeat.steps, alignments); },
        [&](const loop::Call& call) {
          std::vector<llvm::Align>& of_kernel = alignments[static_cast<std::size_t>(call.kernel)];
          for (std::size_t i = 0; i < call.buffers.size(); ++i) {
            const loop::Buffer& buffer = program.buffers[static_cast<std::size_t>(call.buffers[i])];
            of_kernel[i] = std::min(of_kernel[i], llvm::Align(alignment_of(buffer)));
          }
        });
  }
}

class EntryEmitter {
 public:
  EntryEmitter(const ModuleContext& module, const std::vector<llvm::Function*>& kernels, llvm::Function* function)
      : module_(module),
        kernels_(kernels),
        function_(function),
        builder_(llvm::BasicBlock::Create(module.context(), "entry", function)) {}

  void emit(const loop::Entry& entry) {
    load_call(entry);
    steps(entry.steps);
    builder_.CreateRetVoid();
  }

 private:
  // The fields of the DescentCall, and the address of each buffer that the entry can reach.
  void load_call(const loop::Entry& entry) {
    llvm::Type* pointer = builder_.getPtrTy();
    auto* type = llvm::StructType::get(module_.context(), {pointer, pointer, pointer, builder_.getInt64Ty(), pointer});
    const auto field = [&](unsigned index, const char* name) {
      Value* address = builder_.CreateStructGEP(type, function_->getArg(0), index);
      return builder_.CreateLoad(type->getElementType(index), address, name);
    };
    Value* arena = field(0, "arena");
    Value* inputs = field(1, "inputs");
    Value* outputs = field(2, "outputs");
    batch_ = field(3, "batch");
    threads_ = field(4, "threads");

    buffers_.assign(module_.program.buffers.size(), nullptr);
    for (std::size_t id = 0; id < buffers_.size(); ++id) {
      const loop::Buffer& buffer = module_.program.buffers[id];
      if (buffer.offset < 0) continue;
      buffers_[id] = builder_.CreateGEP(builder_.getInt8Ty(), arena,
                                        builder_.getInt64(static_cast<std::uint64_t>(buffer.offset)), buffer.name);
    }
    load_pointers(inputs, entry.inputs);
    load_pointers(outputs, entry.outputs);
  }

  void load_pointers(Value* table, const std::vector<loop::BufferId>& ids) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto id = static_cast<std::size_t>(ids[i]);
      buffers_[id] =
          builder_.CreateLoad(builder_.getPtrTy(), builder_.CreateConstGEP1_64(builder_.getPtrTy(), table, i),
                              module_.program.buffers[id].name);
    }
  }

  void steps(const loop::Steps& steps) {
    for (const auto& step : steps) {
      match(step, [this](const loop::Call& call) { emit(call); }, [this](const loop::Repeat& repeat) { emit(repeat); });
    }
  }

  void emit(const loop::Call& call) {
    std::vector<Value*> arguments;
    for (loop::BufferId id : call.buffers) {
      Value* address = buffers_[static_cast<std::size_t>(id)];
      DESCENT_CHECK(address != nullptr, "buffer '" + module_.program.buffers[static_cast<std::size_t>(id)].name +
                                            "' has no place in this entry");
      arguments.push_back(address);
    }
    for (const Affine& index : call.indices) arguments.push_back(value(index));
    arguments.push_back(batch_);
    arguments.push_back(threads_);
    builder_.CreateCall(kernels_[static_cast<std::size_t>(call.kernel)], arguments);
  }

  // The count is at least 1: tested after each iteration.
  void emit(const loop::Repeat& repeat) {
    if (repeat.count <= 0) return;
    const std::int64_t first = repeat.reversed ? repeat.count - 1 : 0;
    const std::int64_t last = repeat.reversed ? 0 : repeat.count - 1;
    llvm::BasicBlock* before = builder_.GetInsertBlock();
    llvm::BasicBlock* body = llvm::BasicBlock::Create(module_.context(), repeat.variable, function_);
    builder_.CreateBr(body);
    builder_.SetInsertPoint(body);
    llvm::PHINode* counter = builder_.CreatePHI(builder_.getInt64Ty(), 2);
    counter->addIncoming(number(first), before);
    variables_.push_back(counter);
    steps(repeat.steps);
    variables_.pop_back();
    Value* next = builder_.CreateNSWAdd(counter, number(repeat.reversed ? -1 : 1));
    counter->addIncoming(next, builder_.GetInsertBlock());
    llvm::BasicBlock* after = llvm::BasicBlock::Create(module_.context(), "after", function_);
    builder_.CreateCondBr(builder_.CreateICmpEQ(counter, number(last)), after, body);
    builder_.SetInsertPoint(after);
  }

  Value* value(const Affine& form) {
    Value* sum = number(form.constant);
    for (const Term& term : form.terms) {
      Value* variable = variables_[static_cast<std::size_t>(term.axis)];
      sum = builder_.CreateNSWAdd(sum, builder_.CreateNSWMul(variable, number(term.coefficient)));
    }
    return sum;
  }
  Value* number(std::int64_t value) { return llvm::ConstantInt::getSigned(builder_.getInt64Ty(), value); }

  const ModuleContext& module_;
  const std::vector<llvm::Function*>& kernels_;
  llvm::Function* function_;
  llvm::IRBuilder<> builder_;
  std::vector<Value*> buffers_;
  std::vector<Value*> variables_;
  Value* batch_ = nullptr;
  Value* threads_ = nullptr;
};

}  // namespace

std::vector<std::vector<llvm::Align>> alignments_of(const loop::Program& program) {
  std::vector<std::vector<llvm::Align>> alignments;
  for (const loop::Kernel& kernel : program.kernels) {
    alignments.emplace_back(static_cast<std::size_t>(kernel.parameters), llvm::Align(arena_alignment));
  }
  for (const loop::Entry& entry : program.entries) weaken(program, entry.steps, alignments);
  return alignments;
}

void emit_entry(const ModuleContext& module, const loop::Entry& entry, const std::vector<llvm::Function*>& kernels) {
  llvm::Function* function =
      module.add_function(module.program.name + "_" + entry.name, {llvm::PointerType::get(module.context(), 0)});
  function->setLinkage(llvm::GlobalValue::ExternalLinkage);
  EntryEmitter(module, kernels, function).emit(entry);
}

}  // namespace descent::codegen
