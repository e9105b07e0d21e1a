// Whether a landing map is injective on the axes in it, by elimination: an axis alone in a dimension is pinned by the
// place; a dimension whose axes are the digits of a mixed radix pins them all; what is pinned counts as known from
// then on.
//
//   [i, i + r]                       i is pinned by the first dimension, then r by the second: injective
//   [2*o + r]  with r < 2            digits: injective
//   [2*o + r]  with r < 3            o and r meet: scatters
#include <fmt/format.h>

#include <algorithm>

#include "ir/graph.h"
#include "ir/graph_print.h"

namespace descent {
namespace {

class Elimination {
 public:
  explicit Elimination(const Sweep& sweep) : sweep_(sweep) {
    for (const Axis& axis : sweep.axes) pinned_.push_back(axis.extent.size == 1);
  }

  void run() {
    bool changed = true;
    while (changed) {
      changed = false;
      for (const Index& index : sweep_.landing) changed |= index.through == no_scalar && pin_in(index.offset);
    }
  }

  // The terms of the form whose axes no place tells.
  std::vector<Term> open_terms(const Affine& form) const {
    std::vector<Term> open;
    for (const Term& term : form.terms)
      if (term.axis >= 0 && !pinned_[static_cast<std::size_t>(term.axis)]) open.push_back(term);
    return open;
  }

 private:
  bool pin_in(const Affine& form) {
    const std::vector<Term> open = open_terms(form);
    if (open.empty() || !are_digits(open)) return false;
    for (const Term& term : open) pinned_[static_cast<std::size_t>(term.axis)] = true;
    return true;
  }

  // Each coefficient larger than all that the smaller ones can reach together.
  bool are_digits(std::vector<Term> terms) const {
    const auto size = [](const Term& term) { return std::abs(static_cast<double>(term.coefficient)); };
    std::sort(terms.begin(), terms.end(), [&](const Term& a, const Term& b) { return size(a) < size(b); });
    double reach = 0;
    for (const Term& term : terms) {
      if (size(term) <= reach) return false;
      const Extent extent = sweep_.axes[static_cast<std::size_t>(term.axis)].extent;
      if (extent.is_batch() && terms.size() > 1) return false;
      reach += size(term) * static_cast<double>(extent.size - 1);
    }
    return true;
  }

  const Sweep& sweep_;
  std::vector<bool> pinned_;
};

}  // namespace

std::string why_scatters(const Sweep& sweep) {
  for (const Index& index : sweep.landing)
    if (index.through != no_scalar) return "it lands through an integer tensor";
  Elimination elimination(sweep);
  elimination.run();
  const std::vector<std::string> names = axis_names(sweep.axes, {});
  const auto name = [&](AxisId axis) { return axis_name(axis, names, {"t"}); };
  for (const Index& index : sweep.landing) {
    const std::vector<Term> open = elimination.open_terms(index.offset);
    if (open.empty()) continue;
    std::string list;
    for (std::size_t i = 0; i < open.size(); ++i) {
      const std::string_view joint = i == 0 ? "" : i + 1 == open.size() ? " and " : ", ";
      list += fmt::format("{}'{}'", joint, name(open[i].axis));
    }
    return fmt::format("axes {} meet in {}", list, to_string(index.offset, name));
  }
  return {};
}

}  // namespace descent
