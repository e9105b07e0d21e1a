// Scalars, reads, guards and landings of a sweep as statements of a kernel.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "ir/loop_builder.h"
#include "passes/lower_sweep.h"

namespace descent {

class BodyEmitter {
 public:
  // `place`: of each axis of the sweep over the kernel's variables, kept current by whoever opens loops.
  BodyEmitter(loop::KernelBuilder& kernel, const SweepJob& job, const std::vector<Affine>& place)
      : k_(kernel), job_(job), place_(place) {}

  // Declares the kernel's parameters; `buffers` receives what they stand for.
  void bind(std::vector<loop::BufferId>& buffers);

  loop::ArrayId result() const { return arrays_.at(job_.result.buffer); }
  // Subscripts of the result's buffer: the fixed ones of its home, then these.
  std::vector<loop::Subscript> within_result(const std::vector<Affine>& at) const;
  std::vector<loop::Subscript> landing(const Sweep& sweep);
  // Do the subscripts lie inside `shape`? no_temp: always. The first `fixed` subscripts are a home's own.
  loop::TempId inside(const std::vector<Index>& at, const std::vector<loop::Subscript>& subscripts, const Shape& shape,
                      std::size_t fixed);

  // All guards at this point; no_temp: none.
  loop::TempId guards(const Sweep& sweep);
  // One more guard, until release().
  void require(loop::TempId condition) { required_ = condition; }
  void release() { required_ = loop::no_temp; }
  loop::TempId required() const { return required_; }
  loop::TempId both(loop::TempId a, loop::TempId b);

  // The value of the body; where the guard is false nothing outside a tensor is touched and the value means nothing.
  loop::TempId body(const Body& body, loop::TempId guard) { return value(body, body.root(), guard); }
  // The value of one scalar of the body; nothing is computed that it does not need. The costly side of a select is
  // computed in a branch, which a back end skips where nobody wants it.
  loop::TempId value(const Body& body, ScalarId id, loop::TempId guard);
  // A form over the sweep's axes as one over the kernel's variables.
  Affine placed(const Affine& form) const;
  // The element of what `read` reads at these indices instead of its own.
  loop::TempId load(const Read& read, const std::vector<Affine>& at, loop::TempId guard);

 private:
  // The scalars of a body on their way to temps.
  struct Emission {
    const Body& body;
    loop::TempId guard;
    std::vector<ScalarId> side_of;  // the select whose costly side needs the scalar, and nothing else does; else none
    std::vector<loop::TempId> temps;
  };
  void emit_side(Emission& emission, ScalarId select);
  loop::TempId emit_scalar(Emission& emission, ScalarId id);
  loop::TempId emit_select(Emission& emission, ScalarId select, std::size_t side);
  loop::VariableId scan_variable(AxisId axis) const;
  loop::TempId read(const Read& read, const std::vector<loop::TempId>& known, loop::TempId guard);
  loop::TempId in_range(const Index& index, const loop::Subscript& subscript, Extent extent);

  loop::KernelBuilder& k_;
  const SweepJob& job_;
  const std::vector<Affine>& place_;
  std::map<loop::BufferId, loop::ArrayId> arrays_;
  loop::TempId required_ = loop::no_temp;
};

}  // namespace descent
