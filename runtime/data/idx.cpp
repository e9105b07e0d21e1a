// IDX: magic, extents, elements. The header's word is checked against the bytes that are there before anything is
// allocated.
#include "runtime/data/idx.h"

#include <array>
#include <cstring>

#include "runtime/data/file.h"

namespace descent::data {

namespace {

// A row of the format's type table: its code, how many bytes an element takes, what it becomes.
struct Element {
  std::uint8_t code;
  std::int64_t size;
  DType dtype;
  void (*decode)(const std::byte* source, std::int64_t count, std::byte* target);
};

template <class Stored, class Wide>
void decode(const std::byte* source, std::int64_t count, std::byte* target) {
  for (std::int64_t i = 0; i < count; ++i) {
    std::array<std::byte, sizeof(Stored)> little;
    for (std::size_t k = 0; k < sizeof(Stored); ++k) little[sizeof(Stored) - 1 - k] = source[k];
    Stored stored;
    std::memcpy(&stored, little.data(), sizeof(Stored));
    const Wide wide = stored;
    std::memcpy(target, &wide, sizeof(Wide));
    source += sizeof(Stored);
    target += sizeof(Wide);
  }
}

constexpr std::array<Element, 6> elements{{
    {0x08, 1, DType::u8, decode<std::uint8_t, std::uint8_t>},
    {0x09, 1, DType::i32, decode<std::int8_t, std::int32_t>},
    {0x0B, 2, DType::i32, decode<std::int16_t, std::int32_t>},
    {0x0C, 4, DType::i32, decode<std::int32_t, std::int32_t>},
    {0x0D, 4, DType::f32, decode<float, float>},
    {0x0E, 8, DType::f64, decode<double, double>},
}};

const Element* find_element(std::uint8_t code) {
  for (const Element& element : elements) {
    if (element.code == code) return &element;
  }
  return nullptr;
}

std::string hexadecimal(std::byte byte) {
  constexpr const char* digits = "0123456789abcdef";
  const auto value = std::to_integer<unsigned>(byte);
  return {digits[value >> 4], digits[value & 15]};
}

std::int64_t big_endian(std::span<const std::byte, 4> bytes) {
  std::int64_t value = 0;
  for (const std::byte byte : bytes) value = value << 8 | std::to_integer<std::int64_t>(byte);
  return value;
}

}  // namespace

Expected<Array> parse_idx(std::span<const std::byte> bytes, const std::string& name) {
  const auto error = [&](const std::string& message) { return Error{name, {}, message}; };
  const auto found = static_cast<std::int64_t>(bytes.size());
  if (found < 4) return error("not an IDX file: expected at least 4 bytes, found " + std::to_string(found));
  if (bytes[0] != std::byte{0} || bytes[1] != std::byte{0}) {
    return error("not an IDX file: expected to begin with 00 00, found " + hexadecimal(bytes[0]) + " " +
                 hexadecimal(bytes[1]));
  }
  const Element* element = find_element(std::to_integer<std::uint8_t>(bytes[2]));
  if (!element) {
    return error("unknown IDX element type " + hexadecimal(bytes[2]) +
                 ": expected 08 (u8), 09 (i8), 0b (i16), 0c (i32), 0d (f32) or 0e (f64)");
  }
  const auto rank = std::to_integer<std::int64_t>(bytes[3]);
  const std::int64_t header = 4 + 4 * rank;
  if (found < header) {
    return error("truncated: expected " + std::to_string(header) + " bytes for a header of rank " +
                 std::to_string(rank) + ", found " + std::to_string(found));
  }
  Shape shape;
  for (std::int64_t axis = 0; axis < rank; ++axis) {
    shape.push_back(big_endian(bytes.subspan(static_cast<std::size_t>(4 + 4 * axis)).first<4>()));
  }
  const auto size = bytes_of(element->dtype, shape, largest_file);
  if (!size) {
    return error("extents " + to_string(shape) + " are more than the limit of " + std::to_string(largest_file) +
                 " bytes");
  }
  const std::int64_t count = *size / size_of(element->dtype);
  const std::int64_t expected = header + count * element->size;
  if (found < expected) {
    return error("truncated: expected " + std::to_string(expected) + " bytes for " + to_string(shape) + ", found " +
                 std::to_string(found));
  }
  if (found > expected) {
    return error("expected " + std::to_string(expected) + " bytes for " + to_string(shape) + ", found " +
                 std::to_string(found - expected) + " more");
  }
  Array array = zeros(element->dtype, shape);
  element->decode(bytes.data() + header, count, array.bytes.data());
  return array;
}

Expected<Array> read_idx(const std::string& path) {
  const auto bytes = read_file(path);
  if (!bytes) return bytes.error();
  return parse_idx(*bytes, path);
}

}  // namespace descent::data
