// Native operations: nothing here may round differently from the interpreter, so there are no fast-math flags, and
// what LLVM leaves undefined (a shift too far, a conversion out of range) is defined before it is emitted.
#include "codegen/llvm/operations.h"

#include <llvm/IR/Intrinsics.h>

#include <bit>
#include <cmath>

#include "ir/diagnostics.h"

namespace descent::codegen {
namespace {

using llvm::Value;
using Builder = llvm::IRBuilder<>;

// The layout of an IEEE format: `fraction` bits below the exponent, whose field is biased.
struct FloatLayout {
  unsigned bits;
  unsigned fraction;
  std::int64_t bias;
  std::uint64_t exponent_mask;  // of the field, shifted down
};
FloatLayout layout_of(DType type) {
  return type == DType::f64 ? FloatLayout{64, 52, 1023, 0x7ff} : FloatLayout{32, 23, 127, 0xff};
}

// `scalar`, or a vector of it with as many lanes as `like` has.
llvm::Type* shaped(llvm::Type* scalar, const Value* like) {
  const auto* vector = llvm::dyn_cast<llvm::VectorType>(like->getType());
  return vector == nullptr ? scalar : llvm::VectorType::get(scalar, vector->getElementCount());
}

llvm::Constant* integer(const Value* like, std::uint64_t value) {
  return llvm::ConstantInt::get(like->getType(), value);
}

bool is_signed(DType type) { return type == DType::i32; }

Value* emit_arithmetic(Builder& builder, Op op, DType type, llvm::ArrayRef<Value*> x) {
  const bool floating = is_float(type);
  switch (op) {
    case Op::add:
      return floating ? builder.CreateFAdd(x[0], x[1]) : builder.CreateAdd(x[0], x[1]);
    case Op::sub:
      return floating ? builder.CreateFSub(x[0], x[1]) : builder.CreateSub(x[0], x[1]);
    case Op::mul:
      return floating ? builder.CreateFMul(x[0], x[1]) : builder.CreateMul(x[0], x[1]);
    case Op::div:
      return builder.CreateFDiv(x[0], x[1]);
    case Op::neg:
      return floating ? builder.CreateFNeg(x[0]) : builder.CreateNeg(x[0]);
    case Op::sqrt:
      return builder.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, x[0]);
    case Op::floor:
      return builder.CreateUnaryIntrinsic(llvm::Intrinsic::floor, x[0]);
    case Op::round:
      return builder.CreateUnaryIntrinsic(llvm::Intrinsic::roundeven, x[0]);
    case Op::fma:
      if (!floating) return builder.CreateAdd(builder.CreateMul(x[0], x[1]), x[2]);
      return builder.CreateIntrinsic(llvm::Intrinsic::fma, {x[0]->getType()}, {x[0], x[1], x[2]});
    case Op::abs:
      if (floating) return builder.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x[0]);
      if (!is_signed(type)) return x[0];
      return builder.CreateBinaryIntrinsic(llvm::Intrinsic::abs, x[0], builder.getFalse());
    default:
      break;
  }
  internal_error(__FILE__, __LINE__, "not arithmetic: " + std::string(row(op).name));
}

// Comparisons are ordered (false on a NaN) but not_equal, which is their only unordered one.
Value* emit_comparison(Builder& builder, Op op, DType type, Value* a, Value* b) {
  using llvm::CmpInst;
  struct Predicates {
    CmpInst::Predicate floating, with_sign, without_sign;
  };
  const Predicates predicates = [op]() -> Predicates {
    switch (op) {
      case Op::less:
        return {CmpInst::FCMP_OLT, CmpInst::ICMP_SLT, CmpInst::ICMP_ULT};
      case Op::less_equal:
        return {CmpInst::FCMP_OLE, CmpInst::ICMP_SLE, CmpInst::ICMP_ULE};
      case Op::greater:
        return {CmpInst::FCMP_OGT, CmpInst::ICMP_SGT, CmpInst::ICMP_UGT};
      case Op::greater_equal:
        return {CmpInst::FCMP_OGE, CmpInst::ICMP_SGE, CmpInst::ICMP_UGE};
      case Op::equal:
        return {CmpInst::FCMP_OEQ, CmpInst::ICMP_EQ, CmpInst::ICMP_EQ};
      case Op::not_equal:
        return {CmpInst::FCMP_UNE, CmpInst::ICMP_NE, CmpInst::ICMP_NE};
      default:
        internal_error(__FILE__, __LINE__, "not a comparison: " + std::string(row(op).name));
    }
  }();
  if (is_float(type)) return builder.CreateFCmp(predicates.floating, a, b);
  return builder.CreateICmp(is_signed(type) ? predicates.with_sign : predicates.without_sign, a, b);
}

// max(a, b) = b > a ? b : a;  min(a, b) = b < a ? b : a
Value* emit_extremum(Builder& builder, Op op, DType type, Value* a, Value* b) {
  const Op comparison = op == Op::max ? Op::greater : Op::less;
  return builder.CreateSelect(emit_comparison(builder, comparison, type, b, a), b, a);
}

// The saturating conversion of a vector, which LLVM 19 would do lane by lane: what has no place in i32 is taken out
// before and its result put in behind. NaN → 0.
Value* vector_to_i32(Builder& builder, Value* x, llvm::Type* target) {
  const auto number = [&](double value) { return llvm::ConstantFP::get(x->getType(), value); };
  constexpr double least = -2147483648.0, beyond = 2147483648.0;
  Value* is_number = builder.CreateFCmpORD(x, x);
  Value* is_beyond = builder.CreateFCmpOGE(x, number(beyond));
  Value* inside = builder.CreateSelect(builder.CreateFCmpOGT(x, number(least)), x, number(least));
  inside = builder.CreateSelect(is_beyond, number(0), inside);
  Value* result = builder.CreateFPToSI(inside, target);
  result = builder.CreateSelect(is_beyond, llvm::ConstantInt::get(target, 0x7fffffff), result);
  return builder.CreateSelect(is_number, result, llvm::Constant::getNullValue(target));
}

Value* from_float(Builder& builder, DType to, Value* x) {
  llvm::LLVMContext& context = builder.getContext();
  llvm::Type* target = shaped(register_type(context, to), x);
  switch (to) {
    case DType::f32:
    case DType::f64:
      return builder.CreateFPCast(x, target);
    case DType::i32:
      if (x->getType()->isVectorTy()) return vector_to_i32(builder, x, target);
      return builder.CreateIntrinsic(llvm::Intrinsic::fptosi_sat, {target, x->getType()}, {x});
    case DType::u32:
    case DType::u8:
      return builder.CreateIntrinsic(llvm::Intrinsic::fptoui_sat, {target, x->getType()}, {x});
    case DType::boolean:
      return builder.CreateFCmpUNE(x, llvm::ConstantFP::get(x->getType(), 0.0));
  }
  internal_error(__FILE__, __LINE__, "no such conversion");
}

Value* from_integer(Builder& builder, DType from, DType to, Value* x) {
  llvm::LLVMContext& context = builder.getContext();
  llvm::Type* target = shaped(register_type(context, to), x);
  if (is_float(to)) return is_signed(from) ? builder.CreateSIToFP(x, target) : builder.CreateUIToFP(x, target);
  if (to == DType::boolean) return builder.CreateICmpNE(x, integer(x, 0));
  // Saturating: what the target cannot hold becomes its least or greatest value.
  if (from == DType::i32 && to != DType::i32) {
    x = builder.CreateBinaryIntrinsic(llvm::Intrinsic::smax, x, integer(x, 0));
  }
  if (to == DType::u8 && size_of(from) == 4) {
    x = builder.CreateBinaryIntrinsic(llvm::Intrinsic::umin, x, integer(x, 255));
  }
  if (from == DType::u32 && to == DType::i32) {
    x = builder.CreateBinaryIntrinsic(llvm::Intrinsic::umin, x, integer(x, 0x7fffffff));
  }
  return builder.CreateZExtOrTrunc(x, target);
}

Value* emit_conversion(Builder& builder, DType from, DType to, Value* x) {
  if (from == to) return x;
  return is_float(from) ? from_float(builder, to, x) : from_integer(builder, from, to, x);
}

// In the sum a whole x stands in the lowest bits.
Value* emit_power_of_two(Builder& builder, DType type, Value* x) {
  const FloatLayout layout = layout_of(type);
  const double magic = std::ldexp(1.5, static_cast<int>(layout.fraction)) + static_cast<double>(layout.bias);
  Value* sum = builder.CreateFAdd(x, llvm::ConstantFP::get(x->getType(), magic));
  Value* bits = builder.CreateBitCast(sum, shaped(builder.getIntNTy(layout.bits), x));
  return builder.CreateBitCast(builder.CreateShl(bits, integer(bits, layout.fraction)), x->getType());
}

Value* emit_exponent(Builder& builder, DType from, Value* x) {
  const FloatLayout layout = layout_of(from);
  Value* bits = builder.CreateBitCast(x, shaped(builder.getIntNTy(layout.bits), x));
  Value* field =
      builder.CreateAnd(builder.CreateLShr(bits, integer(bits, layout.fraction)), integer(bits, layout.exponent_mask));
  Value* narrow = builder.CreateTrunc(field, shaped(builder.getInt32Ty(), x));
  return builder.CreateSub(narrow, integer(narrow, static_cast<std::uint64_t>(layout.bias)));
}

Value* emit_mantissa(Builder& builder, DType from, Value* x) {
  const FloatLayout layout = layout_of(from);
  Value* bits = builder.CreateBitCast(x, shaped(builder.getIntNTy(layout.bits), x));
  Value* kept = builder.CreateAnd(bits, integer(bits, ~(layout.exponent_mask << layout.fraction)));
  Value* one = builder.CreateOr(kept, integer(bits, static_cast<std::uint64_t>(layout.bias) << layout.fraction));
  return builder.CreateBitCast(one, x->getType());
}

Value* emit_multiply_high(Builder& builder, Value* a, Value* b) {
  llvm::Type* wide = shaped(builder.getInt64Ty(), a);
  Value* product = builder.CreateMul(builder.CreateZExt(a, wide), builder.CreateZExt(b, wide));
  return builder.CreateTrunc(builder.CreateLShr(product, integer(product, 32)), a->getType());
}

// A shift takes the low five bits of its distance, as processors do; LLVM leaves a longer one undefined.
Value* emit_shift(Builder& builder, Op op, Value* x, Value* distance) {
  distance = builder.CreateAnd(distance, integer(distance, 31));
  return op == Op::shift_left ? builder.CreateShl(x, distance) : builder.CreateLShr(x, distance);
}

}  // namespace

llvm::Type* register_type(llvm::LLVMContext& context, DType type) {
  return type == DType::boolean ? llvm::Type::getInt1Ty(context) : memory_type(context, type);
}

llvm::Type* memory_type(llvm::LLVMContext& context, DType type) {
  switch (type) {
    case DType::f32:
      return llvm::Type::getFloatTy(context);
    case DType::f64:
      return llvm::Type::getDoubleTy(context);
    case DType::i32:
    case DType::u32:
      return llvm::Type::getInt32Ty(context);
    case DType::u8:
    case DType::boolean:
      return llvm::Type::getInt8Ty(context);
  }
  internal_error(__FILE__, __LINE__, "no such type");
}

llvm::Constant* constant_of(llvm::LLVMContext& context, double value, DType type) {
  llvm::Type* target = register_type(context, type);
  const std::uint64_t bits = word_of(value, type).bits;
  if (type == DType::f32) {
    const auto narrow = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    return llvm::ConstantFP::get(context, llvm::APFloat(narrow));
  }
  if (type == DType::f64) return llvm::ConstantFP::get(context, llvm::APFloat(std::bit_cast<double>(bits)));
  return llvm::ConstantInt::get(target, type == DType::boolean ? (bits & 0xff) != 0 : bits);
}

Value* emit_operation(Builder& builder, Op op, DType from, DType to, llvm::ArrayRef<Value*> x) {
  switch (op) {
    case Op::add:
    case Op::sub:
    case Op::mul:
    case Op::div:
    case Op::neg:
    case Op::abs:
    case Op::sqrt:
    case Op::fma:
    case Op::floor:
    case Op::round:
      return emit_arithmetic(builder, op, to, x);
    case Op::min:
    case Op::max:
      return emit_extremum(builder, op, to, x[0], x[1]);
    case Op::less:
    case Op::less_equal:
    case Op::greater:
    case Op::greater_equal:
    case Op::equal:
    case Op::not_equal:
      return emit_comparison(builder, op, from, x[0], x[1]);
    case Op::logical_and:
    case Op::bit_and:
      return builder.CreateAnd(x[0], x[1]);
    case Op::logical_or:
    case Op::bit_or:
      return builder.CreateOr(x[0], x[1]);
    case Op::bit_xor:
      return builder.CreateXor(x[0], x[1]);
    case Op::logical_not:
      return builder.CreateNot(x[0]);
    case Op::select:
      return builder.CreateSelect(x[0], x[1], x[2]);
    case Op::to_f32:
    case Op::to_f64:
    case Op::to_i32:
    case Op::to_u32:
    case Op::to_u8:
    case Op::to_bool:
      return emit_conversion(builder, from, to, x[0]);
    case Op::power_of_two:
      return emit_power_of_two(builder, to, x[0]);
    case Op::exponent:
      return emit_exponent(builder, from, x[0]);
    case Op::mantissa:
      return emit_mantissa(builder, from, x[0]);
    case Op::multiply_high:
      return emit_multiply_high(builder, x[0], x[1]);
    case Op::shift_left:
    case Op::shift_right:
      return emit_shift(builder, op, x[0], x[1]);
    case Op::power:
    case Op::pow:
    case Op::exp:
    case Op::expm1:
    case Op::log:
    case Op::log1p:
    case Op::sin:
    case Op::cos:
    case Op::tanh:
    case Op::sigmoid:
    case Op::erf:
    case Op::stop_gradient:
      break;
  }
  internal_error(__FILE__, __LINE__, "operation '" + std::string(row(op).name) + "' was not expanded");
}

}  // namespace descent::codegen
