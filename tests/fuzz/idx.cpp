// An IDX file, plain or in gzip.
#include "runtime/data/idx.h"

#include <algorithm>

#include "tests/fuzz/target.h"

namespace descent::fuzz {
namespace {

// The type codes that an Array's types are written with.
int code_of(data::DType type) {
  switch (type) {
    case data::DType::u8:
      return 0x08;
    case data::DType::i32:
      return 0x0c;
    case data::DType::f32:
      return 0x0d;
    case data::DType::f64:
      return 0x0e;
    case data::DType::i64:
    case data::DType::boolean:
      break;
  }
  internal_error(__FILE__, __LINE__, "IDX has no elements of " + std::string(data::name_of(type)));
}

void append_big_endian(data::Bytes& bytes, const std::byte* at, std::int64_t size) {
  std::reverse_copy(at, at + size, std::back_inserter(bytes));
}

data::Bytes format_idx(const data::Array& array) {
  data::Bytes bytes{std::byte{0}, std::byte{0}, std::byte(code_of(array.dtype)), std::byte(array.shape.size())};
  for (const std::int64_t extent : array.shape) {
    const auto narrow = static_cast<std::uint32_t>(extent);
    append_big_endian(bytes, reinterpret_cast<const std::byte*>(&narrow), sizeof narrow);
  }
  const std::int64_t size = data::size_of(array.dtype);
  for (std::int64_t i = 0; i < array.count(); ++i) append_big_endian(bytes, array.bytes.data() + i * size, size);
  return bytes;
}

void run_plain(std::span<const std::byte> bytes) {
  const auto array = data::parse_idx(bytes, "input");
  if (!array) return check_refusal(array.error());
  check_array(*array);
  check_whole(data::text_of(bytes), [](auto part) { return data::parse_idx(part, "part"); });
  check_read_back(*array, data::parse_idx(format_idx(*array), "again"));
}

}  // namespace

void run(std::string_view input) {
  const std::span<const std::byte> bytes = data::bytes_of_text(input);
  if (!data::is_gzip(bytes)) return run_plain(bytes);
  const auto unpacked = data::unpack_gzip(bytes, "input", 1 << 20);
  if (!unpacked) return check_refusal(unpacked.error());
  run_plain(*unpacked);
}

}  // namespace descent::fuzz
