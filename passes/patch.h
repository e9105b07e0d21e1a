// A private copy of the part of a tensor that a read covers while some axes move: the patch under a window that
// slides.
//
//   x[b, k, i + r - 1, j + s - 1 else 0.0]    while k < 16, r < 3, s < 3, j < 28 move
// → local patch : f32[16, 3, 30]              patch[k, r, j + s], borders filled with 0
//
// Each element is copied once, however many windows it stands in, and what lies outside the tensor is asked once: the
// terms of a contraction read without conditions.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "ir/loop_builder.h"
#include "passes/body_emitter.h"

namespace descent {

// An axis moves from `begin` over `size` steps, and perhaps over fewer.
struct Movement {
  Affine begin;
  std::int64_t size = 1;
};
// Of the sweep's axes; nothing for one that stands still.
using Movements = std::function<std::optional<Movement>(AxisId)>;

// How far each index of the read reaches while axes move over so many steps: places, 1 where it stands still.
std::vector<std::int64_t> reach_of(const Read& read, const std::function<std::int64_t(AxisId)>& steps);

class Patch {
 public:
  // Declares the copy and fills it.
  Patch(loop::KernelBuilder& kernel, BodyEmitter& emit, const SweepJob& job, const Read& read,
        const Movements& movements, int lanes);

  // The read at the current places of the axes.
  loop::TempId load() const;

 private:
  struct Dimension {
    Affine base;            // the smallest index
    std::int64_t size = 1;  // places
    Extent extent;          // of the tensor
    bool may_leave = false;
    bool is_known() const { return base.is_constant() && !extent.is_batch(); }
    // The places that lie in the tensor, when they are known.
    std::int64_t low() const;
    std::int64_t high() const;
  };
  void fill(double value);
  void copy(std::size_t d, std::vector<Affine>& at, loop::TempId guard);
  void copy_line(std::vector<Affine>& at, loop::TempId guard);
  void store(const std::vector<Affine>& at, loop::TempId guard);
  loop::TempId inside(const Dimension& dimension, const Affine& place);
  std::vector<loop::Subscript> places(const std::vector<Affine>& at) const;

  loop::KernelBuilder& k_;
  BodyEmitter& emit_;
  const Read& read_;
  int lanes_;
  DType type_;
  std::vector<Dimension> dimensions_;
  loop::ArrayId array_ = -1;
};

}  // namespace descent
