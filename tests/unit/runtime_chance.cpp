// Rows that are drawn anew: what is drawn depends on seed, epoch and row, on nothing else, and only while training.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <set>

#include "runtime/data/chance.h"
#include "runtime/data/sound.h"
#include "tests/support/data.h"
#include "tests/support/wav.h"

using namespace descent::data;
using namespace descent::data::test;

namespace {

using Bytes8 = std::vector<std::uint8_t>;
constexpr std::int64_t rows = 40;

// Images of 3 × 4 bytes that are all different in a row; a mask like them; labels.
Stream images() {
  Bytes8 pixels;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::uint8_t i = 1; i <= 12; ++i) pixels.push_back(static_cast<std::uint8_t>(i + 12 * (row % 20)));
  }
  std::vector<std::int32_t> labels(rows, 7);
  return {{{"image", rows_of(array_of(DType::u8, {rows, 3, 4}, pixels))},
           {"mask", rows_of(array_of(DType::u8, {rows, 1, 3, 4}, pixels))},
           {"label", rows_of(array_of(DType::i32, {rows}, labels))}}};
}

Stream sounds(const Folder& folder) {
  std::vector<std::string> files;
  for (std::int16_t row = 0; row < rows; ++row) {
    files.push_back(folder.write(std::to_string(row) + ".wav", wav_of({row, 16384, 8192})));
  }
  return {{}, {}, *sound_series(files, {})};
}

struct Change {
  const char* name;
  std::function<Expected<Stream>(const Stream&, std::uint64_t seed)> apply;
};
const std::vector<Change> of_images{
    {"flip", [](const Stream& stream, std::uint64_t seed) { return flip(stream, true, seed); }},
    {"crop", [](const Stream& stream, std::uint64_t seed) { return crop(stream, {2, 3, 1}, seed); }},
    {"shift", [](const Stream& stream, std::uint64_t seed) { return shift(stream, 2, seed); }},
    {"shuffle", shuffle}};
const std::vector<Change> of_numbers{
    {"noise", [](const Stream& stream, std::uint64_t seed) { return noise(stream, 0.5, seed); }}};

Draw training(std::uint64_t seed, std::uint64_t epoch) { return {true, seed, epoch}; }

Bytes read(const Rows& tensor, std::int64_t begin, std::int64_t count, const Draw& draw) {
  Bytes bytes(static_cast<std::size_t>(count * tensor.row_bytes()));
  REQUIRE(!tensor.read(begin, count, draw, bytes.data()));
  return bytes;
}
Bytes all_of(const Rows& tensor, const Draw& draw) { return read(tensor, 0, tensor.count(), draw); }

// Every tensor by itself, row by row backwards, as a batch of another order would read it.
void check_by_row(const Rows& tensor, const Draw& draw) {
  const Bytes whole = all_of(tensor, draw);
  for (std::int64_t row = tensor.count() - 1; row >= 0; --row) {
    const Bytes one = read(tensor, row, 1, draw);
    CHECK(std::equal(one.begin(), one.end(), whole.begin() + row * tensor.row_bytes()));
  }
}

void check_chance(const Change& change, const Stream& stream, bool is_kept_outside = true) {
  INFO(change.name);
  const auto first = change.apply(stream, 0), again = change.apply(stream, 0), other = change.apply(stream, 1);
  INFO(message(first));
  REQUIRE(first.ok());
  const Rows& tensor = *first->tensors[0].rows;
  CHECK(tensor.draws());
  const Bytes drawn = all_of(tensor, training(1, 0));
  CHECK(drawn == all_of(*again->tensors[0].rows, training(1, 0)));
  CHECK(drawn != all_of(*other->tensors[0].rows, training(1, 0)));
  CHECK(drawn != all_of(tensor, training(2, 0)));
  CHECK(drawn != all_of(tensor, training(1, 1)));
  CHECK(drawn != all_of(tensor, {}));
  check_by_row(tensor, training(1, 0));
  check_by_row(tensor, {});
  if (is_kept_outside) CHECK(all_of(tensor, {}) == all_of(*stream.tensors[0].rows, {}));
}

}  // namespace

TEST_CASE("what a row becomes follows from seed, epoch and row, and outside of training it stays") {
  const Stream stream = images();
  for (const Change& change : of_images) {
    const std::string name = change.name;
    check_chance(change, stream, name == "flip" || name == "shift");
  }
  for (const Change& change : of_numbers) {
    check_chance(change, stream_of(stream.tensors[0].rows));
    check_chance(change, stream_of(rows_of(zeros(DType::f32, {rows, 5}))));
  }
}

TEST_CASE("a mask stays on its image, and other tensors stay as they are") {
  for (const Change& change : of_images) {
    INFO(change.name);
    const auto changed = change.apply(images(), 3);
    const Draw draw = training(5, 6);
    CHECK(all_of(*changed->tensors[0].rows, draw) == all_of(*changed->tensors[1].rows, draw));
    CHECK(all_of(*changed->tensors[2].rows, draw) == all_of(*images().tensors[2].rows, {}));
  }
}

TEST_CASE("a flip shows every image as it is, mirrored, turned, and both") {
  const auto flipped = flip(images(), true, 0);
  std::set<Bytes> seen;
  for (std::uint64_t epoch = 0; epoch < 40; ++epoch) {
    seen.insert(read(*flipped->tensors[0].rows, 0, 1, training(1, epoch)));
  }
  const auto image = [](std::initializer_list<int> pixels) {
    Bytes bytes;
    for (const int pixel : pixels) bytes.push_back(static_cast<std::byte>(pixel));
    return bytes;
  };
  CHECK(seen == std::set<Bytes>{
                    image({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}), image({4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9}),
                    image({9, 10, 11, 12, 5, 6, 7, 8, 1, 2, 3, 4}), image({12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1})});
}

TEST_CASE("a crop is any part of the image with zeros around it, and the middle outside of training") {
  const auto part = crop(images(), {3, 2, 1}, 0);
  CHECK(part->tensors[1].rows->whole_shape() == Shape{rows, 1, 3, 2});
  const Bytes middle = read(*part->tensors[0].rows, 0, 1, {});
  CHECK(middle == Bytes{std::byte{2}, std::byte{3}, std::byte{6}, std::byte{7}, std::byte{10}, std::byte{11}});
  std::set<Bytes> seen;
  for (std::uint64_t epoch = 0; epoch < 400; ++epoch) {
    seen.insert(read(*part->tensors[0].rows, 0, 1, training(1, epoch)));
  }
  CHECK(seen.size() == 15);  // three places down, five across
  CHECK(seen.contains(Bytes{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}, std::byte{0}, std::byte{5}}));
  CHECK(message(crop(images(), {6, 4, 1}, 0)) == "expected a part of [3, 4] with 1 around it, found [6, 4]");
  CHECK(message(crop(stream_of(rows_of(zeros(DType::f32, {4, 5}))), {1, 1, 0}, 0)) ==
        "expected images, tensors whose rows have a height and a width, found none");
  const Stream two = *join({images(), {{{"larger", rows_of(zeros(DType::u8, {rows, 5, 5}))}}}});
  CHECK(message(crop(two, {2, 2, 0}, 0)) == "images to be cropped alike differ: [3, 4] and [5, 5]");
}

TEST_CASE("sounds begin later, and noise has its deviation") {
  Folder folder;
  const Stream stream = sounds(folder);
  const auto later = shift(stream, 5, 0);
  std::set<std::int64_t> delays;
  for (std::int64_t row = 0; row < rows; ++row) {
    const Draw draw = training(1, 0);
    const auto samples = later->sounds->read(row, draw);
    const auto steps = static_cast<std::int64_t>(samples->size());
    CHECK(later->sounds->steps(row, draw) == steps);
    CHECK((*samples)[samples->size() - 2] == 0.5f);
    CHECK(later->sounds->steps(row, {}) == 3);
    delays.insert(steps - 3);
  }
  CHECK(delays == std::set<std::int64_t>{0, 1, 2, 3, 4, 5});
  const auto noisy = noise(stream_of(rows_of(zeros(DType::f32, {100, 100}))), 2, 0);
  double squares = 0, sum = 0;
  const Bytes bytes = all_of(*noisy->tensors[0].rows, training(1, 0));
  for (std::size_t i = 0; i < bytes.size(); i += 4) {
    float value;
    std::memcpy(&value, &bytes[i], 4);
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  CHECK(std::abs(sum / 1e4) < 0.06);
  CHECK(std::abs(std::sqrt(squares / 1e4) - 2) < 0.06);
  CHECK(noise(stream, 0.1, 0)->sounds->read(3, training(1, 0))->size() == 3);
  CHECK(*noise(stream, 0.1, 0)->sounds->read(3, {}) == *stream.sounds->read(3, {}));
  CHECK(message(noise(images(), 1, 0)) == "expected sounds or one tensor of f32 or u8");
  CHECK(message(noise(stream, -1, 0)) == "expected a deviation from 0, found -1.000000");
}

TEST_CASE("a shuffle shows every row once an epoch, all tensors in the same order") {
  std::vector<std::int32_t> numbers;
  for (std::int32_t i = 0; i < rows; ++i) numbers.push_back(i);
  Folder folder;
  const Stream both = *join({sounds(folder), {{{"number", rows_of(array_of(DType::i32, {rows}, numbers))}}}});
  const auto mixed = shuffle(both, 0);
  for (const Draw& draw : {training(1, 0), training(1, 1), Draw{}}) {
    const Bytes bytes = all_of(*mixed->tensors[0].rows, draw);
    std::vector<std::int32_t> order(rows);
    std::memcpy(order.data(), bytes.data(), bytes.size());
    CHECK(order != numbers);
    for (std::int64_t row = 0; row < rows; ++row) {
      const float first = (*mixed->sounds->read(row, draw))[0];
      CHECK(first == static_cast<float>(order[static_cast<std::size_t>(row)]) / 32768);
    }
    std::sort(order.begin(), order.end());
    CHECK(order == numbers);
  }
}
