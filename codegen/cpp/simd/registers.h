// Vectors of any number of lanes, and what else the programs of `descent build --emit cpp` stand on: C++17 with the
// vector extensions of GCC and Clang. Where xsimd is installed a register of floats is an xsimd::batch (unless
// DESCENT_NO_XSIMD says otherwise). Nothing here allocates, throws or needs a C++ library at run time.
//
// The same training gives the same bits wherever it is compiled: with -ffp-contract=off and without -ffast-math. What
// a processor lacks is supplied (a fused multiply-add above all), and `init` checks the compiler's word.
#pragma once

#include <stdint.h>

#include "runtime/abi.h"

#if defined(__FAST_MATH__)
#error "compile without -ffast-math: it changes the bits of a training"
#endif

#if !defined(DESCENT_NO_XSIMD)
#if __has_include(<xsimd/xsimd.hpp>)
#include <xsimd/xsimd.hpp>
#define DESCENT_XSIMD
#endif
#endif
#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define DESCENT_INLINE inline __attribute__((always_inline))
#if defined(__clang__)
#define DESCENT_UNROLLED _Pragma("clang loop unroll(full)")
#else
#define DESCENT_UNROLLED _Pragma("GCC unroll 1024")
#endif

// Everything is private to the file that includes it, for two files may be compiled for different processors.
namespace descent_generated {
namespace {

// -- registers
// ---------------------------------------------------------------------------------------------------------

#if defined(__FMA__) || defined(__aarch64__) || defined(__riscv_flen) || defined(__FP_FAST_FMAF)
constexpr bool has_fused = true;
#else
constexpr bool has_fused = false;
#endif
#if defined(__AVX512F__)
constexpr int register_bytes = 64;
#elif defined(__AVX__)
constexpr int register_bytes = 32;
#else
constexpr int register_bytes = 16;
#endif

// N lanes of T, for the vector extensions.
template <class T, int N>
struct RawLanes {
  typedef T type __attribute__((vector_size(N * sizeof(T))));
};
template <class T, int N>
using Raw = typename RawLanes<T, N>::type;

// Of a raw vector: the type of a lane, and their number.
template <class T>
struct Plain {
  using type = T;
};
template <class T>
struct Plain<T&> {
  using type = T;
};
template <class T>
struct Plain<T&&> {
  using type = T;
};
template <class R>
using Element = typename Plain<decltype(R{}[0])>::type;
template <class R>
constexpr int lanes_in = static_cast<int>(sizeof(R) / sizeof(Element<R>));
template <class A, class B>
constexpr bool same_type = false;
template <class A>
constexpr bool same_type<A, A> = true;
template <class T>
constexpr bool is_floating = same_type<T, float> || same_type<T, double>;

// The signed integer that is as large as a T, and the unsigned one.
template <int bytes>
struct Integer;
template <>
struct Integer<1> {
  using type = int8_t;
  using without_sign = uint8_t;
};
template <>
struct Integer<4> {
  using type = int32_t;
  using without_sign = uint32_t;
};
template <>
struct Integer<8> {
  using type = int64_t;
  using without_sign = uint64_t;
};
template <class T>
using Signed = typename Integer<sizeof(T)>::type;
template <class T>
using Unsigned = typename Integer<sizeof(T)>::without_sign;

// The numbers 0 … N-1 as a pack.
template <class T, T... I>
struct Sequence {};
#if defined(__clang__)
template <int N>
using Lanes = __make_integer_seq<Sequence, int, N>;
#else
template <int N>
using Lanes = Sequence<int, __integer_pack(N)...>;
#endif

// What holds N lanes of T that fit a register, and its lanes for the vector extensions.
template <class T, int N>
struct RegisterOf {
  using type = Raw<T, N>;
};
template <class R>
DESCENT_INLINE R lanes_in_register(R lanes) {
  return lanes;
}
#if defined(DESCENT_XSIMD)
template <class Batch, class Otherwise>
struct BatchOr {
  using type = Batch;
};
template <class Otherwise>
struct BatchOr<void, Otherwise> {
  using type = Otherwise;
};
template <int N>
struct RegisterOf<float, N> {
  using type = typename BatchOr<xsimd::make_sized_batch_t<float, N>, Raw<float, N>>::type;
};
template <int N>
struct RegisterOf<double, N> {
  using type = typename BatchOr<xsimd::make_sized_batch_t<double, N>, Raw<double, N>>::type;
};
template <class T, class Arch>
DESCENT_INLINE auto lanes_in_register(xsimd::batch<T, Arch> lanes) {
  return (Raw<T, static_cast<int>(xsimd::batch<T, Arch>::size)>)lanes.data;
}
#endif

template <class T, int N, int... I>
DESCENT_INLINE Raw<T, N> spread(T value, Sequence<int, I...>) {
  return Raw<T, N>{((void)I, value)...};
}
template <int first, class R, int... I>
DESCENT_INLINE auto shuffled(R a, R b, Sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (first + I)...);
}
template <class To, class R>
DESCENT_INLINE auto converted(R lanes) {
  return __builtin_convertvector(lanes, Raw<To, lanes_in<R>>);
}
template <class To, class R>
DESCENT_INLINE auto same_bits(R lanes) {
  return (Raw<To, lanes_in<R>>)lanes;
}
// Integers without their sign, so that they wrap; floats, in a batch or not, as they are.
template <class R>
DESCENT_INLINE auto wrapping(R lanes) {
  if constexpr (same_type<R, decltype(lanes_in_register(lanes))>) {
    if constexpr (!is_floating<Element<R>>)
      return same_bits<Unsigned<Element<R>>>(lanes);
    else
      return lanes;
  } else {
    return lanes;
  }
}

// -- operations on registers
// ------------------------------------------------------------------------------------------- What vector extensions
// have no sign for. xsimd's own are not used here: its fma for AVX-512 is a product and a sum, and its rounding without
// SSE 4.1 forgets the sign of zero.

template <class R>
constexpr bool is_f32 = same_type<Element<R>, float>;

template <class R, int... I>
DESCENT_INLINE auto widened(R lanes, Sequence<int, I...>) {
  return __builtin_shufflevector(lanes, lanes, (I < lanes_in<R> ? I : -1)...);
}
// Half registers go through whole ones.
template <class Function, class R, class... More>
DESCENT_INLINE R in_registers(Function function, R first, More... more) {
  if constexpr (sizeof(R) < 16) {
    constexpr Lanes<16 / sizeof(Element<R>)> whole;
    const auto wide = function(widened(first, whole), widened(more, whole)...);
    return shuffled<0>(wide, wide, Lanes<lanes_in<R>>{});
  } else {
    return function(first, more...);
  }
}
template <class R, class Function, int... I>
DESCENT_INLINE R lane_by_lane(Function function, R a, R b, R c, Sequence<int, I...>) {
  return R{function(a[I], b[I], c[I])...};
}

#if defined(__AVX512F__)
// The forms without a mask start from a register that g++ 12 then calls uninitialized.
constexpr __mmask16 every_lane = 0xffff;
#endif

struct SquareRoot {
  template <class R>
  DESCENT_INLINE R operator()(R x) const {
#if defined(__SSE2__)
    if constexpr (sizeof(R) == 16 && is_f32<R>) return (R)_mm_sqrt_ps((__m128)x);
    if constexpr (sizeof(R) == 16 && !is_f32<R>) return (R)_mm_sqrt_pd((__m128d)x);
#if defined(__AVX__)
    if constexpr (sizeof(R) == 32 && is_f32<R>) return (R)_mm256_sqrt_ps((__m256)x);
    if constexpr (sizeof(R) == 32 && !is_f32<R>) return (R)_mm256_sqrt_pd((__m256d)x);
#endif
#if defined(__AVX512F__)
    if constexpr (sizeof(R) == 64 && is_f32<R>) return (R)_mm512_maskz_sqrt_ps(every_lane, (__m512)x);
    if constexpr (sizeof(R) == 64 && !is_f32<R>) return (R)_mm512_maskz_sqrt_pd((__mmask8)every_lane, (__m512d)x);
#endif
#elif defined(__aarch64__)
    if constexpr (is_f32<R>) return (R)vsqrtq_f32((float32x4_t)x);
    if constexpr (!is_f32<R>) return (R)vsqrtq_f64((float64x2_t)x);
#else
    const auto one = [](auto lane, auto, auto) { return decltype(lane)(__builtin_sqrt(lane)); };
    return lane_by_lane(one, x, x, x, Lanes<lanes_in<R>>{});
#endif
  }
};

// To the nearest integer, ties to even, or down. Elsewhere than on processors that have it: adding and taking away a
// number so large that its fraction has no room; zeros keep their sign.
template <bool down>
struct Round {
  template <class R>
  DESCENT_INLINE R operator()(R x) const {
#if defined(__SSE4_1__)
    constexpr int how = (down ? _MM_FROUND_TO_NEG_INF : _MM_FROUND_TO_NEAREST_INT) | _MM_FROUND_NO_EXC;
    if constexpr (sizeof(R) == 16 && is_f32<R>) return (R)_mm_round_ps((__m128)x, how);
    if constexpr (sizeof(R) == 16 && !is_f32<R>) return (R)_mm_round_pd((__m128d)x, how);
#if defined(__AVX__)
    if constexpr (sizeof(R) == 32 && is_f32<R>) return (R)_mm256_round_ps((__m256)x, how);
    if constexpr (sizeof(R) == 32 && !is_f32<R>) return (R)_mm256_round_pd((__m256d)x, how);
#endif
#if defined(__AVX512F__)
    if constexpr (sizeof(R) == 64 && is_f32<R>) return (R)_mm512_maskz_roundscale_ps(every_lane, (__m512)x, how);
    if constexpr (sizeof(R) == 64 && !is_f32<R>)
      return (R)_mm512_maskz_roundscale_pd((__mmask8)every_lane, (__m512d)x, how);
#endif
#else
    using T = Element<R>;
    using Bits = Unsigned<T>;
    constexpr Bits sign = Bits{1} << (8 * sizeof(T) - 1);
    constexpr T large = is_f32<R> ? T(8388608.0) : T(4503599627370496.0);
    const auto bits = same_bits<Bits>(x);
    const R size = (R)(bits & ~sign);
    const R nearest = (R)(same_bits<Bits>((size + large) - large) | (bits & sign));
    const R whole = size < large ? nearest : x;
    if constexpr (!down) return whole;
    return whole > x ? whole - T(1) : whole;
#endif
  }
};

// max(a, b) = b > a ? b : a and min(a, b) = b < a ? b : a, as x86 has them with its operands exchanged.
template <bool largest>
struct Extremum {
  template <class R>
  DESCENT_INLINE R operator()(R a, R b) const {
#if defined(__SSE2__)
    if constexpr (sizeof(R) == 16 && is_f32<R>) {
      return (R)(largest ? _mm_max_ps((__m128)b, (__m128)a) : _mm_min_ps((__m128)b, (__m128)a));
    }
#if defined(__AVX__)
    if constexpr (sizeof(R) == 32 && is_f32<R>) {
      return (R)(largest ? _mm256_max_ps((__m256)b, (__m256)a) : _mm256_min_ps((__m256)b, (__m256)a));
    }
#endif
#if defined(__AVX512F__)
    if constexpr (sizeof(R) == 64 && is_f32<R>) {
      return (R)(largest ? _mm512_maskz_max_ps(every_lane, (__m512)b, (__m512)a)
                         : _mm512_maskz_min_ps(every_lane, (__m512)b, (__m512)a));
    }
#endif
#endif
    return (largest ? b > a : b < a) ? b : a;
  }
};

// Floats toward zero; NaN gives 0, and what To cannot hold its least or greatest value.
template <class To>
struct Saturated {
  static constexpr To least = To(-1) < To(0) ? To(To(1) << (8 * sizeof(To) - 1)) : To(0);
  static constexpr To greatest = To(~least);
  template <class From>
  static constexpr From above = From(greatest / 2 + 1) * 2;  // the first that is too large

  template <class R>
  DESCENT_INLINE auto operator()(R x) const {
    using From = Element<R>;
    using Result = Raw<To, lanes_in<R>>;
    using Wide = Raw<Signed<From>, lanes_in<R>>;  // as a comparison gives it
#if defined(__SSE2__)                             // the least integer for all that is out of range
    if constexpr (same_type<To, int32_t> && is_f32<R> && sizeof(R) >= 16) {
      const Result near = truncated(x);
      return (Result)((Wide)(x >= above<From> ? greatest : near) & (Wide)(x == x));
    } else
#endif
    {
      const R inside = x >= From(least) && x < above<From> ? x : From(0);
      const auto selected = [](Wide mask, Result yes, Result no) {
        const Result narrow = converted<To>(mask);
        return (yes & narrow) | (no & ~narrow);
      };
      const Result high = selected(x >= above<From>, Result{} + greatest, converted<To>(inside));
      return selected(x < From(least), Result{} + least, high);
    }
  }

 private:
#if defined(__SSE2__)
  template <class R>
  static DESCENT_INLINE auto truncated(R x) {
#if defined(__AVX512F__)
    if constexpr (sizeof(R) == 64) return (Raw<int32_t, 16>)_mm512_maskz_cvttps_epi32(every_lane, (__m512)x);
#endif
#if defined(__AVX__)
    if constexpr (sizeof(R) == 32) return (Raw<int32_t, 8>)_mm256_cvttps_epi32((__m256)x);
#endif
    if constexpr (sizeof(R) == 16) return (Raw<int32_t, 4>)_mm_cvttps_epi32((__m128)x);
  }
#endif
};

}  // namespace
}  // namespace descent_generated
