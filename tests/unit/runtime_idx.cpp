// IDX: every element type, and every way to be wrong with the text that says so.
#include <catch2/catch.hpp>

#include "runtime/data/idx.h"
#include "tests/support/data.h"

using namespace descent::data;
using namespace descent::data::test;

namespace {

Expected<Array> parse(const std::string& text) { return parse_idx(bytes_of_text(text), "x"); }

}  // namespace

TEST_CASE("every IDX element type is read") {
  const auto u8 = parse(bytes("\0\0\x08\x02\0\0\0\x02\0\0\0\x03\0\x01\x02\x03\x04\xFF"));
  REQUIRE(u8);
  CHECK(u8->shape == Shape{2, 3});
  CHECK(values<std::uint8_t>(*u8) == std::vector<std::uint8_t>{0, 1, 2, 3, 4, 255});
  CHECK(values<std::int32_t>(*parse(bytes("\0\0\x09\x01\0\0\0\x02\x7F\x80"))) == std::vector<std::int32_t>{127, -128});
  CHECK(values<std::int32_t>(*parse(bytes("\0\0\x0B\x01\0\0\0\x02\x01\x02\xFF\xFE"))) ==
        std::vector<std::int32_t>{258, -2});
  CHECK(values<std::int32_t>(*parse(bytes("\0\0\x0C\x01\0\0\0\x01\x01\x02\x03\x04"))) ==
        std::vector<std::int32_t>{0x01020304});
  CHECK(values<float>(*parse(bytes("\0\0\x0D\x01\0\0\0\x01\x3F\xC0\0\0"))) == std::vector<float>{1.5f});
  CHECK(values<double>(*parse(bytes("\0\0\x0E\x01\0\0\0\x01\xBF\xF8\0\0\0\0\0\0"))) == std::vector<double>{-1.5});
  CHECK(parse(bytes("\0\0\x08\0\x07"))->shape == Shape{});
  CHECK(parse(bytes("\0\0\x08\x02\0\0\0\0\0\0\0\x03"))->shape == Shape{0, 3});
}

TEST_CASE("malformed IDX says what is wrong") {
  struct Row {
    std::string bytes, message;
  };
  const std::string fashion = bytes("\0\0\x08\x03\0\0\xEA\x60\0\0\0\x1C\0\0\0\x1C");
  const Row rows[] = {
      {"", "x: not an IDX file: expected at least 4 bytes, found 0"},
      {bytes("\0\0\x08"), "x: not an IDX file: expected at least 4 bytes, found 3"},
      {"P5 28 28", "x: not an IDX file: expected to begin with 00 00, found 50 35"},
      {bytes("\0\0\x07\x01\0\0\0\x01"),
       "x: unknown IDX element type 07: expected 08 (u8), 09 (i8), 0b (i16), 0c (i32), 0d (f32) or 0e (f64)"},
      {bytes("\0\0\x08\x03\0\0\0\x01"), "x: truncated: expected 16 bytes for a header of rank 3, found 8"},
      {bytes("\0\0\x08\x01\0\0\0"), "x: truncated: expected 8 bytes for a header of rank 1, found 7"},
      {bytes("\0\0\x08\xFF"), "x: truncated: expected 1024 bytes for a header of rank 255, found 4"},
      {fashion + "abc", "x: truncated: expected 47040016 bytes for [60000, 28, 28], found 19"},
      {bytes("\0\0\x0B\x01\0\0\0\x02\x01\x02\x03"), "x: truncated: expected 12 bytes for [2], found 11"},
      {bytes("\0\0\x08\x01\0\0\0\x01\x01\x02\x03"), "x: expected 9 bytes for [1], found 2 more"},
      {bytes("\0\0\x08\x01\0\0\0\x01\x01\x02"), "x: expected 9 bytes for [1], found 1 more"},
      {bytes("\0\0\x08\x02\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
       "x: extents [4294967295, 4294967295] are more than the limit of 1073741824 bytes"},
      {bytes("\0\0\x09\x01\x40\0\0\0"), "x: extents [1073741824] are more than the limit of 1073741824 bytes"},
  };
  for (const Row& row : rows) CHECK(message(parse(row.bytes)) == row.message);
}

TEST_CASE("IDX files are read plain and packed") {
  const Folder folder;
  const std::string text = bytes("\0\0\x08\x01\0\0\0\x02\x03\x04");
  const auto plain = read_idx(folder.write("plain", text));
  const auto packed = read_idx(folder.write("packed.gz", gzip(text)));
  REQUIRE(plain);
  REQUIRE(packed);
  CHECK(*plain == *packed);
  const std::string missing = folder.path("missing.gz");
  CHECK(message(read_idx(missing)) == missing + ": cannot open: no such file or folder");
}
