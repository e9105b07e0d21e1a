// Operands on which an emulated fused multiply-add goes wrong if it can.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

namespace descent::test {

template <class T>
struct Triples {
  std::vector<T> x, y, z;

  void add(T a, T b, T c) {
    x.push_back(a);
    y.push_back(b);
    z.push_back(c);
  }
  std::size_t size() const { return x.size(); }
};

// Every triple of zeros, numbers at the ends of the subnormal and normal ones, near 1 and at halves of its last
// places, infinities and NaN, of both signs.
template <class T>
Triples<T> hostile_triples() {
  using Limits = std::numeric_limits<T>;
  const T tiny = Limits::denorm_min(), least = Limits::min(), eps = Limits::epsilon();
  std::vector<T> values = {0,
                           tiny,
                           3 * tiny,
                           least / 2,
                           least - tiny,
                           least,
                           least + tiny,
                           std::sqrt(tiny),
                           std::sqrt(least),
                           std::sqrt(eps) * (1 + eps),
                           eps / 2,
                           eps,
                           T(0.5),
                           1 - eps / 2,
                           1,
                           1 + eps,
                           1 + std::sqrt(eps),
                           T(1.5),
                           2 - eps,
                           1 / eps + 1,
                           std::sqrt(Limits::max()),
                           Limits::max() / 2,
                           Limits::max(),
                           Limits::infinity(),
                           Limits::quiet_NaN()};
  const std::size_t half = values.size();
  for (std::size_t i = 0; i < half; ++i) values.push_back(-values[i]);
  Triples<T> triples;
  for (T a : values) {
    for (T b : values) {
      for (T c : values) triples.add(a, b, c);
    }
  }
  return triples;
}

// Of all bits, and such that the sum cancels, lies at a half of a last place or near one, or ends below the normal
// numbers or above the greatest.
template <class T>
Triples<T> random_triples(std::size_t count, std::uint64_t seed) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr int digits = std::numeric_limits<T>::digits, most = std::numeric_limits<T>::max_exponent;
  std::mt19937_64 random(seed);
  const auto below = [&](int end) { return static_cast<int>(random() % static_cast<unsigned>(end)); };
  const auto any = [&] { return std::bit_cast<T>(static_cast<Bits>(random())); };
  // Few bits set, so that sums tie; 2^exponent to begin with.
  const auto with_exponent = [&](int exponent) {
    const Bits kept = ~((Bits{1} << below(digits)) - 1);
    const T fraction = std::bit_cast<T>(
        (std::bit_cast<Bits>(T(1)) | (static_cast<Bits>(random()) >> (8 * sizeof(T) - digits + 1))) & kept);
    return std::ldexp(below(2) == 0 ? fraction : -fraction, exponent);
  };
  Triples<T> triples;
  while (triples.size() < count) {
    const int aim = below(3) == 0   ? -most + 2 - below(2 * digits)
                    : below(8) == 0 ? most - 3 + below(4)
                                    : below(40) - 20;
    const int part = below(2) == 0 ? below(20) - 10 : below(most) - most / 2;
    const T x = with_exponent(part), y = with_exponent(aim - part);
    const T product = x * y;
    const auto moved = std::bit_cast<T>(std::bit_cast<Bits>(-product) + static_cast<Bits>(below(5) - 2));
    switch (below(4)) {
      case 0:
        triples.add(any(), any(), any());
        break;
      case 1:
        triples.add(x, y, moved);
        break;
      case 2:
        triples.add(x, y, with_exponent(aim + below(2 * digits + 8) - digits - 4));
        break;
      default:
        triples.add(x, y, with_exponent(aim + below(7 * digits) - 3 * digits));
        break;
    }
  }
  return triples;
}

// The first triple of which `found` is not what the host's own gives, NaNs being equal; its number, or -1.
template <class T>
std::ptrdiff_t first_not_fused(const Triples<T>& triples, const std::vector<T>& found) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  for (std::size_t i = 0; i < triples.size(); ++i) {
    const T expected = std::fma(triples.x[i], triples.y[i], triples.z[i]);
    const bool same = std::bit_cast<Bits>(expected) == std::bit_cast<Bits>(found[i]);
    if (!same && !(std::isnan(expected) && std::isnan(found[i]))) return static_cast<std::ptrdiff_t>(i);
  }
  return -1;
}

}  // namespace descent::test
