// Builds a kernel statement by statement: whoever writes kernels (lowering, tests) says what happens, the builder
// numbers arrays, variables and temps, opens and closes blocks, and gives equal values one temp.
//
//   KernelBuilder k("scale");
//   ArrayId x = k.parameter(Array::Role::read, "x", DType::f32, {Extent::batch()});
//   ArrayId y = k.parameter(Array::Role::write, "y", DType::f32, {Extent::batch()});
//   k.loop(LoopKind::parallel, "b", Bound::of(0), {Bound::of(Extent::batch())}, 1, [&](VariableId b) {
//     k.store(y, at({Affine::axis(b)}), k.operation(Op::mul, {k.load(x, at({Affine::axis(b)})), k.literal(2, f32)}));
//   });
//   Kernel kernel = std::move(k).finish();
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ir/loop.h"

namespace descent::loop {

// Subscripts without an indirection.
std::vector<Subscript> at(const std::vector<Affine>& offsets);

// Lets are interned: a pure one equal to one of the open blocks gives that one's temp; a load also, when it stands in
// the same block and the array has not been stored to since. A misuse (a temp of a closed block, a mistyped operation,
// a parameter after a local) is an internal error.
class KernelBuilder {
 public:
  using Body = std::function<void()>;
  using LoopBody = std::function<void(VariableId)>;

  explicit KernelBuilder(std::string name, std::string comment = {}, Span origin = {});

  // Parameters stand before locals, index parameters before loop variables. A name that is taken gets a number.
  ArrayId parameter(Array::Role role, std::string name, DType dtype, Shape shape, std::int64_t panel = 0);
  VariableId index(std::string name);
  // A local array that lives to the end of the open block.
  ArrayId declare(std::string name, DType dtype, Shape shape);

  TempId literal(double value, DType type);  // rounded to the type
  TempId index_value(Affine form);           // i32
  TempId batch_value();                      // i32
  TempId operation(Op op, std::vector<TempId> operands);
  TempId load(ArrayId array, std::vector<Subscript> at, TempId guard = no_temp, double otherwise = 0);
  void store(ArrayId array, std::vector<Subscript> at, TempId value);

  void loop(LoopKind kind, std::string name, Bound begin, std::vector<Bound> end, std::int64_t step,
            const LoopBody& body);
  // A loop from 0 in steps of 1.
  void loop(LoopKind kind, std::string name, Bound end, const LoopBody& body);
  void branch(TempId condition, const Body& then);

  DType type(TempId temp) const { return kernel_.temps[static_cast<std::size_t>(temp)]; }
  const Array& array(ArrayId array) const { return kernel_.arrays[static_cast<std::size_t>(array)]; }
  const Kernel& kernel() const { return kernel_; }
  Kernel finish() &&;

 private:
  using Key = std::vector<std::int64_t>;  // a let spelled as numbers; the first names its kind
  struct Scope {
    Block block;
    std::map<Key, TempId> pure;
    std::map<ArrayId, std::map<Key, TempId>> loads;
    std::vector<TempId> temps;  // defined here: out of reach when the scope closes
  };

  TempId let(DType type, decltype(Let::value) value);
  TempId pure(Key key, DType type, decltype(Let::value) value);
  Block scoped(const Body& body);
  void check_temp(TempId temp) const;
  void check_subscripts(ArrayId array, const std::vector<Subscript>& at) const;
  ArrayId add_array(Array array);

  Kernel kernel_;
  std::vector<Scope> scopes_;
  std::vector<bool> reachable_;  // per temp
};

}  // namespace descent::loop
