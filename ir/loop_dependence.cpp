// Whether the iterations of a parallel or vector loop touch different places.
//
// Each subscript becomes base + δ: inner variables are replaced by their begin, and δ covers how far they run, in which
// steps. Two accesses of one array, at least one of them a store, are apart when some axis keeps them apart in every
// two different iterations: equal coefficients c of the loop's variable, bases that differ by a number, and no nonzero
// multiple of c · step within reach of that difference and both δ.
//
//   parallel b { vector j in 0 ..< 3 { y[b, j] = …y[b, j]… } }   axis 0 keeps b apart
//   vector j in 0 ..< 16 { s[j] = …s[j + 16]… }                  multiples of 1 up to 15 never reach 16
//   serial i … parallel j in 0 ..< 8 step 2 { y[i + 2*j] … }     2·2 is further than every δ
//   parallel i in 0 ..< 2 { serial k in 0 ..< 3 { y[i + 2*k] … } }    δ moves by twos: 1 is no difference of them
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "ir/loop_verify.h"
#include "ir/loop_walk.h"
#include "ir/match.h"

namespace descent::loop {
namespace {

// Beyond this many candidates an answer costs more than it is worth.
constexpr std::int64_t most_tried = 4096;

// base + δ, low ≤ δ ≤ high in multiples of `step` (0: δ is 0); not known when the subscript goes through a temp.
struct Reach {
  bool known = true;
  Affine base;
  std::int64_t low = 0;
  std::int64_t high = 0;
  std::int64_t step = 0;
  bool operator==(const Reach&) const = default;
};
struct Touch {
  bool is_store = false;
  std::vector<Reach> axes;
  bool operator==(const Touch&) const = default;
};

class DependenceCheck {
 public:
  DependenceCheck(const Kernel& kernel, const For& loop, Ranges& ranges)
      : kernel_(kernel), loop_(loop), ranges_(ranges), last_(ranges.span_of(loop.variable) / loop.step) {}

  std::vector<std::string> run() {
    if (last_ == 0) return {};  // one iteration
    block(loop_.body);
    return reasons();
  }
  // Only where one access stands among the first statements of the body and the other behind them.
  std::vector<std::string> run_between(std::size_t first) {
    if (last_ == 0) return {};
    const auto middle = loop_.body.begin() + static_cast<std::ptrdiff_t>(first);
    block({loop_.body.begin(), middle});
    before_ = std::exchange(touches_, {});
    is_between_ = true;
    block({middle, loop_.body.end()});
    return reasons();
  }

 private:
  std::vector<std::string> reasons() const {
    std::vector<std::string> reasons;
    for (const auto& [array, touches] : touches_) {
      const bool private_array = std::find(declared_.begin(), declared_.end(), array) != declared_.end();
      if (!private_array && meets(array, touches)) reasons.push_back(reason(array, touches));
    }
    return reasons;
  }

  void block(const Block& block) {
    for (const Statement& statement : block) {
      match(
          statement.node,
          [&](const Let& let) {
            if (const Load* load = std::get_if<Load>(&let.value)) touch(load->array, load->at, false);
          },
          [&](const Store& store) { touch(store.array, store.at, true); },
          [&](const Declare& declare) { declared_.push_back(declare.array); },
          [&](const If& branch) { this->block(branch.then); },
          [&](const For& loop) {
            ranges_.open(loop.variable, loop.begin, loop.end, loop.step);
            inner_.push_back({loop.variable, loop.step});
            this->block(loop.body);
            inner_.pop_back();
            ranges_.close();
          });
    }
  }

  void touch(ArrayId array, const std::vector<Subscript>& at, bool is_store) {
    if (!ranges_.may_run()) return;
    Touch touch{is_store, {}};
    for (const Subscript& subscript : at) touch.axes.push_back(reach(subscript));
    std::vector<Touch>& known = touches_[array];
    if (std::find(known.begin(), known.end(), touch) == known.end()) known.push_back(std::move(touch));
  }

  Reach reach(const Subscript& subscript) const {
    Reach result{subscript.through == no_temp, subscript.offset, 0, 0, 0};
    for (auto loop = inner_.rbegin(); loop != inner_.rend(); ++loop) {
      const auto [variable, step] = *loop;
      const std::int64_t coefficient = result.base.coefficient(variable);
      if (coefficient == 0) continue;
      const Affine run = Affine::of(ranges_.span_of(variable)) * coefficient;  // saturates
      (run.constant < 0 ? result.low : result.high) += run.constant;
      result.step = std::gcd(result.step, (Affine::of(step) * coefficient).constant);
      result.base = result.base - Affine::axis(variable, coefficient) + ranges_.begin_of(variable) * coefficient;
    }
    return result;
  }

  bool meets(ArrayId array, const std::vector<Touch>& touches) const {
    const auto before = before_.find(array);
    if (is_between_ && before == before_.end()) return false;
    for (const Touch& a : is_between_ ? before->second : touches) {
      for (const Touch& b : touches) {
        if ((a.is_store || (is_between_ && b.is_store)) && !apart(a, b)) return true;
      }
    }
    return false;
  }

  bool apart(const Touch& a, const Touch& b) const {
    for (std::size_t axis = 0; axis < a.axes.size(); ++axis) {
      if (apart(a.axes[axis], b.axes[axis])) return true;
    }
    return false;
  }

  bool apart(const Reach& a, const Reach& b) const {
    const Affine difference = a.base - b.base;
    if (!a.known || !b.known || !difference.is_constant()) return false;
    const Wide low = Wide{difference.constant} + a.low - b.high;
    const Wide high = Wide{difference.constant} + a.high - b.low;
    const Wide coefficient = a.base.coefficient(loop_.variable);
    if (coefficient == 0) return low > 0 || high < 0;
    // One iteration further moves by `stride`; at most `last_` iterations lie between two. What they move by must be
    // in [from, to] and differ from `start` by multiples of what δ steps by.
    const Wide stride = (coefficient < 0 ? -coefficient : coefficient) * loop_.step;
    const std::int64_t grid = std::gcd(a.step, b.step);
    const auto reaches = [&](Wide from, Wide to, Wide start) {
      const Wide first = (std::max<Wide>(from, 1) + stride - 1) / stride;
      const Wide last = std::min<Wide>(last_, to < 0 ? -1 : to / stride);
      if (first > last || grid == 0) return first <= last;
      const Wide tried = std::min<Wide>(last, first + std::min<std::int64_t>(grid, most_tried) - 1);
      for (Wide steps = first; steps <= tried; ++steps) {
        if ((steps * stride - start) % grid == 0) return true;
      }
      return grid > most_tried && tried < last;
    };
    return !reaches(low, high, difference.constant) && !reaches(-high, -low, -Wide{difference.constant});
  }

  std::string reason(ArrayId array, const std::vector<Touch>& touches) const {
    const std::string& variable = kernel_.variables[static_cast<std::size_t>(loop_.variable)];
    const std::string& name = kernel_.arrays[static_cast<std::size_t>(array)].name;
    const bool independent = std::any_of(touches.begin(), touches.end(), [&](const Touch& touch) {
      return touch.is_store && std::all_of(touch.axes.begin(), touch.axes.end(), [&](const Reach& reach) {
               return reach.base.coefficient(loop_.variable) == 0;
             });
    });
    return fmt::format("iterations of {} loop {} may touch the same place of {}{}", loop::name_of(loop_.kind), variable,
                       name, independent ? fmt::format(": a store's place does not depend on {}", variable) : "");
  }

  const Kernel& kernel_;
  const For& loop_;
  Ranges& ranges_;
  std::int64_t last_;                                       // the number of the last iteration, at most
  std::vector<std::pair<VariableId, std::int64_t>> inner_;  // open loops within loop_, and their steps
  std::vector<ArrayId> declared_;                           // private to an iteration
  std::map<ArrayId, std::vector<Touch>> touches_;
  std::map<ArrayId, std::vector<Touch>> before_;  // of the first statements, where only meetings with them count
  bool is_between_ = false;
};

}  // namespace

std::vector<std::string> why_dependent(const Kernel& kernel, const For& loop, Ranges& ranges) {
  return DependenceCheck(kernel, loop, ranges).run();
}

std::vector<std::string> why_dependent_between(const Kernel& kernel, const For& loop, std::size_t first,
                                               Ranges& ranges) {
  return DependenceCheck(kernel, loop, ranges).run_between(first);
}

}  // namespace descent::loop
