// Counts operations times trips.
#include "codegen/work.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ir/match.h"

namespace descent::codegen {
namespace {

class Estimate {
 public:
  Estimate(const loop::Kernel& kernel, std::int64_t batch)
      : batch_(static_cast<double>(batch)), middle_(kernel.variables.size(), 0.0) {}

  double all(const loop::Kernel& kernel) { return block(kernel.body); }
  double iteration(const loop::For& loop) {
    trips(loop);
    return block(loop.body);
  }

 private:
  double value(const loop::Bound& bound) const {
    double sum = static_cast<double>(bound.form.constant);
    for (const Term& term : bound.form.terms) {
      sum += static_cast<double>(term.coefficient) * middle_[static_cast<std::size_t>(term.axis)];
    }
    if (bound.multiple > 0) {
      const auto multiple = static_cast<double>(bound.multiple);
      sum += std::floor(batch_ / multiple) * multiple;
    }
    return sum;
  }

  // How often the loop runs; its variable stands in the middle of its range from here on.
  double trips(const loop::For& loop) {
    const double begin = value(loop.begin);
    double end = value(loop.end.front());
    for (const loop::Bound& bound : loop.end) end = std::min(end, value(bound));
    middle_[static_cast<std::size_t>(loop.variable)] = (begin + end) / 2;
    return std::max(0.0, (end - begin) / static_cast<double>(loop.step));
  }

  double block(const loop::Block& statements) {
    double sum = 0;
    for (const loop::Statement& statement : statements) sum += cost(statement);
    return sum;
  }

  double cost(const loop::Statement& statement) {
    return match(
        statement.node, [](const loop::Let& let) { return cost(let); }, [](const loop::Store&) { return 1.0; },
        [](const loop::Declare&) { return 0.0; }, [this](const loop::If& branch) { return block(branch.then); },
        [this](const loop::For& inner) {
          const double times = trips(inner);
          return times * block(inner.body);
        });
  }

  static double cost(const loop::Let& let) {
    return match(
        let.value, [](const Literal&) { return 0.0; }, [](const loop::IndexValue&) { return 0.0; },
        [](const loop::BatchValue&) { return 0.0; }, [](const loop::Load&) { return 1.0; },
        [](const loop::Operation& operation) { return static_cast<double>(row(operation.op).flops); });
  }

  double batch_;
  std::vector<double> middle_;  // per variable
};

}  // namespace

namespace {

std::int64_t whole(double operations) {
  constexpr double largest = 1e12;
  return static_cast<std::int64_t>(std::clamp(operations, 1.0, largest));
}

}  // namespace

std::int64_t work_per_iteration(const loop::Kernel& kernel, const loop::For& loop, std::int64_t batch) {
  return whole(Estimate(kernel, batch).iteration(loop));
}

std::int64_t work_of(const loop::Kernel& kernel, std::int64_t batch) {
  return whole(Estimate(kernel, batch).all(kernel));
}

}  // namespace descent::codegen
