// Loads and stores of one element, or of one element per lane of a vector loop.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include <cstdint>

#include "ir/type.h"

namespace descent::codegen {

// Where the lanes find their element: `address` is lane 0's, lane l's lies `lane_stride · l` elements further, plus
// lane_offsets[l] elements when there are such. Outside vector loops there is one lane.
struct Place {
  llvm::Value* address = nullptr;
  DType type = DType::f32;
  int lanes = 1;
  std::int64_t lane_stride = 0;
  llvm::Value* lane_offsets = nullptr;  // <lanes x i64>
  bool inside = false;                  // a local's, and certainly inside it, so that no guard is needed to touch it

  bool is_uniform() const { return lane_stride == 0 && lane_offsets == nullptr; }
  bool is_contiguous() const { return lane_stride == 1 && lane_offsets == nullptr; }
};

// Guards and masks are null (always), one i1 (all lanes alike) or one i1 per lane. Where they are false no memory is
// touched. A place that all lanes share gives a scalar unless the guard differs by lane.
llvm::Value* emit_load(llvm::IRBuilder<>& builder, const Place& place, llvm::Value* guard, double otherwise);
void emit_store(llvm::IRBuilder<>& builder, const Place& place, llvm::Value* value, llvm::Value* mask);

inline bool is_vector(const llvm::Value* value) { return value->getType()->isVectorTy(); }
// A vector of `lanes` from a scalar; a vector stays.
llvm::Value* spread(llvm::IRBuilder<>& builder, llvm::Value* value, int lanes);
// 0, step, 2·step, … as <lanes x type>.
llvm::Constant* lane_numbers(llvm::IntegerType* type, int lanes, std::int64_t step);

}  // namespace descent::codegen
