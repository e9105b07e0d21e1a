// Weights in and out of an artifact's trainer, and whatever else memory may hold.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/data/safetensors.h"
#include "runtime/model.h"
#include "tests/support/data.h"

namespace descent::runtime {
namespace {

// A model of two parameters, one in panels, and a moment: nothing to run, states alone.
struct TwoStates {
  static constexpr std::int64_t shapes[] = {3, 5, 2};
  static constexpr DescentState states[] = {{"weight", shapes, 2, DESCENT_F32, 15, 1024, 4, 1},
                                            {"moment", shapes + 2, 1, DESCENT_F32, 2, 1152, 0, 0},
                                            {"count", shapes + 2, 1, DESCENT_I32, 2, 1216, 0, 1}};
  static constexpr std::int32_t saved[] = {2, 0};
  std::string header;
  DescentModel model{};
  DescentFunction functions[6] = {};
  alignas(64) unsigned char memory[1280];
  DescentTrainer* trainer = nullptr;

  TwoStates() {
    const std::string text =
        R"({"__metadata__":{"format":"descent"},"count":{"dtype":"I32","shape":[2],"data_offsets":[0,8]},)"
        R"("weight":{"dtype":"F32","shape":[3,5],"data_offsets":[8,68]}} )";
    const std::uint64_t length = text.size();
    header.resize(8);
    std::memcpy(header.data(), &length, 8);
    header += text;
    model.name = "two";
    model.largest_batch = 1;
    model.memory_bytes = sizeof memory;
    model.places_at = 512;
    model.arena_at = 1024;
    model.arena_bytes = 256;
    model.functions = functions;
    model.states = states;
    model.weights_header = header.data();
    model.weights_header_bytes = static_cast<std::int64_t>(header.size());
    model.saved = saved;
    model.state_count = 3;
    model.saved_count = 2;
    trainer = descent_1_create(&model, 0, memory, 1);
  }
  TwoStates(const TwoStates&) = delete;
  TwoStates& operator=(const TwoStates&) = delete;
  ~TwoStates() { descent_1_destroy(trainer); }

  std::vector<unsigned char> packed() const {
    std::vector<unsigned char> bytes(header.size() + 68);
    CHECK(descent_1_pack(trainer, bytes.data()) == DESCENT_DONE);
    return bytes;
  }
  // In memory of its own size, so that a sanitizer sees what is read beyond it.
  int unpack(const std::vector<unsigned char>& bytes) const {
    const std::vector<unsigned char> exact(bytes);
    return descent_1_unpack(trainer, exact.empty() ? "" : static_cast<const void*>(exact.data()),
                            static_cast<std::int64_t>(exact.size()));
  }
  void fill() const {
    float weight[15];
    for (int i = 0; i < 15; ++i) weight[i] = static_cast<float>(i) / 4;
    const std::int32_t count[] = {7, -7};
    CHECK(descent_1_write(trainer, 0, weight) == DESCENT_DONE);
    CHECK(descent_1_write(trainer, 2, count) == DESCENT_DONE);
  }
};

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
