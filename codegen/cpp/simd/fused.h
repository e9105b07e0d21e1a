// Fused multiply-adds of registers. Doubles of processors that have none go without branches by Boldo and Melquiond,
// "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd" (2008).
#pragma once

#include "codegen/cpp/simd/registers.h"

namespace descent_generated {
namespace {

// -- what a processor without fused multiply-adds does
// -----------------------------------------------------------------

template <class R>
struct Sum {
  R rounded, error;
};
template <class R>
DESCENT_INLINE R magnitude(R x) {
  return (R)(same_bits<uint64_t>(x) & ~(uint64_t{1} << 63));
}
template <class R>
DESCENT_INLINE R with_sign_of(R x, R sign) {
  return (R)(same_bits<uint64_t>(magnitude(x)) | (same_bits<uint64_t>(sign) & (uint64_t{1} << 63)));
}

// rounded + error = a + b (Knuth).
template <class R>
DESCENT_INLINE Sum<R> two_sum(R a, R b) {
  const R sum = a + b;
  const R part = sum - a;
  return {sum, (a - (sum - part)) + (b - part)};
}

// rounded + error = a · b, of numbers in [1, 2) (Dekker).
template <class R>
DESCENT_INLINE R upper_part(R x) {
  const R scaled = x * 134217729.0;  // 2^27 + 1
  return scaled - (scaled - x);
}
template <class R>
DESCENT_INLINE Sum<R> two_product(R a, R b) {
  const R product = a * b, high_a = upper_part(a), high_b = upper_part(b);
  const R low_a = a - high_a, low_b = b - high_b;
  return {product, ((high_a * high_b - product) + high_a * low_b + low_a * high_b) + low_a * low_b};
}

// a + b, and where it is inexact that neighbour whose last bit is 1: rounded again to two bits less or fewer it is as
// if rounded once. An infinite sum has no error that is a number.
template <class R>
DESCENT_INLINE R sum_to_odd(R a, R b) {
  const Sum<R> sum = two_sum(a, b);
  const auto bits = same_bits<uint64_t>(sum.rounded);
  const auto is_beyond = (bits ^ same_bits<uint64_t>(sum.error)) >> 63;
  return (R)(magnitude(sum.error) > 0.0 ? (bits - is_beyond) | 1 : bits);
}

// 2^e of an exponent that a normal number can have.
template <class R, class E>
DESCENT_INLINE R power_of_exponent(E exponent) {
  return (R)((exponent + 1023) << 52);
}
template <class R>
struct Parts {
  R fraction;  // in [1, 2), with the sign; of a subnormal number too
  Raw<int64_t, lanes_in<R>> exponent;
};
template <class R>
DESCENT_INLINE Parts<R> parts_of(R x) {
  const auto is_subnormal = magnitude(x) < 0x1p-1022;
  const auto bits = same_bits<int64_t>(is_subnormal ? x * 0x1p54 : x);
  const auto exponent = ((bits >> 52) & 0x7ff) - 1023 - (is_subnormal & 54);
  return {(R)((bits & ~(int64_t{0x7ff} << 52)) | (int64_t{1023} << 52)), exponent};
}
template <class E>
DESCENT_INLINE E larger(E a, E b) {
  return a > b ? a : b;
}

// (a · b + c) · 2^exponent. A result below the normal numbers has its last place at 2^-1074: there a number is added
// before the one rounding, and taken away after it, in whose binade that is the last place.
template <class R, class E>
DESCENT_INLINE R rounded_once(R a, R b, R c, E exponent) {
  const Sum<R> product = two_product(a, b);
  const Sum<R> low = two_sum(c, product.error);
  const Sum<R> high = two_sum(product.rounded, low.rounded);
  const R rest = sum_to_odd(low.error, high.error);
  const R sign = high.rounded + rest;  // of the sum of both, which is 0 only when that is
  const E lowest = larger(-1022 - exponent, E{} - 1022);
  const R least_normal = power_of_exponent<R>(lowest < 1023 ? lowest : E{} + 1023);
  const R base = magnitude(high.rounded) <= least_normal ? with_sign_of(least_normal, sign) : R{};
  const Sum<R> placed = two_sum(base, high.rounded);
  const R sum = (placed.rounded + sum_to_odd(placed.error, rest)) - base;
  const E half = exponent >> 1;
  const R scaled = (sum * power_of_exponent<R>(half)) * power_of_exponent<R>(exponent - half);
  return with_sign_of(scaled, sign);
}

// With the fractions of the factors and what is left of the addend when the exponent of the product, or one near the
// addend's, is taken out of all three. Where one of them is then too far away to change more than the direction of a
// rounding, any place far away will do. Special: what has no exponent of its own.
template <class R>
DESCENT_INLINE R fused_in_parts(R x, R y, R z) {
  constexpr int64_t far = 160;  // beyond the 106 bits of a product and the 53 of a sum
  constexpr double infinite = __builtin_huge_val();
  const Parts<R> a = parts_of(x), b = parts_of(y), c = parts_of(z);
  const auto exponent = larger(a.exponent + b.exponent, c.exponent - far);
  const auto distance = c.exponent - exponent;
  const R addend = c.fraction * power_of_exponent<R>(distance > -far ? distance : distance * 0 - far);
  const R once = rounded_once(a.fraction, b.fraction, addend, exponent);

  const auto factors_are_finite = (magnitude(x) < infinite) & (magnitude(y) < infinite);
  const auto a_factor_is_zero = (x == 0.0) | (y == 0.0);
  const R product = x * y, separate = product + z;
  const R of_finite = a_factor_is_zero ? separate : z == 0.0 ? product : once;
  return factors_are_finite ? (magnitude(z) < infinite ? of_finite : z) : separate;
}

// -- fused multiply-adds of registers
// ----------------------------------------------------------------------------------

DESCENT_INLINE float fused_scalar(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
DESCENT_INLINE double fused_scalar(double a, double b, double c) { return __builtin_fma(a, b, c); }

struct Fused {
  template <class R>
  DESCENT_INLINE R operator()(R a, R b, R c) const {
#if defined(__FMA__)
    if constexpr (sizeof(R) == 16 && is_f32<R>) return (R)_mm_fmadd_ps((__m128)a, (__m128)b, (__m128)c);
    if constexpr (sizeof(R) == 16 && !is_f32<R>) return (R)_mm_fmadd_pd((__m128d)a, (__m128d)b, (__m128d)c);
    if constexpr (sizeof(R) == 32 && is_f32<R>) return (R)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
    if constexpr (sizeof(R) == 32 && !is_f32<R>) return (R)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#if defined(__AVX512F__)
    if constexpr (sizeof(R) == 64 && is_f32<R>) return (R)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
    if constexpr (sizeof(R) == 64 && !is_f32<R>) return (R)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#endif
#elif defined(__aarch64__)
    if constexpr (is_f32<R>) return (R)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
    if constexpr (!is_f32<R>) return (R)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
    if constexpr (has_fused) {
      const auto one = [](auto x, auto y, auto z) { return fused_scalar(x, y, z); };
      return lane_by_lane(one, a, b, c, Lanes<lanes_in<R>>{});
    } else {
      return fused_in_parts(a, b, c);
    }
#endif
  }
};

}  // namespace
}  // namespace descent_generated
