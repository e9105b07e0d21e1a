// Affine forms over axes: constant + Σ coefficient · axis. The only index arithmetic both IRs have.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace descent {

// In a Graph: 0 … n-1 are the axes of the sweep itself; -1 is the loop index of the innermost enclosing scan, -2 of
// the next one out. In a Loop program: the ids of loop variables and index parameters.
using AxisId = int;

struct Term {
  AxisId axis = 0;
  std::int64_t coefficient = 0;
  bool operator==(const Term&) const = default;
  auto operator<=>(const Term&) const = default;
};

// Canonical: terms ascend by axis and no coefficient is zero.
struct Affine {
  std::int64_t constant = 0;
  std::vector<Term> terms;

  static Affine of(std::int64_t constant) { return {constant, {}}; }
  static Affine axis(AxisId axis, std::int64_t coefficient = 1, std::int64_t constant = 0);

  bool is_constant() const { return terms.empty(); }
  bool is_axis() const { return constant == 0 && terms.size() == 1 && terms[0].coefficient == 1; }
  std::int64_t coefficient(AxisId axis) const;
  bool operator==(const Affine&) const = default;
};

Affine operator+(const Affine& a, const Affine& b);
Affine operator-(const Affine& a, const Affine& b);
Affine operator*(const Affine& a, std::int64_t factor);
inline Affine operator+(const Affine& a, std::int64_t b) { return a + Affine::of(b); }
inline Affine operator-(const Affine& a, std::int64_t b) { return a - Affine::of(b); }

// Every axis replaced by a form: `by(axis)`.
Affine substitute(const Affine& form, const std::function<Affine(AxisId)>& by);

// The smallest and largest value when axis a runs over 0 ≤ a ≤ last(a).
struct Bounds {
  std::int64_t low = 0;
  std::int64_t high = 0;
};
Bounds bounds_of(const Affine& form, const std::function<std::int64_t(AxisId)>& last);

// "2*i + r - 1" with the names that `name` gives.
std::string to_string(const Affine& form, const std::function<std::string(AxisId)>& name);

}  // namespace descent
