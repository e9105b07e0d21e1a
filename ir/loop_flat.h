// What the Loop interpreter runs: a kernel translated once into a flat list of instructions whose registers, strides
// and jumps are resolved, so that a step costs one indirect call and no look-up.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "ir/loop.h"

namespace descent::loop {

struct Frame;
struct Instruction;
// Does one instruction and gives the next; null: the kernel is done.
using Handler = const Instruction* (*)(Frame&, const Instruction*);

struct Instruction {
  Handler run = nullptr;
  int result = -1;                          // register; or the variable of a loop
  std::array<int, 3> operands{-1, -1, -1};  // registers; of a load: the guard; of a store: the value
  int item = -1;                            // of FlatKernel::accesses, ::loops, ::locals or ::forms
  int jump = 0;                             // relative
  Op op = Op::add;
  DType operand_type = DType::f32;
  DType type = DType::f32;
  Word otherwise{};
};

// One subscript with its axis: the bytes one step is worth and the extent that bounds it.
struct FlatSubscript {
  Affine offset;
  int through = -1;
  std::int64_t stride = 0;  // bytes
  std::int64_t panel = 0;   // elements that lie together; 0: all
  std::int64_t panel_stride = 0;
  Extent extent;
};
struct Access {
  ArrayId array = -1;
  std::vector<FlatSubscript> at;
};
struct FlatLoop {
  Bound begin;
  std::vector<Bound> end;
  std::int64_t step = 1;
};

struct FlatKernel {
  const Kernel* source = nullptr;
  std::vector<Instruction> code;  // ends with a halt
  std::vector<Access> accesses;
  std::vector<FlatLoop> loops;
  std::vector<Affine> forms;
  std::vector<Word> registers;             // as the kernel starts: the literals stand in place
  std::vector<std::int64_t> local_offset;  // per array, in the kernel's scratch memory
  std::vector<std::int64_t> local_bytes;
  std::int64_t scratch_bytes = 0;
};
FlatKernel flatten(const Kernel& kernel, std::int64_t largest_batch);

// A kernel while it runs.
struct Frame {
  const FlatKernel* kernel = nullptr;
  Word* registers = nullptr;
  std::int64_t* variables = nullptr;
  std::int64_t* ends = nullptr;  // per loop
  std::byte** arrays = nullptr;
  std::int64_t batch = 0;
};
inline void execute(Frame& frame) {
  for (const Instruction* next = frame.kernel->code.data(); next != nullptr;) next = next->run(frame, next);
}

// The handlers.
Handler operation_handler(Op op, DType operand_type);
Handler load_handler(DType type, bool guarded);
Handler store_handler(DType type);
Handler index_handler();
Handler batch_handler();
Handler declare_handler();
Handler branch_handler();
Handler loop_enter_handler();
Handler loop_next_handler();
Handler halt_handler();

}  // namespace descent::loop
