// One walk in the order of the text.
#include "ir/loop_placement.h"

#include <algorithm>

#include "ir/loop_walk.h"
#include "ir/match.h"

namespace descent::loop {
namespace {

// An expression printed in place is at most this deep; deeper ones are cut by a name.
constexpr int deepest_expression = 6;

}  // namespace

Placement::Placement(const Kernel& kernel, const std::function<bool(const Let&)>& repeats)
    : repeats_(repeats), temps_(kernel.temps.size()) {
  for_each_statement(kernel.body, [&](const Statement& statement) {
    for_each_use(statement, [&](TempId temp) {
      if (known(temp)) ++temps_[index(temp)].uses;
    });
  });
  place(kernel.body);
}

void Placement::place(const Block& block) {
  std::set<TempId> waiting;  // for their uses
  for (const Statement& statement : block) {
    for_each_use(statement, [&](TempId temp) {
      if (waiting.count(temp) == 0) return;
      Temp& used = temps_[index(temp)];
      used.in_place = ++used.uses_in_reach == used.uses;
    });
    if (const Let* let = std::get_if<Let>(&statement.node)) define(*let, waiting);
    for_each_statement(statement, [&](const Statement& inner) {
      match(
          inner.node, [&](const Store& store) { forget(waiting, store.array); },
          [&](const Declare& declare) { forget(waiting, declare.array); }, [](const Let&) {}, [](const If&) {},
          [](const For&) {});
    });
    match(
        statement.node, [&](const If& branch) { place(branch.then); }, [&](const For& loop) { place(loop.body); },
        [](const Let&) {}, [](const Store&) {}, [](const Declare&) {});
  }
}

void Placement::define(const Let& let, std::set<TempId>& waiting) {
  if (!known(let.temp) || temps_[index(let.temp)].let != nullptr) return;
  Temp& temp = temps_[index(let.temp)];
  temp.let = &let;
  if (std::holds_alternative<Literal>(let.value)) {
    temp.in_place = temp.uses > 0;
    return;
  }
  if (const Load* load = std::get_if<Load>(&let.value)) temp.loaded.insert(load->array);
  for_each_use(Statement{let}, [&](TempId used) {
    if (used == let.temp || !(in_place(used) || waiting.count(used) != 0)) return;
    temp.depth = std::max(temp.depth, temps_[index(used)].depth + 1);
    temp.loaded.insert(temps_[index(used)].loaded.begin(), temps_[index(used)].loaded.end());
  });
  const bool once = temp.uses == 1 && temp.depth < deepest_expression;
  if (once || (repeats_ && repeats_(let))) waiting.insert(let.temp);
}

void Placement::forget(std::set<TempId>& waiting, ArrayId stored) {
  std::erase_if(waiting, [&](TempId temp) { return temps_[index(temp)].loaded.count(stored) != 0; });
}

}  // namespace descent::loop
