// Entries: the pointers of a DescentCall go to kernels; a repeat is a loop around calls.
//
// An entry with turns is one function, all kernels inlined. What it uses of a small arena are locals of it, so that
// LLVM may keep states and temporaries in registers while the turns run: states are copied in before the first turn and
// out after the last.
#include "codegen/llvm/entry.h"

#include <algorithm>
#include <functional>

#include "codegen/turns.h"
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

std::vector<std::vector<llvm::Align>> strongest_alignments(const loop::Program& program) {
  std::vector<std::vector<llvm::Align>> alignments;
  for (const loop::Kernel& kernel : program.kernels) {
    alignments.emplace_back(static_cast<std::size_t>(kernel.parameters), llvm::Align(arena_alignment));
  }
  return alignments;
}

void weaken(const loop::Program& program, const loop::Steps& steps, std::vector<std::vector<llvm::Align>>& alignments) {
  for_each_call(steps, [&](const loop::Call& call) {
    std::vector<llvm::Align>& of_kernel = alignments[static_cast<std::size_t>(call.kernel)];
    for (std::size_t i = 0; i < call.buffers.size(); ++i) {
      const loop::Buffer& buffer = program.buffers[static_cast<std::size_t>(call.buffers[i])];
      of_kernel[i] = std::min(of_kernel[i], llvm::Align(alignment_of(buffer)));
    }
  });
}

// Of each kernel that the entry calls a function to be inlined into it; null for the others.
std::vector<llvm::Function*> inlined_kernels(const ModuleContext& module, const loop::Entry& entry) {
  std::vector<std::vector<llvm::Align>> alignments = strongest_alignments(module.program);
  weaken(module.program, entry.steps, alignments);
  std::vector<llvm::Function*> kernels(module.program.kernels.size());
  for_each_call(entry.steps, [&](const loop::Call& call) {
    const auto id = static_cast<std::size_t>(call.kernel);
    if (!kernels[id]) kernels[id] = emit_kernel(module, module.program.kernels[id], alignments[id], Form::inlined);
  });
  return kernels;
}

class EntryEmitter {
 public:
  EntryEmitter(const ModuleContext& module, std::vector<llvm::Function*> kernels, llvm::Function* function)
      : module_(module),
        kernels_(std::move(kernels)),
        function_(function),
        builder_(llvm::BasicBlock::Create(module.context(), "entry", function)) {}

  void emit(const loop::Entry& entry) {
    load_call(entry);
    if (entry.turns) {
      emit_turns(entry);
    } else {
      steps(entry.steps);
    }
    builder_.CreateRetVoid();
  }

 private:
  // The fields of a struct of runtime/abi.h.
  std::vector<Value*> load_fields(Value* from, const std::vector<std::pair<llvm::Type*, const char*>>& fields) {
    std::vector<llvm::Type*> types;
    for (const auto& [type, name] : fields) types.push_back(type);
    auto* whole = llvm::StructType::get(module_.context(), types);
    std::vector<Value*> values;
    for (unsigned i = 0; i < fields.size(); ++i) {
      values.push_back(builder_.CreateLoad(types[i], builder_.CreateStructGEP(whole, from, i), fields[i].second));
    }
    return values;
  }

  // The DescentCall, and the address of each buffer that the entry can reach.
  void load_call(const loop::Entry& entry) {
    llvm::Type *pointer = builder_.getPtrTy(), *number = builder_.getInt64Ty();
    const std::vector<Value*> fields = load_fields(function_->getArg(0), {{pointer, "arena"},
                                                                          {pointer, "inputs"},
                                                                          {pointer, "outputs"},
                                                                          {number, "batch"},
                                                                          {pointer, "threads"},
                                                                          {pointer, "turns"}});
    Value* arena = fields[0];
    batch_ = fields[3];
    threads_ = fields[4];
    turns_ = fields[5];

    buffers_.assign(module_.program.buffers.size(), nullptr);
    for (std::size_t id = 0; id < buffers_.size(); ++id) {
      const loop::Buffer& buffer = module_.program.buffers[id];
      if (buffer.offset < 0) continue;
      buffers_[id] = builder_.CreateGEP(builder_.getInt8Ty(), arena,
                                        builder_.getInt64(static_cast<std::uint64_t>(buffer.offset)), buffer.name);
    }
    load_pointers(fields[1], entry.inputs);
    load_pointers(fields[2], entry.outputs);
  }

  void load_pointers(Value* table, const std::vector<loop::BufferId>& ids) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto id = static_cast<std::size_t>(ids[i]);
      buffers_[id] =
          builder_.CreateLoad(builder_.getPtrTy(), builder_.CreateConstGEP1_64(builder_.getPtrTy(), table, i),
                              module_.program.buffers[id].name);
    }
  }

  // -- turns
  // -----------------------------------------------------------------------------------------------------------

  // An input or output, and how it moves.
  struct Port {
    std::size_t buffer;
    Value *base, *by_batch, *by_turn;
  };

  // A state that lives in a local while the turns run.
  struct State {
    LocalBuffer local;
    Value* home;
  };

  void emit_turns(const loop::Entry& entry) {
    llvm::Type *pointer = builder_.getPtrTy(), *number = builder_.getInt64Ty();
    const std::vector<Value*> fields =
        load_fields(turns_, {{number, "count"}, {pointer, "order"}, {pointer, "inputs"}, {pointer, "outputs"}});
    std::vector<Port> ports;
    add_ports(entry.inputs, fields[2], ports);
    add_ports(entry.outputs, fields[3], ports);
    const std::vector<State> states = make_local(entry);
    threads_ = llvm::ConstantPointerNull::get(builder_.getPtrTy());
    emit_repeated("turn", this->number(0), 1, fields[0], [&](Value* turn) {
      Value* batch = builder_.CreateLoad(number, builder_.CreateGEP(number, fields[1], turn), "which");
      for (const Port& port : ports) {
        Value* distance =
            builder_.CreateAdd(builder_.CreateMul(batch, port.by_batch), builder_.CreateMul(turn, port.by_turn));
        buffers_[port.buffer] = builder_.CreateGEP(builder_.getInt8Ty(), port.base, distance);
      }
      steps(entry.steps);
    });
    for (const auto& [local, home] : states) copy(local.bytes, buffers_[static_cast<std::size_t>(local.buffer)], home);
  }

  void add_ports(const std::vector<loop::BufferId>& ids, Value* motions, std::vector<Port>& ports) {
    llvm::Type* number = builder_.getInt64Ty();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto id = static_cast<std::size_t>(ids[i]);
      const std::vector<Value*> motion = load_fields(
          builder_.CreateConstGEP1_64(llvm::StructType::get(module_.context(), {number, number}), motions, i),
          {{number, "by_batch"}, {number, "by_turn"}});
      ports.push_back({id, buffers_[id], motion[0], motion[1]});
    }
  }

  // Locals in place of parts of the arena; those that it must copy back.
  std::vector<State> make_local(const loop::Entry& entry) {
    std::vector<State> states;
    for (const LocalBuffer& own : local_buffers(module_.program, entry)) {
      const auto id = static_cast<std::size_t>(own.buffer);
      auto* type = llvm::ArrayType::get(builder_.getInt8Ty(), static_cast<std::uint64_t>(own.bytes));
      llvm::AllocaInst* local = builder_.CreateAlloca(type, nullptr, module_.program.buffers[id].name);
      local->setAlignment(llvm::Align(arena_alignment));
      if (own.is_state) copy(own.bytes, buffers_[id], local);
      if (own.is_state && own.is_written) states.push_back({own, buffers_[id]});
      buffers_[id] = local;
    }
    return states;
  }
  void copy(std::int64_t bytes, Value* from, Value* to) {
    const llvm::Align alignment(arena_alignment);
    builder_.CreateMemCpyInline(to, alignment, from, alignment, number(bytes));
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

  void emit(const loop::Repeat& repeat) {
    if (repeat.count <= 0) return;
    const std::int64_t first = repeat.reversed ? repeat.count - 1 : 0;
    const std::int64_t end = repeat.reversed ? -1 : repeat.count;
    emit_repeated(repeat.variable, number(first), repeat.reversed ? -1 : 1, number(end), [&](Value* counter) {
      variables_.push_back(counter);
      steps(repeat.steps);
      variables_.pop_back();
    });
  }

  // From `first` in steps until `end`, which is not reached; at least once: tested after each iteration.
  void emit_repeated(const std::string& name, Value* first, std::int64_t step, Value* end,
                     const std::function<void(Value* counter)>& inside) {
    llvm::BasicBlock* before = builder_.GetInsertBlock();
    llvm::BasicBlock* body = llvm::BasicBlock::Create(module_.context(), name, function_);
    builder_.CreateBr(body);
    builder_.SetInsertPoint(body);
    llvm::PHINode* counter = builder_.CreatePHI(builder_.getInt64Ty(), 2);
    counter->addIncoming(first, before);
    inside(counter);
    Value* next = builder_.CreateNSWAdd(counter, number(step));
    counter->addIncoming(next, builder_.GetInsertBlock());
    llvm::BasicBlock* after = llvm::BasicBlock::Create(module_.context(), "after", function_);
    builder_.CreateCondBr(builder_.CreateICmpEQ(next, end), after, body);
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
  std::vector<llvm::Function*> kernels_;
  llvm::Function* function_;
  llvm::IRBuilder<> builder_;
  std::vector<Value*> buffers_;
  std::vector<Value*> variables_;
  Value* batch_ = nullptr;
  Value* threads_ = nullptr;
  Value* turns_ = nullptr;
};

}  // namespace

std::vector<std::vector<llvm::Align>> alignments_of(const loop::Program& program) {
  std::vector<std::vector<llvm::Align>> alignments = strongest_alignments(program);
  for (const loop::Entry& entry : program.entries) weaken(program, entry.steps, alignments);
  return alignments;
}

void emit_entry(const ModuleContext& module, const loop::Entry& entry, const std::vector<llvm::Function*>& kernels) {
  llvm::Function* function =
      module.add_function(module.program.name + "_" + entry.name, {llvm::PointerType::get(module.context(), 0)});
  function->setLinkage(llvm::GlobalValue::ExternalLinkage);
  if (!entry.turns) make_small(*function);  // calls, one after the other
  EntryEmitter(module, entry.turns ? inlined_kernels(module, entry) : kernels, function).emit(entry);
}

}  // namespace descent::codegen
