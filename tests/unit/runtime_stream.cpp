// Streams: chosen, joined, appended, split, cut into windows, converted.
#include <catch2/catch.hpp>

#include "runtime/data/stream.h"
#include "tests/support/data.h"

using namespace descent::data;
using namespace descent::data::test;

namespace {

// A stream with rows 0 … count-1 of one number each.
Stream counting(std::int64_t count, const std::string& name = "") {
  std::vector<std::int32_t> numbers;
  for (std::int32_t i = 0; i < count; ++i) numbers.push_back(i);
  return {{{name, rows_of(array_of(DType::i32, {count}, numbers))}}};
}

std::vector<std::int32_t> numbers(const Stream& stream, std::size_t tensor = 0) {
  return values<std::int32_t>(*read_all(*stream.tensors[tensor].rows));
}

using Numbers = std::vector<std::int32_t>;

}  // namespace

TEST_CASE("a split keeps the order; a seed chooses, the same rows every time") {
  const auto parts = split(counting(10), 0.7, {});
  REQUIRE(parts.ok());
  CHECK(numbers((*parts)[0]) == Numbers{0, 1, 2, 3, 4, 5, 6});
  CHECK(numbers((*parts)[1]) == Numbers{7, 8, 9});
  const auto drawn = split(counting(10), 0.7, 3), again = split(counting(10), 0.7, 3),
             other = split(counting(10), 0.7, 4);
  CHECK(numbers((*drawn)[1]) == numbers((*again)[1]));
  CHECK(numbers((*drawn)[1]) != numbers((*other)[1]));
  Numbers all = numbers((*drawn)[0]);
  CHECK(std::is_sorted(all.begin(), all.end()));
  for (const std::int32_t row : numbers((*drawn)[1])) all.push_back(row);
  std::sort(all.begin(), all.end());
  CHECK(all == numbers(counting(10)));
  CHECK(message(split(counting(10), 1.5, {})) == "expected a share of the rows between 0 and 1, found 1.500000");
  CHECK(message(split(counting(1), 0.5, {})) == "of 1 rows the share 0.500000 leaves one part empty");
}

TEST_CASE("windows are runs of rows, shifted ones what follows") {
  const auto cut = windows(counting(8), {.length = 3, .stride = 2, .shift = 1, .inputs = "now", .shifted = "next"});
  REQUIRE(cut.ok());
  CHECK(cut->tensors[0].name == "now");
  CHECK(numbers(*cut, 0) == Numbers{0, 1, 2, 2, 3, 4, 4, 5, 6});
  CHECK(numbers(*cut, 1) == Numbers{1, 2, 3, 3, 4, 5, 5, 6, 7});
  CHECK(cut->tensors[0].rows->whole_shape() == Shape{3, 3});
  CHECK(message(windows(counting(3), {.length = 3, .stride = 1, .shift = 1, .inputs = "", .shifted = "next"})) ==
        "windows of 3 rows need at least 4 rows, found 3");
  const auto named = windows(*join({counting(3), counting(3, "x")}), {.length = 2, .stride = 1, .inputs = "y"});
  CHECK(named->tensors[0].name == "y");
  CHECK(numbers(*named, 1) == Numbers{0, 1, 1, 2});
  CHECK(message(windows(counting(3, "x"), {.length = 2, .stride = 1, .shift = 1, .inputs = "", .shifted = "y"})) ==
        "'inputs' and 'shifted' are of a tensor without a name, which is not here");
}

TEST_CASE("streams side by side and one behind the other") {
  const auto both = join({counting(3, "a"), counting(3, "b")});
  REQUIRE(both.ok());
  CHECK(both->tensors.size() == 2);
  CHECK(message(join({counting(3), counting(4, "b")})) == "streams to be joined have 3 and 4 rows");
  CHECK(message(join({counting(3, "a"), counting(3, "a")})) == "'a' is in two of the streams to be joined");
  const auto all = append({counting(3), counting(2), counting(1)}, "origin");
  REQUIRE(all.ok());
  CHECK(numbers(*all, 0) == Numbers{0, 1, 2, 0, 1, 0});
  CHECK(numbers(*all, 1) == Numbers{0, 0, 0, 1, 1, 2});
  CHECK(numbers(select(*all, {5, 3, 4, 1}), 0) == Numbers{0, 0, 1, 1});
  CHECK(numbers(select(*all, {5, 3, 4, 1}), 1) == Numbers{2, 1, 1, 0});
  CHECK(message(append({counting(3), counting(2, "b")}, "")) ==
        "a tensor without a name is not in all of the streams to be appended");
  const Stream floats = {{{"", rows_of(zeros(DType::f32, {2, 2}))}}};
  CHECK(message(append({counting(3), floats}, "")) == "rows to be appended differ: i32[3] and f32[2, 2]");
}

TEST_CASE("rows are converted when they are read, and refused by place") {
  const RowsRef bytes = rows_of(array_of<std::uint8_t>(DType::u8, {2, 2}, {1, 2, 3, 250}));
  CHECK(values<float>(*read_all(*convert_rows(bytes, DType::f32))) == std::vector<float>{1, 2, 3, 250});
  CHECK(message(read_all(*convert_rows(bytes, DType::boolean))) == "element [0, 1] is 2, which bool does not hold");
  CHECK(message(read_all(*bytes, 3)) == "ok");  // lies in memory already
  CHECK(message(read_all(*convert_rows(bytes, DType::i32), 15)) == "i32[2, 2] is more than the limit of 15 bytes");
}
