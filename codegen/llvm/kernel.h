// One kernel of a Loop program as an LLVM function.
//
// A vector loop is emitted in pieces of a register's width: a temp that differs by lane becomes <N x T>, one that does
// not stays scalar. Locals are allocas; as `unrolled` loops are unrolled here, their subscripts are constants and LLVM
// keeps them in registers. The outermost parallel loop becomes a function of its own.
#pragma once

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <map>
#include <string>
#include <vector>

#include "codegen/llvm/access.h"
#include "ir/loop.h"
#include "ir/loop_layout.h"

namespace descent::codegen {

// What all functions of a module share.
struct ModuleContext {
  llvm::Module& module;
  const loop::Program& program;
  int vector_bytes;  // of the machine's widest register

  llvm::LLVMContext& context() const { return module.getContext(); }
  // A function of this module, internal, that neither throws nor recurses.
  llvm::Function* add_function(const std::string& name, llvm::ArrayRef<llvm::Type*> parameters) const;
};

// Of what has no loops worth the room.
void make_small(llvm::Function& function);

// `void kernel(arrays…, index parameters… : i64, batch : i64, threads : ptr)`.
llvm::Function* declare_kernel(const ModuleContext& module, const loop::Kernel& kernel);
// `alignments`: per array in bytes. Inlined, a kernel is emitted for one caller that has no threads and wants it as a
// part of itself. Small, its loops stay loops, one iteration after another, for code that runs once or hardly ever.
enum class Form : std::uint8_t { fast, inlined, small };
llvm::Function* emit_kernel(const ModuleContext& module, const loop::Kernel& kernel,
                            const std::vector<llvm::Align>& alignments, Form form = Form::fast);

// Does the module's target have an instruction that asks for a line of memory?
bool has_prefetches(const llvm::Module& module);

// Emits blocks of a kernel into one LLVM function.
class KernelEmitter {
 public:
  KernelEmitter(const ModuleContext& module, const loop::Kernel& kernel, llvm::Function* function);

  // What the names of the kernel stand for in this function.
  struct Storage {
    llvm::Value* base = nullptr;
    std::int64_t lanes = 1;  // a local declared in a vector loop holds one element per lane, lanes adjacent
  };
  // The value is lane 0's; lane l's is lane_step · l more. Variables are ordered as their loops are opened, so that
  // address arithmetic is shared and hoisted from the outside in.
  struct Variable {
    llvm::Value* value = nullptr;
    std::int64_t lane_step = 0;
    int depth = 0;
    std::int64_t divisor = 1;  // of every value of lane 0 that it takes
  };
  struct Names {
    std::vector<Storage> arrays;
    std::vector<Variable> variables;
    std::vector<llvm::Value*> temps;
    llvm::Value* batch = nullptr;
    llvm::Value* threads = nullptr;  // null: parallel loops run here
  };
  Names& names() { return names_; }
  // Two registers for a vector: their operations fill each other's waits.
  void use_pairs() { pairs_ = true; }
  void keep_loops() { keeps_loops_ = true; }  // Form::small
  void use_prefetches() { prefetches_ = true; }

  void emit(const loop::Block& block);
  // A loop from begin to end, both i64, over `body`.
  void emit_counted(const loop::For& loop, llvm::Value* begin, llvm::Value* end);
  void finish();  // the function's return

 private:
  void emit(const loop::Let& let);
  void emit(const loop::Store& store);
  void emit(const loop::Declare& declare);
  void emit(const loop::If& branch);
  void emit_branch(llvm::Value* condition, const loop::Block& block);
  void emit(const loop::For& loop);
  void emit_unrolled(const loop::For& loop, std::int64_t trips);
  std::map<loop::TempId, std::vector<llvm::Value*>> turned_loads(const loop::For& loop, std::int64_t trips);
  const loop::For* filling_loop(const loop::For& loop, std::int64_t trips);
  void store_interleaved(const loop::For& loop, const loop::For& filling);
  void emit_vector(const loop::For& loop, std::int64_t trips);
  std::int64_t register_lanes(const loop::For& loop) const;
  void emit_parallel(const loop::For& loop, llvm::Value* begin, llvm::Value* end);  // parallel.cpp

  // prefetch.cpp
  bool adds_up(const loop::Statement& statement) const;
  std::size_t prefetching_loop(const loop::Block& block) const;
  void prefetch_behind(const loop::Block& block);
  void prefetch(const loop::Statement& statement);
  void prefetch(loop::ArrayId array, const std::vector<loop::Subscript>& at, bool is_store);

  llvm::Value* value_of(const loop::IndexValue& index);
  llvm::Value* value_of(const loop::Load& load);
  llvm::Value* value_of(const loop::Operation& operation, DType type);
  Place place_of(loop::ArrayId array, const std::vector<loop::Subscript>& at);
  struct Indirection {
    llvm::Value* common = nullptr;
    llvm::Value* by_lane = nullptr;
    std::int64_t lane_stride = 0;  // beside what the form of the place has
    bool is_none() const { return common == nullptr && by_lane == nullptr && lane_stride == 0; }
  };
  loop::Strides strides_of(loop::ArrayId array) const;
  void add_index(Indirection& sums, llvm::Value* index, std::int64_t stride);
  // An affine form in lane 0, as i64: `varying` (null when there is none) + `constant`.
  struct Split {
    llvm::Value* varying = nullptr;
    std::int64_t constant = 0;
  };
  Split split(const Affine& form);
  llvm::Value* affine(const Affine& form);
  std::int64_t lane_step(const Affine& form) const;
  // Where the last subscript of an array in panels goes: a form where that is one, the rest as an indirection.
  Affine in_panels(const loop::Subscript& subscript, const loop::Array& array, const loop::Strides& strides,
                   Indirection& indirect);
  std::int64_t divisor_of(const loop::Bound& bound) const;
  llvm::Value* bound(const loop::Bound& bound);
  llvm::Value* smallest(const std::vector<loop::Bound>& bounds);
  Variable& variable(AxisId id) { return names_.variables[static_cast<std::size_t>(id)]; }
  const Variable& variable(AxisId id) const { return names_.variables[static_cast<std::size_t>(id)]; }
  llvm::Value*& temp(loop::TempId id) { return names_.temps[static_cast<std::size_t>(id)]; }
  DType type_of(loop::TempId id) const { return kernel_.temps[static_cast<std::size_t>(id)]; }
  llvm::Value* allocate(llvm::Type* type);  // in the entry block
  llvm::BasicBlock* add_block(const std::string& name);

  const ModuleContext& module_;
  const loop::Kernel& kernel_;
  llvm::Function* function_;
  llvm::IRBuilder<> builder_;
  Names names_;
  int depth_ = 0;
  bool pairs_ = false;
  bool keeps_loops_ = false;
  bool prefetches_ = false;
  std::int64_t copies_ = 1;      // of the code being emitted, by the unrolled loops around it
  int lanes_ = 1;                // of the vector loop under way
  llvm::Value* mask_ = nullptr;  // the lanes that run; null: all
  struct Deferred {
    const loop::Store* store = nullptr;
    std::vector<llvm::Value*> values;  // of the iterations so far
  };
  Deferred deferred_;                            // what an unrolled loop stores in one, when it is done
  std::map<loop::TempId, llvm::Value*> loaded_;  // of the vector loop to come, what is loaded already
};

}  // namespace descent::codegen
