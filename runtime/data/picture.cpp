// PNG by stb_image_write, whose functions are made in this file (CMakeLists.txt).
#include "runtime/data/picture.h"

#include <stb/stb_image_write.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/data/file.h"

namespace descent::data {
namespace {

constexpr std::int64_t most_pixels = std::int64_t{1} << 26;

struct Images {
  std::int64_t rows = 0, channels = 1, height = 0, width = 0;
};

std::optional<Images> images_of(const Shape& shape) {
  if (shape.size() == 3) return Images{shape[0], 1, shape[1], shape[2]};
  if (shape.size() == 4 && (shape[1] == 1 || shape[1] == 3)) return Images{shape[0], shape[1], shape[2], shape[3]};
  return std::nullopt;
}

// From 0 to 255 over the numbers that occur.
template <class T>
std::vector<std::uint8_t> levels_of(std::span<const T> numbers) {
  double least = std::numeric_limits<double>::infinity(), greatest = -least;
  for (const T number : numbers) {
    const auto value = static_cast<double>(number);
    if (!std::isfinite(value)) continue;
    least = std::min(least, value);
    greatest = std::max(greatest, value);
  }
  if (least > greatest) return std::vector<std::uint8_t>(numbers.size(), 0);
  const double scale = greatest > least ? 255 / (greatest - least) : 0;
  std::vector<std::uint8_t> levels;
  levels.reserve(numbers.size());
  for (const T number : numbers) {
    const auto value = static_cast<double>(number);
    const double level = std::isnan(value) ? 0 : (std::clamp(value, least, greatest) - least) * scale;
    levels.push_back(static_cast<std::uint8_t>(std::lround(level)));
  }
  return levels;
}

std::vector<std::uint8_t> levels_of(const Array& array) {
  switch (array.dtype) {
    case DType::f32:
      return levels_of(array.as<float>());
    case DType::f64:
      return levels_of(array.as<double>());
    case DType::i32:
      return levels_of(array.as<std::int32_t>());
    case DType::i64:
      return levels_of(array.as<std::int64_t>());
    case DType::boolean:
      return levels_of(array.as<std::uint8_t>());
    case DType::u8:
      break;
  }
  const auto bytes = array.as<std::uint8_t>();
  return {bytes.begin(), bytes.end()};
}

// Pixels of all images in one rectangle, channels last.
struct Sheet {
  std::int64_t height = 0, width = 0, channels = 1;
  std::vector<std::uint8_t> pixels;
};

Sheet sheet_of(const Images& images, const std::vector<std::uint8_t>& levels, std::int64_t across) {
  const std::int64_t down = (images.rows + across - 1) / across;
  Sheet sheet{down * (images.height + 1) - 1, across * (images.width + 1) - 1, images.channels, {}};
  sheet.pixels.resize(static_cast<std::size_t>(sheet.height * sheet.width * sheet.channels));
  std::size_t from = 0;
  for (std::int64_t row = 0; row < images.rows; ++row) {
    const std::int64_t top = row / across * (images.height + 1), left = row % across * (images.width + 1);
    for (std::int64_t channel = 0; channel < images.channels; ++channel) {
      for (std::int64_t y = 0; y < images.height; ++y) {
        for (std::int64_t x = 0; x < images.width; ++x) {
          const std::int64_t pixel = (top + y) * sheet.width + left + x;
          sheet.pixels[static_cast<std::size_t>(pixel * sheet.channels + channel)] = levels[from++];
        }
      }
    }
  }
  return sheet;
}

}  // namespace

Expected<std::int64_t> write_picture(const std::string& path, const Array& array) {
  const std::optional<Images> images = images_of(array.shape);
  if (!images) {
    return Error{path,
                 {},
                 "expected images as [rows, height, width], or with 1 or 3 channels as [rows, channels, "
                 "height, width], found " +
                     to_string(array.shape)};
  }
  if (array.count() == 0) return Error{path, {}, "expected at least one pixel, found " + to_string(array.shape)};
  // About as wide as high.
  const double share =
      static_cast<double>(images->rows * (images->height + 1)) / static_cast<double>(images->width + 1);
  const std::int64_t across = std::clamp<std::int64_t>(std::llround(std::sqrt(share)), 1, images->rows);
  const std::int64_t down = (images->rows + across - 1) / across;
  const double pixels =
      static_cast<double>(down * (images->height + 1)) * static_cast<double>(across * (images->width + 1));
  if (pixels > static_cast<double>(most_pixels)) {
    return Error{path, {}, "expected at most 2^26 pixels, found " + to_string(array.shape)};
  }
  const Sheet sheet = sheet_of(*images, levels_of(array), across);
  int length = 0;
  unsigned char* const packed = stbi_write_png_to_mem(
      sheet.pixels.data(), static_cast<int>(sheet.width * sheet.channels), static_cast<int>(sheet.width),
      static_cast<int>(sheet.height), static_cast<int>(sheet.channels), &length);
  if (packed == nullptr) return Error{path, {}, "there is no memory to write the picture"};
  auto written = write_file(path, std::as_bytes(std::span(packed, static_cast<std::size_t>(length))));
  STBIW_FREE(packed);
  return written;
}

}  // namespace descent::data
