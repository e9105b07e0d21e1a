// Random Loop programs that are sound by construction: for round trips, and for back ends against the interpreter.
//
// Inside a parallel or vector loop an array may be stored to only where one of its axes is pinned to the loop's
// variable; that axis then has the same subscript everywhere inside.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ir/loop_builder.h"

namespace descent::test {

class LoopGenerator {
 public:
  // below(n): a number 0 … n-1.
  using Below = std::function<int(int)>;
  explicit LoopGenerator(Below below) : below_(std::move(below)) {}

  // An entry `run` over inputs of all element types (`l : i32[batch]` must hold 0 … 2), states and outputs.
  loop::Program program() {
    using loop::Buffer;
    program_ = {};
    program_.name = "random";
    program_.largest_batch = 1 + below_(9);
    loop::Entry entry{"run", {}, {}, {}};
    buffer("l", {DType::i32, {Extent::batch()}, Range{0, 3}}, Buffer::Storage::input, entry);
    for (DType type : types) {
      const std::string name(name_of(type));
      buffer("in_" + name, {type, shape(), {}}, Buffer::Storage::input, entry);
      buffer("state_" + name, {type, shape(), {}}, Buffer::Storage::state, entry);
      buffer("out_" + name, {type, shape(), {}}, Buffer::Storage::output, entry);
    }
    const int kernels = 1 + below_(2);
    for (int n = 0; n < kernels; ++n) {
      program_.kernels.push_back(kernel("kernel" + std::to_string(n)));
      loop::Call call{n, {}, {Affine::of(below_(3))}};
      for (std::size_t id = 0; id < program_.buffers.size(); ++id) call.buffers.push_back(static_cast<int>(id));
      if (below_(2) == 0) {
        entry.steps.push_back(call);
        continue;
      }
      call.indices[0] = Affine::axis(0);
      entry.steps.push_back(loop::Repeat{"t", 1 + below_(3), below_(2) == 0, {call}});
    }
    program_.entries.push_back(std::move(entry));
    return std::move(program_);
  }

 private:
  static constexpr DType types[] = {DType::f32, DType::f64, DType::i32, DType::u32, DType::u8, DType::boolean};
  static constexpr int index_end = 3;  // the kernels' index parameter is 0 … 2

  struct Variable {
    descent::loop::VariableId id = -1;
    Extent end;  // the variable is below it
  };
  struct Place {
    loop::ArrayId array = -1;
    bool storable = false;
    std::vector<std::optional<Affine>> pinned;  // per axis
  };

  void buffer(std::string name, TensorType type, loop::Buffer::Storage storage, loop::Entry& entry) {
    const std::int64_t bytes = count(type.shape, program_.largest_batch) * size_of(type.dtype);
    const int id = static_cast<int>(program_.buffers.size());
    loop::Buffer buffer{storage, std::move(name), std::move(type), -1};
    if (storage == loop::Buffer::Storage::state) {
      buffer.offset = program_.arena_bytes;
      program_.arena_bytes += (bytes + 63) / 64 * 64;
    } else {
      (storage == loop::Buffer::Storage::input ? entry.inputs : entry.outputs).push_back(id);
    }
    program_.buffers.push_back(std::move(buffer));
  }

  Shape shape() {
    Shape shape;
    for (int rank = below_(4); rank > 0; --rank)
      shape.push_back(below_(3) == 0 ? Extent::batch() : Extent{1 + below_(8)});
    return shape;
  }

  loop::Kernel kernel(const std::string& name) {
    loop::KernelBuilder builder(name, below_(2) == 0 ? "a random kernel\nwith two lines" : "");
    builder_ = &builder;
    places_.clear();
    for (const loop::Buffer& buffer : program_.buffers) {
      const bool input = buffer.storage == loop::Buffer::Storage::input;
      const auto role = input ? loop::Array::Role::read : loop::Array::Role::update;
      const loop::ArrayId array = builder.parameter(role, buffer.name, buffer.type.dtype, buffer.type.shape);
      places_.push_back({array, !input, std::vector<std::optional<Affine>>(buffer.type.shape.size())});
    }
    variables_ = {{builder.index("t"), Extent{index_end}}};
    temps_.clear();
    statements(3);
    return std::move(builder).finish();
  }

  void statements(int depth) {
    const auto outer_temps = temps_.size();
    const auto outer_places = places_;
    for (int n = 1 + below_(4); n > 0; --n) statement(depth);
    temps_.resize(outer_temps);
    places_ = outer_places;  // locals end, pins are lifted
  }

  void statement(int depth) {
    switch (below_(depth > 0 ? 6 : 3)) {
      case 0:
      case 1:
        return store();
      case 2:
        temps_.push_back(value(types[below_(6)], 3));
        return;
      case 3:
        return builder_->branch(value(DType::boolean, 2), [&] { statements(depth - 1); });
      case 4:
        if (below_(3) == 0) return local();
        [[fallthrough]];
      default:
        return open_loop(depth);
    }
  }

  void local() {
    const Shape shape = {Extent{1 + below_(4)}};
    const loop::ArrayId array = builder_->declare("local", types[below_(6)], shape);
    for (int n = 0; n < shape[0].size; ++n) {  // every element has a value before anyone reads it
      builder_->store(array, loop::at({Affine::of(n)}), value(builder_->array(array).dtype, 1));
    }
    places_.push_back({array, true, {std::nullopt}});
  }

  void open_loop(int depth) {
    const auto kind = static_cast<loop::LoopKind>(below_(4));
    const bool bounded = kind == loop::LoopKind::vector || kind == loop::LoopKind::unrolled;
    if (in_vector_ && kind == loop::LoopKind::parallel) return open_loop(depth);
    const Extent end = !bounded && below_(2) == 0 ? Extent::batch() : Extent{1 + below_(8)};
    std::vector<loop::Bound> ends = {loop::Bound::of(end)};
    if (!bounded && below_(4) == 0) ends.push_back(loop::Bound::of(1 + below_(8)));
    const loop::Bound begin = !bounded && below_(4) == 0 ? loop::Bound::of(below_(3)) : loop::Bound{};
    const auto outer_places = places_;
    const bool outer_vector = in_vector_;
    in_vector_ |= kind == loop::LoopKind::vector;
    builder_->loop(kind, std::string(1, "ijk"[below_(3)]), begin, ends, 1 + below_(3), [&](loop::VariableId variable) {
      variables_.push_back({variable, end});
      if (kind == loop::LoopKind::parallel || kind == loop::LoopKind::vector) pin(variable, end);
      statements(depth - 1);
      variables_.pop_back();
    });
    in_vector_ = outer_vector;
    places_ = outer_places;
  }

  void pin(loop::VariableId variable, Extent end) {
    for (Place& place : places_) {
      bool done = false;
      for (std::size_t axis = 0; axis < place.pinned.size() && !done; ++axis) {
        const Extent extent = builder_->array(place.array).shape[axis];
        done = !place.pinned[axis] && fits(end, extent);
        if (done) place.pinned[axis] = Affine::axis(variable);
      }
      place.storable &= done;
    }
  }

  static bool fits(Extent end, Extent extent) {
    return end == extent || (!end.is_batch() && !extent.is_batch() && end.size < extent.size);
  }

  void store() {
    std::vector<const Place*> open;
    for (const Place& place : places_) {
      if (place.storable) open.push_back(&place);
    }
    if (open.empty()) return;
    const Place place = *open[static_cast<std::size_t>(below_(static_cast<int>(open.size())))];
    const loop::TempId stored = value(builder_->array(place.array).dtype, 3);
    builder_->store(place.array, inside(place), stored);
  }

  std::vector<loop::Subscript> inside(const Place& place) {
    std::vector<loop::Subscript> at;
    for (std::size_t axis = 0; axis < place.pinned.size(); ++axis) {
      const Extent extent = builder_->array(place.array).shape[axis];
      at.push_back({place.pinned[axis] ? *place.pinned[axis] : inside(extent), loop::no_temp});
    }
    return at;
  }

  // A form that stays in the axis.
  Affine inside(Extent extent) {
    std::vector<Affine> forms = {Affine::of(extent.is_batch() ? 0 : below_(static_cast<int>(extent.size)))};
    for (const Variable& variable : variables_) {
      if (!fits(variable.end, extent)) continue;
      forms.push_back(Affine::axis(variable.id));
      if (extent.is_batch()) continue;
      forms.push_back(Affine::axis(variable.id, -1, extent.size - 1));
      forms.push_back(Affine::axis(variable.id, 1, extent.size - variable.end.size));
    }
    return forms[static_cast<std::size_t>(below_(static_cast<int>(forms.size())))];
  }

  loop::TempId value(DType type, int depth) {
    std::vector<loop::TempId> known;
    for (loop::TempId temp : temps_) {
      if (builder_->type(temp) == type) known.push_back(temp);
    }
    if (!known.empty() && below_(3) == 0)
      return known[static_cast<std::size_t>(below_(static_cast<int>(known.size())))];
    if (depth == 0) return below_(2) == 0 ? literal(type) : load(type);
    switch (below_(8)) {
      case 0:
        return literal(type);
      case 1:
        return load(type);
      case 2:
        return type == DType::i32 ? builder_->index_value(Affine::axis(variables_.back().id, 3, -1)) : load(type);
      case 3:
        return type == DType::i32 ? builder_->batch_value() : load(type);
      default:
        return operation(type, depth);
    }
  }

  loop::TempId literal(DType type) {
    static constexpr double numbers[] = {0, -0.0, 1, 2, 0.1, -3.5, 1e30, 1e-40, 255, 4294967295.0};
    return builder_->literal(numbers[below_(10)], type);
  }

  loop::TempId operation(DType wanted, int depth) {
    for (int attempt = 0; attempt < 20; ++attempt) {
      const OpRow& row = op_table()[static_cast<std::size_t>(below_(op_count))];
      if (!is_native(row.op)) continue;
      std::vector<DType> operands(static_cast<std::size_t>(row.arity), below_(2) == 0 ? wanted : types[below_(6)]);
      if (row.op == Op::select) operands[0] = DType::boolean;
      if (result_type(row.op, operands) != wanted) continue;
      std::vector<loop::TempId> temps;
      for (DType type : operands) temps.push_back(value(type, depth - 1));
      return builder_->operation(row.op, temps);
    }
    return literal(wanted);
  }

  loop::TempId load(DType type) {
    std::vector<Place> fitting;
    for (const Place& place : places_) {
      if (builder_->array(place.array).dtype == type) fitting.push_back(place);
    }
    if (fitting.empty()) return literal(type);
    const Place place = fitting[static_cast<std::size_t>(below_(static_cast<int>(fitting.size())))];
    std::vector<loop::Subscript> at = inside(place);
    if (at.empty()) return builder_->load(place.array, at);
    const std::size_t axis = static_cast<std::size_t>(below_(static_cast<int>(at.size())));
    const Extent extent = builder_->array(place.array).shape[axis];
    if (place.pinned[axis]) return builder_->load(place.array, at);
    switch (below_(4)) {
      case 0:
        return guarded(place, std::move(at), axis, extent);
      case 1:
        if (!extent.is_batch() && extent.size >= 3) {
          at[axis] = {Affine::of(below_(static_cast<int>(extent.size) - 2)), label()};
        }
        [[fallthrough]];
      default:
        return builder_->load(place.array, at);
    }
  }

  // An index that may leave its axis, and the guard that keeps it inside.
  loop::TempId guarded(const Place& place, std::vector<loop::Subscript> at, std::size_t axis, Extent extent) {
    const Affine form = Affine::axis(variables_.back().id, 1 + below_(3), below_(5) - 2);
    const loop::TempId index = builder_->index_value(form);
    const loop::TempId end =
        extent.is_batch() ? builder_->batch_value() : builder_->literal(static_cast<double>(extent.size), DType::i32);
    const loop::TempId low = builder_->operation(Op::greater_equal, {index, builder_->literal(0, DType::i32)});
    const loop::TempId guard = builder_->operation(Op::logical_and, {low, builder_->operation(Op::less, {index, end})});
    at[axis] = {form, loop::no_temp};
    return builder_->load(place.array, std::move(at), guard, 1);
  }

  loop::TempId label() { return builder_->load(0, loop::at({inside(Extent::batch())})); }

  Below below_;
  loop::Program program_;
  loop::KernelBuilder* builder_ = nullptr;
  std::vector<Variable> variables_;
  std::vector<loop::TempId> temps_;
  std::vector<Place> places_;
  bool in_vector_ = false;
};

// The bytes of an array of `count` values of the type, each made by `next`, which gives 32 random bits: small numbers
// of every kind, and for a range numbers inside it.
inline std::vector<std::byte> random_bytes(const TensorType& type, std::int64_t count,
                                           const std::function<std::uint32_t()>& next) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(count * size_of(type.dtype)));
  for (std::int64_t n = 0; n < count; ++n) {
    const std::uint32_t random = next();
    double value = (random % 4001 - 2000.0) / 64.0;
    if (type.dtype == DType::boolean) value = random % 2;
    if (type.range) value = static_cast<double>(type.range->low + random % (type.range->high - type.range->low));
    const Word word = word_of(value, type.dtype);
    for (int k = 0; k < size_of(type.dtype); ++k) {
      bytes[static_cast<std::size_t>(n * size_of(type.dtype) + k)] = static_cast<std::byte>(word.bits >> (8 * k));
    }
  }
  return bytes;
}

}  // namespace descent::test
