// The order of the rows in an epoch: a function of seed and epoch alone, the same on every machine.
#pragma once

#include <cstdint>
#include <vector>

namespace descent::data {

// 0 … count-1 in the order of epoch `epoch`: Fisher and Yates' shuffle (Knuth, TAOCP 2, 3.4.2, algorithm P) driven by
// Philox4x32-10 with key (low, high half of seed) and counter (block, low, high half of epoch, a constant of this use);
// integers below a bound by Lemire's method ("Fast random integer generation in an interval", 2019), free of bias.
// 0 ≤ count ≤ 2^32.
std::vector<std::int64_t> permutation(std::int64_t count, std::uint64_t seed, std::uint64_t epoch);

}  // namespace descent::data
