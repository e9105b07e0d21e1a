// What stands behind a loop over terms is asked for before it: the lines that a register tile's sums go to, or meet
// there (a residual, the derivative of an activation, weights and moments), are many short pieces of memory, which the
// processor's own prefetchers tell from each other too late. The loop over the terms is time enough for them to arrive.
//
//   prefetch residual[b, j], y[b, j], …           one for each register that stands below
//   serial k { sum = fma(x[b, k], w[k, j], sum) }
//   unrolled b_2 { vector j { y[b + b_2, j] = sum + residual[b + b_2, j] } }
//
// A hint: no value and no order of operations depends on it, and an address behind an array's end is no access.
#include <llvm/IR/Intrinsics.h>
#include <llvm/TargetParser/Triple.h>

#include <algorithm>

#include "codegen/llvm/kernel.h"
#include "codegen/vector.h"
#include "ir/loop_walk.h"
#include "ir/match.h"

namespace descent::codegen {
namespace {

// Terms below which nothing arrives in time.
constexpr std::int64_t fewest_terms = 16;

// Iterations of the loop and those in it, 1 for each loop whose are not known to be more.
std::int64_t known_terms(const loop::For& loop) {
  std::int64_t inner = 1;
  for (const loop::Statement& statement : loop.body) {
    const auto* next = std::get_if<loop::For>(&statement.node);
    if (next && next->kind != loop::LoopKind::vector) inner = std::max(inner, known_terms(*next));
  }
  const bool is_known = std::all_of(loop.end.begin(), loop.end.end(), [&](const loop::Bound& end) {
    return end.multiple == 0 && (end.form - loop.begin.form).is_constant();
  });
  if (!is_known || loop.begin.multiple != 0) return std::max(inner, fewest_terms);
  std::int64_t length = (loop.end.front().form - loop.begin.form).constant;
  for (const loop::Bound& end : loop.end) length = std::min(length, (end.form - loop.begin.form).constant);
  return std::max<std::int64_t>(1, length / loop.step) * inner;
}

}  // namespace

// A loop, one iteration after another, that stores to locals only, long enough.
bool KernelEmitter::adds_up(const loop::Statement& statement) const {
  const auto* loop = std::get_if<loop::For>(&statement.node);
  if (!loop || loop->kind != loop::LoopKind::serial || known_terms(*loop) < fewest_terms) return false;
  bool is_private = true;
  loop::for_each_statement(loop->body, [&](const loop::Statement& inner) {
    const auto* store = std::get_if<loop::Store>(&inner.node);
    is_private = is_private && (!store || store->array >= kernel_.parameters);
  });
  return is_private;
}

// Where in the block what stands behind its loops is asked for: at the first of them; the block's size: nowhere.
std::size_t KernelEmitter::prefetching_loop(const loop::Block& block) const {
  const auto is_tile = [](const loop::Statement& statement) {
    const auto* loop = std::get_if<loop::For>(&statement.node);
    return !loop || loop->kind == loop::LoopKind::unrolled || loop->kind == loop::LoopKind::vector;
  };
  const auto first = std::find_if_not(block.begin(), block.end(), is_tile);
  const bool add_up = std::all_of(
      first, block.end(), [&](const loop::Statement& statement) { return is_tile(statement) || adds_up(statement); });
  return static_cast<std::size_t>((add_up ? first : block.end()) - block.begin());
}

void KernelEmitter::prefetch_behind(const loop::Block& block) {
  std::size_t last = block.size();
  while (last > 0 && !adds_up(block[last - 1])) --last;
  for (std::size_t at = last; at < block.size(); ++at) prefetch(block[at]);
}

// One for each register of a vector loop, under any loops that are unrolled.
void KernelEmitter::prefetch(const loop::Statement& statement) {
  match(
      statement.node,
      [&](const loop::Let& let) {
        if (const auto* load = std::get_if<loop::Load>(&let.value)) prefetch(load->array, load->at, false);
      },
      [&](const loop::Store& store) { prefetch(store.array, store.at, true); }, [](const loop::Declare&) {},
      [&](const loop::If& branch) {
        for (const loop::Statement& inner : branch.then) prefetch(inner);
      },
      [&](const loop::For& loop) {
        const bool is_vector = loop.kind == loop::LoopKind::vector && lanes_ == 1 && why_not_vector(loop).empty();
        if (!is_vector && loop.kind != loop::LoopKind::unrolled) return;
        const std::int64_t trips = constant_trips(loop), most = is_vector ? register_lanes(loop) : 1;
        for (std::int64_t first = 0; first < trips; first += most) {
          const std::int64_t value = loop.begin.form.constant + first * loop.step;
          const auto lanes = static_cast<int>(std::min(most, trips - first));
          if (is_vector) lanes_ = lanes;
          variable(loop.variable) = {llvm::ConstantInt::getSigned(builder_.getInt64Ty(), value),
                                     is_vector && lanes > 1 ? loop.step : 0, depth_, 1};
          for (const loop::Statement& inner : loop.body) prefetch(inner);
          if (is_vector) lanes_ = 1;
        }
      });
}

// What a vector touches side by side.
void KernelEmitter::prefetch(loop::ArrayId array, const std::vector<loop::Subscript>& at, bool is_store) {
  const bool is_direct = std::all_of(
      at.begin(), at.end(), [](const loop::Subscript& subscript) { return subscript.through == loop::no_temp; });
  if (array >= kernel_.parameters || !is_direct || lanes_ == 1) return;
  const Place place = place_of(array, at);
  if (!place.is_contiguous()) return;
  constexpr int keep = 3, data = 1;
  builder_.CreateIntrinsic(
      llvm::Intrinsic::prefetch, {place.address->getType()},
      {place.address, builder_.getInt32(is_store ? 1 : 0), builder_.getInt32(keep), builder_.getInt32(data)});
}

bool has_prefetches(const llvm::Module& module) {
  const llvm::Triple triple(module.getTargetTriple());
  return triple.isX86() || triple.isAArch64();
}

}  // namespace descent::codegen
