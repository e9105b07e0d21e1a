// Bounds of affine forms over loops: variables are replaced by their ends, innermost first, so that what depends on an
// outer variable cancels with it.
#include "ir/loop_ranges.h"

#include <algorithm>
#include <numeric>

namespace descent::loop {
namespace {

// Far beyond every index, far from overflow.
constexpr std::int64_t unknown = -(std::int64_t{1} << 60);
// Each variable with several upper bounds doubles the work; real kernels need a few dozen steps.
constexpr int step_budget = 20000;

}  // namespace

const Ranges::Loop* Ranges::find(VariableId variable) const {
  for (auto loop = loops_.rbegin(); loop != loops_.rend(); ++loop) {
    if (loop->variable == variable) return &*loop;
  }
  return nullptr;
}

Affine Ranges::form_of(const Bound& bound) const {
  if (bound.multiple <= 0 || bound.multiple > largest_batch_) return bound.form;
  return bound.form + Affine::axis(batch_axis(bound.multiple));
}

void Ranges::open(VariableId variable, const Bound& begin, const std::vector<Bound>& end, std::int64_t step) {
  Loop loop{variable, form_of(begin), {}, true, step};
  loop.divisor = std::gcd(step, loop.begin.constant);
  for (const Term& term : loop.begin.terms) loop.divisor = std::gcd(loop.divisor, divisor_of(term));
  for (const Bound& bound : end) {
    const Affine below = form_of(bound);
    loop.last.push_back(last_of(loop.begin, below, step));
    // Multiples of the step below the batch: below or at the batch rounded down to one, too, which may be 0 always.
    const bool is_batch = bound == Bound{{}, 1};
    if (is_batch && step > 1 && loop.divisor % step == 0) loop.last.push_back(form_of(Bound{{}, step}));
    loop.may_run &= high(below - loop.begin) > 0;
  }
  loops_.push_back(std::move(loop));
}

void Ranges::open(VariableId variable, Range range) {
  loops_.push_back({variable, Affine::of(range.low), {Affine::of(range.high - 1)}, true, 1});
}

std::int64_t Ranges::divisor_of(const Term& term) const {
  if (term.axis < 0) return term.coefficient * -std::int64_t{term.axis};
  const Loop* loop = find(term.axis);
  return term.coefficient * (loop == nullptr ? 1 : loop->divisor);
}

bool Ranges::may_run() const {
  return std::all_of(loops_.begin(), loops_.end(), [](const Loop& loop) { return loop.may_run; });
}

// The last value begin + n·step below end. Where the distance is a number it can be counted; else all that is known is
// that end less a value differs from the distance by a multiple of what divides the step and every term, and is
// positive.
Affine Ranges::last_of(const Affine& begin, const Affine& end, std::int64_t step) const {
  const Affine distance = end - begin;
  if (distance.is_constant()) return begin + std::max<std::int64_t>(distance.constant - 1, 0) / step * step;
  std::int64_t divisor = step;
  for (const Term& term : distance.terms) divisor = std::gcd(divisor, divisor_of(term));
  const std::int64_t rest = (distance.constant % divisor + divisor) % divisor;
  return end - (rest == 0 ? divisor : rest);
}

std::int64_t Ranges::low(const Affine& form) const {
  int budget = step_budget;
  return low(form, budget);
}

std::int64_t Ranges::high(const Affine& form) const { return -low(form * -1); }

std::int64_t Ranges::span_of(VariableId variable) const {
  return std::max<std::int64_t>(high(Affine::axis(variable) - begin_of(variable)), 0);
}

std::int64_t Ranges::low(const Affine& form, int& budget) const {
  if (--budget < 0) return unknown;
  for (auto loop = loops_.rbegin(); loop != loops_.rend(); ++loop) {
    const std::int64_t coefficient = form.coefficient(loop->variable);
    if (coefficient == 0) continue;
    const auto replaced = [&](const Affine& by) {
      return form - Affine::axis(loop->variable, coefficient) + by * coefficient;
    };
    if (coefficient > 0) return low(replaced(loop->begin), budget);
    std::int64_t best = unknown;
    for (const Affine& last : loop->last) best = std::max(best, low(replaced(last), budget));
    return best;
  }
  return low_over_batch(form);
}

// With r the batch rounded down to m: 0 ≤ r, batch - (m - 1) ≤ r ≤ batch; and r is not below the batch rounded down to
// a multiple of m. Tried three times: every r by itself, every r by its distance from the batch, and pairs of them.
std::int64_t Ranges::low_over_batch(const Affine& form) const {
  Wide together = form.constant;
  Wide batches = 0;
  for (const Term& term : form.terms) {
    if (term.axis >= 0) return unknown;
    batches += term.coefficient;
    if (term.coefficient > 0) together -= Wide{term.coefficient} * (-std::int64_t{term.axis} - 1);
  }
  together += batches * (batches > 0 ? 1 : largest_batch_);
  const Wide low = std::max({together, low_of_each(form), low_of_each(without_pairs(form))});
  return static_cast<std::int64_t>(std::clamp<Wide>(low, unknown, -unknown));
}

Wide Ranges::low_of_each(const Affine& form) const {
  Wide low = form.constant;
  for (const Term& term : form.terms) {
    const std::int64_t multiple = -std::int64_t{term.axis};
    const std::int64_t least = multiple == 1 ? 1 : 0;
    const std::int64_t most = largest_batch_ / multiple * multiple;
    low += Wide{term.coefficient} * (term.coefficient > 0 ? least : most);
  }
  return low;
}

// Without differences that are known not to be negative: r of m less r of a multiple of m.
Affine Ranges::without_pairs(Affine form) {
  for (const Term& larger : Affine(form).terms) {
    for (const Term& smaller : Affine(form).terms) {
      if (smaller.axis % larger.axis != 0 || smaller.axis == larger.axis) continue;
      const std::int64_t pairs = std::min(form.coefficient(larger.axis), -form.coefficient(smaller.axis));
      if (pairs > 0) form = form - Affine::axis(larger.axis, pairs) + Affine::axis(smaller.axis, pairs);
    }
  }
  return form;
}

}  // namespace descent::loop
