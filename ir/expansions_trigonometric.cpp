// Expansions of sin and cos, exact to the last bits for every finite argument.
//
// Arguments of up to some thousand turns lose multiples of π/2 in three fused steps. A larger one is reduced by Payne
// and Hanek's method (Radian Reduction for Trigonometric Functions, 1983) in u32 arithmetic: of |x| · 2/π, with |x| = M
// · 2^k, only the product modulo 4 counts, so the bits of 2/π that stand too far left to matter are skipped and as many
// as give twice the precision are multiplied by the integer M.
//
//   quadrant + fraction = |x| · 2/π mod 4, |fraction| ≤ ½        r = fraction · π/2
//   sin |x| = sin r, cos r, -sin r, -cos r by quadrant
#include <algorithm>
#include <bit>
#include <limits>
#include <numbers>

#include "ir/expansion_coefficients.h"
#include "ir/op_functions.h"
#include "ir/writer.h"

namespace descent::expansion {

namespace {

// The first bits of 2/π = 0.1010001011…, enough for the largest f64.
constexpr std::array<std::uint32_t, 37> two_over_pi = {
    0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB, 0xDEBBC561,
    0xB7246E3A, 0x424DD2E0, 0x06492EEA, 0x09D1921C, 0xFE1DEB1C, 0xB129A73E, 0xE88235F5, 0x2EBB4484,
    0xE99C7026, 0xB45F7E41, 0x3991D639, 0x835339F4, 0x9C845F8B, 0xBDF9283B, 0x1FF897FF, 0xDE05980F,
    0xEF2F118B, 0x5A0A6D1F, 0x6D367ECF, 0x27CB09B7, 0x4F463F66, 0x9E5FEA2D, 0x7527BAC7, 0xEBE5F17B,
    0x3D0739F7, 0x8A5292EA, 0x6BFB5FB1, 0x1F8D5D08, 0x56033046};

// Integers of several u32 words, the most significant first.
using Words = std::vector<ScalarId>;

class WordWriter {
 public:
  explicit WordWriter(BodyBuilder& builder) : builder_(builder) {}

  ScalarId literal(std::uint32_t value) const { return builder_.literal(value, DType::u32); }
  ScalarId apply(Op op, ScalarId a, ScalarId b) const { return builder_.apply(op, {a, b}); }
  // With a number: a name of its own, for an id is an int.
  ScalarId with(Op op, ScalarId a, std::uint32_t b) const { return apply(op, a, literal(b)); }
  ScalarId has(ScalarId word, std::uint32_t mask) const {
    return with(Op::not_equal, with(Op::bit_and, word, mask), 0);
  }

  // `count` words of `from` beginning at bit `position`: whole words by a shifter with one stage for each bit of the
  // word's number (at most `last_word`), the rest by shifts.
  Words window(Words from, ScalarId position, std::size_t count, std::uint32_t last_word) const {
    const ScalarId word = with(Op::shift_right, position, 5);
    std::size_t step = std::bit_floor(std::size_t{last_word});
    for (; step > 0; step /= 2) {
      const ScalarId jumps = has(word, static_cast<std::uint32_t>(step));
      Words shifted;
      for (std::size_t i = 0; i < std::min(from.size(), count + step); ++i) {
        shifted.push_back(i + step < from.size() ? builder_.apply(Op::select, {jumps, from[i + step], from[i]})
                                                 : from[i]);
      }
      from = std::move(shifted);
    }
    const ScalarId left = with(Op::bit_and, position, 31);
    const ScalarId right = apply(Op::sub, literal(31), left);
    Words out;
    for (std::size_t i = 0; i < count; ++i) {
      const ScalarId carried = apply(Op::shift_right, with(Op::shift_right, from[i + 1], 1), right);
      out.push_back(apply(Op::bit_or, apply(Op::shift_left, from[i], left), carried));
    }
    return out;
  }

  // a · b, as many of the lowest words as b has.
  Words low_product(const Words& a, const Words& b) const {
    std::vector<Words> columns(b.size());  // addends by place, the most significant first
    for (std::size_t i = 0; i < a.size(); ++i) {
      for (std::size_t j = 0; j < b.size(); ++j) {
        const std::size_t place = a.size() - 1 - i;  // how far a[i] moves the product to the left
        if (place <= j) columns[j - place].push_back(apply(Op::mul, a[i], b[j]));
        if (place + 1 <= j) columns[j - place - 1].push_back(apply(Op::multiply_high, a[i], b[j]));
      }
    }
    Words out(b.size());
    for (std::size_t column = b.size(); column-- > 0;) {
      ScalarId sum = columns[column].front();
      for (std::size_t i = 1; i < columns[column].size(); ++i) {
        const ScalarId before = sum;
        sum = apply(Op::add, before, columns[column][i]);
        if (column == 0) continue;
        const ScalarId overflows = apply(Op::less, sum, before);
        columns[column - 1].push_back(builder_.apply(Op::select, {overflows, literal(1), literal(0)}));
      }
      out[column] = sum;
    }
    return out;
  }

 private:
  BodyBuilder& builder_;
};

// The integer M with |x| = M · 2^(exponent(x) - fraction bits), from its mantissa 1 ≤ m < 2.
Words integer_mantissa(const Writer& w, ScalarId mantissa) {
  if (w.is_f32()) return {w.apply(Op::to_u32, w.times(mantissa, 0x1p23))};
  const ScalarId scaled = w.times(mantissa, 0x1p20);
  const ScalarId top = w.apply(Op::floor, scaled);
  return {w.apply(Op::to_u32, top), w.apply(Op::to_u32, w.times(w.sub(scaled, top), 0x1p32))};
}

// words · 2^-30 · 2^-32·… as a pair: cut into pieces that a float holds, added from the largest on. A leading piece may
// be zero (arguments near a multiple of π/2), the next ones still hold the precision.
Pair fraction_of(const Writer& w, const WordWriter& u, const Words& words) {
  Words pieces;
  std::vector<double> scales;
  if (w.is_f32()) {
    const auto joined = [&](ScalarId high, int left, ScalarId low, std::uint32_t right) {
      const ScalarId kept = u.with(Op::bit_and, high, (1u << (24 - left)) - 1);
      return u.apply(Op::bit_or, u.with(Op::shift_left, kept, static_cast<std::uint32_t>(left)),
                     u.with(Op::shift_right, low, right));
    };
    pieces = {u.with(Op::shift_right, words[0], 8), joined(words[0], 16, words[1], 16),
              joined(words[1], 8, words[2], 24)};
    scales = {0x1p-22, 0x1p-46, 0x1p-70};
  } else {
    pieces.assign(words.begin(), words.end() - 1);
    scales = {0x1p-30, 0x1p-62, 0x1p-94, 0x1p-126, 0x1p-158};
  }
  Pair total = {w.times(w.to_float(pieces[0]), scales[0]), w.literal(0)};
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    const Pair next = w.fast_sum(total.high, w.times(w.to_float(pieces[i]), scales[i]));
    total = {next.high, i == 1 ? next.low : w.add(total.low, next.low)};
  }
  return total;
}

struct Reduced {
  Pair rest;                      // in [-π/4, π/4]
  ScalarId quadrant = no_scalar;  // u32, of which the lowest two bits count
};

Reduced reduced(const Writer& w, ScalarId size) {
  const WordWriter u(w.builder());
  const std::size_t count = w.is_f32() ? 3 : 6;
  const std::uint32_t last_word = w.is_f32() ? 4 : 32;
  Words bits(w.is_f32() ? 1 : 2, u.literal(0));  // room for the exponents below those that skip bits
  const double first = w.constant(32 - 25, 64 - 54);
  while (bits.size() < count + 1 + last_word)
    bits.push_back(u.literal(two_over_pi[bits.size() - (w.is_f32() ? 1 : 2)]));

  const ScalarId exponent = w.apply(Op::exponent, size);
  const ScalarId position = w.apply(Op::to_u32, w.apply(Op::add, exponent, w.integer(first)));
  const Words mantissa = integer_mantissa(w, w.apply(Op::mantissa, size));
  Words product = u.low_product(mantissa, u.window(bits, position, count, last_word));

  // The quadrant is in the two highest bits, rounded to nearest; what is left has a sign, applied to π/2.
  const ScalarId quadrant = u.with(Op::shift_right, u.with(Op::add, product[0], 1u << 29), 30);
  product[0] = u.apply(Op::sub, product[0], u.with(Op::shift_left, quadrant, 30));
  const ScalarId negative = u.has(product[0], 1u << 31);
  const ScalarId mask = w.select(negative, u.literal(~0u), u.literal(0));
  for (ScalarId& word : product) word = u.apply(Op::bit_xor, word, mask);
  const double half_pi = w.constant(0x1.921fb6p+0, 0x1.921fb54442d18p+0);
  const double half_pi_low = w.constant(-0x1.777a5cp-25, 0x1.1a62633145c07p-54);
  const Pair factor = {w.choice(negative, -half_pi, half_pi), w.choice(negative, -half_pi_low, half_pi_low)};
  const Pair far = w.product(fraction_of(w, u, product), factor);

  return {far, quadrant};
}

// |x| - n·π/2 with π/2 in three parts; n·the first leaves a float (Cody and Waite). As many quarter turns as here keep
// twice the precision of the rest.
struct Near {
  Pair rest;
  ScalarId quadrant = no_scalar;  // n as a float
};
constexpr double farthest_f32 = 0x1p16, farthest_f64 = 0x1p30;

Near reduced_near(const Writer& w, ScalarId size) {
  const ScalarId n = w.apply(Op::round, w.times(size, std::numbers::inv_pi * 2));
  const ScalarId rest = w.fma(n, w.literal(-0x1.921fb6p+0, -0x1.921fb54442d18p+0), size);  // exact
  const Pair second = w.product(n, w.literal(0x1.777a5cp-25, -0x1.1a62633145c07p-54));
  const Pair sum = w.sum(rest, second.high);
  const ScalarId third = w.literal(0x1.ee59dap-50, 0x1.f1976b7ed8fbcp-110);
  return {{sum.high, w.fma(n, third, w.add(sum.low, second.low))}, n};
}

struct Waves {
  ScalarId sine = no_scalar;
  ScalarId cosine = no_scalar;
};
Waves waves(const Writer& w, Pair rest) {
  const ScalarId square = w.mul(rest.high, rest.high);
  const ScalarId sine_tail = w.polynomial(square, coefficients::sin_tail_f32, coefficients::sin_tail_f64);
  const ScalarId sine = w.add(rest.high, w.fma(w.mul(rest.high, square), sine_tail, rest.low));
  // 1 - r²/2 loses bits; what they were joins the tail (fdlibm, k_cos.c).
  const ScalarId cosine_tail = w.polynomial(square, coefficients::cos_tail_f32, coefficients::cos_tail_f64);
  const ScalarId half = w.times(square, 0.5);
  const ScalarId leading = w.sub(w.literal(1), half);
  const ScalarId lost = w.sub(w.sub(w.literal(1), leading), half);
  const ScalarId small = w.fma(w.neg(rest.high), rest.low, w.fma(w.mul(square, square), cosine_tail, lost));
  return {sine, w.add(leading, small)};
}

ScalarId by_quadrant(const Writer& w, const Waves& wave, ScalarId is_odd, ScalarId is_upper) {
  const ScalarId value = w.select(is_odd, wave.cosine, wave.sine);
  return w.select(is_upper, w.neg(value), value);
}

ScalarId turned_sine_near(const Writer& w, ScalarId size, int turn) {
  const Near r = reduced_near(w, size);
  // The lowest bits of a whole number that is not negative.
  const auto is_odd = [&](ScalarId number, ScalarId half) {
    return w.apply(Op::not_equal, w.fma(half, w.literal(-2), number), w.literal(0));
  };
  const ScalarId quadrant = turn == 0 ? r.quadrant : w.plus(r.quadrant, turn);
  const ScalarId half = w.apply(Op::floor, w.times(quadrant, 0.5));
  const ScalarId quarter = w.apply(Op::floor, w.times(half, 0.5));
  return by_quadrant(w, waves(w, r.rest), is_odd(quadrant, half), is_odd(half, quarter));
}

ScalarId turned_sine_far(const Writer& w, ScalarId size, int turn) {
  const WordWriter u(w.builder());
  const Reduced r = reduced(w, size);
  const ScalarId quadrant = u.with(Op::add, r.quadrant, static_cast<std::uint32_t>(turn));
  const ScalarId value = by_quadrant(w, waves(w, r.rest), u.has(quadrant, 1), u.has(quadrant, 2));
  const ScalarId is_finite = w.less(size, std::numeric_limits<double>::infinity());
  return w.select(is_finite, value, w.sub(size, size));
}

// sin(|x| + turn · π/2), before the sign. The costly way is for arguments that hardly occur.
ScalarId turned_sine(const Writer& w, ScalarId x, int turn) {
  const ScalarId size = w.abs(x);
  const ScalarId is_near = w.less(size, w.constant(farthest_f32, farthest_f64));
  return w.select(is_near, turned_sine_near(w, size, turn), turned_sine_far(w, size, turn));
}

}  // namespace

ScalarId of_sin(BodyBuilder& builder, Operands at) {
  const Writer w(builder, at[0]);
  const ScalarId value = w.with_sign_of(at[0], turned_sine(w, at[0], 0));
  return w.select(w.equal(at[0], 0), at[0], value);  // -0 keeps its sign
}

ScalarId of_cos(BodyBuilder& builder, Operands at) {
  const Writer w(builder, at[0]);
  return turned_sine(w, at[0], 1);
}

}  // namespace descent::expansion
