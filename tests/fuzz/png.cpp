// A PNG file as it is and with its checksums put right, which keep most of what is random from being decoded; and
// brought to another size.
#include <zlib.h>

#include "runtime/data/image.h"
#include "tests/fuzz/target.h"

namespace descent::fuzz {
namespace {

std::uint32_t big_endian(const std::string& file, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(file[at + i]);
  return value;
}

std::string with_checksums(std::string file) {
  for (std::size_t at = 8; at + 12 <= file.size();) {
    const std::size_t length = big_endian(file, at);
    if (length > file.size() - at - 12) break;
    const auto sum = ::crc32(0, reinterpret_cast<const Bytef*>(&file[at + 4]), static_cast<uInt>(length + 4));
    for (std::size_t i = 0; i < 4; ++i) file[at + 8 + length + i] = static_cast<char>(sum >> (24 - 8 * i));
    at += length + 12;
  }
  return file;
}

void check(std::string_view input) {
  const std::span<const std::byte> bytes = data::bytes_of_text(input);
  for (const data::ImageOptions& options : {data::ImageOptions{}, data::ImageOptions{3, 5, 7}}) {
    const auto image = data::parse_png(bytes, "input", options);
    if (!image) return check_refusal(image.error());
    check_array(*image);
    DESCENT_CHECK(image->count() > 0, "an image of nothing");
    if (options.height) DESCENT_CHECK((image->shape == data::Shape{3, 5, 7}), "an image of another size than wanted");
  }
}

}  // namespace

void run(std::string_view input) {
  check(input);
  check(with_checksums(std::string(input)));
}

}  // namespace descent::fuzz
