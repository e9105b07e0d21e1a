// How far index arithmetic reaches: bounds of affine forms over the open loops, aware of steps, of several upper
// bounds, and of a batch that is only known to be between 1 and the largest one.
//
//   serial i in 0 ..< 64 step 8 { vector j in 0 ..< 8 { … } }                   i + j ≤ 56 + 7
//   serial i in 0 ..< batch // 8 * 8 step 8 { vector j in 0 ..< 8 { … } }       i + j ≤ batch - 1
//   serial p in 0 ..< 90 step 32 { serial i in p ..< min(p + 32, 88) step 8 { … } }   i ≤ 80: p and i count by eights
//   serial p in 0 ..< 90 step 32 { serial i in p ..< min(p + 48, 90) step 16 { … } }  i ≤ 80, ten below the end
#pragma once

#include <cstdint>
#include <vector>

#include "ir/loop.h"

namespace descent::loop {

// The axis that stands for the batch rounded down to a multiple, in the forms below. Multiples beyond the largest
// batch give 0 and never become an axis.
inline AxisId batch_axis(std::int64_t multiple) { return static_cast<AxisId>(-multiple); }

__extension__ typedef __int128 Wide;

class Ranges {
 public:
  explicit Ranges(std::int64_t largest_batch) : largest_batch_(largest_batch) {}

  // The innermost open variable runs from `begin` to below every one of `end`.
  void open(VariableId variable, const Bound& begin, const std::vector<Bound>& end, std::int64_t step);
  void open(VariableId variable, Range range);
  void close() { loops_.pop_back(); }
  bool is_open(VariableId variable) const { return find(variable) != nullptr; }
  // False when an open loop is known to have no iteration: what stands in it never happens.
  bool may_run() const;

  // The bound as a form over the open variables and batch axes.
  Affine form_of(const Bound& bound) const;
  Affine form_of(Extent extent) const { return form_of(Bound::of(extent)); }
  // No value of the form lies below `low` or above `high`; the nearest such numbers that the rules find.
  std::int64_t low(const Affine& form) const;
  std::int64_t high(const Affine& form) const;

  Affine begin_of(VariableId variable) const { return find(variable)->begin; }
  // How far the variable's last value lies behind its first, at most.
  std::int64_t span_of(VariableId variable) const;

 private:
  struct Loop {
    VariableId variable = -1;
    Affine begin;
    std::vector<Affine> last;  // each an upper bound of the variable
    bool may_run = true;
    std::int64_t divisor = 1;  // of every value the variable takes
  };
  std::int64_t divisor_of(const Term& term) const;
  const Loop* find(VariableId variable) const;
  Affine last_of(const Affine& begin, const Affine& end, std::int64_t step) const;
  std::int64_t low(const Affine& form, int& budget) const;
  std::int64_t low_over_batch(const Affine& form) const;
  Wide low_of_each(const Affine& form) const;
  static Affine without_pairs(Affine form);

  std::int64_t largest_batch_;
  std::vector<Loop> loops_;
};

}  // namespace descent::loop
