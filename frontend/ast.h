// The syntax tree: what stands in a file, not yet what it means. Values, immutable once parsed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ir/diagnostics.h"

namespace descent::frontend::ast {

struct Expression;
using ExpressionRef = std::shared_ptr<const Expression>;

struct Identifier {
  std::string text;
  Span at;
};

// -- expressions -----------------------------------------------------------------------------------------------------

// As written: the decimal stays exact until it meets a tensor.
struct Number {
  std::string text;
};
struct Text {
  std::string value;
};
// A value, a size, an index, or a parameter by its path (`word.embedding.table`). Also inf, true, false.
struct Name {
  std::string text;
  bool next = false;  // `next h`
};
// `...` as the first subscript, extent or index.
struct Ellipsis {};
struct Unary {
  std::string sign;  // "-", "not"
  ExpressionRef operand;
};
struct Binary {
  std::string sign;
  Span sign_at;
  ExpressionRef left;
  ExpressionRef right;
};
struct Conditional {
  ExpressionRef condition;
  ExpressionRef then;
  ExpressionRef otherwise;
};
struct Argument {
  std::optional<Identifier> name;
  ExpressionRef value;
};
struct Call {
  Identifier function;
  std::vector<Argument> arguments;
  std::optional<Identifier> as = {};
  std::optional<Identifier> sharing = {};  // the path of a call whose parameters this one takes
};
// base[at…] or base[at… else otherwise]
struct Subscript {
  Identifier base;
  bool next = false;
  std::vector<ExpressionRef> at;
  ExpressionRef otherwise;  // may be null
};
// `r < 3`, `k`, or `...` (the name is then "...").
struct IndexBinder {
  Identifier name;
  ExpressionRef extent;  // may be null
};
struct Reduction {
  Identifier combiner;  // sum max min prod mean argmax argmin
  std::vector<IndexBinder> over;
  ExpressionRef body;
};

// Visits the expressions right below, in the order in which they stand.
void for_each_operand(const Expression& expression, const std::function<void(const Expression&)>& visit);

// sum max min prod mean argmax argmin
bool is_reduction(std::string_view word);

struct Expression {
  std::variant<Number, Text, Name, Ellipsis, Unary, Binary, Conditional, Call, Subscript, Reduction> node;
  Span at;
  int depth = 1;  // of the tree below, bounded by the parser
};

// -- declarations ----------------------------------------------------------------------------------------------------

// `f32[..., n]`, `i32[batch] in 0 ..< n`, `size`.
struct Type {
  Identifier element;
  bool has_extents = false;  // `f32[]` and `f32` are both of rank 0
  std::vector<ExpressionRef> extents;
  ExpressionRef low;  // of the range, both or neither null
  ExpressionRef high;
  Span at;
};

// `x : f32[…]`, `n : size = 3`, `rate = 1e-3`, `frozen param weight : f32[k, n] ~ zeros`; also a `state` of an
// optimizer, whose type may be left out.
struct Parameter {
  Identifier name;
  bool is_param = false;
  bool frozen = false;
  std::optional<Type> type;
  ExpressionRef otherwise;  // the default; may be null
  ExpressionRef initial;    // after `~`; may be null
};

// One subscript of a left side: an affine expression, or an index with its extent (`k < 1`).
struct LeftIndex {
  ExpressionRef index;
  ExpressionRef extent;  // may be null
};
struct Target {
  Identifier name;
  bool next = false;
  bool indexed = false;
  std::vector<LeftIndex> at;
};

// -- statements ------------------------------------------------------------------------------------------------------

struct Statement;
using Block = std::vector<Statement>;

struct Define {
  enum class Kind : std::uint8_t { binding, output, loss, metric, yield } kind = Kind::binding;
  std::vector<Target> targets;
  ExpressionRef value;
};
struct Update {  // name := value
  Identifier name;
  ExpressionRef value;
};
struct DeclareInput {
  std::vector<Identifier> names;
  Type type;
};
struct DeclareParam {
  Parameter parameter;
};
struct DeclareState {
  Parameter state;
};
struct Return {
  std::optional<Target> target;  // `return y[i] = …`
  std::vector<ExpressionRef> values;
};
struct Carry {
  Identifier name;
  std::optional<Type> type;
  ExpressionRef initial;
};
// `expect channels // groups * groups == channels, "expected … {channels}"`: of sizes, known while compiling.
struct Expect {
  ExpressionRef condition;
  Identifier message;  // text, without quotes; {name} stands for the value of a size
};
struct Scan {
  IndexBinder axis;
  std::vector<Carry> carries;
  Block body;
};
struct Repeat {
  ExpressionRef count;
  std::optional<Identifier> as;
  std::vector<Carry> carries;
  Block body;
};

struct Statement {
  std::variant<Define, Update, DeclareInput, DeclareParam, DeclareState, Return, Expect, Scan, Repeat> node;
  Span at;
};

// -- the file --------------------------------------------------------------------------------------------------------

struct Import {
  std::string path;
  Span at;
};
struct Function {
  enum class Kind : std::uint8_t { function, optimizer, model } kind = Kind::function;
  Identifier name;
  std::vector<Parameter> parameters;
  std::vector<Type> results;
  Block body;
  std::vector<Identifier> adjoints;  // `gradient(g) { … }`: what flows back into each result; empty: not overridden
  Block gradient;
};
// `batch = 64`, `data { … }`, `data, test = …`, `optimizer "*.bias" = …`
struct Setting {
  std::vector<Identifier> keys;
  std::vector<Identifier> patterns;  // text, without quotes
  ExpressionRef value;               // null: the block
  std::vector<Setting> block;
  Span at;
};
struct Train {
  Identifier name;
  Identifier model;
  std::vector<Argument> arguments;
  std::vector<Setting> settings;
};

struct File {
  SourceRef source;
  std::vector<Import> imports;
  std::vector<Function> functions;  // optimizers and the model among them
  std::vector<Train> trains;
};

// Canonical text: parses to an equal tree. `inspect --stage ast`.
std::string print(const File& file);
std::string print(const Expression& expression);
std::string print(const Type& type);

}  // namespace descent::frontend::ast
