// What an expression can mean while a model is read.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "ir/affine.h"
#include "ir/scalar.h"
#include "ir/type.h"

namespace descent::frontend {

struct Operand;

// A mistake was reported; whatever uses it says nothing more.
struct Poison {};
// Known while compiling: sizes and integer literals.
struct Integer {
  std::int64_t value = 0;
};
// The symbolic extent.
struct Batch {};
// A number that depends on no tensor: a scalar of Elaborator's `numbers_`, in f64 (i32 for `step` and `steps`, bool for
// comparisons). A plain literal keeps its text: it is rounded once, to the type of what it meets.
struct Real {
  ScalarId id = no_scalar;
  std::string text;
};
// An index of the open sweep, or an affine form of indices.
struct Form {
  Affine form;
};
// A scalar in the body of the open sweep. Without index notation whole tensors are computed point by point: `shape` is
// the shape they give; within index notation it is empty.
struct Point {
  ScalarId id = no_scalar;
  Shape shape;
};
// A value of the Graph.
struct Whole {
  ValueId id = -1;
};
// Several results of one call.
struct Tuple {
  std::vector<Operand> parts;
};

// What a model is called with, in the order of its signature: a size, or a number or truth known while compiling.
// Belongs to no Elaborator, as a Real does.
struct KnownNumber {
  double value = 0;
  DType type = DType::f64;  // or boolean
  std::string text;         // of a plain literal, as a Real keeps it
};
using ModelArguments = std::vector<std::variant<Integer, KnownNumber>>;

struct Operand {
  std::variant<Poison, Integer, Batch, Real, Form, Point, Whole, Tuple> is;

  template <class T>
  const T* get() const {
    return std::get_if<T>(&is);
  }
  bool poisoned() const { return get<Poison>() != nullptr; }
};

}  // namespace descent::frontend
