// Whether what a training is judged by still gets better, report by report: what the plateaus of a schedule and early
// stopping share.
#pragma once

#include <cmath>

namespace descent {

// A value is better than the best one so far when it is so by more than |best| · threshold + delta; a value that is no
// number never is. More than `patience` reports in a row without a better one are a plateau; during `cooldown` reports
// behind it none is counted. As in PyTorch's ReduceLROnPlateau, whose threshold is one or the other.
struct PatienceRule {
  double patience = 0, threshold = 0, delta = 0, cooldown = 0;
};

class Patience {
 public:
  struct Seen {
    bool is_better = false, is_plateau = false;
  };
  Seen take(double value, const PatienceRule& rule, bool largest) {
    Seen seen;
    const double margin = std::fabs(best) * rule.threshold + rule.delta;
    const double gain = largest ? value - best : best - value;
    seen.is_better = std::isfinite(value) && (std::isnan(best) || gain > margin);
    if (seen.is_better) best = value;
    waited = seen.is_better ? 0 : waited + 1;
    if (resting > 0) {
      --resting;
      waited = 0;
    }
    if (waited <= rule.patience) return seen;
    seen.is_plateau = true;
    resting = rule.cooldown;
    waited = 0;
    return seen;
  }

  double best = NAN;   // none yet
  double waited = 0;   // reports since then
  double resting = 0;  // reports left of the cooldown
};

}  // namespace descent
