#include "passes/unseen.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "ir/match.h"
#include "passes/kernel_tools.h"

namespace descent {
namespace {

using loop::Block;
using loop::Statement;
using loop::TempId;

// Conditions that all hold wherever somebody looks.
using Conditions = std::set<TempId>;

// Goes backwards: who looks at a value stands behind it.
class Unseen {
 public:
  explicit Unseen(loop::Kernel& kernel) : seen_(kernel.temps.size()) {
    for (std::size_t i = 0; i < kernel.temps.size(); ++i) same_as_.temps.push_back(static_cast<TempId>(i));
    kernel.body = block(kernel.body, {});
    // Operands have smaller places in the order of the text, not smaller numbers: every chain is followed to its end.
    for (TempId& temp : same_as_.temps) {
      while (same_as_.temps[static_cast<std::size_t>(temp)] != temp)
        temp = same_as_.temps[static_cast<std::size_t>(temp)];
    }
    kernel.body = renamed(kernel.body, same_as_);
  }

 private:
  Block block(const Block& statements, const Conditions& open) {
    Block kept;
    for (auto statement = statements.rbegin(); statement != statements.rend(); ++statement) {
      const bool keeps = match(
          statement->node, [&](const loop::Let& let) { return is_seen(let); },
          [](const loop::Declare&) { return true; },
          [&](const loop::Store& store) {
            see(store.at);
            see(store.value, open);
            return true;
          },
          [&](const loop::If& branch) {
            Conditions inside = open;
            inside.insert(branch.condition);
            loop::If rest{branch.condition, block(branch.then, inside)};
            if (rest.then.empty()) return false;
            see(branch.condition, open);
            kept.push_back({std::move(rest)});
            return false;
          },
          [&](const loop::For& loop) {
            loop::For rest = loop;
            rest.body = block(loop.body, open);
            if (!rest.body.empty()) kept.push_back({std::move(rest)});
            return false;
          });
      if (keeps) kept.push_back(*statement);
    }
    std::reverse(kept.begin(), kept.end());
    return kept;
  }

  // Is the value needed for itself?
  bool is_seen(const loop::Let& let) {
    const std::optional<Conditions>& conditions = seen_[static_cast<std::size_t>(let.temp)];
    if (!conditions) return false;
    const auto* operation = std::get_if<loop::Operation>(&let.value);
    if (operation && operation->op == Op::select && conditions->count(operation->operands[0]) > 0) {
      same_as_.temps[static_cast<std::size_t>(let.temp)] = operation->operands[1];
      see(operation->operands[1], *conditions);
      return false;
    }
    match(
        let.value, [](const Literal&) {}, [](const loop::IndexValue&) {}, [](const loop::BatchValue&) {},
        [&](const loop::Load& load) {
          see(load.at);
          if (load.guard != loop::no_temp) see(load.guard, {});
        },
        [&](const loop::Operation& one) { see_operands(one, *conditions); });
    return true;
  }
  void see_operands(const loop::Operation& operation, const Conditions& conditions) {
    for (std::size_t i = 0; i < operation.operands.size(); ++i) {
      Conditions of_operand = conditions;
      if (operation.op == Op::select && i == 1) of_operand.insert(operation.operands[0]);
      see(operation.operands[i], of_operand);
    }
  }

  void see(TempId temp, const Conditions& conditions) {
    std::optional<Conditions>& known = seen_[static_cast<std::size_t>(temp)];
    if (!known) {
      known = conditions;
    } else {
      std::erase_if(*known, [&](TempId condition) { return conditions.count(condition) == 0; });
    }
  }
  void see(const std::vector<loop::Subscript>& at) {
    for (const loop::Subscript& subscript : at) {
      if (subscript.through != loop::no_temp) see(subscript.through, {});
    }
  }

  std::vector<std::optional<Conditions>> seen_;  // none: nobody looks
  Renaming same_as_;
};

}  // namespace

void drop_unseen(loop::Kernel& kernel) { Unseen{kernel}; }

}  // namespace descent
