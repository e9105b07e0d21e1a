// The order of the rows in an epoch: a function of seed and epoch alone, the same on every machine.
#pragma once

#include <stdint.h>

#include "runtime/core/philox.h"

namespace descent::runtime {

// The words of Philox4x32-10, one after the other: key (low, high half of seed), counter (block, low, high half of
// epoch, a constant of this use).
class ShuffleWords {
 public:
  ShuffleWords(uint64_t seed, uint64_t epoch) : seed_(seed), epoch_(epoch) {}

  uint32_t next() {
    if (used_ == 4) {
      block_ = philox(low(seed_), low(seed_ >> 32), {{counter_++, low(epoch_), low(epoch_ >> 32), stream}});
      used_ = 0;
    }
    return block_.word[used_++];
  }

  // 0 ≤ result < bound, all equally likely; 1 ≤ bound ≤ 2^32. Lemire's method ("Fast random integer generation in an
  // interval", 2019), free of bias.
  uint64_t below(uint64_t bound) {
    uint64_t product = next() * bound;
    // The low half tells where in its bucket a word fell; the first 2^32 mod bound places make buckets uneven.
    const uint64_t uneven = (uint64_t{1} << 32) % bound;
    while ((product & 0xFFFFFFFF) < uneven) product = next() * bound;
    return product >> 32;
  }

 private:
  // Keeps the words of shuffling apart from those of every other use of the same seed ("shuf").
  static constexpr uint32_t stream = 0x73687566;
  static uint32_t low(uint64_t value) { return static_cast<uint32_t>(value); }

  uint64_t seed_;
  uint64_t epoch_;
  uint32_t counter_ = 0;
  PhiloxWords block_{};
  int used_ = 4;
};

// 0 … count-1 in the order of epoch `epoch`: Fisher and Yates' shuffle (Knuth, TAOCP 2, 3.4.2, algorithm P).
template <class Integer>
void fill_permutation(Integer* order, int64_t count, uint64_t seed, uint64_t epoch) {
  for (int64_t i = 0; i < count; ++i) order[i] = static_cast<Integer>(i);
  ShuffleWords words(seed, epoch);
  for (uint64_t last = static_cast<uint64_t>(count); last > 1; --last) {
    const uint64_t other = words.below(last);
    const Integer moved = order[last - 1];
    order[last - 1] = order[other];
    order[other] = moved;
  }
}

}  // namespace descent::runtime
