// Scalar expressions: the table of primitives and the bodies built from them.
//
// The table is the only place that knows calculus or floating-point expansions. A row carries a primitive's name,
// arity, typing, meaning in double, derivative, expansion and cost; parser, printer, verifier, oracle, differentiation
// and lowering read the row. To add a primitive, add a row.
#pragma once

#include <bit>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "ir/affine.h"
#include "ir/type.h"

namespace descent {

enum class Op : std::uint8_t {
  // Native: every back end has them, each exact or correctly rounded. Integer arithmetic wraps.
  add,
  sub,
  mul,
  div,
  neg,
  abs,
  sqrt,
  fma,
  min,
  max,  // max(a, b) = b > a ? b : a;  min(a, b) = b < a ? b : a
  floor,
  round,  // round: to nearest, ties to even
  less,
  less_equal,
  greater,
  greater_equal,
  equal,
  not_equal,  // ordered but not_equal: false on NaN; not_equal: true
  logical_and,
  logical_or,
  logical_not,
  select,  // select(c, a, b) = c ? a : b; both are evaluated, the loser's value is dropped
  to_f32,
  to_f64,
  to_i32,
  to_u32,
  to_u8,
  to_bool,       // to an integer: toward zero, saturating, NaN to 0; to bool: x != 0, by expansion
  power_of_two,  // of a whole x in the normal exponents of its type: 2^x
  exponent,      // of a normal x: floor(log2 |x|) as i32
  mantissa,      // of a normal x: x · 2^-exponent(x), sign kept: 1 ≤ |m| < 2
  // Outside of their domains these three give what the bits say: those of x + (1.5 · 2^fraction bits + bias), rounded,
  // shifted left by the fraction bits; the exponent field - bias; exponent := bias.
  multiply_high,
  bit_and,
  bit_or,
  bit_xor,
  shift_left,
  shift_right,  // u32, by less than 32; shift_right fills with zeros
  // Expanded before a back end sees them.
  power,  // integer exponent: power(x, n : i32), repeated squaring from the lowest bit
  pow,    // pow(x, y), x ≥ 0 or NaN
  exp,
  expm1,
  log,
  log1p,
  sin,
  cos,
  tanh,
  sigmoid,
  erf,
  stop_gradient,  // x itself, but no gradient comes back through it
};
inline constexpr int op_count = static_cast<int>(Op::stop_gradient) + 1;
inline constexpr bool is_native(Op op) { return op < Op::power; }

using ScalarId = int;
inline constexpr ScalarId no_scalar = -1;
using ValueId = int;  // of a Graph

// One index of a read or of a landing: offset + (the i32 scalar `through`, when there is one, which is itself a Read).
struct Index {
  Affine offset;
  ScalarId through = no_scalar;
  bool operator==(const Index&) const = default;
};

// f32 literals hold a value that f32 represents; integers are exact.
struct Literal {
  double value = 0;
  // Of the bits: -0 is not +0, NaN is itself.
  bool operator==(const Literal& other) const {
    return std::bit_cast<std::uint64_t>(value) == std::bit_cast<std::uint64_t>(other.value);
  }
};
// An affine form of the axes as i32.
struct AxisValue {
  Affine form;
  bool operator==(const AxisValue&) const = default;
};
// The actual extent of an axis of the sweep as i32 (differs from the declared one for `batch` only).
struct AxisExtent {
  AxisId axis = 0;
  bool operator==(const AxisExtent&) const = default;
};
// An element of a tensor. With `otherwise` an index outside the tensor gives that literal (of the tensor's type),
// which is computed with like any other; without it the verifier proves that the index stays inside.
struct Read {
  ValueId tensor = -1;
  std::vector<Index> at;
  std::optional<double> otherwise;
  bool operator==(const Read& other) const {
    const auto literal = [](const Read& read) {
      return read.otherwise ? std::optional(Literal{*read.otherwise}) : std::nullopt;
    };
    return tensor == other.tensor && at == other.at && literal(*this) == literal(other);
  }
};
struct Apply {
  Op op = Op::add;
  std::vector<ScalarId> operands;
  bool operator==(const Apply&) const = default;
};

struct Scalar {
  DType type = DType::f32;
  std::variant<Literal, AxisValue, AxisExtent, Read, Apply> node;
  bool operator==(const Scalar&) const = default;
};

// Every scalar this one needs, in order: an operation's operands, a read's indices.
std::vector<ScalarId> operands_of(const Scalar& scalar);

// A scalar expression as a DAG: operands stand before users, equal scalars are one, the root stands last.
struct Body {
  std::vector<Scalar> scalars;
  ScalarId root() const { return static_cast<ScalarId>(scalars.size()) - 1; }
  const Scalar& operator[](ScalarId id) const { return scalars[static_cast<std::size_t>(id)]; }
  DType type() const { return scalars.back().type; }
  bool operator==(const Body&) const = default;
};

// Builds a body: interns equal scalars and folds what is exact to fold: constants of native operations (rounded in
// their type) and identities that hold for every IEEE value (1·x, x/1, select of a constant). `x + 0`, `x - 0` and
// `0 · x` are not such; the simplify pass decides about those.
class BodyBuilder {
 public:
  ScalarId literal(double value, DType type);
  ScalarId axis(Affine form);
  ScalarId extent(AxisId axis);
  ScalarId read(Read read, DType type);
  // The result type follows from the row's typing; a mistyped call is an internal error.
  ScalarId apply(Op op, std::vector<ScalarId> operands);
  ScalarId apply(Op op, std::initializer_list<ScalarId> operands) { return apply(op, std::vector<ScalarId>(operands)); }
  // Copies `id` of another body (with its operands), each read and axis rewritten by the callbacks when given.
  struct Rewrite {
    std::function<ScalarId(BodyBuilder&, const Read&, DType, const std::function<ScalarId(ScalarId)>& copy)> read;
    std::function<Affine(AxisId)> axis;
    std::function<AxisId(AxisId)> extent;
  };
  ScalarId copy(const Body& from, ScalarId id, const Rewrite& rewrite = {});
  // Likewise all of them; where each one went.
  std::vector<ScalarId> copy_all(const Body& from, const Rewrite& rewrite = {});

  DType type(ScalarId id) const { return scalars_[static_cast<std::size_t>(id)].type; }
  const Scalar& operator[](ScalarId id) const { return scalars_[static_cast<std::size_t>(id)]; }
  // The body of `root` with everything it does not use dropped, in canonical order (depth first, operands left to
  // right, each scalar at its first need).
  Body finish(ScalarId root) const;
  // Likewise, and with the scalars that a landing goes through, which `root` need not use: they stand in front of what
  // only the root needs, and `keep` receives their new numbers.
  Body finish(ScalarId root, std::vector<ScalarId>& keep) const;

 private:
  std::vector<ScalarId> copy_needed(const Body& from, const std::vector<bool>& needed, const Rewrite& rewrite);
  ScalarId intern(Scalar scalar);
  void place(ScalarId root, Body& body, std::vector<ScalarId>& to) const;
  std::vector<Scalar> scalars_;
  std::unordered_multimap<std::size_t, ScalarId> interned_;  // by hash
};

// How the operand types give the result type.
enum class Typing : std::uint8_t {
  floating,       // all f32 or all f64 → same
  numeric,        // all of one of f32 f64 i32 u32 → same
  comparison,     // two of one type → bool
  logical,        // bool… → bool
  selection,      // bool, T, T → T
  conversion,     // anything → the type named by the op
  bits,           // u32… → u32
  to_exponent,    // f32 or f64 → i32
  integer_power,  // f32 or f64, i32 → first
};

// Partial derivatives by each operand, in terms of the operands and the result; no_scalar where it is zero.
using Derivative = std::vector<ScalarId> (*)(BodyBuilder&, std::span<const ScalarId> operands, ScalarId result);
// The operation in native ones; null for native operations.
using Expansion = ScalarId (*)(BodyBuilder&, std::span<const ScalarId> operands);

struct OpRow {
  Op op;
  std::string_view name;   // as printed: "exp", "f32", "fma"
  std::string_view infix;  // "+", or empty
  int precedence;          // of infix: 1 comparison and logic, 2 sum, 3 product
  int arity;
  Typing typing;
  double (*meaning)(const double* operands);  // in double; integers exact
  Derivative derivative;                      // null: no gradient flows (integers, comparisons, floor)
  Expansion expansion;
  int flops;
};
const OpRow& row(Op op);
std::span<const OpRow> op_table();
const OpRow* find_op(std::string_view name);  // by name
const OpRow* find_infix(std::string_view sign);

// The type of op applied to operands of these types; nothing when they do not fit.
std::optional<DType> result_type(Op op, std::span<const DType> operands);

// One value of any element type: the bits in the low bytes of `bits`, boolean and u8 as 0 … 255.
struct Word {
  std::uint64_t bits = 0;
};
Word word_of(double value, DType type);  // rounded to nearest even; integers saturate
double double_of(Word word, DType type);
// A native operation exactly as every back end must compute it: f32 in f32, f64 in f64, integers wrapping.
// `operand_type` is the type of the last operand, `type` that of the result.
Word apply_exact(Op op, DType operand_type, DType type, const Word* operands);

// Reverse mode over one body. `copied[s]` is where scalar s of the body went in `builder`, `upstream` the adjoint of
// the root, of the root's type. Gives each Read of the body with its adjoint in the read's type, no_scalar where no
// gradient flows.
// What was not selected can't poison: where an operand's value did not enter the result at a point (the other side of
// a select, the loser of a max), nothing comes back through it at that point, even if derivatives behind it are
// infinite or NaN.
std::vector<std::pair<ScalarId, ScalarId>> body_adjoints(BodyBuilder& builder, const Body& body,
                                                         const std::vector<ScalarId>& copied, ScalarId upstream);

// The body with every operation that has an expansion replaced by it, until only native ones are left.
Body expand(const Body& body);
Body expand(const Body& body, std::vector<ScalarId>& keep);  // likewise, see BodyBuilder::finish

}  // namespace descent
