// libFuzzer's door to a target.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/target.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace descent::fuzz {
namespace {

bool is_digit(char sign) { return sign >= '0' && sign <= '9'; }

// A run of digits.
struct Number {
  std::size_t begin = 0;
  std::size_t size = 0;
};

std::vector<Number> numbers_in(std::string_view text) {
  std::vector<Number> numbers;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!is_digit(text[at])) continue;
    const std::size_t begin = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    if (at - begin <= 18) numbers.push_back({begin, at - begin});
  }
  return numbers;
}

// Mistakes about bounds lie one beside a number that is right; bytes changed at random hardly ever step there. So one
// number becomes its neighbour, its double, or what another number of the text is. Nothing when the text has none.
std::optional<std::string> with_other_number(std::string_view text, std::uint32_t seed) {
  const std::vector<Number> numbers = numbers_in(text);
  if (numbers.empty()) return std::nullopt;
  std::minstd_rand dice(seed);
  const auto any = [&] { return numbers[dice() % numbers.size()]; };
  const Number number = any();
  const auto digits = [&](const Number& of) { return std::string(text.substr(of.begin, of.size)); };
  const std::uint64_t value = std::stoull(digits(number));
  const std::string replaced[] = {std::to_string(value + 1), std::to_string(value - std::min<std::uint64_t>(value, 1)),
                                  std::to_string(2 * value), digits(any())};
  std::string changed(text);
  return changed.replace(number.begin, number.size, replaced[dice() % 4]);
}

}  // namespace
}  // namespace descent::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  if (seed % 4 != 0) return LLVMFuzzerMutate(data, size, most);
  const auto changed = descent::fuzz::with_other_number({reinterpret_cast<const char*>(data), size}, seed / 4);
  if (!changed || changed->size() > most) return LLVMFuzzerMutate(data, size, most);
  std::copy(changed->begin(), changed->end(), data);
  return changed->size();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  descent::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}

// internal_error leaves by _Exit, which libFuzzer does not notice; the linker sends it here (--wrap), so that the input
// is kept as a finding.
extern "C" [[noreturn]] void __wrap__Exit(int) { std::abort(); }
