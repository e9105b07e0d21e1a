#include "runtime/data/shuffle.h"

#include "runtime/core/shuffle.h"

namespace descent::data {

std::vector<std::int64_t> permutation(std::int64_t count, std::uint64_t seed, std::uint64_t epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  runtime::fill_permutation(order.data(), count, seed, epoch);
  return order;
}

}  // namespace descent::data
