// A kernel in the making for one sweep, and what stands in it at one point of the sweep's box: the point's value,
// joined to an accumulator or stored where it lands. The loops around it are the business of those who derive from it.
#pragma once

#include <vector>

#include "ir/loop_builder.h"
#include "passes/body_emitter.h"
#include "passes/lower_sweep.h"

namespace descent {

class SweepKernel {
 protected:
  explicit SweepKernel(const SweepJob& job);

  const Axis& axis(AxisId id) const { return sweep_.axes[static_cast<std::size_t>(id)]; }
  Affine& place(AxisId id) { return place_[static_cast<std::size_t>(id)]; }
  const Order& order() const { return *sweep_.order; }

  void store_point();
  // Stores where the sweep lands; a landing outside vanishes.
  void store_result(loop::TempId value);
  loop::TempId identity();
  // accumulator ⊕ the body at this point.
  loop::TempId join(loop::TempId accumulator);
  loop::TempId combine(loop::TempId a, loop::TempId b);
  LoweredKernel finish() { return {std::move(k_).finish(), buffers_}; }

  const SweepJob& job_;
  const Sweep& sweep_;
  loop::KernelBuilder k_;
  std::vector<ScalarId> factors_;  // in body_
  Body body_;
  std::vector<Affine> place_;  // of each axis, over the kernel's variables
  BodyEmitter emit_;
  std::vector<loop::BufferId> buffers_;
};

}  // namespace descent
