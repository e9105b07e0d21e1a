// .npy: round trips, NumPy's other types, every way to be wrong.
#include <catch2/catch.hpp>
#include <cmath>

#include "runtime/data/npy.h"
#include "tests/support/data.h"

using namespace descent::data;
using namespace descent::data::test;

namespace {

std::string npy(const std::string& dict, const std::string& elements, char version = 1) {
  std::string text = "\x93NUMPY";
  text += {version, '\0', static_cast<char>(dict.size()), '\0'};
  if (version > 1) text += {'\0', '\0'};
  return text + dict + elements;
}
std::string plain(const std::string& descr, const std::string& shape, const std::string& elements) {
  return npy("{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }\n", elements);
}
Expected<Array> parse(const std::string& text) { return parse_npy(bytes_of_text(text), "x"); }

}  // namespace

TEST_CASE("what is written as .npy is read back") {
  const Array arrays[] = {
      array_of<float>(DType::f32, {2, 3}, {0, -1, 2.5, 1e30f, -0.0f, 7}),
      array_of<double>(DType::f64, {1}, {0.1}),
      array_of<std::int32_t>(DType::i32, {}, {-5}),
      array_of<std::int64_t>(DType::i64, {0, 4}, {}),
      array_of<std::uint8_t>(DType::u8, {3}, {0, 128, 255}),
      array_of<std::uint8_t>(DType::boolean, {2}, {0, 1}),
  };
  const Folder folder;
  for (const Array& array : arrays) {
    INFO(name_of(array.dtype));
    const auto written = format_npy(array);
    CHECK((written.size() - array.bytes.size()) % 64 == 0);
    const auto read = parse_npy(written, "x");
    REQUIRE(read);
    CHECK(*read == array);
    REQUIRE(write_npy(folder.path("x.npy"), array));
    CHECK(*read_npy(folder.path("x.npy")) == array);
  }
}

TEST_CASE("a written header is the one NumPy writes") {
  struct Row {
    Shape shape;
    std::string dict;
  };
  const Row rows[] = {{{1, 2}, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }"},
                      {{3}, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"},
                      {{}, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }"}};
  for (const Row& row : rows) {
    const std::string padding(117 - row.dict.size(), ' ');
    CHECK(text_of(format_npy(zeros(DType::f32, row.shape))).substr(0, 128) ==
          bytes("\x93NUMPY\1\0\x76\0") + row.dict + padding + "\n");
  }
}

TEST_CASE("versions, spacing and narrow types are understood") {
  const std::string dict = "{'shape':(2,),'fortran_order':True,\"descr\":\"<i2\"}";
  for (const char version : {1, 2, 3}) {
    const auto array = parse(npy(dict, bytes("\x01\0\xFF\xFF"), version));
    REQUIRE(array);
    CHECK(values<std::int32_t>(*array) == std::vector<std::int32_t>{1, -1});
  }
  CHECK(values<std::int32_t>(*parse(plain("|i1", "(1,)", "\xFF"))) == std::vector<std::int32_t>{-1});
  CHECK(values<std::int32_t>(*parse(plain("<u2", "(1,)", "\xFF\xFF"))) == std::vector<std::int32_t>{65535});
  CHECK(values<std::int64_t>(*parse(plain("<u4", "(1,)", "\xFF\xFF\xFF\xFF"))) ==
        std::vector<std::int64_t>{4294967295});
  const auto half = parse(plain("<f2", "(5,)", bytes("\0\x3E\x01\0\0\xFC\xFF\x7B\x01\x7C")));
  REQUIRE(half);
  const auto numbers = values<float>(*half);
  CHECK(std::vector<float>(numbers.begin(), numbers.end() - 1) ==
        std::vector<float>{1.5f, 0x1p-24f, -INFINITY, 65504.0f});
  CHECK(std::isnan(numbers.back()));
}

TEST_CASE("Fortran order is turned into rows") {
  // numpy.save(file, numpy.asfortranarray(numpy.arange(6, dtype="u1").reshape(2, 3))), and 2 × 2 × 2 likewise.
  const auto fortran = [](const std::string& shape, const std::string& elements) {
    return values<std::uint8_t>(
        *parse(npy("{'descr': '|u1', 'fortran_order': True, 'shape': " + shape + ", }", elements)));
  };
  CHECK(fortran("(2, 3)", bytes("\0\3\1\4\2\5")) == std::vector<std::uint8_t>{0, 1, 2, 3, 4, 5});
  CHECK(fortran("(2, 2, 2)", bytes("\0\4\2\6\1\5\3\7")) == std::vector<std::uint8_t>{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(fortran("(3,)", "\1\2\3") == std::vector<std::uint8_t>{1, 2, 3});
  CHECK(fortran("()", "\7") == std::vector<std::uint8_t>{7});
  CHECK(fortran("(0, 3)", "").empty());
  CHECK(values<float>(*parse(npy("{'descr': '<f2', 'fortran_order': True, 'shape': (2, 2)}",
                                 bytes("\0\x3C\0\x42\0\x40\0\x44")))) == std::vector<float>{1, 2, 3, 4});
}

TEST_CASE("malformed .npy says what is wrong") {
  const std::string supported = ": expected f4, f8, i1, i2, i4, i8, u1, u2, u4, f2 or b1";
  const std::string malformed = "x: malformed header: expected a dict with descr, fortran_order and shape";
  struct Row {
    std::string bytes, message;
  };
  const Row rows[] = {
      {"", "x: not a .npy file: expected to begin with \\x93NUMPY"},
      {"PK\3\4", "x: not a .npy file: expected to begin with \\x93NUMPY"},
      {"\x93NUMPY", "x: truncated: the header is not complete"},
      {npy("{}", "", 4), "x: unknown .npy version 4: expected 1, 2 or 3"},
      {npy("{}", "").substr(0, 11), "x: truncated: expected a header of 2 bytes, found 1"},
      {bytes("\x93NUMPY\2\0\xFF\xFF\xFF\xFF"), "x: truncated: expected a header of 4294967295 bytes, found 0"},
      {npy("{}", ""), malformed},
      {npy("", ""), malformed},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,}", ""), malformed},
      {npy("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,)}", ""), malformed},
      {npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", ""), malformed},
      {plain("<f4", "(-1,)", ""), malformed},
      {plain("<f4", "(99999999999999999999,)", ""), malformed},
      {plain(">f4", "(1,)", "abcd"),
       "x: element type '>f4' is big endian: expected little endian (save x.astype('<f4'))"},
      {plain("|O", "(1,)", ""), "x: element type '|O' is not supported" + supported},
      {plain("<c8", "(1,)", ""), "x: element type '<c8' is not supported" + supported},
      {npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", ""),
       "x: element type 'a structured type' is not supported" + supported},
      {npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2)}", "abcd"),
       "x: truncated: expected 16 bytes of elements for [2, 2], found 4"},
      {plain("<f4", "(2,)", "abcd"), "x: truncated: expected 8 bytes of elements for [2], found 4"},
      {plain("<f4", "(1,)", "abcdefgh"), "x: expected 4 bytes of elements for [1], found 8"},
      {plain("<f4", "(4294967296, 4294967296)", ""),
       "x: shape [4294967296, 4294967296] is more than the limit of 1073741824 bytes"},
      {plain("|b1", "(2,)", "\1\2"), "x: a bool is 2: expected 0 or 1"},
  };
  for (const Row& row : rows) CHECK(message(parse(row.bytes)) == row.message);
}
