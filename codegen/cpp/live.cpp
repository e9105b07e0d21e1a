// Marks what is needed, from the last statement to the first, until nothing new is.
#include "codegen/cpp/live.h"

#include <algorithm>

#include "ir/loop_walk.h"
#include "ir/match.h"

namespace descent::codegen::cpp {

using loop::Array;

Live::Live(const loop::Kernel& kernel) : temps_(kernel.temps.size()), arrays_(kernel.arrays.size()) {
  for (std::size_t id = 0; id < arrays_.size(); ++id) {
    arrays_[id] = kernel.arrays[id].role == Array::Role::write || kernel.arrays[id].role == Array::Role::update;
  }
  while (mark(kernel.body)) {
  }
}

bool Live::block(const loop::Block& block) const {
  return std::any_of(block.begin(), block.end(), [this](const loop::Statement& inner) { return statement(inner); });
}

bool Live::statement(const loop::Statement& statement) const {
  return match(
      statement.node, [this](const loop::Let& let) { return temp(let.temp); },
      [this](const loop::Store& store) { return array(store.array); },
      [this](const loop::Declare& declare) { return array(declare.array); },
      [this](const loop::If& branch) { return block(branch.then); },
      [this](const loop::For& loop) { return block(loop.body); });
}

// Whether something was marked.
bool Live::mark(const loop::Block& block) {
  bool marked = false;
  for (auto statement = block.rbegin(); statement != block.rend(); ++statement) marked |= mark(*statement);
  return marked;
}

bool Live::mark(const loop::Statement& statement) {
  bool marked = match(
      statement.node, [this](const loop::If& branch) { return mark(branch.then); },
      [this](const loop::For& loop) { return mark(loop.body); }, [](const loop::Let&) { return false; },
      [](const loop::Store&) { return false; }, [](const loop::Declare&) { return false; });
  if (!this->statement(statement)) return marked;
  const auto need = [&](std::vector<bool>& set, int id) {
    marked |= !set[static_cast<std::size_t>(id)];
    set[static_cast<std::size_t>(id)] = true;
  };
  loop::for_each_use(statement, [&](loop::TempId used) { need(temps_, used); });
  if (const auto* let = std::get_if<loop::Let>(&statement.node)) {
    if (const auto* load = std::get_if<loop::Load>(&let->value)) need(arrays_, load->array);
  }
  return marked;
}

}  // namespace descent::codegen::cpp
