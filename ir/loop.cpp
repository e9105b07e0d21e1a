// Small helpers of the Loop IR.
#include "ir/loop.h"

#include "ir/loop_walk.h"
#include "ir/match.h"

namespace descent::loop {

std::string_view name_of(LoopKind kind) {
  switch (kind) {
    case LoopKind::serial:
      return "serial";
    case LoopKind::parallel:
      return "parallel";
    case LoopKind::vector:
      return "vector";
    case LoopKind::unrolled:
      return "unrolled";
  }
  internal_error(__FILE__, __LINE__, "no such kind of loop");
}

const Entry* Program::entry(std::string_view name) const {
  for (const Entry& candidate : entries) {
    if (candidate.name == name) return &candidate;
  }
  return nullptr;
}

void for_each_statement(const Statement& statement, const std::function<void(const Statement&)>& visit) {
  visit(statement);
  match(
      statement.node, [&](const If& branch) { for_each_statement(branch.then, visit); },
      [&](const For& loop) { for_each_statement(loop.body, visit); }, [](const Let&) {}, [](const Store&) {},
      [](const Declare&) {});
}

void for_each_statement(const Block& block, const std::function<void(const Statement&)>& visit) {
  for (const Statement& statement : block) for_each_statement(statement, visit);
}

void for_each_use(const Statement& statement, const std::function<void(TempId)>& visit) {
  const auto subscripts = [&](const std::vector<Subscript>& at) {
    for (const Subscript& subscript : at) {
      if (subscript.through != no_temp) visit(subscript.through);
    }
  };
  match(
      statement.node,
      [&](const Let& let) {
        match(
            let.value,
            [&](const Load& load) {
              subscripts(load.at);
              if (load.guard != no_temp) visit(load.guard);
            },
            [&](const Operation& operation) {
              for (TempId operand : operation.operands) visit(operand);
            },
            [](const Literal&) {}, [](const IndexValue&) {}, [](const BatchValue&) {});
      },
      [&](const Store& store) {
        subscripts(store.at);
        visit(store.value);
      },
      [&](const If& branch) { visit(branch.condition); }, [](const Declare&) {}, [](const For&) {});
}

}  // namespace descent::loop
