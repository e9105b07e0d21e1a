// What passes over Loop kernels share: blocks with other names, and the places they touch.
#pragma once

#include <functional>
#include <set>
#include <vector>

#include "ir/loop.h"
#include "ir/loop_ranges.h"

namespace descent {

// New ids by old ones; an id beyond a table's end stays.
struct Renaming {
  std::vector<loop::ArrayId> arrays;
  std::vector<loop::VariableId> variables;
  std::vector<loop::TempId> temps;
};
loop::Block renamed(const loop::Block& block, const Renaming& renaming);

// One load or store, and the loops of the block around it.
struct Touch {
  loop::ArrayId array = -1;
  const std::vector<loop::Subscript>* at = nullptr;
  bool is_store = false;
  std::vector<const loop::For*> loops;  // outermost first
};
// The touches of a statement, with those of its inner blocks.
std::vector<Touch> touches_of(const loop::Statement& statement);

// The temps and local arrays that a statement defines, itself and inside; those that it uses.
struct Mentions {
  std::set<loop::TempId> defined, used;
  std::set<loop::ArrayId> declared;
};
Mentions mentions_of(const loop::Statement& statement);

// May the two statements of one block change places? Nothing that one defines is used by the other, and of every place
// that both may touch neither makes a store. The loops around the block are open in `ranges`.
bool commute(const loop::Statement& a, const loop::Statement& b, loop::Ranges& ranges);

// A parallel loop whose iterations are not known to touch different places becomes serial: landings that are injective
// only by two dimensions together, [i + j, j], ask for more than one dimension shows.
void keep_proven_parallel(loop::Kernel& kernel, const std::vector<Range>& indices, std::int64_t largest_batch);

}  // namespace descent
