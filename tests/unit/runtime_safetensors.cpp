// safetensors: round trips, the format's own example, every way to be wrong.
#include <catch2/catch.hpp>
#include <cmath>

#include "runtime/data/safetensors.h"
#include "tests/support/data.h"

using namespace descent::data;
using namespace descent::data::test;

namespace {

std::string file_of(const std::string& header, const std::string& elements = "") {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + elements;
}
std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}
Expected<Tensors> parse(const std::string& text) { return parse_safetensors(bytes_of_text(text), "x"); }

}  // namespace

TEST_CASE("what is written as safetensors is read back") {
  Tensors tensors;
  tensors.metadata = {{"step", "17"}, {"quote \"é\"", "line\nend"}};
  tensors.arrays["hidden.linear.weight"] = array_of<float>(DType::f32, {2, 3}, {0, -1, 2.5, 1e30f, -0.0f, 7});
  tensors.arrays["a"] = array_of<std::uint8_t>(DType::u8, {3}, {0, 128, 255});
  tensors.arrays["truth"] = array_of<std::uint8_t>(DType::boolean, {2}, {0, 1});
  tensors.arrays["count"] = array_of<std::int64_t>(DType::i64, {}, {-5});
  tensors.arrays["wide"] = array_of<double>(DType::f64, {1}, {0.1});
  tensors.arrays["label"] = array_of<std::int32_t>(DType::i32, {2}, {3, 4});
  tensors.arrays["none"] = array_of<float>(DType::f32, {0, 4}, {});
  const Folder folder;
  REQUIRE(write_safetensors(folder.path("w.safetensors"), tensors));
  const auto read = read_safetensors(folder.path("w.safetensors"));
  REQUIRE(read);
  CHECK(*read == tensors);
  CHECK(*format_safetensors(*read) == *format_safetensors(tensors));
  CHECK(parse_safetensors(*format_safetensors({}), "x")->arrays.empty());
}

TEST_CASE("half floats are widened") {
  const std::string header = "{" + tensor("h", "F16", "[2]", "[0,4]") + "," + tensor("b", "BF16", "[2]", "[4,8]") + "}";
  const auto tensors = parse(file_of(header, bytes("\0\x3E\0\xFC\xC0\x3F\x80\xFF")));
  REQUIRE(tensors);
  CHECK(values<float>(tensors->arrays.at("h")) == std::vector<float>{1.5f, -INFINITY});
  CHECK(values<float>(tensors->arrays.at("b")) == std::vector<float>{1.5f, -INFINITY});
}

TEST_CASE("the bytes of a written file are these") {
  Tensors tensors;
  tensors.arrays["b"] = array_of<std::uint8_t>(DType::u8, {1}, {7});
  tensors.arrays["c"] = array_of<float>(DType::f32, {1}, {1.5});
  const std::string header = "{" + tensor("c", "F32", "[1]", "[0,4]") + "," + tensor("b", "U8", "[1]", "[4,5]") + "}";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  CHECK(text_of(*format_safetensors(tensors)) == file_of(padded, bytes("\0\0\xC0\x3F\x07")));
}

TEST_CASE("what can't be written says why") {
  Tensors tensors;
  tensors.arrays["\xFF"] = zeros(DType::f32, {1});
  CHECK(message(write_safetensors("x", tensors)) == "x: a tensor's name or metadata is not UTF-8");
  Tensors reserved;
  reserved.arrays["__metadata__"] = zeros(DType::f32, {1});
  CHECK(message(format_safetensors(reserved)) == "a tensor cannot be named '__metadata__'");
}

TEST_CASE("malformed safetensors say what is wrong") {
  const std::string four = "abcd";
  struct Row {
    std::string bytes, message;
  };
  const auto one = [&](const std::string& text) { return file_of("{" + text + "}", four); };
  const Row rows[] = {
      {"", "x: not a safetensors file: expected at least 8 bytes, found 0"},
      {"abcdefghij",
       "x: not a safetensors file, or a truncated one: expected a header of 7523094288207667809 bytes, found 2"},
      {file_of("{}").substr(0, 9),
       "x: not a safetensors file, or a truncated one: expected a header of 2 bytes, found 1"},
      {file_of(""), "x: the header is not a JSON object"},
      {file_of("[]"), "x: the header is not a JSON object"},
      {file_of("{\"a\":"), "x: the header is not a JSON object"},
      {file_of("{\"\xFF\":1}"), "x: the header is not a JSON object"},
      {file_of("{\"a\":" + std::string(100000, '[')), "x: the header is nested too deeply"},
      {file_of("{\"a\":{\"dtype\":{\"b\":{\"c\":{}}}}}"), "x: the header is nested too deeply"},
      {file_of("{\"a\":1}"), "x: tensor 'a': expected dtype, shape and data_offsets"},
      {file_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}"), "x: tensor 'a': expected dtype, shape and data_offsets"},
      {one(tensor("a", "F32", "[1]", "[0,4]") + "," + tensor("a", "F32", "[1]", "[0,4]")),
       "x: 'a' stands twice in the header"},
      {one("\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}"),
       "x: 'dtype' stands twice in the header"},
      {one("\"a\":{\"dtype\":3,\"shape\":[1],\"data_offsets\":[0,4]}"), "x: tensor 'a': dtype is not a text"},
      {one(tensor("a", "F8_E5M2", "[4]", "[0,4]")),
       "x: tensor 'a': dtype 'F8_E5M2' is not supported: expected F32, F64, F16, BF16, I32, I64, U8 or BOOL"},
      {one(tensor("a", "BF16", "[1]", "[0,4]")), "x: tensor 'a': data_offsets span 4 bytes, but BF16 [1] takes 2"},
      {one(tensor("a", "F32", "[-1]", "[0,4]")), "x: tensor 'a': shape is not a list of natural numbers"},
      {one(tensor("a", "F32", "[1.0]", "[0,4]")), "x: tensor 'a': shape is not a list of natural numbers"},
      {one(tensor("a", "F32", "7", "[0,4]")), "x: tensor 'a': shape is not a list of natural numbers"},
      {one(tensor("a", "F32", "[1]", "[0]")), "x: tensor 'a': data_offsets are not two natural numbers"},
      {one(tensor("a", "F32", "[1]", "[0,8]")),
       "x: tensor 'a': data_offsets [0, 8] leave the file, which holds 4 bytes of elements"},
      {one(tensor("a", "F32", "[1]", "[4,0]")),
       "x: tensor 'a': data_offsets [4, 0] leave the file, which holds 4 bytes of elements"},
      {one(tensor("a", "F32", "[1]", "[0,18446744073709551615]")),
       "x: tensor 'a': data_offsets [0, 18446744073709551615] leave the file, which holds 4 bytes of elements"},
      {one(tensor("a", "F32", "[2]", "[0,4]")), "x: tensor 'a': data_offsets span 4 bytes, but F32 [2] takes 8"},
      {one(tensor("a", "F32", "[4294967296,4294967296]", "[0,4]")),
       "x: tensor 'a': data_offsets span 4 bytes, but F32 [4294967296, 4294967296] takes more than the limit"},
      {one(tensor("a", "U8", "[3]", "[0,3]") + "," + tensor("b", "U8", "[2]", "[2,4]")),
       "x: tensor 'b' begins at 2, inside another one that ends at 3"},
      {one(tensor("a", "U8", "[1]", "[0,1]") + "," + tensor("b", "U8", "[2]", "[2,4]")),
       "x: tensor 'b' begins at 2, but the one before it ends at 1"},
      {one(tensor("a", "U8", "[3]", "[0,3]")), "x: the tensors end at 3, but the file holds 4 bytes of elements"},
      {one(tensor("a", "BOOL", "[4]", "[0,4]")), "x: tensor 'a': a bool is 97: expected 0 or 1"},
      {one("\"__metadata__\":[]"), "x: __metadata__ is not an object"},
      {one("\"__metadata__\":{\"k\":1}"), "x: __metadata__ 'k' is not a text"},
  };
  for (const Row& row : rows) CHECK(message(parse(row.bytes)) == row.message);
}
