// Every function of one argument over all floats: machine code for this processor against the C library in double,
// whose own error is 2^-29 units of an f32's last place.
//
//   floats [--every N] [FUNCTION…]
//
// Prints the worst error of each in units of the last place, and where; exit status 1 beyond two. --every 61 looks at
// each 61st float only. NaNs must give NaNs.
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <thread>
#include <vector>

#include "tests/support/compiled_function.h"

namespace descent::test {
namespace {

constexpr double most_error = 2;

double sigmoid(double x) {
  const double z = std::exp(-std::abs(x));
  return (x < 0 ? z : 1) / (1 + z);
}

struct Function {
  Op op;
  double (*reference)(double);
};
constexpr Function functions[] = {
    {Op::exp, [](double x) { return std::exp(x); }},   {Op::expm1, [](double x) { return std::expm1(x); }},
    {Op::log, [](double x) { return std::log(x); }},   {Op::log1p, [](double x) { return std::log1p(x); }},
    {Op::sin, [](double x) { return std::sin(x); }},   {Op::cos, [](double x) { return std::cos(x); }},
    {Op::tanh, [](double x) { return std::tanh(x); }}, {Op::sigmoid, sigmoid},
    {Op::erf, [](double x) { return std::erf(x); }},
};

// Beyond the largest float the next one is thought to be 2^128, as if exponents went on.
double as_double(float x) { return std::isinf(x) ? std::copysign(0x1p128, x) : static_cast<double>(x); }

double error_in_ulp(float found, double expected) {
  if (std::isnan(found) || std::isnan(expected)) {
    return std::isnan(found) == std::isnan(expected) ? 0 : std::numeric_limits<double>::infinity();
  }
  if (std::isinf(expected))
    return std::isinf(found) && (found > 0) == (expected > 0) ? 0 : std::numeric_limits<double>::infinity();
  if (std::isinf(found) && std::abs(expected) >= 0x1.ffffffp127) return 0;  // rounds to infinity
  // 2^(exponent of expected - 23), at least the smallest subnormal: read off its bits, for this runs 4·10^9 times.
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(expected) & 0x7ff0000000000000u;
  const double power = std::max(std::bit_cast<double>(bits), 0x1p-126);
  return std::abs(as_double(found) - expected) / (std::min(power, 0x1p127) * 0x1p-23);
}

struct Worst {
  double error = 0;
  float at = 0;
};

// The floats with bits first, first + every, … below end.
Worst worst_of(const Function& function, std::uint64_t first, std::uint64_t end, std::uint64_t every) {
  constexpr std::size_t block = 4096;
  const CompiledFunction compiled(function.op, block);
  std::vector<float> x, y(block);
  Worst worst;
  for (std::uint64_t bits = first; bits < end;) {
    x.clear();
    for (; x.size() < block && bits < end; bits += every) {
      x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    }
    compiled(x, y);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double error = error_in_ulp(y[i], function.reference(static_cast<double>(x[i])));
      if (error > worst.error) worst = {error, x[i]};
    }
  }
  return worst;
}

Worst on_all_processors(const Function& function, std::uint64_t every) {
  constexpr std::uint64_t all = std::uint64_t{1} << 32;
  // Small parts by turns: some stretches of floats are slower than others.
  const std::uint64_t count = std::max(1u, std::thread::hardware_concurrency()), part = every << 22;
  std::vector<Worst> worst(count);
  std::vector<std::thread> threads;
  for (std::uint64_t n = 0; n < count; ++n) {
    threads.emplace_back([&, n] {
      for (std::uint64_t begin = n * part; begin < all; begin += count * part) {
        const Worst one = worst_of(function, begin, std::min(begin + part, all), every);
        if (one.error > worst[n].error) worst[n] = one;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return *std::max_element(worst.begin(), worst.end(),
                           [](const Worst& a, const Worst& b) { return a.error < b.error; });
}

int run(std::uint64_t every, const std::vector<std::string>& names) {
  bool is_good = true;
  for (const Function& function : functions) {
    const std::string name(row(function.op).name);
    if (!names.empty() && std::find(names.begin(), names.end(), name) == names.end()) continue;
    const auto start = std::chrono::steady_clock::now();
    const Worst worst = on_all_processors(function, every);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("%-8s %.3f ulp at %-15.9g %6.1f s%s\n", name.c_str(), worst.error, static_cast<double>(worst.at),
                seconds.count(), worst.error <= most_error ? "" : "  beyond 2");
    std::fflush(stdout);
    is_good = is_good && worst.error <= most_error;
  }
  return is_good ? 0 : 1;
}

}  // namespace
}  // namespace descent::test

int main(int count, char** words) {
  std::uint64_t every = 1;
  std::vector<std::string> names;
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(words[i], "--every") == 0 && i + 1 < count) {
      every = std::strtoull(words[++i], nullptr, 10);
    } else {
      names.emplace_back(words[i]);
    }
  }
  if (every == 0 || every > 1'000'000) {
    std::fputs("error: --every: expected a number between 1 and 1000000\n", stderr);
    return 1;
  }
  return descent::test::run(every, names);
}
