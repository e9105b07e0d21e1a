// Expressions are folded into hashes, since one that is used twice would be spelled twice.
#include "tests/fuzz/loop_shape.h"

#include <bit>

#include "ir/match.h"

namespace descent::fuzz {
namespace {

using namespace loop;

using Hash = std::uint64_t;

Hash joined(Hash hash, Hash by) { return (std::rotl(hash, 5) ^ by) * 0x9e3779b97f4a7c15; }

class KernelShape {
 public:
  explicit KernelShape(const Kernel& kernel) : temps_(kernel.temps.size()) { block(kernel.body); }
  std::string take() { return std::move(text_); }

 private:
  void add(char kind, Hash hash) { text_ += kind + std::to_string(hash) + " "; }

  // A malformed program may name temps that it does not have.
  Hash of(TempId temp) const {
    return temp >= 0 && static_cast<std::size_t>(temp) < temps_.size() ? temps_[static_cast<std::size_t>(temp)] : 1;
  }

  static Hash of(const Affine& form) {
    Hash hash = static_cast<Hash>(form.constant);
    for (const Term& term : form.terms) hash += static_cast<Hash>(term.coefficient) * 31;
    return joined(2, hash);
  }

  Hash of(const std::vector<Subscript>& at) const {
    Hash hash = 3;
    for (const Subscript& subscript : at) hash = joined(joined(hash, of(subscript.offset)), of(subscript.through));
    return hash;
  }

  Hash of(const Let& let) const {
    return match(
        let.value, [](const Literal& literal) { return joined(4, std::bit_cast<Hash>(literal.value)); },
        [](const IndexValue& value) { return joined(5, of(value.form)); }, [](const BatchValue&) { return Hash{6}; },
        [&](const Load& load) {
          return joined(joined(joined(7, of(load.at)), of(load.guard)), std::bit_cast<Hash>(load.otherwise));
        },
        [&](const Operation& operation) {
          Hash hash = joined(8, static_cast<Hash>(operation.op));
          for (const TempId operand : operation.operands) hash = joined(hash, of(operand));
          return hash;
        });
  }

  void block(const Block& block) {
    for (const Statement& statement : block) {
      match(
          statement.node,
          [&](const Let& let) {
            if (let.temp >= 0 && static_cast<std::size_t>(let.temp) < temps_.size()) {
              temps_[static_cast<std::size_t>(let.temp)] = of(let);
            }
          },
          [&](const Store& store) { add('s', joined(of(store.at), of(store.value))); }, [](const Declare&) {},
          [&](const If& branch) {
            add('i', of(branch.condition));
            this->block(branch.then);
          },
          [&](const For& loop) {
            Hash hash = joined(of(loop.begin.form), static_cast<Hash>(loop.step));
            for (const Bound& bound : loop.end) hash = joined(hash, of(bound.form));
            add('f', hash);
            this->block(loop.body);
          });
    }
    text_ += "end ";
  }

  std::vector<Hash> temps_;  // per temp, what it holds
  std::string text_;
};

}  // namespace

std::string shape_of(const Program& program) {
  std::string text;
  for (const Kernel& kernel : program.kernels) text += KernelShape(kernel).take() + "\n";
  return text;
}

}  // namespace descent::fuzz
