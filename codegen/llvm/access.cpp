// Chooses the cheapest instruction that touches exactly the elements asked for: a scalar, a vector, a masked vector,
// or lane by lane.
#include "codegen/llvm/access.h"

#include <llvm/IR/Constants.h>
#include <llvm/IR/Module.h>

#include <algorithm>

#include "codegen/llvm/operations.h"

namespace descent::codegen {
namespace {

using llvm::Value;
using Builder = llvm::IRBuilder<>;

llvm::Type* element_of(Builder& builder, const Place& place) { return memory_type(builder.getContext(), place.type); }
llvm::Type* lanes_of(Builder& builder, const Place& place) {
  return llvm::FixedVectorType::get(element_of(builder, place), static_cast<unsigned>(place.lanes));
}
llvm::Align alignment_of(const Place& place) { return llvm::Align(static_cast<std::uint64_t>(size_of(place.type))); }

// In memory a boolean is a byte.
Value* to_register(Builder& builder, const Place& place, Value* loaded) {
  if (place.type != DType::boolean) return loaded;
  return builder.CreateICmpNE(loaded, llvm::Constant::getNullValue(loaded->getType()));
}
Value* to_memory(Builder& builder, const Place& place, Value* value) {
  if (place.type != DType::boolean) return value;
  llvm::Type* byte = builder.getInt8Ty();
  if (is_vector(value)) byte = llvm::VectorType::get(byte, llvm::cast<llvm::VectorType>(value->getType()));
  return builder.CreateZExt(value, byte);
}

llvm::Constant* memory_constant(Builder& builder, const Place& place, double value) {
  llvm::Constant* constant = constant_of(builder.getContext(), value, place.type);
  if (place.type != DType::boolean) return constant;
  return llvm::ConstantInt::get(builder.getInt8Ty(), constant->isOneValue() ? 1 : 0);
}

// A constant in memory that holds `value` in every element.
Value* stand_in(Builder& builder, llvm::Constant* value) {
  llvm::Module& module = *builder.GetInsertBlock()->getModule();
  for (llvm::GlobalVariable& known : module.globals()) {
    if (known.hasPrivateLinkage() && known.hasInitializer() && known.getInitializer() == value) return &known;
  }
  auto* made =
      new llvm::GlobalVariable(module, value->getType(), true, llvm::GlobalValue::PrivateLinkage, value, "otherwise");
  made->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
  made->setAlignment(llvm::Align(64));
  return made;
}

// Where the guard is false a constant is read instead: no branch, and no element touched.
Value* load_guarded(Builder& builder, const Place& place, llvm::Type* type, Value* guard, llvm::Constant* otherwise) {
  if (place.inside) {
    return builder.CreateSelect(guard, builder.CreateAlignedLoad(type, place.address, alignment_of(place)), otherwise);
  }
  Value* address = builder.CreateSelect(guard, place.address, stand_in(builder, otherwise));
  return builder.CreateAlignedLoad(type, address, alignment_of(place));
}

Value* lane_addresses(Builder& builder, const Place& place) {
  Value* offsets = lane_numbers(builder.getInt64Ty(), place.lanes, place.lane_stride);
  if (place.lane_offsets != nullptr) offsets = builder.CreateAdd(offsets, place.lane_offsets);
  return builder.CreateGEP(element_of(builder, place), place.address, offsets);
}

Value* lane_address(Builder& builder, const Place& place, int lane) {
  return builder.CreateGEP(element_of(builder, place), place.address,
                           builder.getInt64(static_cast<std::uint64_t>(place.lane_stride * lane)));
}

Value* load_uniform(Builder& builder, const Place& place, Value* guard, double otherwise) {
  llvm::Type* type = element_of(builder, place);
  if (guard == nullptr)
    return to_register(builder, place, builder.CreateAlignedLoad(type, place.address, alignment_of(place)));
  Value* any = is_vector(guard) ? builder.CreateOrReduce(guard) : guard;
  llvm::Constant* absent = memory_constant(builder, place, otherwise);
  Value* loaded = to_register(builder, place, load_guarded(builder, place, type, any, absent));
  if (!is_vector(guard)) return loaded;
  llvm::Constant* other = constant_of(builder.getContext(), otherwise, place.type);
  return builder.CreateSelect(guard, spread(builder, loaded, place.lanes), spread(builder, other, place.lanes));
}

Value* load_contiguous(Builder& builder, const Place& place, Value* guard, llvm::Constant* otherwise) {
  llvm::Type* type = lanes_of(builder, place);
  if (guard == nullptr) return builder.CreateAlignedLoad(type, place.address, alignment_of(place));
  if (place.inside || !is_vector(guard)) return load_guarded(builder, place, type, guard, otherwise);
  return builder.CreateMaskedLoad(type, place.address, alignment_of(place), guard, otherwise);
}

// Of two vectors that overlap in one element, so that nothing is touched behind the last one.
Value* load_every_second(Builder& builder, const Place& place) {
  const int last = place.lanes - 1;
  const auto load = [&](int from) {
    Value* address = builder.CreateGEP(element_of(builder, place), place.address,
                                       builder.getInt64(static_cast<std::uint64_t>(from)));
    return builder.CreateAlignedLoad(lanes_of(builder, place), address, alignment_of(place));
  };
  Value *low = load(0), *high = load(last);
  llvm::SmallVector<int, 16> which;
  for (int lane = 0; lane < place.lanes; ++lane) {
    which.push_back(2 * lane <= last ? 2 * lane : place.lanes + 2 * lane - last);
  }
  return builder.CreateShuffleVector(low, high, which);
}

// Lanes that are off read a constant: a mask would become a branch for each lane where the processor has no gather.
Value* load_scattered(Builder& builder, const Place& place, Value* guard, llvm::Constant* otherwise) {
  llvm::Type* type = lanes_of(builder, place);
  if (guard != nullptr || place.lane_offsets != nullptr) {
    Value* addresses = lane_addresses(builder, place);
    if (guard != nullptr) {
      Value* absent = spread(builder, stand_in(builder, otherwise->getSplatValue()), place.lanes);
      addresses = builder.CreateSelect(guard, addresses, absent);
    }
    return builder.CreateMaskedGather(type, addresses, alignment_of(place));
  }
  if (place.lane_stride == 2 && place.lanes >= 4 && !place.inside) return load_every_second(builder, place);
  Value* gathered = llvm::PoisonValue::get(type);
  for (int lane = 0; lane < place.lanes; ++lane) {
    Value* one =
        builder.CreateAlignedLoad(element_of(builder, place), lane_address(builder, place, lane), alignment_of(place));
    gathered = builder.CreateInsertElement(gathered, one, static_cast<std::uint64_t>(lane));
  }
  return gathered;
}

void store_contiguous(Builder& builder, const Place& place, Value* value, Value* mask) {
  if (mask != nullptr && !place.inside) {
    builder.CreateMaskedStore(value, place.address, alignment_of(place), mask);
    return;
  }
  if (mask != nullptr) {
    Value* old = builder.CreateAlignedLoad(value->getType(), place.address, alignment_of(place));
    value = builder.CreateSelect(mask, value, old);
  }
  builder.CreateAlignedStore(value, place.address, alignment_of(place));
}

// Lanes are stored in order, so that of several on one place the last remains, as in the serial loop.
void store_scattered(Builder& builder, const Place& place, Value* value, Value* mask) {
  if (mask != nullptr || place.lane_offsets != nullptr) {
    Value* all = spread(builder, mask == nullptr ? builder.getTrue() : mask, place.lanes);
    builder.CreateMaskedScatter(value, lane_addresses(builder, place), alignment_of(place), all);
    return;
  }
  for (int lane = 0; lane < place.lanes; ++lane) {
    builder.CreateAlignedStore(builder.CreateExtractElement(value, static_cast<std::uint64_t>(lane)),
                               lane_address(builder, place, lane), alignment_of(place));
  }
}

// -- masks that are known now -----------------------------------------------------------------------------------------

// How many lanes run when it is known that just the first ones do; -1: it is not.
int known_lanes(const Place& place, Value* mask) {
  const auto* constant = llvm::dyn_cast_or_null<llvm::Constant>(mask);
  if (constant == nullptr || !is_vector(mask) || place.lane_offsets != nullptr) return -1;
  int lanes = 0, running = 0;
  for (; lanes < place.lanes; ++lanes) {
    const auto* bit =
        llvm::dyn_cast_or_null<llvm::ConstantInt>(constant->getAggregateElement(static_cast<unsigned>(lanes)));
    if (bit == nullptr || (bit->isOne() && running < lanes)) return -1;
    running += bit->isOne() ? 1 : 0;
  }
  return running;
}
// A shorter vector instead: masked stores are slow on many processors, and a local that is touched through a mask stays
// in memory.
Place narrowed(Place place, int lanes) {
  place.lanes = lanes;
  return place;
}
Value* load_lanes(Builder& builder, const Place& place) {
  if (place.lanes == 1)
    return builder.CreateAlignedLoad(element_of(builder, place), place.address, alignment_of(place));
  return place.is_contiguous() ? load_contiguous(builder, place, nullptr, nullptr)
                               : load_scattered(builder, place, nullptr, nullptr);
}
void store_lanes(Builder& builder, const Place& place, Value* value) {
  if (place.lanes == 1 || place.is_contiguous()) {
    builder.CreateAlignedStore(value, place.address, alignment_of(place));
  } else {
    store_scattered(builder, place, value, nullptr);
  }
}
Value* first_lanes(Builder& builder, Value* value, int lanes) {
  if (lanes == 1) return builder.CreateExtractElement(value, std::uint64_t{0});
  llvm::SmallVector<int, 16> which;
  for (int lane = 0; lane < lanes; ++lane) which.push_back(lane);
  return builder.CreateShuffleVector(value, which);
}
// The loaded lanes, behind them those of `absent`.
Value* widened(Builder& builder, Value* loaded, llvm::Constant* absent) {
  if (!is_vector(loaded)) return builder.CreateInsertElement(absent, loaded, std::uint64_t{0});
  const auto lanes = static_cast<int>(llvm::cast<llvm::FixedVectorType>(absent->getType())->getNumElements());
  const auto count = static_cast<int>(llvm::cast<llvm::FixedVectorType>(loaded->getType())->getNumElements());
  llvm::SmallVector<int, 16> which;
  for (int lane = 0; lane < lanes; ++lane) which.push_back(std::min(lane, count));
  Value* filler = builder.CreateVectorSplat(static_cast<unsigned>(count), absent->getSplatValue());
  return builder.CreateShuffleVector(loaded, filler, which);
}

}  // namespace

Value* spread(Builder& builder, Value* value, int lanes) {
  if (lanes == 1 || is_vector(value)) return value;
  return builder.CreateVectorSplat(static_cast<unsigned>(lanes), value);
}

llvm::Constant* lane_numbers(llvm::IntegerType* type, int lanes, std::int64_t step) {
  llvm::SmallVector<llvm::Constant*, 16> numbers;
  for (int lane = 0; lane < lanes; ++lane) {
    numbers.push_back(llvm::ConstantInt::getSigned(type, step * lane));
  }
  return llvm::ConstantVector::get(numbers);
}

Value* emit_load(Builder& builder, const Place& place, Value* guard, double otherwise) {
  if (place.lanes == 1 || place.is_uniform()) return load_uniform(builder, place, guard, otherwise);
  llvm::Constant* absent = llvm::ConstantVector::getSplat(
      llvm::ElementCount::getFixed(static_cast<unsigned>(place.lanes)), memory_constant(builder, place, otherwise));
  if (const int lanes = known_lanes(place, guard); lanes >= 0) {
    if (lanes == 0) return to_register(builder, place, absent);
    return to_register(builder, place, widened(builder, load_lanes(builder, narrowed(place, lanes)), absent));
  }
  Value* loaded = place.is_contiguous() ? load_contiguous(builder, place, guard, absent)
                                        : load_scattered(builder, place, guard, absent);
  return to_register(builder, place, loaded);
}

void emit_store(Builder& builder, const Place& place, Value* value, Value* mask) {
  value = to_memory(builder, place, value);
  if (place.lanes == 1 || (place.is_uniform() && !is_vector(value) && mask == nullptr)) {
    builder.CreateAlignedStore(value, place.address, alignment_of(place));
    return;
  }
  value = spread(builder, value, place.lanes);
  if (const int lanes = known_lanes(place, mask); lanes >= 0) {
    if (lanes > 0) store_lanes(builder, narrowed(place, lanes), first_lanes(builder, value, lanes));
  } else if (place.is_contiguous()) {
    store_contiguous(builder, place, value, mask);
  } else {
    store_scattered(builder, place, value, mask);
  }
}

}  // namespace descent::codegen
