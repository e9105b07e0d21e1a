// A model written in C++ instead of text, in the same language.
//
//   using namespace descent::builder;
//   Builder model("digits");
//   Value units = model.size("units", 128);
//   Value pixel = model.input("pixel", f32[{batch, 64}]);
//   Value label = model.input("label", i32[{batch}].in(0, 10));
//
//   auto [b, i, j] = indices("b", "i", "j");
//   Value weight = model.param("weight", f32[{64, units}], call("he_uniform", 64));
//   Value drive = model.let("drive");
//   drive(b, j) = sum(i, pixel(b, i) / 16 * weight(i, j));              // index notation
//
//   Value logits = model.output("logits", call("linear", call("relu", drive), 10));
//   model.loss("nll", call("cross_entropy", logits, label));
//   model.metric("accuracy", call("accuracy", logits, label));
//   model.train("fit").batch(32).optimizer(call("adam", {"rate", 2e-3}));
//
//   descent::Result<descent::Program> program = compile(model);          // as compile_text(…) gives it
//
// Every statement here is one of the language (frontend/LANGUAGE.md says what each means), and a model knows its text:
// `to_string(model)`, which compiles to the same Graphs. So the whole library serves both, and mistakes come out of
// `compile` in the same words, as values, where they point at the C++ statement and show what it wrote:
//
//   host.cpp:31: error: axis 'i' is 64 in 'pixel' but 32 in 'weight'
//     |   drive[b, j] = sum[i](pixel[b, i] / 16 * weight[i, j])
//     |                                                  ^
//
// Side by side:
//
//   y[b, j] = sum[i](x[b, i] * w[i, j])      y(b, j) = sum(i, x(b, i) * w(i, j))
//   mean[...](x[...]^2)                      mean(leading, pow(x(leading), 2))
//   max[r < 2, s < 2](x[2*i + r, 2*j + s])   max({r < 2, s < 2}, x(2 * i + r, 2 * j + s))
//   x[b, i - 1 else 0]                       x(b, i - 1).otherwise(0)
//   if a > 0 and a < 1 then a else 0.5 * a   select(a > 0 && a < 1, a, 0.5 * a)
//   f32(image[b, i]) / 255                   f32(image(b, i)) / 255
//   linear(x, 64, bias = c) as gate          call("linear", x, 64, {"bias", c}).as("gate"), or with descent/library.h
//                                            linear(x, 64, {"bias", c}).as("gate")
//   x^2, pow(x, 0.5), n // 2                 pow(x, 2), pow(x, 0.5), floor_divide(n, 2)
//   hidden.linear.weight                     hidden.path("linear.weight")
//   low, high = halves(x)                    auto [low, high] = model.let({"low", "high"}, call("halves", x))
//   repeat 3 as block carry x = first {      model.repeat(3, "block", {{"x", first}}, [&] {
//     next x = tanh(linear(x, 8))              model.let(next(x), tanh(call("linear", x, 8)));
//   }                                        });   // x is model.value("x")
//
// Expressions are immutable values, cheap to copy, and any thread may use them; a model is for one thread at a time.
// Nothing throws but std::bad_alloc.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "descent/descent.h"

namespace descent::frontend::ast {
struct Expression;
}

namespace descent::builder {

struct BatchExtent {};
struct LeadingAxes {};
inline constexpr BatchExtent batch;    // the extent that may vary from call to call
inline constexpr LeadingAxes leading;  // `...`: any leading axes
inline constexpr double inf = std::numeric_limits<double>::infinity();

template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool>;

// What may stand right of `=`: a number, a value, an index, an element, a call, and what operators make of them.
// Integers stay integers, floating numbers are exact as printed with the fewest digits that read back.
class Expression {
 public:
  template <Integer T>
  Expression(T number) : Expression(of_integer(static_cast<std::int64_t>(number))) {}
  Expression(double number);
  template <std::same_as<bool> T>
  Expression(T flag) : Expression(of_flag(flag)) {}
  Expression(BatchExtent);
  Expression(LeadingAxes);

  struct Parts;  // the syntax tree
  explicit Expression(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}
  const Parts& parts() const { return *parts_; }

 private:
  static Expression of_integer(std::int64_t number);
  static Expression of_flag(bool flag);

  std::shared_ptr<const Parts> parts_;
};

// A text in quotes, for train blocks: text("data.csv").
Expression text(std::string_view value);

// -- index notation --------------------------------------------------------------------------------------------------

// An index lives in its statement or reduction; the object only carries its name and may be used again and again.
class Index : public Expression {
 public:
  explicit Index(std::string_view name);
};
template <std::convertible_to<std::string_view>... Name>
std::array<Index, sizeof...(Name)> indices(const Name&... names) {
  return {Index(names)...};
}

// `k < 3`: an index with its extent, left of `=` or in a reduction; elsewhere a comparison.
class Bounded : public Expression {
 public:
  Bounded(const Index& index, const Expression& extent);
};
inline Bounded operator<(const Index& index, const Expression& extent) { return {index, extent}; }

template <class T>
concept Binding = std::same_as<T, Index> || std::same_as<T, Bounded> || std::same_as<T, LeadingAxes>;

// What a reduction runs over: one or several of `k`, `k < 3`, `leading`.
class Over {
 public:
  template <Binding T>
  Over(const T& one) : indices_{Expression(one)} {}
  Over(std::initializer_list<Expression> indices) : indices_(indices) {}
  const std::vector<Expression>& indices() const { return indices_; }

 private:
  std::vector<Expression> indices_;
};

// Where an element stands along one axis; nothing where there are no more axes.
class Subscript {
 public:
  Subscript() = default;
  template <std::convertible_to<Expression> T>
  Subscript(const T& at) : at_(Expression(at)) {}
  const std::optional<Expression>& at() const { return at_; }

 private:
  std::optional<Expression> at_;
};

struct BuilderParts;

// x(b, i): right of `=` an element, left of it a definition of all of them.
class Element : public Expression {
 public:
  // x[b, i + 1 else 0]: the value outside the tensor, a literal.
  Expression otherwise(const Expression& outside) const;

  // name[…] = value: the statement enters the model of the value that is defined.
  void operator=(const Expression& value) const;
  void operator=(const Element& value) const { *this = static_cast<const Expression&>(value); }
  Element(const Element&) = default;

 private:
  friend class Value;
  Element(Expression element, std::shared_ptr<BuilderParts> model, std::source_location at)
      : Expression(std::move(element)), model_(std::move(model)), at_(at) {}
  std::shared_ptr<BuilderParts> model_;
  std::source_location at_;
};

// What has a name in a model.
class Value : public Expression {
 public:
  Element operator()(Subscript a, Subscript b = {}, Subscript c = {}, Subscript d = {}, Subscript e = {},
                     Subscript f = {}, Subscript g = {}, Subscript h = {},
                     std::source_location at = std::source_location::current()) const;
  // A parameter that a function called in this value's statement has made: hidden.path("linear.weight").
  Value path(std::string_view rest) const;

 private:
  friend class Builder;
  friend Value next(const Value& carried);
  Value(std::string name, bool next, std::shared_ptr<BuilderParts> model);
  std::string name_;
  bool next_ = false;
  std::shared_ptr<BuilderParts> model_;
};
// `next h`: what a carried value is at the next turn of its scan or repeat.
Value next(const Value& carried);

// -- types -----------------------------------------------------------------------------------------------------------

// f32[{batch, 64}], i32[{batch}].in(0, 10), f32.
class Type {
 public:
  Type in(const Expression& low, const Expression& end) const;  // integers low ≤ v < end

  std::string_view element;
  bool has_extents = false;
  std::vector<Expression> extents;
  std::vector<Expression> range;  // both ends, or none
};

// An element type: with extents in [{ }] a tensor's type, by itself that of rank 0, called a conversion.
class ElementType {
 public:
  explicit constexpr ElementType(std::string_view name) : name_(name) {}
  Type operator[](std::initializer_list<Expression> extents) const { return {name_, true, extents, {}}; }
  operator Type() const { return {name_, false, {}, {}}; }
  Expression operator()(const Expression& value) const;

 private:
  std::string_view name_;
};
inline constexpr ElementType f32("f32"), f64("f64"), i32("i32"), u8("u8"), boolean("bool");

// -- operators and functions -----------------------------------------------------------------------------------------

Expression operator+(const Expression& a, const Expression& b);
Expression operator-(const Expression& a, const Expression& b);
Expression operator*(const Expression& a, const Expression& b);
Expression operator/(const Expression& a, const Expression& b);
Expression operator-(const Expression& a);
Expression operator<(const Expression& a, const Expression& b);
Expression operator<=(const Expression& a, const Expression& b);
Expression operator>(const Expression& a, const Expression& b);
Expression operator>=(const Expression& a, const Expression& b);
Expression operator==(const Expression& a, const Expression& b);
Expression operator!=(const Expression& a, const Expression& b);
Expression operator&&(const Expression& a, const Expression& b);  // both sides are read
Expression operator||(const Expression& a, const Expression& b);
Expression operator!(const Expression& a);
Expression floor_divide(const Expression& a, const Expression& b);  // `a // b`, of sizes
Expression pow(const Expression& a, const Expression& exponent);    // for real exponents of a ≥ 0
Expression power(const Expression& a, std::int64_t exponent);       // `a^3`, of any a
template <Integer T>
Expression pow(const Expression& a, T exponent) {
  return power(a, static_cast<std::int64_t>(exponent));
}
// Both sides are computed unless the condition is known while compiling.
Expression select(const Expression& condition, const Expression& then, const Expression& otherwise);

// The operations of the language.
Expression abs(const Expression& a);
Expression sqrt(const Expression& a);
Expression exp(const Expression& a);
Expression expm1(const Expression& a);
Expression log(const Expression& a);
Expression log1p(const Expression& a);
Expression sin(const Expression& a);
Expression cos(const Expression& a);
Expression tanh(const Expression& a);
Expression sigmoid(const Expression& a);
Expression erf(const Expression& a);
Expression floor(const Expression& a);
Expression round(const Expression& a);  // halves to the even
Expression max(const Expression& a, const Expression& b);
Expression min(const Expression& a, const Expression& b);
Expression stop_gradient(const Expression& a);
Expression grad(const Expression& of, const Expression& by);
Expression over_epoch(const Expression& a);
Expression over_parameters(const Expression& a);
Expression plateaus(const Expression& patience, const Expression& threshold, const Expression& delta,
                    const Expression& cooldown);

// Reductions: sum(k, x(i, k) * w(k, j)), max({r < 2, s < 2}, …), mean(leading, x(leading)).
Expression reduce(std::string_view combiner, const Over& over, const Expression& body);
inline Expression sum(const Over& over, const Expression& body) { return reduce("sum", over, body); }
inline Expression prod(const Over& over, const Expression& body) { return reduce("prod", over, body); }
inline Expression mean(const Over& over, const Expression& body) { return reduce("mean", over, body); }
inline Expression argmax(const Over& over, const Expression& body) { return reduce("argmax", over, body); }
inline Expression argmin(const Over& over, const Expression& body) { return reduce("argmin", over, body); }
template <Binding T>
Expression max(const T& over, const Expression& body) {
  return reduce("max", over, body);
}
inline Expression max(std::initializer_list<Expression> over, const Expression& body) {
  return reduce("max", over, body);
}
template <Binding T>
Expression min(const T& over, const Expression& body) {
  return reduce("min", over, body);
}
inline Expression min(std::initializer_list<Expression> over, const Expression& body) {
  return reduce("min", over, body);
}

// An argument by place, or by name: {"rate", 1e-3}.
class Argument {
 public:
  Argument() = default;
  template <std::convertible_to<Expression> T>
  Argument(const T& value) : value_(Expression(value)) {}
  Argument(std::string_view name, const Expression& value) : name_(name), value_(value) {}
  const std::string& name() const { return name_; }
  const std::optional<Expression>& value() const { return value_; }

 private:
  std::string name_;
  std::optional<Expression> value_;
};

class Call : public Expression {
 public:
  // Names the parameters of this call, in place of its function: wanted for a second call of one function in a
  // statement.
  Call as(std::string_view name) const;

 private:
  friend Call call(std::string_view, std::vector<Argument>);
  using Expression::Expression;
};

// A function of the library (std/README.md describes all), of `Builder::define`, or of the language.
Call call(std::string_view function, std::vector<Argument> arguments);
inline Call call(std::string_view function, Argument a = {}, Argument b = {}, Argument c = {}, Argument d = {},
                 Argument e = {}, Argument f = {}, Argument g = {}, Argument h = {}) {
  return call(function, std::vector<Argument>{a, b, c, d, e, f, g, h});
}

// A function by its name: constexpr Function linear("linear"); … linear(x, 64). descent/library.h has the library's.
class Function {
 public:
  explicit constexpr Function(std::string_view name) : name_(name) {}
  Call operator()(Argument a = {}, Argument b = {}, Argument c = {}, Argument d = {}, Argument e = {}, Argument f = {},
                  Argument g = {}, Argument h = {}) const {
    return call(name_, a, b, c, d, e, f, g, h);
  }

 private:
  std::string_view name_;
};

// -- the model -------------------------------------------------------------------------------------------------------

// What a scan or repeat carries from turn to turn: {"h", 0.0}, {"h", f32[{batch, n}], 0.0}.
struct Carry {
  Carry(std::string_view name, const Expression& initial) : name(name), initial(initial) {}
  Carry(std::string_view name, Type type, const Expression& initial)
      : name(name), type(std::move(type)), initial(initial) {}
  std::string name;
  std::optional<Type> type;
  Expression initial;
};

// How it is trained: settings of a train block, each with its place.
class Train {
 public:
  using Place = std::source_location;
  Train& batch(std::int64_t rows, Place at = Place::current()) { return set("batch", rows, at); }
  Train& epochs(std::int64_t count, Place at = Place::current()) { return set("epochs", count, at); }
  Train& seed(std::int64_t seed, Place at = Place::current()) { return set("seed", seed, at); }
  Train& optimizer(const Expression& call, Place at = Place::current()) { return set("optimizer", call, at); }
  // For the parameters whose path one of the patterns matches: optimizer({"*.bias", "*.scale"}, call("adam")).
  Train& optimizer(std::initializer_list<std::string_view> patterns, const Expression& call,
                   Place at = Place::current());
  Train& clip(const Expression& call, Place at = Place::current()) { return set("clip", call, at); }
  Train& average(const Expression& call, Place at = Place::current()) { return set("average", call, at); }
  Train& accumulate(std::int64_t batches, Place at = Place::current()) { return set("accumulate", batches, at); }
  // A loss, or a metric with its good end: monitor(call("max", accuracy)).
  Train& monitor(const Expression& judged, Place at = Place::current()) { return set("monitor", judged, at); }
  Train& stop(const Expression& call, Place at = Place::current()) { return set("stop", call, at); }
  // Any other, by its name: set("shuffle", false).
  Train& set(std::string_view setting, const Expression& value, Place at = Place::current());
  // Where an input comes from when `Training` reads it: data("x", call("csv", text("xor.csv"), {"columns",
  // text("a")})).
  Train& data(std::string_view input, const Expression& source, Place at = Place::current());
  Train& test(std::string_view input, const Expression& source, Place at = Place::current());

 private:
  friend class Builder;
  Train(std::shared_ptr<BuilderParts> model, std::size_t block) : model_(std::move(model)), block_(block) {}
  std::shared_ptr<BuilderParts> model_;
  std::size_t block_ = 0;
};

// Statements in the order in which they are made. A copy is the same model.
class Builder {
 public:
  using Place = std::source_location;
  explicit Builder(std::string_view name, Place at = Place::current());

  // Functions, optimizers and imports in the text of the language, which the model may then use.
  void define(std::string_view text, Place at = Place::current());

  Value size(std::string_view name, std::optional<std::int64_t> otherwise = {}, Place at = Place::current());
  Value input(std::string_view name, const Type& type, Place at = Place::current());
  // `initial`: a number, or a call that receives the declared shape: call("zeros"), call("normal", 0.02).
  Value param(std::string_view name, const Type& type, const Expression& initial, Place at = Place::current());
  Value frozen_param(std::string_view name, const Type& type, const Expression& initial, Place at = Place::current());

  Value let(std::string_view name, const Expression& value, Place at = Place::current());
  Value output(std::string_view name, const Expression& value, Place at = Place::current());
  Value loss(std::string_view name, const Expression& value, Place at = Place::current());
  Value metric(std::string_view name, const Expression& value, Place at = Place::current());
  // Defined by index notation in a statement to come: y(b, j) = …
  Value let(std::string_view name, Place at = Place::current());
  Value output(std::string_view name, Place at = Place::current());
  // Several results: auto [y, h] = model.let({"y", "h"}, call("halves", x));
  template <std::size_t N>
  std::array<Value, N> let(const char* const (&names)[N], const Expression& results, Place at = Place::current()) {
    define_all(std::vector<std::string>(names, names + N), results, at);
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::array<Value, N>{value(names[I])...};
    }(std::make_index_sequence<N>());
  }

  // What is called so already: a carried value, a value of a block that has ended.
  Value value(std::string_view name) const;

  // The statements that `body` makes are those of the block. In a scan `axis` is t < time; yields are its results.
  template <std::invocable Body>
  void scan(const Bounded& axis, const std::vector<Carry>& carries, const Body& body, Place at = Place::current()) {
    open_block(at);
    body();
    close_scan(axis, carries, at);
  }
  // `as`: stands in the paths of the parameters; may be empty.
  template <std::invocable Body>
  void repeat(const Expression& count, std::string_view as, const std::vector<Carry>& carries, const Body& body,
              Place at = Place::current()) {
    open_block(at);
    body();
    close_repeat(count, as, carries, at);
  }
  Value let(const Value& next, const Expression& value, Place at = Place::current());
  Value yield(std::string_view name, const Expression& value, Place at = Place::current());
  Value yield(std::string_view name, Place at = Place::current());

  Train train(std::string_view name, Place at = Place::current());

  const BuilderParts& parts() const { return *parts_; }

 private:
  void open_block(Place at);
  void close_scan(const Bounded& axis, const std::vector<Carry>& carries, Place at);
  void close_repeat(const Expression& count, std::string_view as, const std::vector<Carry>& carries, Place at);
  Value declare_param(std::string_view name, const Type& type, const Expression& initial, bool frozen,
                      const Origin& at);
  void define_all(const std::vector<std::string>& names, const Expression& value, Place at);
  std::shared_ptr<BuilderParts> parts_;
};

// The model's text, which compiles to the same Graphs.
std::string to_string(const Builder& model);

Result<Program> compile(const Builder& model, const CompileOptions& options = {});

}  // namespace descent::builder
