// Weights in and out of an artifact's trainer, and whatever else memory may hold.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/data/safetensors.h"
#include "tests/support/data.h"
#include "tests/support/two_states.h"

namespace descent::runtime {
namespace {

using test::TwoStates;

}  // namespace

TEST_CASE("what a trainer packs is safetensors, row-major whatever the panels") {
  const TwoStates two;
  two.fill();
  const std::vector<unsigned char> bytes = two.packed();
  const auto tensors = data::parse_safetensors(std::as_bytes(std::span(bytes)), "packed");
  REQUIRE(tensors.ok());
  CHECK(tensors->arrays.size() == 2);
  CHECK(tensors->arrays.at("weight").as<float>()[7] == 7.0F / 4);
  CHECK(tensors->arrays.at("weight").shape == data::Shape{3, 5});
  CHECK(tensors->arrays.at("count").as<std::int32_t>()[1] == -7);
  // [3, 5] in panels of 4 lies as [2, 3, 4].
  float stored[24];
  std::memcpy(stored, two.memory + 1024, sizeof stored);
  CHECK(stored[4 * 1 + 2] == 7.0F / 4);
  CHECK(stored[12 + 4 * 2] == 14.0F / 4);

  const TwoStates other;
  REQUIRE(other.unpack(bytes) == DESCENT_DONE);
  CHECK(other.packed() == bytes);
  float weight[15];
  CHECK(descent_1_read(other.trainer, 0, weight) == DESCENT_DONE);
  CHECK(weight[9] == 9.0F / 4);
  CHECK(descent_1_read(other.trainer, 3, weight) == DESCENT_BAD_CALL);
  CHECK(descent_1_read(other.trainer, 0, nullptr) == DESCENT_BAD_CALL);
}

TEST_CASE("files of other writers are taken, those of other models refused with a word") {
  const TwoStates two;
  two.fill();
  const std::vector<unsigned char> before = two.packed();
  data::Tensors tensors;
  tensors.metadata["by \"another\""] = "\\ \n program, at some length";
  tensors.arrays["weight"] =
      data::test::array_of<float>(data::DType::f32, {3, 5}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
  const auto unpacked = [&] {
    const auto bytes = data::format_safetensors(tensors);
    REQUIRE(bytes.ok());
    std::vector<unsigned char> copy(bytes->size());
    std::memcpy(copy.data(), bytes->data(), copy.size());
    const int status = two.unpack(copy);
    return status == DESCENT_DONE ? std::string("done") : std::string(descent_1_error(two.trainer));
  };
  CHECK(unpacked() == "the file holds no 'count'");
  tensors.arrays["count"] = data::test::array_of<std::int32_t>(data::DType::i32, {1, 2}, {1, 2});
  CHECK(unpacked() == "'count' in the file is of another type or shape than in the model");
  tensors.arrays["count"] = data::test::array_of<float>(data::DType::f32, {2}, {1, 2});
  CHECK(unpacked() == "'count' in the file is of another type or shape than in the model");
  tensors.arrays["count"] = data::test::array_of<std::int32_t>(data::DType::i32, {2}, {1, 2});
  tensors.arrays["moment"] = tensors.arrays["count"];
  CHECK(unpacked() == "the file holds 'moment', which this model does not have");
  CHECK(two.packed() == before);
  tensors.arrays.erase("moment");
  CHECK(unpacked() == "done");
  CHECK(two.packed() != before);
}

TEST_CASE("no bytes make a trainer read beyond them, and what is refused changes nothing") {
  const TwoStates two;
  two.fill();
  const std::vector<unsigned char> good = two.packed();
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK(two.unpack({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}) == DESCENT_BAD_FILE);
  }
  CHECK(two.packed() == good);
  for (std::size_t place = 0; place < two.header.size(); ++place) {
    for (const int byte : {0, 0x22, 0x2c, 0x30, 0x39, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d, 0xff}) {
      std::vector<unsigned char> changed = good;
      changed[place] = static_cast<unsigned char>(byte);
      const int status = two.unpack(changed);
      CHECK((status == DESCENT_DONE || status == DESCENT_BAD_FILE));
    }
  }
}

}  // namespace descent::runtime
