// The outermost parallel loop: its body becomes a function over a range of iterations, `part`, which takes what it
// uses as parameters (so that arrays keep their promise not to overlap), and `frame`, of the type DescentPart, which
// takes the same from memory.
//
//   if (threads) threads->run(threads->pool, kernel.frame, &frame, begin, end, step, work);
//   else kernel.part(a, b, …, begin, end);
#include <algorithm>

#include "codegen/llvm/kernel.h"
#include "codegen/llvm/operations.h"
#include "codegen/uses.h"
#include "codegen/work.h"

namespace descent::codegen {
namespace {

using llvm::Value;

// The values of the caller that a part needs, and where it finds each of them.
class Captures {
 public:
  Captures(const Uses& uses, KernelEmitter::Names& outer, KernelEmitter::Names& inner) {
    for (loop::ArrayId id : uses.arrays) {
      inner.arrays[static_cast<std::size_t>(id)] = outer.arrays[static_cast<std::size_t>(id)];
      add(inner.arrays[static_cast<std::size_t>(id)].base);
    }
    for (loop::VariableId id : uses.variables) {
      inner.variables[static_cast<std::size_t>(id)] = outer.variables[static_cast<std::size_t>(id)];
      add(inner.variables[static_cast<std::size_t>(id)].value);
    }
    for (loop::TempId id : uses.temps) {
      inner.temps[static_cast<std::size_t>(id)] = outer.temps[static_cast<std::size_t>(id)];
      add(inner.temps[static_cast<std::size_t>(id)]);
    }
    inner.batch = outer.batch;
    add(inner.batch);
  }

  const std::vector<Value*>& values() const { return values_; }
  std::vector<llvm::Type*> types() const {
    std::vector<llvm::Type*> types;
    for (const Value* value : values_) types.push_back(value->getType());
    return types;
  }
  // From here on the inner names stand for the part's parameters.
  void bind(llvm::Function* part) {
    for (std::size_t i = 0; i < places_.size(); ++i) {
      llvm::Argument* argument = part->getArg(static_cast<unsigned>(i));
      const auto* outer = llvm::dyn_cast<llvm::Argument>(*places_[i]);
      if (argument->getType()->isPointerTy()) argument->addAttr(llvm::Attribute::NoAlias);
      if (outer != nullptr && argument->getType()->isPointerTy()) {
        argument->addAttr(llvm::Attribute::getWithAlignment(part->getContext(), outer->getParamAlign().valueOrOne()));
        if (outer->onlyReadsMemory()) argument->addAttr(llvm::Attribute::ReadOnly);
      }
      argument->setName((*places_[i])->getName());
      *places_[i] = argument;
    }
  }

 private:
  // Constants need no capture; what is null is defined within the body.
  void add(Value*& place) {
    if (place == nullptr || llvm::isa<llvm::Constant>(place)) return;
    values_.push_back(place);
    places_.push_back(&place);
  }

  std::vector<Value*> values_;
  std::vector<Value**> places_;
};

// void frame(ptr captured, i64 begin, i64 end) { part(captured…, begin, end); }
llvm::Function* add_frame_function(const ModuleContext& module, llvm::Function* part, llvm::StructType* frame,
                                   const std::string& name) {
  llvm::Type* number = llvm::Type::getInt64Ty(module.context());
  llvm::Function* function = module.add_function(name, {llvm::PointerType::get(module.context(), 0), number, number});
  llvm::IRBuilder<> builder(llvm::BasicBlock::Create(module.context(), "entry", function));
  std::vector<Value*> arguments;
  for (unsigned i = 0; i < frame->getNumElements(); ++i) {
    arguments.push_back(
        builder.CreateLoad(frame->getElementType(i), builder.CreateStructGEP(frame, function->getArg(0), i)));
  }
  arguments.push_back(function->getArg(1));
  arguments.push_back(function->getArg(2));
  builder.CreateCall(part, arguments);
  builder.CreateRetVoid();
  return function;
}

// The call of a part: by the pool when there is one, else here.
struct PartCall {
  llvm::Function* part;
  llvm::Function* frame_function;
  llvm::StructType* frame_type;
  const std::vector<Value*>& captured;
  Value* begin;
  Value* end;
  std::int64_t step;
  std::int64_t work_per_step;
};

void call_through_pool(llvm::IRBuilder<>& builder, const PartCall& call, Value* threads, Value* frame) {
  for (std::size_t i = 0; i < call.captured.size(); ++i) {
    builder.CreateStore(call.captured[i], builder.CreateStructGEP(call.frame_type, frame, static_cast<unsigned>(i)));
  }
  llvm::Type* pointer = builder.getPtrTy();
  llvm::Type* number = builder.getInt64Ty();
  auto* threads_type = llvm::StructType::get(builder.getContext(), {pointer, pointer});
  Value* run = builder.CreateLoad(pointer, builder.CreateStructGEP(threads_type, threads, 0));
  Value* pool = builder.CreateLoad(pointer, builder.CreateStructGEP(threads_type, threads, 1));
  Value* step = llvm::ConstantInt::getSigned(builder.getInt64Ty(), call.step);
  Value* work_per_iteration =
      llvm::ConstantInt::getSigned(builder.getInt64Ty(), std::max<std::int64_t>(1, call.work_per_step / call.step));
  Value* work = builder.CreateMul(builder.CreateSub(call.end, call.begin), work_per_iteration);
  auto* run_type =
      llvm::FunctionType::get(builder.getVoidTy(), {pointer, pointer, pointer, number, number, number, number}, false);
  builder.CreateCall(run_type, run, {pool, call.frame_function, frame, call.begin, call.end, step, work});
}

void call_alone(llvm::IRBuilder<>& builder, const PartCall& call) {
  std::vector<Value*> arguments = call.captured;
  arguments.push_back(call.begin);
  arguments.push_back(call.end);
  builder.CreateCall(call.part, arguments);
}

}  // namespace

void KernelEmitter::emit_parallel(const loop::For& loop, Value* begin, Value* end) {
  Names inner = names_;
  Captures captures(uses_of(loop.body), names_, inner);
  std::vector<llvm::Type*> parameters = captures.types();
  auto* frame_type = llvm::StructType::get(module_.context(), parameters);
  parameters.insert(parameters.end(), 2, builder_.getInt64Ty());
  llvm::Function* part = module_.add_function(kernel_.name + ".part", parameters);
  captures.bind(part);

  KernelEmitter emitter(module_, kernel_, part);
  emitter.prefetches_ = prefetches_;
  emitter.names_ = std::move(inner);
  emitter.names_.threads = nullptr;
  emitter.depth_ = depth_;
  emitter.keeps_loops_ = keeps_loops_;
  emitter.emit_counted(loop, part->getArg(part->arg_size() - 2), part->getArg(part->arg_size() - 1));
  emitter.finish();

  const PartCall call{part,       add_frame_function(module_, part, frame_type, kernel_.name + ".frame"),
                      frame_type, captures.values(),
                      begin,      end,
                      loop.step,  work_per_iteration(kernel_, loop, module_.program.largest_batch)};
  Value* frame = allocate(frame_type);
  llvm::BasicBlock* pooled = add_block("pooled");
  llvm::BasicBlock* alone = add_block("alone");
  llvm::BasicBlock* after = add_block("after");
  builder_.CreateCondBr(builder_.CreateIsNotNull(names_.threads), pooled, alone);
  builder_.SetInsertPoint(pooled);
  call_through_pool(builder_, call, names_.threads, frame);
  builder_.CreateBr(after);
  builder_.SetInsertPoint(alone);
  call_alone(builder_, call);
  builder_.CreateBr(after);
  builder_.SetInsertPoint(after);
}

}  // namespace descent::codegen
