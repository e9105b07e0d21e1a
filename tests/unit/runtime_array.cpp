// Host arrays: sizes, conversions, rows.
#include <catch2/catch.hpp>
#include <limits>

#include "tests/support/data.h"

using namespace descent::data;
using namespace descent::data::test;

TEST_CASE("the size of a shape is checked for overflow") {
  constexpr std::int64_t huge = std::int64_t{1} << 40;
  CHECK(bytes_of(DType::f32, {2, 3}, 24) == 24);
  CHECK(bytes_of(DType::f32, {2, 3}, 23) == std::nullopt);
  CHECK(bytes_of(DType::f64, {}, 100) == 8);
  CHECK(bytes_of(DType::u8, {huge, huge, huge}, std::numeric_limits<std::int64_t>::max()) == std::nullopt);
  CHECK(bytes_of(DType::u8, {huge, 0, huge}, std::numeric_limits<std::int64_t>::max()) == std::nullopt);
  CHECK(bytes_of(DType::u8, {0, 28}, 100) == 0);
  CHECK(bytes_of(DType::u8, {-1}, 100) == std::nullopt);
}

TEST_CASE("conversion keeps every number or names the one it can't keep") {
  const Array doubles = array_of<double>(DType::f64, {2, 2}, {0, 1, 255, 0.1});
  CHECK(values<float>(*convert(doubles, DType::f32)) == std::vector<float>{0, 1, 255, 0.1f});
  CHECK(message(convert(doubles, DType::i32)) == "element [1, 1] is 0.1, which i32 does not hold");
  CHECK(message(convert(doubles, DType::boolean)) == "element [1, 0] is 255, which bool does not hold");

  const Array wide = array_of<std::int64_t>(DType::i64, {3}, {-1, 255, 256});
  CHECK(values<std::int32_t>(*convert(wide, DType::i32)) == std::vector<std::int32_t>{-1, 255, 256});
  CHECK(message(convert(wide, DType::u8)) == "element [0] is -1, which u8 does not hold");

  const Array edge = array_of<float>(DType::f32, {1}, {2147483648.0f});
  CHECK(message(convert(edge, DType::i32)) == "element [0] is 2147483648, which i32 does not hold");
  CHECK(values<std::int64_t>(*convert(edge, DType::i64)) == std::vector<std::int64_t>{2147483648});
  CHECK(message(convert(array_of<double>(DType::f64, {1}, {std::nan("")}), DType::i64)) ==
        "element [0] is nan, which i64 does not hold");

  const Array truth = array_of<std::uint8_t>(DType::boolean, {2}, {0, 1});
  CHECK(values<float>(*convert(truth, DType::f32)) == std::vector<float>{0, 1});
  CHECK(convert(*convert(truth, DType::i64), DType::boolean)->bytes == truth.bytes);
}

TEST_CASE("every type converts to every other and back") {
  const DType all[] = {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8, DType::boolean};
  for (const DType from : all) {
    const auto start = convert(array_of<std::uint8_t>(DType::u8, {3}, {1, 0, 1}), from);
    REQUIRE(start);
    for (const DType to : all) {
      INFO(name_of(from) << " to " << name_of(to));
      const auto there = convert(*start, to);
      REQUIRE(there);
      CHECK(there->dtype == to);
      CHECK(*convert(*there, from) == *start);
    }
  }
}

TEST_CASE("rows are taken in the order asked for") {
  const Array array = array_of<std::int32_t>(DType::i32, {3, 2}, {0, 1, 10, 11, 20, 21});
  const std::int64_t rows[] = {2, 0, 2};
  const Array taken = take_rows(array, rows);
  CHECK(taken.shape == Shape{3, 2});
  CHECK(values<std::int32_t>(taken) == std::vector<std::int32_t>{20, 21, 0, 1, 20, 21});
  CHECK(take_rows(array, {}).shape == Shape{0, 2});
}
