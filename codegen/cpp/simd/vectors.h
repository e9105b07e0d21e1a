// Vectors of any number of lanes: a register, or two parts with lanes of their own.
#pragma once

#include "codegen/cpp/simd/fused.h"

namespace descent_generated {
namespace {

// -- vectors
// -----------------------------------------------------------------------------------------------------------

template <class T>
constexpr bool fits_register(int lanes) {
  return (lanes & (lanes - 1)) == 0 && lanes * static_cast<int>(sizeof(T)) <= register_bytes;
}
// What no register holds lies in two parts; the lower one has this many lanes.
constexpr int lanes_below(int lanes) {
  int below = 1;
  while (below * 2 < lanes) below *= 2;
  return below;
}

template <class T, int N>
struct Vector;
template <int N>
struct Mask;
template <class T, int N>
auto low_part(Vector<T, N> v);
template <class T, int N>
auto high_part(Vector<T, N> v);
template <class T, int L, int H>
Vector<T, L + H> join(Vector<T, L> low, Vector<T, H> high);
template <class T, int N, class Function, class... V>
Vector<T, N> map(Function function, V... v);
template <int N, class Function>
auto gather(const Function& function);
template <class To, class From, int N>
auto to(Vector<From, N> x);
template <int N>
Vector<float, N> fused_in_doubles(Vector<float, N> a, Vector<float, N> b, Vector<float, N> c);

// Two words are the lower half of a register, whose upper half holds anything: GCC keeps vectors of 8 bytes in memory.
template <class T, int N>
constexpr int lanes_held = N == 2 && sizeof(T) == 4 ? 4 : N;
template <class T, int N, bool in_register>
struct Storage {
  typename RegisterOf<T, lanes_held<T, N>>::type all;
};
template <class T, int N>
struct Storage<T, N, false> {
  Vector<T, lanes_below(N)> low;
  Vector<T, N - lanes_below(N)> high;
};

// N lanes of T. A scalar becomes a vector of it by itself.
template <class T, int N>
struct Vector {
  static constexpr bool in_register = fits_register<T>(N);
  static constexpr bool is_pair = lanes_held<T, N> != N;
  Storage<T, N, in_register> parts;

  Vector() = default;
  DESCENT_INLINE Vector(T value) {
    if constexpr (in_register) {
      parts.all = spread<T, lanes_held<T, N>>(value, Lanes<lanes_held<T, N>>{});
    } else {
      parts.low = value;
      parts.high = value;
    }
  }
  // From a register, of lanes of any type of T's size.
  template <class R>
  static DESCENT_INLINE Vector of(R lanes) {
    Vector made;
    if constexpr (is_pair && sizeof lanes == 2 * sizeof(T)) {
      made.parts.all = (Raw<T, 4>)widened(lanes, Lanes<4>{});
    } else {
      made.parts.all = (Raw<T, lanes_held<T, N>>)lanes_in_register(lanes);
    }
    return made;
  }
  DESCENT_INLINE auto held() const { return lanes_in_register(parts.all); }
  DESCENT_INLINE auto raw() const {
    if constexpr (is_pair) {
      return shuffled<0>(held(), held(), Lanes<N>{});
    } else {
      return held();
    }
  }

  DESCENT_INLINE T operator[](int64_t lane) const {
    if constexpr (in_register) {
      return held()[lane];
    } else {
      return lane < lanes_below(N) ? parts.low[lane] : parts.high[lane - lanes_below(N)];
    }
  }
  DESCENT_INLINE void set(int64_t lane, T value) {
    if constexpr (in_register) {
      auto lanes = held();
      lanes[lane] = value;
      parts.all = lanes;
    } else {
      lane < lanes_below(N) ? parts.low.set(lane, value) : parts.high.set(lane - lanes_below(N), value);
    }
  }

  // Friends, so that scalars beside a vector become vectors. Integers wrap.
  friend DESCENT_INLINE Vector operator+(Vector a, Vector b) {
    return map<T, N>([](auto x, auto y) { return wrapping(x) + wrapping(y); }, a, b);
  }
  friend DESCENT_INLINE Vector operator-(Vector a, Vector b) {
    return map<T, N>([](auto x, auto y) { return wrapping(x) - wrapping(y); }, a, b);
  }
  friend DESCENT_INLINE Vector operator-(Vector a) {
    return map<T, N>([](auto x) { return -wrapping(lanes_in_register(x)); }, a);
  }
  friend DESCENT_INLINE Vector operator*(Vector a, Vector b) {
    return map<T, N>([](auto x, auto y) { return wrapping(x) * wrapping(y); }, a, b);
  }
  friend DESCENT_INLINE Vector operator/(Vector a, Vector b) {
    return map<T, N>([](auto x, auto y) { return x / y; }, a, b);
  }
  friend DESCENT_INLINE Vector operator&(Vector a, Vector b) {
    return map<T, N>([](auto x, auto y) { return x & y; }, a, b);
  }
  friend DESCENT_INLINE Vector operator|(Vector a, Vector b) {
    return map<T, N>([](auto x, auto y) { return x | y; }, a, b);
  }
  friend DESCENT_INLINE Vector operator^(Vector a, Vector b) {
    return map<T, N>([](auto x, auto y) { return x ^ y; }, a, b);
  }
  friend DESCENT_INLINE Vector operator<<(Vector a, Vector b) {
    return map<T, N>([](auto x, auto y) { return x << y; }, a, b);
  }
  friend DESCENT_INLINE Vector operator>>(Vector a, Vector b) {
    return map<T, N>([](auto x, auto y) { return x >> y; }, a, b);
  }
  friend DESCENT_INLINE Mask<N> operator<(Vector a, Vector b) {
    return Mask<N>::map([](auto x, auto y) { return lanes_in_register(x) < lanes_in_register(y); }, a, b);
  }
  friend DESCENT_INLINE Mask<N> operator<=(Vector a, Vector b) {
    return Mask<N>::map([](auto x, auto y) { return lanes_in_register(x) <= lanes_in_register(y); }, a, b);
  }
  friend DESCENT_INLINE Mask<N> operator>(Vector a, Vector b) { return b < a; }
  friend DESCENT_INLINE Mask<N> operator>=(Vector a, Vector b) { return b <= a; }
  friend DESCENT_INLINE Mask<N> operator==(Vector a, Vector b) {
    return Mask<N>::map([](auto x, auto y) { return lanes_in_register(x) == lanes_in_register(y); }, a, b);
  }
  friend DESCENT_INLINE Mask<N> operator!=(Vector a, Vector b) {
    return Mask<N>::map([](auto x, auto y) { return lanes_in_register(x) != lanes_in_register(y); }, a, b);
  }
  friend DESCENT_INLINE Vector select(Mask<N> condition, Vector a, Vector b) {
    const auto choose = [](auto mask, auto x, auto y) {
      return converted<Signed<T>>(lanes_in_register(mask)) ? lanes_in_register(x) : lanes_in_register(y);
    };
    return map<T, N>(choose, condition.lanes, a, b);
  }
  friend DESCENT_INLINE Vector max(Vector a, Vector b) {
    return map<T, N>(
        [](auto x, auto y) { return in_registers(Extremum<true>{}, lanes_in_register(x), lanes_in_register(y)); }, a,
        b);
  }
  friend DESCENT_INLINE Vector min(Vector a, Vector b) {
    return map<T, N>(
        [](auto x, auto y) { return in_registers(Extremum<false>{}, lanes_in_register(x), lanes_in_register(y)); }, a,
        b);
  }
  friend DESCENT_INLINE Vector fma(Vector a, Vector b, Vector c) {
    if constexpr (!is_floating<T>) {
      return a * b + c;
    } else if constexpr (same_type<T, float> && !has_fused) {
      return fused_in_doubles(a, b, c);
    } else {
      return map<T, N>(
          [](auto x, auto y, auto z) {
            return in_registers(Fused{}, lanes_in_register(x), lanes_in_register(y), lanes_in_register(z));
          },
          a, b, c);
    }
  }
};

// The mask of the first `count` lanes, of any number of them.
template <int count>
struct First {
  constexpr bool operator[](int64_t lane) const { return lane < count; }
};
template <int count>
constexpr First<count> first{};

// A condition by lane. A bool becomes a mask by itself.
template <int N>
struct Mask {
  Vector<int32_t, N> lanes;  // -1 where it holds, else 0

  Mask() = default;
  DESCENT_INLINE Mask(bool everywhere) : lanes(everywhere ? -1 : 0) {}
  DESCENT_INLINE explicit Mask(Vector<int32_t, N> v) : lanes(v) {}
  template <int count>
  DESCENT_INLINE Mask(First<count>) : lanes(gather<N>([](int64_t lane) { return lane < count ? -1 : 0; })) {}
  // Of what comparing registers gives, whose lanes are as large as what was compared.
  template <class Function, class... V>
  static DESCENT_INLINE Mask map(Function compare, V... v) {
    const auto narrow = [compare](auto... x) { return converted<int32_t>(compare(x...)); };
    return Mask(descent_generated::map<int32_t, N>(narrow, v...));
  }

  DESCENT_INLINE bool operator[](int64_t lane) const { return lanes[lane] != 0; }
  DESCENT_INLINE void set(int64_t lane, bool value) { lanes.set(lane, value ? -1 : 0); }

  friend DESCENT_INLINE Mask operator!(Mask a) { return Mask(a.lanes ^ -1); }
  friend DESCENT_INLINE Mask operator&&(Mask a, Mask b) { return Mask(a.lanes & b.lanes); }
  friend DESCENT_INLINE Mask operator||(Mask a, Mask b) { return Mask(a.lanes | b.lanes); }
  friend DESCENT_INLINE Mask operator!=(Mask a, Mask b) { return Mask(a.lanes ^ b.lanes); }
  friend DESCENT_INLINE Mask operator==(Mask a, Mask b) { return !(a != b); }
  friend DESCENT_INLINE Mask operator<(Mask a, Mask b) { return !a && b; }
  friend DESCENT_INLINE Mask operator<=(Mask a, Mask b) { return !a || b; }
  friend DESCENT_INLINE Mask operator>(Mask a, Mask b) { return b < a; }
  friend DESCENT_INLINE Mask operator>=(Mask a, Mask b) { return b <= a; }
  friend DESCENT_INLINE Mask select(Mask condition, Mask a, Mask b) { return (condition && a) || (!condition && b); }
};

template <int N>
using f32x = Vector<float, N>;
template <int N>
using f64x = Vector<double, N>;
template <int N>
using i32x = Vector<int32_t, N>;
template <int N>
using u32x = Vector<uint32_t, N>;
template <int N>
using u8x = Vector<uint8_t, N>;

// -- parts and lanes
// ---------------------------------------------------------------------------------------------------

template <class T, int N>
DESCENT_INLINE auto low_part(Vector<T, N> v) {
  if constexpr (N == 4 && Vector<T, N / 2>::is_pair) {
    return Vector<T, N / 2>::of(v.raw());
  } else if constexpr (Vector<T, N>::in_register) {
    return Vector<T, N / 2>::of(shuffled<0>(v.raw(), v.raw(), Lanes<N / 2>{}));
  } else {
    return v.parts.low;
  }
}
template <class T, int N>
DESCENT_INLINE auto high_part(Vector<T, N> v) {
  if constexpr (N == 4 && Vector<T, N / 2>::is_pair) {
    return Vector<T, N / 2>::of(__builtin_shufflevector(v.raw(), v.raw(), 2, 3, -1, -1));
  } else if constexpr (Vector<T, N>::in_register) {
    return Vector<T, N / 2>::of(shuffled<N / 2>(v.raw(), v.raw(), Lanes<N / 2>{}));
  } else {
    return v.parts.high;
  }
}
template <class T, int L, int H>
DESCENT_INLINE Vector<T, L + H> join(Vector<T, L> low, Vector<T, H> high) {
  if constexpr (Vector<T, L>::is_pair && Vector<T, H>::is_pair) {
    return Vector<T, L + H>::of(__builtin_shufflevector(low.held(), high.held(), 0, 1, 4, 5));
  } else if constexpr (Vector<T, L + H>::in_register) {
    return Vector<T, L + H>::of(shuffled<0>(low.raw(), high.raw(), Lanes<L + H>{}));
  } else {
    Vector<T, L + H> joined;
    joined.parts.low = low;
    joined.parts.high = high;
    return joined;
  }
}

// `function` on every register of the vectors: registers in, lanes of T out.
template <class T, int N, class Function, class... V>
DESCENT_INLINE Vector<T, N> map(Function function, V... v) {
  if constexpr ((Vector<T, N>::is_pair && ... && V::is_pair)) {
    return Vector<T, N>::of(function(v.parts.all...));
  } else if constexpr ((V::is_pair || ...)) {
    return Vector<T, N>::of(function(v.raw()...));
  } else if constexpr ((Vector<T, N>::in_register && ... && V::in_register)) {
    return Vector<T, N>::of(function(v.parts.all...));
  } else {
    constexpr int below = lanes_below(N);
    return join(map<T, below>(function, low_part(v)...), map<T, N - below>(function, high_part(v)...));
  }
}

// Lanes first … first + count - 1, where these lie in the lower or in the upper part.
template <int first, int count, class T, int N>
DESCENT_INLINE Vector<T, count> slice(Vector<T, N> v) {
  if constexpr (count == N) {
    return v;
  } else if constexpr (first < lanes_below(N)) {
    return slice<first, count>(low_part(v));
  } else {
    return slice<first - lanes_below(N), count>(high_part(v));
  }
}

// The vector with `part` in place of its lanes first … first + count - 1, which lie as those of a slice.
template <int first, class T, int N, int count>
DESCENT_INLINE Vector<T, N> replace(Vector<T, N> v, Vector<T, count> part) {
  constexpr int below = lanes_below(N);
  if constexpr (count == N) {
    return part;
  } else if constexpr (first < below) {
    return join(replace<first>(low_part(v), part), high_part(v));
  } else {
    return join(low_part(v), replace<first - below>(high_part(v), part));
  }
}

// A lane each of function(0), function(1), …
template <class T, int N, int first, class Function, int... I>
__attribute__((flatten)) DESCENT_INLINE Vector<T, N> lanes_of(const Function& function, Sequence<int, I...>) {
  if constexpr (Vector<T, N>::in_register) {
    return Vector<T, N>::of(Raw<T, N>{function(first + I)...});
  } else {
    constexpr int below = lanes_below(N);
    return join(lanes_of<T, below, first>(function, Lanes<below>{}),
                lanes_of<T, N - below, first + below>(function, Lanes<N - below>{}));
  }
}
template <int N, class Function>
DESCENT_INLINE auto gather(const Function& function) {
  return lanes_of<decltype(function(int64_t{})), N, 0>(function, Lanes<N>{});
}
// first, first + step, …
template <int N>
DESCENT_INLINE i32x<N> indices(int64_t first, int32_t step = 1) {
  return i32x<N>(static_cast<int32_t>(first)) +
         gather<N>([step](int64_t lane) { return static_cast<int32_t>(lane * step); });
}

template <int N>
DESCENT_INLINE bool any(Mask<N> mask) {
  if constexpr (N == 1) {
    return mask[0];
  } else {
    return any(Mask<lanes_below(N)>(low_part(mask.lanes))) || any(Mask<N - lanes_below(N)>(high_part(mask.lanes)));
  }
}

// -- memory
// ------------------------------------------------------------------------------------------------------------

template <int N, class T>
DESCENT_INLINE Vector<T, N> load(const T* from) {
  if constexpr (Vector<T, N>::in_register) {
    Raw<T, N> lanes;
    __builtin_memcpy(&lanes, from, sizeof lanes);
    return Vector<T, N>::of(lanes);
  } else {
    return join(load<lanes_below(N)>(from), load<N - lanes_below(N)>(from + lanes_below(N)));
  }
}
// Register number `part` of those that lie beside each other, the last so far back that it ends with the last element.
template <int N, int stride>
constexpr int begin_of(int part) {
  return part + 1 < stride ? part * N : (N - 1) * stride + 1 - N;
}
template <int N, int stride, int part, class R, int... I>
DESCENT_INLINE R with_part(R found, R more, Sequence<int, I...>) {
  constexpr int from = begin_of<N, stride>(part);
  return __builtin_shufflevector(
      found, more, (I * stride / N >= part ? N + (I * stride - from) % N : (part == 1 ? I * stride : I))...);
}
// from[0], from[stride], from[2 · stride], …, by whole registers; nothing behind the last of them is read.
template <int N, int stride, class T>
DESCENT_INLINE Vector<T, N> load_every(const T* from) {
  static_assert(stride >= 2 && stride <= 4, "more registers are dearer than single elements");
  if constexpr (N == 1) {
    return load<1>(from);
  } else if constexpr (Vector<T, N>::in_register) {
    const auto part = [from](int number) { return load<N>(from + begin_of<N, stride>(number)).raw(); };
    Raw<T, N> found = with_part<N, stride, 1>(part(0), part(1), Lanes<N>{});
    if constexpr (stride > 2) found = with_part<N, stride, 2>(found, part(2), Lanes<N>{});
    if constexpr (stride > 3) found = with_part<N, stride, 3>(found, part(3), Lanes<N>{});
    return Vector<T, N>::of(found);
  } else {
    constexpr int below = lanes_below(N);
    return join(load_every<below, stride>(from), load_every<N - below, stride>(from + below * stride));
  }
}
template <class T, int N>
DESCENT_INLINE void store(T* to, Vector<T, N> v) {
  if constexpr (Vector<T, N>::in_register) {
    const Raw<T, N> lanes = v.raw();
    __builtin_memcpy(to, &lanes, sizeof lanes);
  } else {
    store(to, v.parts.low);
    store(to + lanes_below(N), v.parts.high);
  }
}

// Of squares of 2·size lines and elements the upper right and the lower left quarter change places.
template <int size, bool second, class R, int... I>
DESCENT_INLINE R quarters(R a, R b, Sequence<int, I...>) {
  constexpr int count = lanes_in<R>;
  return __builtin_shufflevector(a, b,
                                 ((I & size) != 0 ? count + I - (second ? 0 : size) : I + (second ? size : 0))...);
}
template <int size, class R>
DESCENT_INLINE void swap_quarters(R* lines) {
  constexpr Lanes<lanes_in<R>> all;
  if constexpr (size < lanes_in<R>) {
    DESCENT_UNROLLED
    for (int i = 0; i < lanes_in<R>; ++i) {
      if ((i & size) != 0) continue;
      const R a = lines[i], b = lines[i + size];
      lines[i] = quarters<size, false>(a, b, all);
      lines[i + size] = quarters<size, true>(a, b, all);
    }
    swap_quarters<2 * size>(lines);
  }
}
// to[i][j] = from[j][i] for N lines of N elements each, lines so many elements apart.
template <int N, class T>
DESCENT_INLINE void transpose(const T* from, int64_t from_apart, T* to, int64_t to_apart) {
  if constexpr (fits_register<T>(N)) {
    Raw<T, N> lines[N];
    DESCENT_UNROLLED
    for (int i = 0; i < N; ++i) __builtin_memcpy(&lines[i], from + i * from_apart, sizeof lines[i]);
    swap_quarters<1>(lines);
    DESCENT_UNROLLED
    for (int i = 0; i < N; ++i) __builtin_memcpy(to + i * to_apart, &lines[i], sizeof lines[i]);
  } else {
    constexpr int half = N / 2;
    for (int i = 0; i < N; i += half) {
      for (int j = 0; j < N; j += half) {
        transpose<half>(from + j * from_apart + i, from_apart, to + i * to_apart + j, to_apart);
      }
    }
  }
}

// One element, or `otherwise` where there is none: without a branch, for in most vectors some lanes go each way.
template <class T>
DESCENT_INLINE T load_if(bool is_there, const T* from, const T& otherwise) {
  return *(is_there ? from : &otherwise);
}

// Under a mask no element is touched where it is false; a load has `otherwise` there.
template <class T, int N, int... I>
DESCENT_INLINE Raw<T, N> load_register(const T* from, Mask<N> mask, T otherwise, Sequence<int, I...>) {
#if defined(__AVX__)
  constexpr int bytes = N * static_cast<int>(sizeof(T));
  if constexpr (sizeof(T) == 4 && (bytes == 16 || bytes == 32)) {
    const auto* words = reinterpret_cast<const float*>(from);
    Raw<T, N> loaded;
    if constexpr (bytes == 16) {
      loaded = (Raw<T, N>)_mm_maskload_ps(words, (__m128i)mask.lanes.raw());
    } else {
      loaded = (Raw<T, N>)_mm256_maskload_ps(words, (__m256i)mask.lanes.raw());
    }
    return mask.lanes.raw() ? loaded : Raw<T, N>{} + otherwise;
  }
#endif
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4 && N == 16) {
    const __m512i selected = (__m512i)mask.lanes.raw();
    const __m512 absent = (__m512)(Raw<T, N>{} + otherwise);
    return (Raw<T, N>)_mm512_mask_loadu_ps(absent, _mm512_test_epi32_mask(selected, selected), from);
  }
#endif
  return Raw<T, N>{(mask[I] ? from[I] : otherwise)...};
}
template <int N, class T>
DESCENT_INLINE Vector<T, N> load(const T* from, Mask<N> mask, T otherwise) {
  if constexpr (Vector<T, N>::in_register && i32x<N>::in_register) {
    return Vector<T, N>::of(load_register(from, mask, otherwise, Lanes<N>{}));
  } else {
    constexpr int below = lanes_below(N);
    return join(load(from, Mask<below>(low_part(mask.lanes)), otherwise),
                load(from + below, Mask<N - below>(high_part(mask.lanes)), otherwise));
  }
}
template <class T, int N>
DESCENT_INLINE void store(T* to, Vector<T, N> v, Mask<N> mask) {
  if constexpr (N == 1) {
    if (mask[0]) *to = v[0];
#if defined(__AVX__)
  } else if constexpr (sizeof(T) == 4 && N == 4) {
    _mm_maskstore_ps(reinterpret_cast<float*>(to), (__m128i)mask.lanes.raw(), (__m128)v.raw());
  } else if constexpr (sizeof(T) == 4 && N == 8) {
    _mm256_maskstore_ps(reinterpret_cast<float*>(to), (__m256i)mask.lanes.raw(), (__m256)v.raw());
#endif
#if defined(__AVX512F__)
  } else if constexpr (sizeof(T) == 4 && N == 16) {
    const __m512i selected = (__m512i)mask.lanes.raw();
    _mm512_mask_storeu_ps(to, _mm512_test_epi32_mask(selected, selected), (__m512)v.raw());
#endif
  } else {
    constexpr int below = lanes_below(N);
    store(to, low_part(v), Mask<below>(low_part(mask.lanes)));
    store(to + below, high_part(v), Mask<N - below>(high_part(mask.lanes)));
  }
}

// The first lanes as shorter vectors: masked loads and stores are slow on many processors, and compilers keep in memory
// what they touch.
template <int N, class T, int count>
DESCENT_INLINE Vector<T, N> load(const T* from, First<count>, T otherwise) {
  if constexpr (count >= N) {
    return load<N>(from);
  } else if constexpr (count <= 0) {
    return otherwise;
  } else {
    constexpr int below = lanes_below(N);
    return join(load<below>(from, first<count>, otherwise),
                load<N - below>(from + below, first<count - below>, otherwise));
  }
}
template <class T, int N, int count>
DESCENT_INLINE void store(T* to, Vector<T, N> v, First<count>) {
  if constexpr (count >= N) {
    store(to, v);
  } else if constexpr (count > 0) {
    constexpr int below = lanes_below(N);
    store(to, low_part(v), first<count>);
    store(to + below, high_part(v), first<count - below>);
  }
}

}  // namespace
}  // namespace descent_generated
