#include "passes/sweep_kernel.h"

#include "ir/combine.h"
#include "passes/sweep_tools.h"

namespace descent {

using loop::Subscript;
using loop::TempId;

namespace {

// The two factors of what a fused reduction adds up, none of any other. They are kept apart through the expansion: a
// product of constants would become one constant, rounded once too often.
std::vector<ScalarId> factors_of(const Sweep& sweep) {
  if (!sweep.order || !sweep.order->fused) return {};
  const Apply* product = std::get_if<Apply>(&sweep.body.scalars.back().node);
  DESCENT_CHECK(product && product->op == Op::mul, "lower: a fused reduction whose body is no product");
  return product->operands;
}

}  // namespace

SweepKernel::SweepKernel(const SweepJob& job)
    : job_(job),
      sweep_(*job.sweep),
      k_(job.name, job.comment, job.origin),
      factors_(factors_of(sweep_)),
      body_(expand(sweep_.body, factors_)),
      place_(sweep_.axes.size(), Affine{}),
      emit_(k_, job, place_) {
  emit_.bind(buffers_);
}

void SweepKernel::store_point() {
  TempId guard = emit_.guards(sweep_);
  TempId value = emit_.body(body_, guard);
  if (guard != loop::no_temp) value = k_.operation(Op::select, {guard, value, k_.literal(0, k_.type(value))});
  store_result(value);
}

void SweepKernel::store_result(TempId value) {
  std::vector<Subscript> at = emit_.landing(sweep_);
  TempId inside = emit_.inside(sweep_.landing, at, job_.type.shape, job_.result.prefix.size());
  inside = emit_.both(emit_.required(), inside);
  if (inside == loop::no_temp) return k_.store(emit_.result(), at, value);
  k_.branch(inside, [&] { k_.store(emit_.result(), at, value); });
}

TempId SweepKernel::identity() { return k_.literal(identity_of(sweep_.combiner, job_.type.dtype), job_.type.dtype); }

TempId SweepKernel::join(TempId accumulator) {
  TempId guard = emit_.guards(sweep_);
  TempId joined;
  if (order().fused) {
    const TempId a = emit_.value(body_, factors_[0], guard);
    const TempId b = emit_.value(body_, factors_[1], guard);
    joined = k_.operation(Op::fma, {a, b, accumulator});
  } else {
    joined = combine(accumulator, emit_.body(body_, guard));
  }
  return guard == loop::no_temp ? joined : k_.operation(Op::select, {guard, joined, accumulator});
}

TempId SweepKernel::combine(TempId a, TempId b) {
  switch (sweep_.combiner) {
    case Combiner::sum:
      return k_.operation(Op::add, {a, b});
    case Combiner::product:
      return k_.operation(Op::mul, {a, b});
    case Combiner::max:
      return k_.operation(Op::max, {a, b});
    case Combiner::min:
      return k_.operation(Op::min, {a, b});
    case Combiner::none:
    case Combiner::argmax:
      break;
  }
  DESCENT_CHECK(false, "lower: this combiner has no accumulator");
  return loop::no_temp;
}

}  // namespace descent
