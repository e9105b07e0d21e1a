// Functions of the op table against SLEEF's of one unit in the last place: both over an array in the first-level cache,
// on one thread, in turns.
//
//   maths_bench [--out FILE]      a Markdown table; sigmoid is held against 1 / (1 + exp(-x)) with SLEEF's exp
#include <immintrin.h>
#include <sleef.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/compiled_function.h"

namespace descent::test {
namespace {

#if defined(__AVX512F__)
using Vector = __m512;
Vector load(const float* from) { return _mm512_loadu_ps(from); }
void store(float* to, Vector value) { _mm512_storeu_ps(to, value); }
Vector sleef_sigmoid(Vector x) {
  const Vector one = _mm512_set1_ps(1);
  return _mm512_div_ps(one, _mm512_add_ps(one, Sleef_expf16_u10avx512f(_mm512_sub_ps(_mm512_setzero_ps(), x))));
}
#elif defined(__AVX2__)
using Vector = __m256;
Vector load(const float* from) { return _mm256_loadu_ps(from); }
void store(float* to, Vector value) { _mm256_storeu_ps(to, value); }
Vector sleef_sigmoid(Vector x) {
  const Vector one = _mm256_set1_ps(1);
  return _mm256_div_ps(one, _mm256_add_ps(one, Sleef_expf8_u10avx2(_mm256_sub_ps(_mm256_setzero_ps(), x))));
}
#else
#error "maths_bench is for processors with AVX2 or AVX-512"
#endif

constexpr std::size_t length = 2048, lanes = sizeof(Vector) / sizeof(float);
constexpr int turns = 60, calls = 40;  // calls in a turn

template <class Function>
void apply(const std::vector<float>& x, std::vector<float>& y, const Function& function) {
  for (std::size_t i = 0; i < length; i += lanes) store(&y[i], function(load(&x[i])));
}

using Theirs = void (*)(const std::vector<float>&, std::vector<float>&);
struct Pair {
  Op op;
  float low, high;  // of the arguments
  Theirs theirs;
};

#if defined(__AVX512F__)
const std::vector<Pair> pairs = {
    {Op::exp, -20, 20, [](const auto& x, auto& y) { apply(x, y, Sleef_expf16_u10avx512f); }},
    {Op::expm1, -5, 5, [](const auto& x, auto& y) { apply(x, y, Sleef_expm1f16_u10avx512f); }},
    {Op::log, 0, 100, [](const auto& x, auto& y) { apply(x, y, Sleef_logf16_u10avx512f); }},
    {Op::log1p, -1, 10, [](const auto& x, auto& y) { apply(x, y, Sleef_log1pf16_u10avx512f); }},
    {Op::sin, -10, 10, [](const auto& x, auto& y) { apply(x, y, Sleef_sinf16_u10avx512f); }},
    {Op::cos, -10, 10, [](const auto& x, auto& y) { apply(x, y, Sleef_cosf16_u10avx512f); }},
    {Op::tanh, -5, 5, [](const auto& x, auto& y) { apply(x, y, Sleef_tanhf16_u10avx512f); }},
    {Op::sigmoid, -20, 20, [](const auto& x, auto& y) { apply(x, y, sleef_sigmoid); }},
    {Op::erf, -4, 4, [](const auto& x, auto& y) { apply(x, y, Sleef_erff16_u10avx512f); }},
};
#else
const std::vector<Pair> pairs = {
    {Op::exp, -20, 20, [](const auto& x, auto& y) { apply(x, y, Sleef_expf8_u10avx2); }},
    {Op::expm1, -5, 5, [](const auto& x, auto& y) { apply(x, y, Sleef_expm1f8_u10avx2); }},
    {Op::log, 0, 100, [](const auto& x, auto& y) { apply(x, y, Sleef_logf8_u10avx2); }},
    {Op::log1p, -1, 10, [](const auto& x, auto& y) { apply(x, y, Sleef_log1pf8_u10avx2); }},
    {Op::sin, -10, 10, [](const auto& x, auto& y) { apply(x, y, Sleef_sinf8_u10avx2); }},
    {Op::cos, -10, 10, [](const auto& x, auto& y) { apply(x, y, Sleef_cosf8_u10avx2); }},
    {Op::tanh, -5, 5, [](const auto& x, auto& y) { apply(x, y, Sleef_tanhf8_u10avx2); }},
    {Op::sigmoid, -20, 20, [](const auto& x, auto& y) { apply(x, y, sleef_sigmoid); }},
    {Op::erf, -4, 4, [](const auto& x, auto& y) { apply(x, y, Sleef_erff8_u10avx2); }},
};
#endif

template <class Call>
double nanoseconds_an_element(const Call& call) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < calls; ++i) call();
  const std::chrono::duration<double, std::nano> passed = std::chrono::steady_clock::now() - start;
  return passed.count() / calls / static_cast<double>(length);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}
double least(const std::vector<double>& values) { return *std::min_element(values.begin(), values.end()); }

std::string row_of(const Pair& pair) {
  const CompiledFunction compiled(pair.op, length);
  std::vector<float> x(length), y(length);
  std::uint32_t state = 1;
  for (float& one : x) {
    state = state * 1664525 + 1013904223;
    one = pair.low + (pair.high - pair.low) * (static_cast<float>(state >> 8) + 0.5F) * 0x1p-24F;
  }
  std::vector<double> ours, theirs;
  for (int turn = 0; turn < turns; ++turn) {
    ours.push_back(nanoseconds_an_element([&] { compiled(x, y); }));
    theirs.push_back(nanoseconds_an_element([&] { pair.theirs(x, y); }));
  }
  char line[200];
  std::snprintf(line, sizeof line, "| %s | %.3f | %.3f | %.2f | %.2f |\n", std::string(row(pair.op).name).c_str(),
                least(ours), least(theirs), least(ours) / least(theirs), median(ours) / median(theirs));
  return line;
}

}  // namespace
}  // namespace descent::test

int main(int count, char** words) {
  using namespace descent::test;
  std::string table =
      "| function | descent, ns an element | SLEEF (1 ulp) | ratio of least times | of medians "
      "|\n|---|---|---|---|---|\n";
  for (const Pair& pair : pairs) table += row_of(pair);
  std::fputs(table.c_str(), stdout);
  if (count == 3 && std::strcmp(words[1], "--out") == 0) {
    std::FILE* file = std::fopen(words[2], "w");
    if (file == nullptr || std::fputs(table.c_str(), file) < 0 || std::fclose(file) != 0) {
      std::fprintf(stderr, "error: cannot write %s\n", words[2]);
      return 1;
    }
  }
  return 0;
}
