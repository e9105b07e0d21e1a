// One walk over a block.
#include "codegen/uses.h"

#include "ir/match.h"

namespace descent::codegen {
namespace {

class Collector {
 public:
  void block(const loop::Block& statements) {
    for (const loop::Statement& statement : statements) {
      match(statement.node, [this](const auto& node) { add(node); });
    }
  }
  Uses take() && { return std::move(uses_); }

 private:
  void add(const loop::Let& let) {
    temp(let.temp);
    match(
        let.value, [](const Literal&) {}, [](const loop::BatchValue&) {},
        [this](const loop::IndexValue& index) { form(index.form); },
        [this](const loop::Load& load) {
          place(load.array, load.at);
          temp(load.guard);
        },
        [this](const loop::Operation& operation) {
          for (loop::TempId operand : operation.operands) temp(operand);
        });
  }
  void add(const loop::Store& store) {
    place(store.array, store.at);
    temp(store.value);
  }
  void add(const loop::Declare& declare) { uses_.arrays.insert(declare.array); }
  void add(const loop::If& branch) {
    temp(branch.condition);
    block(branch.then);
  }
  void add(const loop::For& loop) {
    uses_.variables.insert(loop.variable);
    form(loop.begin.form);
    for (const loop::Bound& bound : loop.end) form(bound.form);
    block(loop.body);
  }

  void place(loop::ArrayId array, const std::vector<loop::Subscript>& at) {
    uses_.arrays.insert(array);
    for (const loop::Subscript& subscript : at) {
      form(subscript.offset);
      temp(subscript.through);
    }
  }
  void form(const Affine& affine) {
    for (const Term& term : affine.terms) uses_.variables.insert(term.axis);
  }
  void temp(loop::TempId id) {
    if (id != loop::no_temp) uses_.temps.insert(id);
  }

  Uses uses_;
};

}  // namespace

Uses uses_of(const loop::Block& block) {
  Collector collector;
  collector.block(block);
  return std::move(collector).take();
}

}  // namespace descent::codegen
