// Operations of vectors and scalars, and how programs run.
#pragma once

#include "codegen/cpp/simd/vectors.h"

namespace descent_generated {
namespace {

// -- operations of vectors and scalars
// ---------------------------------------------------------------------------------

template <class T, int N>
DESCENT_INLINE Vector<T, N> sqrt(Vector<T, N> x) {
  return map<T, N>([](auto lanes) { return in_registers(SquareRoot{}, lanes_in_register(lanes)); }, x);
}
template <class T, int N>
DESCENT_INLINE Vector<T, N> round(Vector<T, N> x) {  // to nearest, ties to even
  return map<T, N>([](auto lanes) { return in_registers(Round<false>{}, lanes_in_register(lanes)); }, x);
}
template <class T, int N>
DESCENT_INLINE Vector<T, N> floor(Vector<T, N> x) {
  return map<T, N>([](auto lanes) { return in_registers(Round<true>{}, lanes_in_register(lanes)); }, x);
}
template <class T, int N>
DESCENT_INLINE Vector<T, N> abs(Vector<T, N> x) {
  if constexpr (is_floating<T>) {
    constexpr Unsigned<T> sign = Unsigned<T>{1} << (8 * sizeof(T) - 1);
    return map<T, N>([](auto lanes) { return same_bits<Unsigned<T>>(lanes_in_register(lanes)) & ~sign; }, x);
  } else {
    return select(x < T(0), -x, x);
  }
}

// In registers from here on: g++ would load it again for every use.
template <class T, int N>
DESCENT_INLINE Vector<T, N> kept(Vector<T, N> v) {
#if defined(__SSE2__) && !defined(__clang__)
  const auto hold = [](auto lanes) {
    auto held = lanes_in_register(lanes);
    if constexpr (sizeof(held) >= 16) __asm__("" : "+v"(held));
    return held;
  };
  return map<T, N>(hold, v);
#else
  return v;
#endif
}

// x · y + z rounded once, where there are no fused multiply-adds: the product is exact in doubles, and a sum that is
// rounded to odd there may be rounded again.
template <int N>
DESCENT_INLINE f32x<N> fused_in_doubles(f32x<N> x, f32x<N> y, f32x<N> z) {
  const auto sum = [](auto a, auto b) { return sum_to_odd(lanes_in_register(a), lanes_in_register(b)); };
  return to<float>(map<double, N>(sum, to<double>(x) * to<double>(y), to<double>(z)));
}

DESCENT_INLINE float fma(float x, float y, float z) {
  if constexpr (has_fused) return __builtin_fmaf(x, y, z);
  return fused_in_doubles(f32x<2>(x), f32x<2>(y), f32x<2>(z))[0];
}
DESCENT_INLINE double fma(double x, double y, double z) {
  if constexpr (has_fused) return __builtin_fma(x, y, z);
  return fma(f64x<2>(x), f64x<2>(y), f64x<2>(z))[0];
}
DESCENT_INLINE uint32_t fma(uint32_t x, uint32_t y, uint32_t z) { return x * y + z; }
DESCENT_INLINE int32_t fma(int32_t x, int32_t y, int32_t z) {
  return static_cast<int32_t>(fma(static_cast<uint32_t>(x), static_cast<uint32_t>(y), static_cast<uint32_t>(z)));
}
template <class T>
DESCENT_INLINE T max(T a, T b) {
  return b > a ? b : a;
}
template <class T>
DESCENT_INLINE T min(T a, T b) {
  return b < a ? b : a;
}

// Scalars through a vector, where only registers have the instruction.
DESCENT_INLINE float sqrt(float x) { return sqrt(f32x<4>(x))[0]; }
DESCENT_INLINE double sqrt(double x) { return sqrt(f64x<2>(x))[0]; }
DESCENT_INLINE float round(float x) { return round(f32x<4>(x))[0]; }
DESCENT_INLINE double round(double x) { return round(f64x<2>(x))[0]; }
DESCENT_INLINE float floor(float x) { return floor(f32x<4>(x))[0]; }
DESCENT_INLINE double floor(double x) { return floor(f64x<2>(x))[0]; }
DESCENT_INLINE float abs(float x) { return __builtin_fabsf(x); }
DESCENT_INLINE double abs(double x) { return __builtin_fabs(x); }
DESCENT_INLINE uint32_t abs(uint32_t x) { return x; }

// Signed integers wrap; their signs in C++ do not.
DESCENT_INLINE int32_t add(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}
DESCENT_INLINE int32_t subtract(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) - static_cast<uint32_t>(b));
}
DESCENT_INLINE int32_t multiply(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
}
DESCENT_INLINE int32_t negate(int32_t a) { return subtract(0, a); }
DESCENT_INLINE int32_t abs(int32_t x) { return x < 0 ? negate(x) : x; }

// -- conversions: to integers toward zero, saturating, NaN to 0; to bool: x != 0
// ---------------------------------------

template <class To, class From>
DESCENT_INLINE To to(From x) {
  if constexpr (same_type<To, bool>) {
    return x != From(0);
  } else if constexpr (is_floating<To> || same_type<From, bool> || same_type<From, To>) {
    return static_cast<To>(x);
  } else if constexpr (is_floating<From>) {
    constexpr To least = Saturated<To>::least, greatest = Saturated<To>::greatest;
    if (x >= Saturated<To>::template above<From>) return greatest;
    return x >= From(least) ? static_cast<To>(x) : x < From(least) ? least : To(0);
  } else {
    const auto wide = static_cast<int64_t>(x);
    return static_cast<To>(min(max(wide, int64_t{Saturated<To>::least}), int64_t{Saturated<To>::greatest}));
  }
}
template <class To, class From, int N>
DESCENT_INLINE auto to(Vector<From, N> x) {
  if constexpr (same_type<To, bool>) {
    return x != From(0);
  } else if constexpr (same_type<From, To>) {
    return x;
  } else if constexpr (is_floating<From> && !is_floating<To>) {
    return map<To, N>([](auto lanes) { return Saturated<To>()(lanes_in_register(lanes)); }, x);
  } else {
    if constexpr (same_type<From, int32_t> && !is_floating<To>) x = max(x, Vector<From, N>(0));
    if constexpr (sizeof(From) == 4 && same_type<To, uint8_t>) x = min(x, Vector<From, N>(255));
    if constexpr (same_type<From, uint32_t> && same_type<To, int32_t>) x = min(x, Vector<From, N>(0x7fffffff));
    return map<To, N>([](auto lanes) { return converted<To>(lanes_in_register(lanes)); }, x);
  }
}
template <class To, int N>
DESCENT_INLINE auto to(Mask<N> x) {
  if constexpr (same_type<To, bool>) {
    return x;
  } else {
    return select(x, Vector<To, N>(1), Vector<To, N>(0));
  }
}

// -- the fields of floats
// ----------------------------------------------------------------------------------------------

template <class T>
struct Fields {
  using Bits = Unsigned<T>;
  static constexpr int fraction = sizeof(T) == 4 ? 23 : 52;
  static constexpr int bias = sizeof(T) == 4 ? 127 : 1023;
  static constexpr Bits exponent = Bits{2 * bias + 1} << fraction;
  static constexpr Bits one = Bits{bias} << fraction;
  static constexpr T aligned = T(Bits{3} << (fraction - 1)) + bias;  // added to a whole number, it aligns its bits
};

// 2^x of a whole x: in the sum x stands in the lowest bits. Of a normal x floor(log2 |x|) and x · 2^-exponent(x). Of
// everything else what the bits say.
template <class T, int N>
DESCENT_INLINE Vector<T, N> power_of_two(Vector<T, N> x) {
  using F = Fields<T>;
  const auto place = [](auto lanes) { return same_bits<Unsigned<T>>(lanes_in_register(lanes)) << F::fraction; };
  return map<T, N>(place, x + F::aligned);
}
template <class T, int N>
DESCENT_INLINE i32x<N> exponent(Vector<T, N> x) {
  using F = Fields<T>;
  const auto field = [](auto lanes) {
    const auto bits = same_bits<Unsigned<T>>(lanes_in_register(lanes));
    return converted<int32_t>((bits & F::exponent) >> F::fraction) - F::bias;
  };
  return map<int32_t, N>(field, x);
}
template <class T, int N>
DESCENT_INLINE Vector<T, N> mantissa(Vector<T, N> x) {
  using F = Fields<T>;
  return map<T, N>(
      [](auto lanes) { return (same_bits<Unsigned<T>>(lanes_in_register(lanes)) & ~F::exponent) | F::one; }, x);
}
template <class T>
DESCENT_INLINE T power_of_two(T x) {
  return __builtin_bit_cast(T, __builtin_bit_cast(Unsigned<T>, x + Fields<T>::aligned) << Fields<T>::fraction);
}
template <class T>
DESCENT_INLINE int32_t exponent(T x) {
  using F = Fields<T>;
  return static_cast<int32_t>((__builtin_bit_cast(Unsigned<T>, x) & F::exponent) >> F::fraction) - F::bias;
}
template <class T>
DESCENT_INLINE T mantissa(T x) {
  using F = Fields<T>;
  return __builtin_bit_cast(T, (__builtin_bit_cast(Unsigned<T>, x) & ~F::exponent) | F::one);
}

// The upper half of a product of 64 bits.
DESCENT_INLINE uint32_t multiply_high(uint32_t a, uint32_t b) {
  return static_cast<uint32_t>(static_cast<uint64_t>(a) * b >> 32);
}
template <int N>
DESCENT_INLINE u32x<N> upper_half(u32x<N> a, u32x<N> b) {
  const auto wide = [](auto lanes) { return converted<uint64_t>(lanes); };
  const auto high = [](auto lanes) { return converted<uint32_t>(lanes >> 32); };
  return map<uint32_t, N>(high, map<uint64_t, N>(wide, a) * map<uint64_t, N>(wide, b));
}
template <int N>
DESCENT_INLINE u32x<N> multiply_high(u32x<N> a, u32x<N> b) {
  return upper_half(a, b);
}
template <int N>
DESCENT_INLINE u32x<N> multiply_high(u32x<N> a, uint32_t b) {
  return upper_half(a, u32x<N>(b));
}
template <int N>
DESCENT_INLINE u32x<N> multiply_high(uint32_t a, u32x<N> b) {
  return upper_half(u32x<N>(a), b);
}

template <class T>
constexpr T infinity = T(__builtin_huge_valf());
template <class T>
constexpr T nan = T(__builtin_nanf(""));

// -- how programs run
// --------------------------------------------------------------------------------------------------

// part(first, end) over [begin, end), cut at multiples of `step`: by the caller's threads, or here without any.
template <class Part>
inline void parallel(const DescentThreads* threads, int64_t begin, int64_t end, int64_t step, int64_t work_each,
                     const Part& part) {
  if (threads == nullptr) return part(begin, end);
  const auto run = [](const void* frame, int64_t first, int64_t last) {
    const Part own = *static_cast<const Part*>(frame);
    own(first, last);
  };
  threads->run(threads->pool, run, &part, begin, end, step, (end - begin) * work_each);
}

// Arrays of a call.
template <class T>
DESCENT_INLINE T* arena_at(const DescentCall* call, int64_t offset) {
  return reinterpret_cast<T*>(call->arena + offset);
}
template <class T>
DESCENT_INLINE const T* input_at(const DescentCall* call, int64_t number) {
  return static_cast<const T*>(call->inputs[number]);
}
template <class T>
DESCENT_INLINE T* output_at(const DescentCall* call, int64_t number) {
  return static_cast<T*>(call->outputs[number]);
}
// Between the arena and an array of the function.
template <class A>
DESCENT_INLINE void copy_in(const DescentCall* call, int64_t offset, A& array) {
  __builtin_memcpy(&array, call->arena + offset, sizeof array);
}
template <class A>
DESCENT_INLINE void copy_out(const DescentCall* call, int64_t offset, const A& array) {
  __builtin_memcpy(call->arena + offset, &array, sizeof array);
}
// Inputs and outputs where they lie in one turn of a loop over steps.
template <class T>
DESCENT_INLINE const T* input_at(const DescentCall* call, int64_t number, int64_t turn) {
  const auto& motion = call->turns->inputs[number];
  const auto* base = static_cast<const unsigned char*>(call->inputs[number]);
  return reinterpret_cast<const T*>(base + call->turns->order[turn] * motion.by_batch + turn * motion.by_turn);
}
template <class T>
DESCENT_INLINE T* output_at(const DescentCall* call, int64_t number, int64_t turn) {
  const auto& motion = call->turns->outputs[number];
  auto* base = static_cast<unsigned char*>(call->outputs[number]);
  return reinterpret_cast<T*>(base + call->turns->order[turn] * motion.by_batch + turn * motion.by_turn);
}

// Ends the process where the compiler was told to contract products and sums, or the processor to drop small numbers:
// with x = 1 + 2^-12, x · x - (1 + 2^-11) is 0 when its product is rounded, and 2^-24 when it is not.
inline void require_exact_arithmetic() {
  volatile float unknown = 1.000244140625f, smallest = 1e-45f;
  const float x = unknown, y = -1.00048828125f, tiny = smallest;
  constexpr int lanes = register_bytes / 4;
  const f32x<lanes> v = x;
  const bool separate = x * x + y == 0.0f && (v * v + y)[lanes - 1] == 0.0f;
  const bool together = fma(x, x, y) == 0x1p-24f && fma(v, v, y)[lanes - 1] == 0x1p-24f;
  if (!separate || !together || tiny * 1.5f == 0.0f) __builtin_trap();
}

}  // namespace
}  // namespace descent_generated
