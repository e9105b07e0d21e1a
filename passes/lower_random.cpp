#include "passes/lower_random.h"

#include <array>
#include <functional>

#include "ir/loop_builder.h"

namespace descent {
namespace {

using loop::ArrayId;
using loop::Bound;
using loop::KernelBuilder;
using loop::LoopKind;
using loop::Subscript;
using loop::TempId;
using loop::VariableId;

constexpr double multiplier_0 = 0xD2511F53u, multiplier_1 = 0xCD9E8D57u;
constexpr double weyl_0 = 0x9E3779B9u, weyl_1 = 0xBB67AE85u;
constexpr int rounds = 10;

class RandomLowering {
 public:
  RandomLowering(const Random& random, const std::vector<Axis>& scans, Rounds rounds)
      : random_(random), scans_(scans), rounds_(rounds), k_("random", random.site) {}

  LoweredKernel run(const TensorType& type, const Home& result, const Home& seed, const Home& step,
                    const std::vector<loop::Buffer>& buffers) {
    auto parameter = [&](const Home& home, loop::Array::Role role) {
      const loop::Buffer& buffer = buffers[static_cast<std::size_t>(home.buffer)];
      return k_.parameter(role, buffer.name, buffer.type.dtype, buffer.type.shape, buffer.panel);
    };
    seed_ = parameter(seed, loop::Array::Role::read);
    step_ = step.buffer == seed.buffer ? seed_ : parameter(step, loop::Array::Role::read);
    result_ = parameter(result, loop::Array::Role::write);
    for (const Axis& scan : scans_) k_.index(scan.name);
    for (const Affine& form : result.prefix) prefix_.push_back({inside_scans(form), loop::no_temp});
    for (const Affine& form : seed.prefix) seed_at_.push_back({inside_scans(form), loop::no_temp});
    for (const Affine& form : step.prefix) step_at_.push_back({inside_scans(form), loop::no_temp});
    std::vector<Affine> at;
    loops(type.shape, at);
    std::vector<loop::BufferId> bound{seed.buffer};
    if (step.buffer != seed.buffer) bound.push_back(step.buffer);
    bound.push_back(result.buffer);
    return {std::move(k_).finish(), bound};
  }

 private:
  Affine inside_scans(const Affine& form) const {
    return substitute(form, [&](AxisId axis) { return Affine::axis(static_cast<AxisId>(scans_.size()) + axis); });
  }

  void loops(const Shape& shape, std::vector<Affine>& at) {
    if (at.size() == shape.size()) return draw(shape, at);
    LoopKind kind = at.empty() ? LoopKind::parallel : LoopKind::serial;
    k_.loop(kind, "i" + std::to_string(at.size()), Bound::of(shape[at.size()]), [&](VariableId variable) {
      at.push_back(Affine::axis(variable));
      loops(shape, at);
      at.pop_back();
    });
  }

  TempId word(double value) { return k_.literal(value, DType::u32); }
  TempId apply(Op op, TempId a, TempId b) { return k_.operation(op, {a, b}); }

  // The element's number in row-major order, by actual extents.
  TempId position(const Shape& shape, const std::vector<Affine>& at) {
    TempId number = loop::no_temp;
    for (std::size_t d = 0; d < shape.size(); ++d) {
      if (shape[d] == Extent{1}) continue;
      const TempId place = k_.operation(Op::to_u32, {k_.index_value(at[d])});
      if (number == loop::no_temp) {
        number = place;
        continue;
      }
      const TempId size =
          shape[d].is_batch() ? k_.operation(Op::to_u32, {k_.batch_value()}) : word(static_cast<double>(shape[d].size));
      number = apply(Op::add, apply(Op::mul, number, size), place);
    }
    return number == loop::no_temp ? word(0) : number;
  }

  // The bits of an i32: saturation would lose the negative ones, so they are taken by halves.
  TempId bits_of(TempId integer) {
    TempId zero = k_.literal(0, DType::i32);
    TempId negative = k_.operation(Op::less, {integer, zero});
    TempId complement = k_.operation(Op::sub, {k_.literal(-1, DType::i32), integer});  // ~x, not negative when x is
    TempId low = k_.operation(Op::to_u32, {k_.operation(Op::select, {negative, complement, integer})});
    return k_.operation(Op::select, {negative, apply(Op::bit_xor, low, word(0xFFFFFFFFu)), low});
  }

  void draw(const Shape& shape, const std::vector<Affine>& at) {
    const std::uint64_t site = site_hash(random_.site);
    TempId number = position(shape, at);
    std::array<TempId, 4> counter{apply(Op::shift_right, number, word(2)), bits_of(k_.load(step_, step_at_)),
                                  word(static_cast<double>(site >> 32)), word(0)};
    std::array<TempId, 2> key{bits_of(k_.load(seed_, seed_at_)), word(static_cast<double>(site & 0xFFFFFFFFu))};
    TempId which = apply(Op::bit_and, number, word(3));
    TempId drawn = rounds_ == Rounds::looped ? drawn_in_loop(counter, key, which) : drawn_at_once(counter, key, which);
    TempId top = k_.operation(Op::to_f32, {apply(Op::shift_right, drawn, word(8))});
    std::vector<Subscript> place = prefix_;
    for (const Affine& form : at) place.push_back({form, loop::no_temp});
    k_.store(result_, place, apply(Op::mul, top, k_.literal(0x1p-24, DType::f32)));
  }

  TempId drawn_at_once(std::array<TempId, 4> counter, std::array<TempId, 2> key, TempId which) {
    for (int round = 0; round < rounds; ++round) {
      turn(counter, key);
      key = {apply(Op::add, key[0], word(weyl_0)), apply(Op::add, key[1], word(weyl_1))};
    }
    TempId drawn = counter[3];
    for (int w = 2; w >= 0; --w) {
      TempId here = apply(Op::equal, which, word(w));
      drawn = k_.operation(Op::select, {here, counter[static_cast<std::size_t>(w)], drawn});
    }
    return drawn;
  }

  // The same with the counter in memory.
  TempId drawn_in_loop(const std::array<TempId, 4>& counter, const std::array<TempId, 2>& key, TempId which) {
    const ArrayId words = k_.declare("words", DType::u32, Shape{Extent{4}});
    const auto at = [](int w) { return std::vector<Subscript>{{Affine::of(w), loop::no_temp}}; };
    for (int w = 0; w < 4; ++w) k_.store(words, at(w), counter[static_cast<std::size_t>(w)]);
    k_.loop(LoopKind::serial, "round", Bound::of(rounds), [&](VariableId round) {
      const TempId times = k_.operation(Op::to_u32, {k_.index_value(Affine::axis(round))});
      std::array<TempId, 4> now{};
      for (int w = 0; w < 4; ++w) now[static_cast<std::size_t>(w)] = k_.load(words, at(w));
      turn(now, {apply(Op::add, key[0], apply(Op::mul, times, word(weyl_0))),
                 apply(Op::add, key[1], apply(Op::mul, times, word(weyl_1)))});
      for (int w = 0; w < 4; ++w) k_.store(words, at(w), now[static_cast<std::size_t>(w)]);
    });
    return k_.load(words, {{Affine{}, k_.operation(Op::to_i32, {which})}});
  }

  void turn(std::array<TempId, 4>& c, const std::array<TempId, 2>& key) {
    TempId high_0 = apply(Op::multiply_high, c[0], word(multiplier_0)),
           low_0 = apply(Op::mul, c[0], word(multiplier_0));
    TempId high_1 = apply(Op::multiply_high, c[2], word(multiplier_1)),
           low_1 = apply(Op::mul, c[2], word(multiplier_1));
    c = {apply(Op::bit_xor, apply(Op::bit_xor, high_1, c[1]), key[0]), low_1,
         apply(Op::bit_xor, apply(Op::bit_xor, high_0, c[3]), key[1]), low_0};
  }

  const Random& random_;
  const std::vector<Axis>& scans_;
  Rounds rounds_;
  KernelBuilder k_;
  ArrayId seed_ = -1, step_ = -1, result_ = -1;
  std::vector<Subscript> prefix_, seed_at_, step_at_;
};

}  // namespace

LoweredKernel lower_random(const Random& random, const TensorType& type, const Home& result, const Home& seed,
                           const Home& step, const std::vector<loop::Buffer>& buffers, const std::vector<Axis>& scans,
                           Rounds rounds) {
  return RandomLowering(random, scans, rounds).run(type, result, seed, step, buffers);
}

}  // namespace descent
