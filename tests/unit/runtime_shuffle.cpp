// Philox against the known answers of Random123, and the shuffle that it drives.
#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>

#include "runtime/core/philox.h"
#include "runtime/data/shuffle.h"

using namespace descent;
using data::permutation;

TEST_CASE("philox gives the known answers of Random123") {
  struct Row {
    std::uint32_t counter[4], key[2], answer[4];
  };
  // Random123 1.14, tests/kat_vectors, philox4x32 10.
  const Row rows[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const Row& row : rows) {
    const auto words =
        runtime::philox(row.key[0], row.key[1], {{row.counter[0], row.counter[1], row.counter[2], row.counter[3]}});
    CHECK(std::equal(words.word, words.word + 4, row.answer));
  }
}

TEST_CASE("a permutation holds every row once and depends on seed and epoch") {
  for (const std::int64_t count : {0, 1, 2, 3, 64, 1797}) {
    auto order = permutation(count, 1, 1);
    std::sort(order.begin(), order.end());
    std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
    std::iota(rows.begin(), rows.end(), 0);
    CHECK(order == rows);
  }
  const auto order = permutation(100, 1, 1);
  CHECK(order == permutation(100, 1, 1));
  CHECK(order != permutation(100, 2, 1));
  CHECK(order != permutation(100, 1, 2));
  CHECK(order != permutation(100, std::uint64_t{1} << 32 | 1, 1));
  CHECK(order != permutation(100, 1, std::uint64_t{1} << 32 | 1));
}

TEST_CASE("the order of rows never changes between releases") {
  CHECK(permutation(8, 1, 0) == std::vector<std::int64_t>{6, 1, 0, 4, 7, 5, 3, 2});
  CHECK(permutation(8, 1, 1) == std::vector<std::int64_t>{2, 3, 5, 1, 0, 7, 6, 4});
}

TEST_CASE("a long order agrees with an independent implementation") {
  // 200,000 rows meet several words that an unbiased draw must throw away. FNV-1a over the rows.
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::int64_t row : permutation(200000, 1, 1)) {
    hash = (hash ^ static_cast<std::uint64_t>(row)) * 0x100000001b3;
  }
  CHECK(hash == 0x209e39aca52e2bb9);
}

TEST_CASE("all orders of four rows are equally likely") {
  std::vector<int> count(256);
  constexpr int draws = 24000;
  for (int seed = 0; seed < draws; ++seed) {
    const auto order = permutation(4, static_cast<std::uint64_t>(seed), 0);
    ++count[static_cast<std::size_t>(order[0] | order[1] << 2 | order[2] << 4 | order[3] << 6)];
  }
  double chi_square = 0;
  int seen = 0;
  for (const int times : count) {
    if (times == 0) continue;
    ++seen;
    chi_square += (times - draws / 24.0) * (times - draws / 24.0) / (draws / 24.0);
  }
  CHECK(seen == 24);
  CHECK(chi_square < 49.7);  // 23 degrees of freedom, one in a thousand
}
