// Arithmetic of affine forms. It saturates at the ends of 64 bits: a form that large leaves every tensor and every
// axis, so bounds computed from it still refuse it.
#include "ir/affine.h"

#include <algorithm>
#include <limits>

#include "fmt/format.h"

namespace descent {

namespace {

__extension__ typedef __int128 Wide;  // holds a product of two 64-bit numbers and a third

std::int64_t saturated(Wide value) {
  using Limits = std::numeric_limits<std::int64_t>;
  return static_cast<std::int64_t>(std::clamp<Wide>(value, Limits::min(), Limits::max()));
}

// a + factor · b
Affine combine(const Affine& a, const Affine& b, std::int64_t factor) {
  Affine out;
  out.constant = saturated(a.constant + Wide{factor} * b.constant);
  auto left = a.terms.begin();
  auto right = b.terms.begin();
  while (left != a.terms.end() || right != b.terms.end()) {
    const bool from_left = right == b.terms.end() || (left != a.terms.end() && left->axis <= right->axis);
    const bool from_right = left == a.terms.end() || (right != b.terms.end() && right->axis <= left->axis);
    const AxisId axis = from_left ? left->axis : right->axis;
    Wide coefficient = 0;
    if (from_left) coefficient += (left++)->coefficient;
    if (from_right) coefficient += Wide{factor} * (right++)->coefficient;
    if (coefficient != 0) out.terms.push_back({axis, saturated(coefficient)});
  }
  return out;
}

}  // namespace

Affine Affine::axis(AxisId axis, std::int64_t coefficient, std::int64_t constant) {
  Affine out = of(constant);
  if (coefficient != 0) out.terms.push_back({axis, coefficient});
  return out;
}

std::int64_t Affine::coefficient(AxisId axis) const {
  const auto term = std::lower_bound(terms.begin(), terms.end(), axis,
                                     [](const Term& term, AxisId wanted) { return term.axis < wanted; });
  return term != terms.end() && term->axis == axis ? term->coefficient : 0;
}

Affine operator+(const Affine& a, const Affine& b) { return combine(a, b, 1); }
Affine operator-(const Affine& a, const Affine& b) { return combine(a, b, -1); }
Affine operator*(const Affine& a, std::int64_t factor) { return combine({}, a, factor); }

Affine substitute(const Affine& form, const std::function<Affine(AxisId)>& by) {
  Affine out = Affine::of(form.constant);
  for (const Term& term : form.terms) out = combine(out, by(term.axis), term.coefficient);
  return out;
}

Bounds bounds_of(const Affine& form, const std::function<std::int64_t(AxisId)>& last) {
  std::int64_t low = form.constant;
  std::int64_t high = form.constant;
  for (const Term& term : form.terms) {
    const Wide reach = Wide{term.coefficient} * last(term.axis);
    std::int64_t& end = reach < 0 ? low : high;  // each only moves outwards, so one that is stuck stays right
    end = saturated(end + reach);
  }
  return {low, high};
}

std::string to_string(const Affine& form, const std::function<std::string(AxisId)>& name) {
  std::string out;
  // The magnitude in unsigned arithmetic: the least 64-bit number has no negative.
  const auto add = [&](std::int64_t value, const std::string& factor) {
    const auto magnitude = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
    out += out.empty() ? (value < 0 ? "-" : "") : (value < 0 ? " - " : " + ");
    if (factor.empty()) {
      out += fmt::format("{}", magnitude);
    } else {
      out += magnitude == 1 ? factor : fmt::format("{}*{}", magnitude, factor);
    }
  };
  for (const Term& term : form.terms) add(term.coefficient, name(term.axis));
  if (form.constant != 0 || form.terms.empty()) add(form.constant, {});
  return out;
}

}  // namespace descent
