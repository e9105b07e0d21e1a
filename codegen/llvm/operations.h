// The native rows of the op table in LLVM IR, for one scalar or lane by lane.
#pragma once

#include <llvm/ADT/ArrayRef.h>
#include <llvm/IR/IRBuilder.h>

#include "ir/scalar.h"
#include "ir/type.h"

namespace descent::codegen {

// In registers a boolean is i1, in memory a byte, 0 or 1.
llvm::Type* register_type(llvm::LLVMContext& context, DType type);
llvm::Type* memory_type(llvm::LLVMContext& context, DType type);
// The exact value as a constant of the register type.
llvm::Constant* constant_of(llvm::LLVMContext& context, double value, DType type);

// `from` is the type of the last operand, `to` that of the result; operands are all scalars or all vectors of one
// length. Every operation is what apply_exact says, bit for bit; NaNs may differ in payload.
llvm::Value* emit_operation(llvm::IRBuilder<>& builder, Op op, DType from, DType to,
                            llvm::ArrayRef<llvm::Value*> operands);

}  // namespace descent::codegen
