// Zip archives as NumPy writes them: files stored or deflated, up to 4 GiB, none encrypted.
// Source: PKWARE, APPNOTE.TXT 6.3.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "runtime/data/file.h"

namespace descent::data {

struct ZipFile {
  std::string name;
  Bytes bytes;
};

// All files, in the order of the directory. What the archive says about itself is held against its bytes: no two files
// share some, sizes and check sums are right, names differ. Memory follows what really comes out, all in all up to
// `limit`.
Expected<std::vector<ZipFile>> parse_zip(std::span<const std::byte> bytes, const std::string& name,
                                         std::int64_t limit = largest_file);
bool is_zip(std::span<const std::byte> bytes);

// Stored, without times: equal files give equal bytes.
Expected<Bytes> format_zip(const std::vector<ZipFile>& files);

}  // namespace descent::data
