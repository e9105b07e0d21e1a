// Random expressions of the model language: within index notation, over the variables that a program has so far.
//
// Every expression knows a bound of its magnitude and is scaled down when that grows.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/dice.h"

namespace descent::test {

class ModelExpressions {
 protected:
  static constexpr int batch = 0;  // as an extent
  static constexpr int largest_batch = 8;

  enum class Element : std::uint8_t { f32, f64, i32, u8 };

  struct Variable {
    std::string name;
    Element element = Element::f32;
    std::vector<int> shape;
    double bound = 1;   // |value| ≤ bound
    int classes = 0;    // of an i32: 0 ≤ value < classes; 0: not known
    bool loss = false;  // it brings a parameter: a loss must depend on it
  };

  // An axis of the sweep under way.
  struct Index {
    std::string name;
    int extent = 1;
  };

  struct Expression {
    std::string text;
    double bound = 1;
  };

  explicit ModelExpressions(std::uint64_t seed) : dice_(seed) {}

  std::string fresh(const std::string& stem) { return stem + std::to_string(names_++); }
  template <class T>
  const T& one_of(const std::vector<T>& items) {
    return items[static_cast<std::size_t>(dice_.below(static_cast<int>(items.size())))];
  }
  std::string literal() {
    static const std::vector<std::string> literals = {"0.5", "-1.25", "2", "0.1", "-0.75", "1", "3", "0", "1e-3"};
    return one_of(literals);
  }
  int extent() { return dice_.chance(80) ? 1 + dice_.below(6) : 7 + dice_.below(14); }

  template <class Condition>
  std::vector<Variable> those(Condition condition) const {
    std::vector<Variable> found;
    std::copy_if(variables_.begin(), variables_.end(), std::back_inserter(found), condition);
    return found;
  }
  template <class Condition>
  std::optional<Variable> any(Condition condition) {
    const std::vector<Variable> found = those(condition);
    if (found.empty()) return std::nullopt;
    // Later ones more often: programs grow deep.
    const int a = dice_.below(static_cast<int>(found.size())), b = dice_.below(static_cast<int>(found.size()));
    return found[static_cast<std::size_t>(std::max(a, b))];
  }
  static bool is_float(const Variable& v) { return v.element == Element::f32 || v.element == Element::f64; }
  static bool is_f32(const Variable& v) { return v.element == Element::f32; }

  // In f32, over the open indices; of order 1.
  Expression expression(int depth);
  // An index of the batch takes its extent from a tensor.
  Expression with_batch_read(const Expression& e);
  const Index* index_of_batch() const;
  static std::string parenthesised(const Expression& e) { return "(" + e.text + ")"; }

  Dice dice_;
  std::vector<Variable> variables_;
  std::vector<std::string> element_functions_;  // of the program: called by expressions
  // Of the statement under way.
  std::vector<Index> indices_;
  bool batch_read_ = false;

 private:
  bool can_read(const Variable& v) const;

  std::string subscript(int extent, bool& inside);
  std::string affine(const std::vector<Index>& choice, int extent, bool& inside);
  std::string read(const Variable& variable);
  Expression scaled(Expression e);
  Expression leaf();
  Expression binary(int depth);
  // Two plain integers would make an integer of a maximum.
  static std::string wrapped(const Expression& e) { return fmt::format("{} * 1.0", e.text); }

  Expression unary(int depth);
  Expression conditional(int depth);
  Expression reduction(int depth);

  int names_ = 0;
};

}  // namespace descent::test
