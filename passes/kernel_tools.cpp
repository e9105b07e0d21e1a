#include "passes/kernel_tools.h"

#include <algorithm>

#include "ir/loop_verify.h"
#include "ir/loop_walk.h"
#include "ir/match.h"

namespace descent {

using loop::Block;
using loop::For;
using loop::Ranges;
using loop::Statement;
using loop::Subscript;

namespace {

class Renamer {
 public:
  explicit Renamer(const Renaming& renaming) : to_(renaming) {}

  Block block(const Block& statements) const {
    Block result;
    result.reserve(statements.size());
    for (const Statement& statement : statements) {
      result.push_back(match(statement.node, [this](const auto& node) { return Statement{renamed(node)}; }));
    }
    return result;
  }

 private:
  static int look_up(const std::vector<int>& table, int id) {
    const bool listed = id >= 0 && static_cast<std::size_t>(id) < table.size();
    return listed ? table[static_cast<std::size_t>(id)] : id;
  }
  int array(int id) const { return look_up(to_.arrays, id); }
  int temp(int id) const { return look_up(to_.temps, id); }
  Affine form(const Affine& affine) const {
    return substitute(affine, [this](AxisId axis) { return Affine::axis(look_up(to_.variables, axis)); });
  }
  std::vector<Subscript> subscripts(const std::vector<Subscript>& at) const {
    std::vector<Subscript> result;
    for (const Subscript& subscript : at) result.push_back({form(subscript.offset), temp(subscript.through)});
    return result;
  }

  loop::Let renamed(const loop::Let& let) const {
    loop::Let result{temp(let.temp), let.value};
    match(
        result.value, [](Literal&) {}, [](loop::BatchValue&) {},
        [this](loop::IndexValue& index) { index.form = form(index.form); },
        [this](loop::Load& load) { load = {array(load.array), subscripts(load.at), temp(load.guard), load.otherwise}; },
        [this](loop::Operation& operation) {
          for (loop::TempId& operand : operation.operands) operand = temp(operand);
        });
    return result;
  }
  loop::Store renamed(const loop::Store& store) const {
    return {array(store.array), subscripts(store.at), temp(store.value)};
  }
  loop::Declare renamed(const loop::Declare& declare) const { return {array(declare.array)}; }
  loop::If renamed(const loop::If& branch) const { return {temp(branch.condition), block(branch.then)}; }
  For renamed(const For& loop) const {
    For result = loop;
    result.variable = look_up(to_.variables, loop.variable);
    result.begin.form = form(loop.begin.form);
    for (loop::Bound& end : result.end) end.form = form(end.form);
    result.body = block(loop.body);
    return result;
  }

  const Renaming& to_;
};

void collect(const Statement& statement, std::vector<const For*>& loops, std::vector<Touch>& touches) {
  match(
      statement.node,
      [&](const loop::Let& let) {
        if (const auto* load = std::get_if<loop::Load>(&let.value)) {
          touches.push_back({load->array, &load->at, false, loops});
        }
      },
      [&](const loop::Store& store) { touches.push_back({store.array, &store.at, true, loops}); },
      [](const loop::Declare&) {},
      [&](const loop::If& branch) {
        for (const Statement& inner : branch.then) collect(inner, loops, touches);
      },
      [&](const For& loop) {
        loops.push_back(&loop);
        for (const Statement& inner : loop.body) collect(inner, loops, touches);
        loops.pop_back();
      });
}

// Do the two never meet in one place? Some subscript of one always lies behind that of the other.
bool apart(const Touch& a, const Touch& b, Ranges& ranges) {
  for (const Touch* touch : {&a, &b}) {
    for (const For* loop : touch->loops) ranges.open(loop->variable, loop->begin, loop->end, loop->step);
  }
  bool found = !ranges.may_run();
  for (std::size_t d = 0; !found && d < a.at->size(); ++d) {
    if ((*a.at)[d].through != loop::no_temp || (*b.at)[d].through != loop::no_temp) continue;
    const Affine distance = (*b.at)[d].offset - (*a.at)[d].offset;
    found = ranges.low(distance) > 0 || ranges.high(distance) < 0;
  }
  for (std::size_t n = a.loops.size() + b.loops.size(); n-- > 0;) ranges.close();
  return found;
}

template <class T>
bool meet(const std::set<T>& a, const std::set<T>& b) {
  return std::any_of(a.begin(), a.end(), [&](const T& element) { return b.count(element) > 0; });
}

}  // namespace

Block renamed(const Block& block, const Renaming& renaming) { return Renamer(renaming).block(block); }

std::vector<Touch> touches_of(const Statement& statement) {
  std::vector<Touch> touches;
  std::vector<const For*> loops;
  collect(statement, loops, touches);
  return touches;
}

Mentions mentions_of(const Statement& statement) {
  Mentions mentions;
  loop::for_each_statement(statement, [&](const Statement& inner) {
    loop::for_each_use(inner, [&](loop::TempId temp) { mentions.used.insert(temp); });
    if (const auto* let = std::get_if<loop::Let>(&inner.node)) mentions.defined.insert(let->temp);
    if (const auto* declare = std::get_if<loop::Declare>(&inner.node)) mentions.declared.insert(declare->array);
  });
  return mentions;
}

bool commute(const Statement& a, const Statement& b, Ranges& ranges) {
  const Mentions of_a = mentions_of(a), of_b = mentions_of(b);
  if (meet(of_a.defined, of_b.used) || meet(of_b.defined, of_a.used)) return false;
  const std::vector<Touch> from_a = touches_of(a), from_b = touches_of(b);
  const auto touches = [](const std::vector<Touch>& all, const std::set<loop::ArrayId>& arrays) {
    return std::any_of(all.begin(), all.end(), [&](const Touch& touch) { return arrays.count(touch.array) > 0; });
  };
  if (touches(from_a, of_b.declared) || touches(from_b, of_a.declared)) return false;
  for (const Touch& x : from_a) {
    for (const Touch& y : from_b) {
      if (x.array == y.array && (x.is_store || y.is_store) && !apart(x, y, ranges)) return false;
    }
  }
  return true;
}

namespace {

void keep_proven_parallel(const loop::Kernel& kernel, Block& block, Ranges& ranges) {
  for (Statement& statement : block) {
    For* loop = std::get_if<For>(&statement.node);
    if (!loop) continue;
    ranges.open(loop->variable, loop->begin, loop->end, loop->step);
    if (loop->kind != loop::LoopKind::parallel) {
      keep_proven_parallel(kernel, loop->body, ranges);
    } else if (!loop::why_dependent(kernel, *loop, ranges).empty()) {
      loop->kind = loop::LoopKind::serial;
    }
    ranges.close();
  }
}

}  // namespace

void keep_proven_parallel(loop::Kernel& kernel, const std::vector<Range>& indices, std::int64_t largest_batch) {
  Ranges ranges(largest_batch);
  for (std::size_t i = 0; i < indices.size(); ++i) ranges.open(static_cast<loop::VariableId>(i), indices[i]);
  keep_proven_parallel(kernel, kernel.body, ranges);
}

}  // namespace descent
