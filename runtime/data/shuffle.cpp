// Fisher and Yates' shuffle from a counter-based generator.
#include "runtime/data/shuffle.h"

#include <numeric>
#include <utility>

#include "runtime/core/philox.h"

namespace descent::data {

namespace {

// Keeps the words of shuffling apart from those of every other use of the same seed ("shuf").
constexpr std::uint32_t shuffle_stream = 0x73687566;

// The words of Philox, one after the other.
class Words {
 public:
  Words(std::uint64_t seed, std::uint64_t epoch) : seed_(seed), epoch_(epoch) {}

  std::uint32_t next() {
    if (used_ == 4) {
      const auto low = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
      block_ =
          runtime::philox(low(seed_), low(seed_ >> 32), {{counter_++, low(epoch_), low(epoch_ >> 32), shuffle_stream}});
      used_ = 0;
    }
    return block_.word[used_++];
  }

  // 0 ≤ result < bound, all equally likely; 1 ≤ bound ≤ 2^32.
  std::uint64_t below(std::uint64_t bound) {
    std::uint64_t product = next() * bound;
    // The low half tells where in its bucket a word fell; the first 2^32 mod bound places make buckets uneven.
    const std::uint64_t uneven = (std::uint64_t{1} << 32) % bound;
    while ((product & 0xFFFFFFFF) < uneven) product = next() * bound;
    return product >> 32;
  }

 private:
  std::uint64_t seed_;
  std::uint64_t epoch_;
  std::uint32_t counter_ = 0;
  runtime::PhiloxWords block_{};
  int used_ = 4;
};

}  // namespace

std::vector<std::int64_t> permutation(std::int64_t count, std::uint64_t seed, std::uint64_t epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  Words words(seed, epoch);
  for (std::size_t last = order.size(); last > 1; --last) {
    std::swap(order[last - 1], order[static_cast<std::size_t>(words.below(last))]);
  }
  return order;
}

}  // namespace descent::data
