// Statements, values and loops of a kernel.
#include "codegen/llvm/kernel.h"

#include <llvm/IR/Intrinsics.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <optional>

#include "codegen/llvm/operations.h"
#include "codegen/llvm/transpose.h"
#include "codegen/vector.h"
#include "codegen/work.h"
#include "ir/loop_walk.h"
#include "ir/match.h"

namespace descent::codegen {
namespace {

using llvm::Value;

// Beyond this many copies of a body an `unrolled` loop is left rolled: no cache holds such code.
constexpr std::int64_t most_unrolled = 1024;
// A small kernel with less work than this is left to one thread: a millisecond or so.
constexpr std::int64_t least_small_work = 1 << 22;

bool has_masks(const loop::Block& block) {
  bool found = false;
  loop::for_each_statement(block, [&](const loop::Statement& statement) {
    const auto* let = std::get_if<loop::Let>(&statement.node);
    const auto* load = let ? std::get_if<loop::Load>(&let->value) : nullptr;
    found = found || (load && load->guard != loop::no_temp) || std::holds_alternative<loop::If>(statement.node);
  });
  return found;
}

}  // namespace

llvm::Function* ModuleContext::add_function(const std::string& name, llvm::ArrayRef<llvm::Type*> parameters) const {
  auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(context()), parameters, false);
  llvm::Function* function = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, name, module);
  function->setDoesNotThrow();
  function->addFnAttr(llvm::Attribute::NoRecurse);
  return function;
}

void make_small(llvm::Function& function) {
  function.addFnAttr(llvm::Attribute::OptimizeForSize);
  function.addFnAttr(llvm::Attribute::MinSize);
}

llvm::Function* declare_kernel(const ModuleContext& module, const loop::Kernel& kernel) {
  std::vector<llvm::Type*> parameters(static_cast<std::size_t>(kernel.parameters),
                                      llvm::PointerType::get(module.context(), 0));
  parameters.insert(parameters.end(), static_cast<std::size_t>(kernel.indices) + 1,
                    llvm::Type::getInt64Ty(module.context()));
  parameters.push_back(llvm::PointerType::get(module.context(), 0));
  return module.add_function(kernel.name, parameters);
}

llvm::Function* emit_kernel(const ModuleContext& module, const loop::Kernel& kernel,
                            const std::vector<llvm::Align>& alignments, Form form) {
  const auto arrays = static_cast<std::size_t>(kernel.parameters);
  const auto indices = static_cast<std::size_t>(kernel.indices);
  llvm::Function* function = declare_kernel(module, kernel);
  KernelEmitter emitter(module, kernel, function);
  KernelEmitter::Names& names = emitter.names();
  for (std::size_t i = 0; i < arrays; ++i) {
    llvm::Argument* argument = function->getArg(static_cast<unsigned>(i));
    argument->setName(kernel.arrays[i].name);
    argument->addAttr(llvm::Attribute::NoAlias);
    argument->addAttr(llvm::Attribute::getWithAlignment(module.context(), alignments[i]));
    if (kernel.arrays[i].role == loop::Array::Role::read) argument->addAttr(llvm::Attribute::ReadOnly);
    names.arrays[i] = {argument, 1};
  }
  for (std::size_t i = 0; i < indices; ++i) {
    names.variables[i].value = function->getArg(static_cast<unsigned>(arrays + i));
    names.variables[i].value->setName(kernel.variables[i]);
  }
  names.batch = function->getArg(static_cast<unsigned>(arrays + indices));
  names.batch->setName("batch");
  llvm::Argument* threads = function->getArg(static_cast<unsigned>(arrays + indices + 1));
  threads->setName("threads");
  if (form != Form::inlined) names.threads = threads;
  if (form == Form::inlined) {
    emitter.use_pairs();
    function->addFnAttr(llvm::Attribute::AlwaysInline);
  }
  if (form == Form::fast && has_prefetches(module.module)) emitter.use_prefetches();
  if (form == Form::small) {
    emitter.keep_loops();
    make_small(*function);
  }
  emitter.emit(kernel.body);
  emitter.finish();
  return function;
}

KernelEmitter::KernelEmitter(const ModuleContext& module, const loop::Kernel& kernel, llvm::Function* function)
    : module_(module),
      kernel_(kernel),
      function_(function),
      builder_(llvm::BasicBlock::Create(module.context(), "entry", function)) {
  names_.arrays.resize(kernel.arrays.size());
  names_.variables.resize(kernel.variables.size());
  names_.temps.resize(kernel.temps.size());
}

void KernelEmitter::finish() { builder_.CreateRetVoid(); }

llvm::BasicBlock* KernelEmitter::add_block(const std::string& name) {
  return llvm::BasicBlock::Create(module_.context(), name, function_);
}

Value* KernelEmitter::allocate(llvm::Type* type) {
  llvm::BasicBlock& entry = function_->getEntryBlock();
  llvm::IRBuilder<> builder(&entry, entry.getFirstInsertionPt());
  llvm::AllocaInst* made = builder.CreateAlloca(type);
  made->setAlignment(llvm::Align(keeps_loops_ ? 8 : 64));
  return made;
}

// -- statements ------------------------------------------------------------------------------------------------------

void KernelEmitter::emit(const loop::Block& block) {
  const bool may_prefetch = prefetches_ && lanes_ == 1 && mask_ == nullptr;
  const std::size_t prefetching = may_prefetch ? prefetching_loop(block) : block.size();
  for (std::size_t at = 0; at < block.size(); ++at) {
    if (at == prefetching) prefetch_behind(block);
    match(block[at].node, [this](const auto& node) { emit(node); });
  }
}

void KernelEmitter::emit(const loop::Let& let) {
  const DType type = type_of(let.temp);
  if (const auto loaded = loaded_.find(let.temp); loaded != loaded_.end()) {
    temp(let.temp) = loaded->second;
    return;
  }
  temp(let.temp) = match(
      let.value, [&](const Literal& literal) -> Value* { return constant_of(module_.context(), literal.value, type); },
      [&](const loop::IndexValue& index) -> Value* { return value_of(index); },
      [&](const loop::BatchValue&) -> Value* { return builder_.CreateTrunc(names_.batch, builder_.getInt32Ty()); },
      [&](const loop::Load& load) -> Value* { return value_of(load); },
      [&](const loop::Operation& operation) -> Value* { return value_of(operation, type); });
}

void KernelEmitter::emit(const loop::Store& store) {
  if (deferred_.store == &store) return deferred_.values.push_back(spread(builder_, temp(store.value), lanes_));
  Place place = place_of(store.array, store.at);
  emit_store(builder_, place, temp(store.value), mask_);
}

void KernelEmitter::emit(const loop::Declare& declare) {
  const loop::Array& array = kernel_.arrays[static_cast<std::size_t>(declare.array)];
  Storage& storage = names_.arrays[static_cast<std::size_t>(declare.array)];
  if (storage.base != nullptr) return;  // an unrolled copy takes the place of the one before
  const auto elements = static_cast<std::uint64_t>(count(array.shape, module_.program.largest_batch) * lanes_);
  storage = {allocate(llvm::ArrayType::get(memory_type(module_.context(), array.dtype), elements)), lanes_};
  storage.base->setName(array.name);
}

namespace {

// Below this the work on lanes that nobody wants costs less than a branch around it.
constexpr std::size_t least_skipped = 24;

std::size_t statements_in(const loop::Block& block) {
  std::size_t count = 0;
  loop::for_each_statement(block, [&](const loop::Statement&) { ++count; });
  return count;
}

}  // namespace

// A condition that differs by lane becomes a mask over everything below, skipped when no lane runs and it is long; one
// that does not is a branch.
void KernelEmitter::emit(const loop::If& branch) {
  Value* condition = temp(branch.condition);
  if (is_vector(condition)) {
    Value* outer = mask_;
    mask_ = outer == nullptr ? condition : builder_.CreateAnd(outer, condition);
    if (statements_in(branch.then) < least_skipped) {
      emit(branch.then);
    } else {
      emit_branch(builder_.CreateOrReduce(mask_), branch.then);
    }
    mask_ = outer;
    return;
  }
  emit_branch(condition, branch.then);
}

void KernelEmitter::emit_branch(Value* condition, const loop::Block& block) {
  llvm::BasicBlock* then = add_block("then");
  llvm::BasicBlock* after = add_block("after");
  builder_.CreateCondBr(condition, then, after);
  builder_.SetInsertPoint(then);
  emit(block);
  builder_.CreateBr(after);
  builder_.SetInsertPoint(after);
}

// -- loops -----------------------------------------------------------------------------------------------------------

void KernelEmitter::emit(const loop::For& loop) {
  if (!keeps_loops_ && (loop.kind == loop::LoopKind::vector || loop.kind == loop::LoopKind::unrolled)) {
    const std::int64_t trips = constant_trips(loop);
    if (loop.kind == loop::LoopKind::vector && lanes_ == 1 && trips > 1 && why_not_vector(loop).empty()) {
      emit_vector(loop, trips);
      return;
    }
    if (trips * copies_ <= most_unrolled) {
      emit_unrolled(loop, trips);
      return;
    }
  }
  Value* begin = bound(loop.begin);
  Value* end = smallest(loop.end);
  const auto *known_begin = llvm::dyn_cast<llvm::ConstantInt>(begin),
             *known_end = llvm::dyn_cast<llvm::ConstantInt>(end);
  if (known_begin && known_end && known_begin->getSExtValue() >= known_end->getSExtValue()) return;
  const bool pays = !keeps_loops_ || work_of(kernel_, module_.program.largest_batch) >= least_small_work;
  if (loop.kind == loop::LoopKind::parallel && names_.threads != nullptr && lanes_ == 1 && pays) {
    emit_parallel(loop, begin, end);
  } else {
    emit_counted(loop, begin, end);
  }
}

// Tested before the first iteration and after each, the form that LLVM's loop passes want.
void KernelEmitter::emit_counted(const loop::For& loop, Value* begin, Value* end) {
  llvm::BasicBlock* before = builder_.GetInsertBlock();
  llvm::BasicBlock* body = add_block(kernel_.variables[static_cast<std::size_t>(loop.variable)]);
  llvm::BasicBlock* after = add_block("after");
  builder_.CreateCondBr(builder_.CreateICmpSLT(begin, end), body, after);
  builder_.SetInsertPoint(body);
  llvm::PHINode* counter = builder_.CreatePHI(builder_.getInt64Ty(), 2);
  counter->addIncoming(begin, before);

  variable(loop.variable) = {counter, 0, ++depth_, std::gcd(loop.step, divisor_of(loop.begin))};
  emit(loop.body);
  --depth_;

  Value* next = builder_.CreateNSWAdd(counter, builder_.getInt64(static_cast<std::uint64_t>(loop.step)));
  counter->addIncoming(next, builder_.GetInsertBlock());
  builder_.CreateCondBr(builder_.CreateICmpSLT(next, end), body, after);
  builder_.SetInsertPoint(after);
}

void KernelEmitter::emit_unrolled(const loop::For& loop, std::int64_t trips) {
  const std::int64_t outer_copies = copies_;
  copies_ *= std::max<std::int64_t>(1, trips);
  const auto turned = turned_loads(loop, trips);
  const loop::For* filling = deferred_.store == nullptr ? filling_loop(loop, trips) : nullptr;
  if (filling != nullptr) deferred_.store = &std::get<loop::Store>(filling->body.back().node);
  for (std::int64_t trip = 0; trip < trips; ++trip) {
    const std::int64_t value = loop.begin.form.constant + trip * loop.step;
    variable(loop.variable) = {llvm::ConstantInt::getSigned(builder_.getInt64Ty(), value), 0, depth_, 1};
    for (const auto& [temp, values] : turned) loaded_[temp] = values[static_cast<std::size_t>(trip)];
    emit(loop.body);
  }
  loaded_.clear();
  copies_ = outer_copies;
  if (filling != nullptr) store_interleaved(loop, *filling);
}

// The vector loop that alone stands in a loop of two iterations and stores every second element of a line last, the
// elements between them in the other iteration; null: it is another loop.
const loop::For* KernelEmitter::filling_loop(const loop::For& loop, std::int64_t trips) {
  if (lanes_ != 1 || mask_ != nullptr || loop.body.size() != 1 || trips != 2 || loop.step != 1) return nullptr;
  const auto* inner = std::get_if<loop::For>(&loop.body[0].node);
  if (!inner || inner->kind != loop::LoopKind::vector || !why_not_vector(*inner).empty()) return nullptr;
  const std::int64_t lanes = constant_trips(*inner);
  const auto* store = inner->body.empty() ? nullptr : std::get_if<loop::Store>(&inner->body.back().node);
  if (!store || lanes < 2 || lanes > register_lanes(*inner)) return nullptr;
  const loop::Array& array = kernel_.arrays[static_cast<std::size_t>(store->array)];
  const bool is_alone = std::all_of(inner->body.begin(), inner->body.end() - 1, [&](const loop::Statement& statement) {
    const auto* let = std::get_if<loop::Let>(&statement.node);
    const auto* load = let ? std::get_if<loop::Load>(&let->value) : nullptr;
    return let && (!load || load->array != store->array);
  });
  if (!is_alone || array.panel > 0 || array.dtype == DType::boolean || store->at.empty()) return nullptr;
  for (std::size_t d = 0; d < store->at.size(); ++d) {
    const bool is_last = d + 1 == store->at.size();
    const Affine& at = store->at[d].offset;
    if (store->at[d].through != loop::no_temp || at.coefficient(inner->variable) * inner->step != (is_last ? 2 : 0) ||
        at.coefficient(loop.variable) != (is_last ? 1 : 0)) {
      return nullptr;
    }
  }
  return inner;
}

//   a₀ a₁ a₂ a₃, b₀ b₁ b₂ b₃  →  a₀ b₀ a₁ b₁, a₂ b₂ a₃ b₃ where the first iteration would store a₀
void KernelEmitter::store_interleaved(const loop::For& loop, const loop::For& filling) {
  const loop::Store& store = *deferred_.store;
  const auto lanes = static_cast<int>(constant_trips(filling));
  const auto number = [&](std::int64_t value) { return llvm::ConstantInt::getSigned(builder_.getInt64Ty(), value); };
  variable(loop.variable) = {number(loop.begin.form.constant), 0, depth_, 1};
  variable(filling.variable) = {number(0), 0, depth_, 1};
  Place place = place_of(store.array, store.at);
  place.lanes = lanes;
  place.lane_stride = 1;
  Value* address = place.address;
  for (int half = 0; half < 2; ++half) {
    llvm::SmallVector<int, 16> which;
    for (int lane = half * lanes; lane < (half + 1) * lanes; ++lane) which.push_back(lane / 2 + lane % 2 * lanes);
    place.address = builder_.CreateGEP(memory_type(module_.context(), place.type), address, number(half * lanes));
    emit_store(builder_, place, builder_.CreateShuffleVector(deferred_.values[0], deferred_.values[1], which), nullptr);
  }
  deferred_ = {};
}

// The loads of all iterations at once, where the loop holds one vector loop alone, whose lanes each read one after
// another what the iterations ask for. Arrays that the loop writes are left alone.
std::map<loop::TempId, std::vector<Value*>> KernelEmitter::turned_loads(const loop::For& loop, std::int64_t trips) {
  std::map<loop::TempId, std::vector<Value*>> turned;
  if (lanes_ != 1 || loop.body.size() != 1 || trips < 2 || (trips & (trips - 1)) != 0) return turned;
  const auto* inner = std::get_if<loop::For>(&loop.body[0].node);
  if (!inner || inner->kind != loop::LoopKind::vector || !why_not_vector(*inner).empty()) return turned;
  const std::int64_t lanes = constant_trips(*inner);
  if (lanes < 2 || lanes > trips || trips > register_lanes(*inner)) return turned;
  const auto number = [&](std::int64_t value) { return llvm::ConstantInt::getSigned(builder_.getInt64Ty(), value); };
  for (const loop::Statement& statement : inner->body) {
    const auto* let = std::get_if<loop::Let>(&statement.node);
    const auto* load = let ? std::get_if<loop::Load>(&let->value) : nullptr;
    if (!load || load->guard != loop::no_temp) continue;
    const bool is_direct = std::all_of(load->at.begin(), load->at.end(),
                                       [](const loop::Subscript& at) { return at.through == loop::no_temp; });
    const loop::Array& array = kernel_.arrays[static_cast<std::size_t>(load->array)];
    if (array.role != loop::Array::Role::read || !is_direct) continue;
    variable(loop.variable) = {number(loop.begin.form.constant), loop.step, depth_, 1};
    variable(inner->variable) = {number(0), 0, depth_, 1};
    lanes_ = static_cast<int>(trips);
    const bool is_line = place_of(load->array, load->at).is_contiguous();
    variable(loop.variable).lane_step = 0;
    variable(inner->variable).lane_step = inner->step;
    lanes_ = static_cast<int>(lanes);
    const Place place = place_of(load->array, load->at);
    const bool strides = !place.is_uniform() && !place.is_contiguous() && place.lane_offsets == nullptr;
    if (is_line && strides) turned[let->temp] = load_turned(builder_, place, static_cast<int>(trips));
    lanes_ = 1;
  }
  return turned;
}

// No operation is wider than a register, or than two where one long expression after another waits for results, without
// masks. What it would save to leave wider ones to LLVM is nothing, and what LLVM 19
// makes of a masked load that it has to split is wrong when one half is known to be off: that half is loaded without a
// mask.
void KernelEmitter::emit_vector(const loop::For& loop, std::int64_t trips) {
  const std::int64_t most = register_lanes(loop) * (pairs_ && !has_masks(loop.body) ? 2 : 1);
  for (std::int64_t first = 0; first < trips; first += most) {
    const std::int64_t value = loop.begin.form.constant + first * loop.step;
    lanes_ = static_cast<int>(std::min(most, trips - first));
    variable(loop.variable) = {llvm::ConstantInt::getSigned(builder_.getInt64Ty(), value), lanes_ == 1 ? 0 : loop.step,
                               depth_};
    emit(loop.body);
  }
  lanes_ = 1;
}

// How many lanes of the widest value in the loop one register holds.
std::int64_t KernelEmitter::register_lanes(const loop::For& loop) const {
  int bytes = 4;
  loop::for_each_statement(loop.body, [&](const loop::Statement& statement) {
    const auto* let = std::get_if<loop::Let>(&statement.node);
    if (let) bytes = std::max(bytes, size_of(type_of(let->temp)));
  });
  return std::max(1, module_.vector_bytes / bytes);
}

// What divides every value of the bound, 0 when that is 0.
std::int64_t KernelEmitter::divisor_of(const loop::Bound& bound) const {
  std::int64_t divisor = std::gcd(bound.form.constant, bound.multiple);
  for (const Term& term : bound.form.terms) divisor = std::gcd(divisor, term.coefficient * variable(term.axis).divisor);
  return divisor;
}

Value* KernelEmitter::bound(const loop::Bound& bound) {
  Value* value = affine(bound.form);
  // No batch holds a whole multiple of more rows than the largest one.
  if (bound.multiple == 0 || bound.multiple > module_.program.largest_batch) return value;
  Value* batch = names_.batch;
  if (bound.multiple > 1) {
    Value* rest = builder_.CreateURem(batch, builder_.getInt64(static_cast<std::uint64_t>(bound.multiple)));
    batch = builder_.CreateNSWSub(batch, rest);
  }
  return builder_.CreateNSWAdd(batch, value);
}

Value* KernelEmitter::smallest(const std::vector<loop::Bound>& bounds) {
  Value* least = bound(bounds.front());
  for (std::size_t i = 1; i < bounds.size(); ++i) {
    least = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, least, bound(bounds[i]));
  }
  return least;
}

// -- values ----------------------------------------------------------------------------------------------------------

// The terms in the order of their loops, so that what an outer loop fixes is one value that inner ones share.
KernelEmitter::Split KernelEmitter::split(const Affine& form) {
  std::vector<Term> terms = form.terms;
  std::stable_sort(terms.begin(), terms.end(),
                   [this](const Term& a, const Term& b) { return variable(a.axis).depth < variable(b.axis).depth; });
  Split result{nullptr, form.constant};
  for (const Term& term : terms) {
    Value* value = variable(term.axis).value;
    if (const auto* known = llvm::dyn_cast<llvm::ConstantInt>(value)) {
      result.constant += term.coefficient * known->getSExtValue();
      continue;
    }
    if (term.coefficient != 1) {
      value = builder_.CreateNSWMul(value, llvm::ConstantInt::getSigned(builder_.getInt64Ty(), term.coefficient));
    }
    result.varying = result.varying == nullptr ? value : builder_.CreateNSWAdd(result.varying, value);
  }
  return result;
}

Value* KernelEmitter::affine(const Affine& form) {
  const Split parts = split(form);
  Value* constant = llvm::ConstantInt::getSigned(builder_.getInt64Ty(), parts.constant);
  if (parts.varying == nullptr) return constant;
  return parts.constant == 0 ? parts.varying : builder_.CreateNSWAdd(parts.varying, constant);
}

std::int64_t KernelEmitter::lane_step(const Affine& form) const {
  std::int64_t step = 0;
  for (const Term& term : form.terms) step += term.coefficient * variable(term.axis).lane_step;
  return step;
}

Value* KernelEmitter::value_of(const loop::IndexValue& index) {
  Value* value = builder_.CreateTrunc(affine(index.form), builder_.getInt32Ty());
  const std::int64_t step = lane_step(index.form);
  if (step == 0) return value;
  return builder_.CreateAdd(spread(builder_, value, lanes_), lane_numbers(builder_.getInt32Ty(), lanes_, step));
}

Value* KernelEmitter::value_of(const loop::Load& load) {
  Value* guard = mask_;
  if (load.guard != loop::no_temp) {
    guard = temp(load.guard);
    if (mask_ != nullptr) guard = builder_.CreateAnd(mask_, spread(builder_, guard, lanes_));
  }
  return emit_load(builder_, place_of(load.array, load.at), guard, load.otherwise);
}

Value* KernelEmitter::value_of(const loop::Operation& operation, DType type) {
  std::vector<Value*> operands;
  bool varying = false;
  for (loop::TempId id : operation.operands) {
    operands.push_back(temp(id));
    varying = varying || is_vector(operands.back());
  }
  if (varying) {
    for (Value*& operand : operands) operand = spread(builder_, operand, lanes_);
  }
  return emit_operation(builder_, operation.op, type_of(operation.operands.back()), type, operands);
}

// A local declared in a vector loop has one element per lane, as if it had one more axis.
loop::Strides KernelEmitter::strides_of(loop::ArrayId id) const {
  const loop::Array& array = kernel_.arrays[static_cast<std::size_t>(id)];
  loop::Strides strides = loop::strides_of(array.shape, array.panel, module_.program.largest_batch);
  for (std::int64_t& stride : strides.axes) stride *= names_.arrays[static_cast<std::size_t>(id)].lanes;
  return strides;
}

// Adds index · stride to an address, in elements.
void KernelEmitter::add_index(Indirection& sums, Value* index, std::int64_t stride) {
  llvm::Type* wide = builder_.getInt64Ty();
  if (is_vector(index)) wide = llvm::FixedVectorType::get(wide, static_cast<unsigned>(lanes_));
  if (index->getType()->getScalarType() != builder_.getInt64Ty()) index = builder_.CreateSExt(index, wide);
  Value* scaled = builder_.CreateMul(index, llvm::ConstantInt::get(wide, static_cast<std::uint64_t>(stride)));
  Value*& sum = is_vector(index) ? sums.by_lane : sums.common;
  sum = sum == nullptr ? scaled : builder_.CreateAdd(sum, scaled);
}

// j = panel · a + r with 0 ≤ r < panel lies at a · strides.panel + r. Usually loops run panel by panel, so that a is a
// form and r a number or a lane; else both are computed, once for all lanes where these stay within one panel.
Affine KernelEmitter::in_panels(const loop::Subscript& subscript, const loop::Array& array,
                                const loop::Strides& strides, Indirection& indirect) {
  Affine whole, rest = Affine::of(subscript.offset.constant);
  std::int64_t divisor = array.panel;  // of what varies in the rest
  for (const Term& term : subscript.offset.terms) {
    const Variable& of = variable(term.axis);
    const std::int64_t steps_by = term.coefficient * of.divisor;
    const bool is_number = llvm::isa<llvm::ConstantInt>(of.value);
    const bool is_whole = !is_number && of.lane_step == 0 && steps_by % array.panel == 0;
    Affine& part = is_whole ? whole : rest;
    part = part + Affine::axis(term.axis, term.coefficient);
    if (!is_whole && !is_number) divisor = std::gcd(divisor, steps_by);
  }
  const Split within = split(rest);
  const std::int64_t step = lane_step(rest), last = within.constant + step * (lanes_ - 1);
  const bool in_one = subscript.through == loop::no_temp && (within.constant & -divisor) == (last & -divisor);
  if (in_one && within.varying == nullptr) {
    const std::int64_t begin = within.constant & -array.panel;
    return (whole + begin) * (strides.panel / array.panel) + (rest - begin);
  }
  Value* index = affine(subscript.offset);
  if (in_one) {
    indirect.lane_stride += step;
  } else if (step != 0) {
    index = builder_.CreateAdd(spread(builder_, index, lanes_), lane_numbers(builder_.getInt64Ty(), lanes_, step));
  }
  if (subscript.through != loop::no_temp) {
    Value* through = temp(subscript.through);
    if (is_vector(through)) index = spread(builder_, index, lanes_);
    through = builder_.CreateSExt(through, is_vector(through) ? index->getType() : builder_.getInt64Ty());
    if (is_vector(index)) through = spread(builder_, through, lanes_);
    index = builder_.CreateAdd(index, through);
  }
  const auto mask = static_cast<std::uint64_t>(array.panel - 1);
  add_index(indirect, builder_.CreateLShr(index, static_cast<std::uint64_t>(std::countr_one(mask))), strides.panel);
  add_index(indirect, builder_.CreateAnd(index, mask), 1);
  return {};
}

Place KernelEmitter::place_of(loop::ArrayId id, const std::vector<loop::Subscript>& at) {
  const loop::Array& array = kernel_.arrays[static_cast<std::size_t>(id)];
  const Storage& storage = names_.arrays[static_cast<std::size_t>(id)];
  const loop::Strides strides = strides_of(id);
  Indirection indirect;
  Affine linear;
  for (std::size_t axis = 0; axis < at.size(); ++axis) {
    if (array.panel > 0 && axis + 1 == at.size()) {
      linear = linear + in_panels(at[axis], array, strides, indirect);
      continue;
    }
    linear = linear + at[axis].offset * strides.axes[axis];
    if (at[axis].through != loop::no_temp) add_index(indirect, temp(at[axis].through), strides.axes[axis]);
  }
  const Split offset = split(linear);

  Place place;
  place.type = array.dtype;
  place.lanes = lanes_;
  place.lane_offsets = indirect.by_lane;
  place.lane_stride = lane_step(linear) + indirect.lane_stride + (storage.lanes > 1 ? 1 : 0);
  if (array.role == loop::Array::Role::local && offset.varying == nullptr && indirect.is_none()) {
    const std::int64_t elements = count(array.shape, module_.program.largest_batch) * storage.lanes;
    const std::int64_t last = offset.constant + place.lane_stride * (lanes_ - 1);
    place.inside = std::min(offset.constant, last) >= 0 && std::max(offset.constant, last) < elements;
  }
  // Variables first, the constant last: unrolled copies share everything but a displacement.
  place.address = storage.base;
  Value* constant =
      offset.constant == 0 ? nullptr : llvm::ConstantInt::getSigned(builder_.getInt64Ty(), offset.constant);
  for (Value* part : {offset.varying, indirect.common, constant}) {
    if (part == nullptr) continue;
    place.address = builder_.CreateGEP(memory_type(module_.context(), array.dtype), place.address, part);
  }
  return place;
}

}  // namespace descent::codegen
