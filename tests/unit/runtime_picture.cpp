// Pictures, read back by stb_image.
#include <stb/stb_image.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>

#include "runtime/data/picture.h"

namespace descent::data {
namespace {

struct Picture {
  int width = 0, height = 0, channels = 0;
  std::vector<std::uint8_t> pixels;
};

Picture written(const Array& array) {
  const std::string path = (std::filesystem::temp_directory_path() / "descent_picture.png").string();
  const auto bytes = write_picture(path, array);
  REQUIRE(bytes.ok());
  CHECK(*bytes == static_cast<std::int64_t>(std::filesystem::file_size(path)));
  Picture picture;
  unsigned char* const pixels = stbi_load(path.c_str(), &picture.width, &picture.height, &picture.channels, 0);
  std::filesystem::remove(path);
  REQUIRE(pixels != nullptr);
  picture.pixels.assign(pixels, pixels + picture.width * picture.height * picture.channels);
  stbi_image_free(pixels);
  return picture;
}

template <class T>
Array array_of(DType type, Shape shape, const std::vector<T>& values) {
  Array array = zeros(type, std::move(shape));
  std::copy(values.begin(), values.end(), array.as<T>().begin());
  return array;
}

std::string refused(const Array& array) {
  const auto result = write_picture("no/such/folder/x.png", array);
  REQUIRE(!result.ok());
  return result.error().message;
}

TEST_CASE("bytes are pixels, images stand side by side") {
  const Picture picture =
      written(array_of<std::uint8_t>(DType::u8, {3, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
  CHECK(picture.channels == 1);
  CHECK(picture.width == 5);
  CHECK(picture.height == 5);
  CHECK(picture.pixels ==
        std::vector<std::uint8_t>{1, 2, 0, 5, 6, 3, 4, 0, 7, 8, 0, 0, 0, 0, 0, 9, 10, 0, 0, 0, 11, 12, 0, 0, 0});
}

TEST_CASE("the least number is black, the greatest white, and what is none black") {
  const float infinite = HUGE_VALF;
  CHECK(written(array_of<float>(DType::f32, {1, 1, 5}, {-1, 1, 0, NAN, infinite})).pixels ==
        std::vector<std::uint8_t>{0, 255, 128, 0, 255});
  CHECK(written(array_of<float>(DType::f32, {1, 1, 2}, {infinite, NAN})).pixels == std::vector<std::uint8_t>{0, 0});
  CHECK(written(array_of<std::int32_t>(DType::i32, {1, 1, 2}, {7, 7})).pixels == std::vector<std::uint8_t>{0, 0});
}

TEST_CASE("three channels are red, green and blue") {
  const Picture picture = written(array_of<std::uint8_t>(DType::u8, {1, 3, 1, 2}, {10, 11, 20, 21, 30, 31}));
  CHECK(picture.channels == 3);
  CHECK(picture.pixels == std::vector<std::uint8_t>{10, 20, 30, 11, 21, 31});
}

TEST_CASE("what is no image is refused") {
  CHECK(refused(zeros(DType::f32, {2, 2, 3, 3})).find("expected images as [rows, height, width]") == 0);
  CHECK(refused(zeros(DType::f32, {2, 9})).find("found [2, 9]") != std::string::npos);
  CHECK(refused(zeros(DType::f32, {0, 2, 2})).find("at least one pixel") != std::string::npos);
  CHECK(refused(zeros(DType::u8, {1, 1, 1 << 27})).find("at most 2^26 pixels") != std::string::npos);
}

}  // namespace
}  // namespace descent::data
