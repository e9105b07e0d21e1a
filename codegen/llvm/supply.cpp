// A fused multiply-add on processors without one (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums:
// proved algorithms using rounding to odd", 2008), and rounding to integers by large numbers.
//
//   %r = call <4 x float> @llvm.fma.v4f32(%x, %y, %z)   →   %r = call <4 x float> @fma.v4f32(%x, %y, %z)
//
// Everything is arithmetic lane by lane, without branches, so vectors stay vectors. In single precision the product is
// exact in double, and so a sum that is rounded to odd there may be rounded again. That is short and inlined; what
// doubles need is not.
#include "codegen/llvm/supply.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/MC/MCSubtargetInfo.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "ir/diagnostics.h"

namespace descent::codegen {
namespace {

using llvm::Value;

llvm::Type* with_lanes_of(const llvm::Type* like, llvm::Type* scalar) {
  const auto* vector = llvm::dyn_cast<llvm::VectorType>(like);
  return vector == nullptr ? scalar : llvm::VectorType::get(scalar, vector->getElementCount());
}

// Arithmetic on doubles and on their bits.
class Doubles {
 public:
  Doubles(llvm::IRBuilder<>& builder, const llvm::Type* like)
      : builder_(builder),
        double_(with_lanes_of(like, builder.getDoubleTy())),
        bits_(with_lanes_of(like, builder.getInt64Ty())) {}

  // The fused multiply-add of floats.
  Value* fused_floats(Value* x, Value* y, Value* z) {
    llvm::Type* narrow = x->getType();
    Value* product = builder_.CreateFMul(builder_.CreateFPExt(x, double_), builder_.CreateFPExt(y, double_));
    return builder_.CreateFPTrunc(sum_to_odd(product, builder_.CreateFPExt(z, double_)), narrow);
  }

  // That of doubles: with the fractions of the factors, in [1, 2), and what is left of the addend when the exponent of
  // the product, or one near the addend's, is taken out of all three. Where one of them is then too far away to
  // change more than the direction of a rounding, any place far away will do.
  Value* fused_doubles(Value* x, Value* y, Value* z) {
    const Parts a = parts(x), b = parts(y), c = parts(z);
    Value* exponent = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, builder_.CreateAdd(a.exponent, b.exponent),
                                                     builder_.CreateSub(c.exponent, integer(far)));
    Value* distance =
        builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, builder_.CreateSub(c.exponent, exponent), integer(-far));
    Value* addend = builder_.CreateFMul(c.fraction, power_of_two(distance));
    return fused_special(x, y, z, rounded_once(a.fraction, b.fraction, addend, exponent));
  }

 private:
  static constexpr std::int64_t far = 160;  // beyond the 106 bits of a product and the 53 of a sum
  struct Sum {
    Value *rounded, *error;
  };
  struct Parts {
    Value *fraction, *exponent;  // with the sign; of a subnormal number too
  };

  Value* number(double value) const { return llvm::ConstantFP::get(double_, value); }
  Value* integer(std::int64_t value) const { return llvm::ConstantInt::getSigned(bits_, value); }
  Value* bits_of(Value* x) { return builder_.CreateBitCast(x, bits_); }
  Value* from_bits(Value* x) { return builder_.CreateBitCast(x, double_); }
  Value* magnitude(Value* x) { return builder_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x); }

  // Knuth: rounded + error = a + b.
  Sum two_sum(Value* a, Value* b) {
    Value* sum = builder_.CreateFAdd(a, b);
    Value* part = builder_.CreateFSub(sum, a);
    Value* error =
        builder_.CreateFAdd(builder_.CreateFSub(a, builder_.CreateFSub(sum, part)), builder_.CreateFSub(b, part));
    return {sum, error};
  }
  // Dekker and Veltkamp: rounded + error = a · b, of numbers in [1, 2).
  Sum two_product(Value* a, Value* b) {
    const auto upper = [this](Value* x) {
      Value* scaled = builder_.CreateFMul(x, number(134217729.0));  // 2^27 + 1
      return builder_.CreateFSub(scaled, builder_.CreateFSub(scaled, x));
    };
    Value *high_a = upper(a), *high_b = upper(b);
    Value *low_a = builder_.CreateFSub(a, high_a), *low_b = builder_.CreateFSub(b, high_b);
    Value* product = builder_.CreateFMul(a, b);
    Value* error = builder_.CreateFSub(builder_.CreateFMul(high_a, high_b), product);
    error = builder_.CreateFAdd(error, builder_.CreateFMul(high_a, low_b));
    error = builder_.CreateFAdd(error, builder_.CreateFMul(low_a, high_b));
    return {product, builder_.CreateFAdd(error, builder_.CreateFMul(low_a, low_b))};
  }
  // a + b, and where it is inexact that neighbour whose last bit is 1: rounded again to two bits less or fewer it is
  // as if rounded once. An infinite sum has no error that is a number.
  Value* sum_to_odd(Value* a, Value* b) {
    const Sum sum = two_sum(a, b);
    Value* is_inexact = builder_.CreateFCmpOGT(magnitude(sum.error), number(0));
    Value* bits = bits_of(sum.rounded);
    Value* is_beyond = builder_.CreateLShr(builder_.CreateXor(bits, bits_of(sum.error)), integer(63));
    Value* odd = builder_.CreateOr(builder_.CreateSub(bits, is_beyond), integer(1));
    return from_bits(builder_.CreateSelect(is_inexact, odd, bits));
  }

  Parts parts(Value* x) {
    Value* is_subnormal = builder_.CreateFCmpOLT(magnitude(x), number(0x1p-1022));
    Value* bits = bits_of(builder_.CreateSelect(is_subnormal, builder_.CreateFMul(x, number(0x1p54)), x));
    Value* field = builder_.CreateAnd(builder_.CreateLShr(bits, integer(52)), integer(0x7ff));
    Value* bias = builder_.CreateSelect(is_subnormal, integer(1023 + 54), integer(1023));
    constexpr auto sign_and_fraction = static_cast<std::int64_t>(0x800fffffffffffff);
    constexpr std::int64_t one = 0x3ff0000000000000;
    Value* fraction = builder_.CreateOr(builder_.CreateAnd(bits, integer(sign_and_fraction)), integer(one));
    return {from_bits(fraction), builder_.CreateSub(field, bias)};
  }
  // Of an exponent that a normal number can have.
  Value* power_of_two(Value* exponent) {
    return from_bits(builder_.CreateShl(builder_.CreateAdd(exponent, integer(1023)), integer(52)));
  }

  // (a · b + c) · 2^exponent. A result below the normal numbers has its last place at 2^-1074: there a number is
  // added before the one rounding, and taken away after it, in whose binade that is the last place.
  Value* rounded_once(Value* a, Value* b, Value* c, Value* exponent) {
    const Sum product = two_product(a, b);
    const Sum low = two_sum(c, product.error);
    const Sum high = two_sum(product.rounded, low.rounded);
    Value* rest = sum_to_odd(low.error, high.error);
    Value* sign = builder_.CreateFAdd(high.rounded, rest);  // of the sum of both, which is 0 only when that is

    Value* least_normal = power_of_two(
        builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, integer(1023),
                                       builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, integer(-1022),
                                                                      builder_.CreateSub(integer(-1022), exponent))));
    Value* is_small = builder_.CreateFCmpOLE(magnitude(high.rounded), least_normal);
    Value* base = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, least_normal, sign);
    base = builder_.CreateSelect(is_small, base, number(0));
    const Sum placed = two_sum(base, high.rounded);
    Value* sum = builder_.CreateFAdd(placed.rounded, sum_to_odd(placed.error, rest));
    sum = builder_.CreateFSub(sum, base);

    Value* half = builder_.CreateAShr(exponent, integer(1));
    sum = builder_.CreateFMul(sum, power_of_two(half));
    sum = builder_.CreateFMul(sum, power_of_two(builder_.CreateSub(exponent, half)));
    return builder_.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, sum, sign);
  }

  // What has no exponent of its own: an exact product of zeros and infinities; no addend; an infinite one.
  Value* fused_special(Value* x, Value* y, Value* z, Value* otherwise) {
    const auto is_finite = [this](Value* v) { return builder_.CreateFCmpOLT(magnitude(v), number(INFINITY)); };
    const auto is_zero = [this](Value* v) { return builder_.CreateFCmpOEQ(v, number(0)); };
    Value* factors_are_finite = builder_.CreateAnd(is_finite(x), is_finite(y));
    Value* a_factor_is_zero = builder_.CreateOr(is_zero(x), is_zero(y));
    Value* product = builder_.CreateFMul(x, y);
    Value* separate = builder_.CreateFAdd(product, z);
    Value* result = builder_.CreateSelect(is_zero(z), product, otherwise);
    result = builder_.CreateSelect(a_factor_is_zero, separate, result);
    Value* with_special_addend = builder_.CreateSelect(factors_are_finite, z, separate);
    result = builder_.CreateSelect(factors_are_finite, result, separate);
    return builder_.CreateSelect(is_finite(z), result, with_special_addend);
  }

  llvm::IRBuilder<>& builder_;
  llvm::Type *double_, *bits_;
};

// To the nearest integer, ties to even, or down: a number so large that a fraction has no room beside it comes and
// goes. Zeros keep their sign.
Value* rounded(llvm::IRBuilder<>& builder, Value* x, bool down) {
  llvm::Type* type = x->getType();
  Value* large = llvm::ConstantFP::get(type, type->getScalarType()->isFloatTy() ? 0x1p23 : 0x1p52);
  Value* size = builder.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x);
  Value* nearest = builder.CreateFSub(builder.CreateFAdd(size, large), large);
  nearest = builder.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, nearest, x);
  Value* whole = builder.CreateSelect(builder.CreateFCmpOLT(size, large), nearest, x);
  if (!down) return whole;
  Value* below = builder.CreateFSub(whole, llvm::ConstantFP::get(type, 1.0));
  return builder.CreateSelect(builder.CreateFCmpOGT(whole, x), below, whole);
}

Value* supplied(llvm::IRBuilder<>& builder, llvm::Intrinsic::ID id, llvm::Function& function) {
  Value* x = function.getArg(0);
  if (id != llvm::Intrinsic::fma) return rounded(builder, x, id == llvm::Intrinsic::floor);
  Doubles doubles(builder, x->getType());
  const bool is_float = x->getType()->getScalarType()->isFloatTy();
  return is_float ? doubles.fused_floats(x, function.getArg(1), function.getArg(2))
                  : doubles.fused_doubles(x, function.getArg(1), function.getArg(2));
}

// A function with the intrinsic's type and the bits that it promises.
llvm::Function* function_for(const llvm::Function& intrinsic) {
  llvm::Module& module = *const_cast<llvm::Module*>(intrinsic.getParent());
  const llvm::Intrinsic::ID id = intrinsic.getIntrinsicID();
  llvm::Function* made = llvm::Function::Create(intrinsic.getFunctionType(), llvm::GlobalValue::InternalLinkage,
                                                intrinsic.getName().substr(sizeof("llvm.") - 1), module);
  made->setDoesNotThrow();
  made->setDoesNotAccessMemory();
  const bool is_long = id == llvm::Intrinsic::fma && intrinsic.getReturnType()->getScalarType()->isDoubleTy();
  made->addFnAttr(is_long ? llvm::Attribute::NoInline : llvm::Attribute::AlwaysInline);
  llvm::IRBuilder<> builder(llvm::BasicBlock::Create(module.getContext(), "entry", made));
  builder.CreateRet(supplied(builder, id, *made));
  return made;
}

bool is_missing(llvm::Intrinsic::ID id, const llvm::TargetMachine& target) {
  const llvm::MCSubtargetInfo& unit = *target.getMCSubtargetInfo();
  if (target.getTargetTriple().isWasm()) return id == llvm::Intrinsic::fma;
  if (!target.getTargetTriple().isX86()) return false;
  if (id == llvm::Intrinsic::fma) return !unit.checkFeatures("+fma") && !unit.checkFeatures("+fma4");
  if (id == llvm::Intrinsic::floor || id == llvm::Intrinsic::roundeven) return !unit.checkFeatures("+sse4.1");
  return false;
}

}  // namespace

void supply_missing(llvm::Module& module, const llvm::TargetMachine& target) {
  std::vector<llvm::Function*> intrinsics;
  for (llvm::Function& function : module) {
    if (function.isIntrinsic() && is_missing(function.getIntrinsicID(), target)) intrinsics.push_back(&function);
  }
  for (llvm::Function* intrinsic : intrinsics) {
    intrinsic->replaceAllUsesWith(function_for(*intrinsic));
    intrinsic->eraseFromParent();
  }
}

}  // namespace descent::codegen
