// Whole files as bytes, and files written so that a reader never sees half of one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/data/error.h"

namespace descent::data {

// Readers keep a whole file in memory; what is larger, packed or unpacked, is refused.
inline constexpr std::int64_t largest_file = std::int64_t{1} << 30;

using Bytes = std::vector<std::byte>;

// The bytes of a file; when they begin like gzip, what gzip holds. `limit` bounds both, and
// what gzip holds is never more than `largest_file`.
Expected<Bytes> read_file(const std::string& path, std::int64_t limit = largest_file);

// What gzip members hold, one after the other. Memory follows what really comes out, up to `limit`.
Expected<Bytes> unpack_gzip(std::span<const std::byte> packed, const std::string& name,
                            std::int64_t limit = largest_file);
bool is_gzip(std::span<const std::byte> bytes);

// Writes beside `path` under another name, waits until the disk has it, and renames: `path` holds the old bytes or
// the new ones, never half. A file that is replaced leaves its rights to the new one. The value is the number of bytes
// written.
Expected<std::int64_t> write_file(const std::string& path, std::span<const std::byte> bytes);
// Takes away what a process that was killed while it wrote `path` left beside it.
void remove_unfinished(const std::string& path);

inline std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::span<const std::byte> bytes_of_text(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace descent::data
