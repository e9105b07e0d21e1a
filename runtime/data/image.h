// PNG files as rows of bytes, through stb_image.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/data/rows.h"

namespace descent::data {

struct ImageOptions {
  std::optional<std::int64_t> channels = {};  // 1: grey, 3: red, green, blue; else as the first file is
  // What every image is brought to; without them all must be as large as the first.
  std::optional<std::int64_t> height = {}, width = {};
};
inline constexpr std::int64_t most_image_pixels = std::int64_t{1} << 26;

// u8[height, width], in colour u8[3, height, width]; what is transparent counts as it would opaque, 16 bits are cut to
// 8. Refused: what is no PNG, ends early, or holds a chunk with a wrong checksum; more than 2^26 pixels.
Expected<Array> parse_png(std::span<const std::byte> bytes, const std::string& name, const ImageOptions& options = {});

// A file a row, each looked at now and read when it is wanted.
Expected<RowsRef> image_rows(std::vector<std::string> files, ImageOptions options);

}  // namespace descent::data
