// stb_image and stb_image_resize become code in this file (CMakeLists.txt), with memory of a limit: what a file unpacks
// to may be far more than its header says.
#include "runtime/data/image.h"

#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "runtime/data/file.h"

namespace {

constexpr std::size_t most_memory = std::size_t{1} << 30;

void* take_memory(std::size_t size) { return size > most_memory ? nullptr : std::malloc(size); }
void* grow_memory(void* memory, std::size_t size) { return size > most_memory ? nullptr : std::realloc(memory, size); }
void give_memory(void* memory) { std::free(memory); }

}  // namespace

#include <stb/stb_image.h>
#include <stb/stb_image_resize.h>

namespace descent::data {

namespace {

struct Header {
  std::int64_t height = 0, width = 0;
  bool is_colour = false;
};

std::uint32_t big_endian(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

// stb_image takes files that end early and looks at no checksum.
std::optional<std::string> damage_of(std::span<const std::byte> bytes) {
  constexpr std::size_t signature = 8, frame = 12;  // length, name, checksum
  for (std::size_t at = signature; at + frame <= bytes.size();) {
    const std::size_t length = big_endian(bytes, at);
    if (length > bytes.size() - at - frame) break;
    const auto named = bytes.subspan(at + 4, length + 4);
    const std::string name(text_of(named.first(4)));
    const auto sum = ::crc32(0, reinterpret_cast<const Bytef*>(named.data()), static_cast<uInt>(named.size()));
    if (sum != big_endian(bytes, at + 8 + length)) return "corrupt: a wrong checksum at byte " + std::to_string(at);
    if (name == "IEND") return std::nullopt;
    at += frame + length;
  }
  return "truncated: the file ends after " + std::to_string(bytes.size()) + " bytes, before the image does";
}

Expected<Header> header_of(std::span<const std::byte> bytes, const std::string& name) {
  constexpr std::string_view signature = "\x89PNG\r\n\x1A\n";
  if (!text_of(bytes).starts_with(signature)) return Error{name, {}, "expected a PNG file, found another format"};
  if (auto damage = damage_of(bytes)) return Error{name, {}, *damage};
  int width = 0, height = 0, channels = 0;
  if (!stbi_info_from_memory(reinterpret_cast<const stbi_uc*>(bytes.data()), static_cast<int>(bytes.size()), &width,
                             &height, &channels)) {
    return Error{name, {}, "expected a PNG file: " + std::string(stbi_failure_reason())};
  }
  if (width < 1 || height < 1 || most_image_pixels / width < height) {
    return Error{name, {}, "expected at most 2^26 pixels, found " + to_string({height, width})};
  }
  return Header{height, width, channels >= 3};
}

// Channels last, as stb has them.
using Pixels = std::vector<stbi_uc>;

Expected<Pixels> decoded(std::span<const std::byte> bytes, const std::string& name, std::int64_t channels) {
  int width = 0, height = 0, found = 0;
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(bytes.data()), static_cast<int>(bytes.size()), &width,
                            &height, &found, static_cast<int>(channels)),
      stbi_image_free);
  if (!pixels) return Error{name, {}, "corrupt PNG: " + std::string(stbi_failure_reason())};
  return Pixels(pixels.get(), pixels.get() + std::int64_t{width} * height * channels);
}

Expected<Pixels> resized(const Pixels& pixels, const Header& from, const Header& to, std::int64_t channels,
                         const std::string& name) {
  if (from.height == to.height && from.width == to.width) return pixels;
  Pixels result(static_cast<std::size_t>(to.height * to.width * channels));
  const bool done =
      stbir_resize_uint8(pixels.data(), static_cast<int>(from.width), static_cast<int>(from.height), 0, result.data(),
                         static_cast<int>(to.width), static_cast<int>(to.height), 0, static_cast<int>(channels));
  if (!done) return Error{name, {}, "there is no memory to bring the image to another size"};
  return result;
}

Header target_of(const Header& found, const ImageOptions& options) {
  return {options.height.value_or(found.height), options.width.value_or(found.width), found.is_colour};
}

Shape shape_of(const Header& header, std::int64_t channels) {
  if (channels == 1) return {header.height, header.width};
  return {channels, header.height, header.width};
}

class ImageRows : public Rows {
 public:
  ImageRows(std::vector<std::string> files, const ImageOptions& options)
      : Rows(DType::u8, shape_of({*options.height, *options.width}, *options.channels),
             static_cast<std::int64_t>(files.size())),
        files_(std::move(files)),
        options_(options) {}

  std::optional<Error> read(std::int64_t begin, std::int64_t count, const Draw&, std::byte* out) const override {
    for (std::int64_t row = begin; row < begin + count; ++row, out += row_bytes()) {
      const std::string& path = files_[static_cast<std::size_t>(row)];
      const auto bytes = read_file(path);
      if (!bytes) return bytes.error();
      const Expected<Array> image = parse_png(*bytes, path, options_);
      if (!image) return image.error();
      std::memcpy(out, image->bytes.data(), image->bytes.size());
    }
    return std::nullopt;
  }

 private:
  std::vector<std::string> files_;
  ImageOptions options_;
};

}  // namespace

Expected<Array> parse_png(std::span<const std::byte> bytes, const std::string& name, const ImageOptions& options) {
  const Expected<Header> header = header_of(bytes, name);
  if (!header) return header.error();
  const std::int64_t channels = options.channels.value_or(header->is_colour ? 3 : 1);
  Expected<Pixels> pixels = decoded(bytes, name, channels);
  if (!pixels) return pixels.error();
  const Header target = target_of(*header, options);
  pixels = resized(*pixels, *header, target, channels, name);
  if (!pixels) return pixels.error();
  Array array = zeros(DType::u8, shape_of(target, channels));
  auto out = array.as<std::uint8_t>().begin();
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    for (std::int64_t at = channel; at < static_cast<std::int64_t>(pixels->size()); at += channels) {
      *out++ = (*pixels)[static_cast<std::size_t>(at)];
    }
  }
  return array;
}

Expected<RowsRef> image_rows(std::vector<std::string> files, ImageOptions options) {
  const bool is_resized = options.height && options.width;
  std::string first;
  for (const std::string& path : files) {
    const auto bytes = read_file(path);
    if (!bytes) return bytes.error();
    const Expected<Header> header = header_of(*bytes, path);
    if (!header) return header.error();
    if (first.empty()) {
      first = path;
      if (!options.channels) options.channels = header->is_colour ? 3 : 1;
      if (!options.height) options.height = header->height;
      if (!options.width) options.width = header->width;
    }
    if (is_resized || (header->height == *options.height && header->width == *options.width)) continue;
    return Error{path,
                 {},
                 "expected an image of " + to_string({*options.height, *options.width}) + " like '" + first +
                     "', found " + to_string({header->height, header->width}) +
                     "; height = … and width = … bring all to one size"};
  }
  return RowsRef(std::make_shared<ImageRows>(std::move(files), options));
}

}  // namespace descent::data
