// Reads the directory at the end of the archive, then each file's own header and bytes.
#include "runtime/data/zip.h"

#include <zlib.h>

#include <algorithm>
#include <set>

namespace descent::data {

namespace {

constexpr std::uint32_t local_signature = 0x04034b50, directory_signature = 0x02014b50, end_signature = 0x06054b50;
constexpr std::size_t local_size = 30, directory_size = 46, end_size = 22;
constexpr std::size_t most_files = 10'000;
constexpr int stored = 0, deflated = 8;

// `width` bytes, little endian; they lie in `bytes`.
std::uint64_t number_at(std::span<const std::byte> bytes, std::size_t at, std::size_t width) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value |= std::to_integer<std::uint64_t>(bytes[at + i]) << 8 * i;
  return value;
}

// What the directory says about a file.
struct Entry {
  std::string name;
  int flags = 0, method = 0;
  std::uint64_t sum = 0, packed = 0, size = 0;
  std::uint64_t header = 0;        // where its own header begins
  std::size_t begin = 0, end = 0;  // of its bytes
};

struct Directory {
  std::size_t begin = 0;  // in the archive
  std::size_t size = 0, files = 0;
};

Error error(const std::string& message) { return {{}, {}, message}; }

// The record that ends the archive: behind it there is only its comment, of the length it says.
Expected<Directory> find_directory(std::span<const std::byte> bytes) {
  if (!is_zip(bytes)) return error("not a zip archive: expected to begin with PK");
  const std::size_t longest = 65535;
  for (std::size_t comment = 0; comment <= longest && comment + end_size <= bytes.size(); ++comment) {
    const std::size_t at = bytes.size() - end_size - comment;
    if (number_at(bytes, at, 4) != end_signature || number_at(bytes, at + 20, 2) != comment) continue;
    const Directory directory{number_at(bytes, at + 16, 4), number_at(bytes, at + 12, 4), number_at(bytes, at + 10, 2)};
    if (number_at(bytes, at + 4, 4) != 0 || number_at(bytes, at + 8, 2) != directory.files) {
      return error("the archive is one part of several");
    }
    if (directory.begin + directory.size != at) {
      return error("corrupt zip: the directory is not where the archive says, or it is of Zip64");
    }
    if (directory.files > most_files)
      return error("the archive holds more than " + std::to_string(most_files) + " files");
    return directory;
  }
  return error("truncated zip: there is no directory at its end");
}

Expected<std::vector<Entry>> read_directory(std::span<const std::byte> bytes, const Directory& directory) {
  std::vector<Entry> entries;
  std::span<const std::byte> rest = bytes.subspan(directory.begin, directory.size);
  for (std::size_t i = 0; i < directory.files; ++i) {
    if (rest.size() < directory_size || number_at(rest, 0, 4) != directory_signature) {
      return error("corrupt zip: the directory breaks off at file " + std::to_string(i + 1));
    }
    const std::size_t name = number_at(rest, 28, 2);
    const std::size_t size = directory_size + name + number_at(rest, 30, 2) + number_at(rest, 32, 2);
    if (rest.size() < size) return error("corrupt zip: the directory breaks off at file " + std::to_string(i + 1));
    Entry entry;
    entry.name = std::string(text_of(rest.subspan(directory_size, name)));
    entry.flags = static_cast<int>(number_at(rest, 8, 2));
    entry.method = static_cast<int>(number_at(rest, 10, 2));
    entry.sum = number_at(rest, 16, 4);
    entry.packed = number_at(rest, 20, 4);
    entry.size = number_at(rest, 24, 4);
    entry.header = number_at(rest, 42, 4);
    entries.push_back(std::move(entry));
    rest = rest.subspan(size);
  }
  if (rest.empty()) return entries;
  return error("corrupt zip: " + std::to_string(rest.size()) + " bytes behind the last file of the directory");
}

// Finds the bytes of a file by its own header, which may say sizes in another form: the directory's count.
std::optional<std::string> locate(std::span<const std::byte> bytes, const Directory& directory, Entry& entry) {
  const auto problem = [&](const std::string& message) { return "'" + entry.name + "': " + message; };
  if (entry.flags & 1) return problem("is encrypted");
  if (entry.method != stored && entry.method != deflated) {
    return problem("is packed by method " + std::to_string(entry.method) + ": expected 0, stored, or 8, deflated");
  }
  if (entry.packed == 0xFFFFFFFF || entry.size == 0xFFFFFFFF) return problem("is of Zip64, larger than 4 GiB");
  if (entry.header + local_size > directory.begin || number_at(bytes, entry.header, 4) != local_signature) {
    return problem("is not where the directory says");
  }
  const std::size_t name = number_at(bytes, entry.header + 26, 2);
  entry.begin = entry.header + local_size + name + number_at(bytes, entry.header + 28, 2);
  entry.end = entry.begin + entry.packed;
  if (entry.end > directory.begin) return problem("leaves the archive");
  if (text_of(bytes).substr(entry.header + local_size, name) != entry.name) {
    return problem("has another name in its own header");
  }
  return std::nullopt;
}

// Files that share bytes are how a small archive claims to be a large one.
std::optional<std::string> check_apart(std::vector<Entry> entries) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.header < b.header; });
  for (std::size_t i = 1; i < entries.size(); ++i) {
    if (entries[i].header < entries[i - 1].end) {
      return "'" + entries[i].name + "' overlaps with '" + entries[i - 1].name + "'";
    }
  }
  std::set<std::string_view> names;
  for (const Entry& entry : entries) {
    if (!names.insert(entry.name).second) return "'" + entry.name + "' stands twice in the archive";
  }
  return std::nullopt;
}

// zlib's state for bytes without a wrapping, ended with the scope.
struct Inflater {
  z_stream stream{};
  bool ready = false;
  Inflater() { ready = inflateInit2(&stream, -15) == Z_OK; }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream); }
};

// Nothing when the bytes are not what deflate writes, or come to another size.
std::optional<Bytes> unpack(std::span<const std::byte> packed, std::uint64_t size) {
  constexpr std::size_t chunk = std::size_t{1} << 16;
  Inflater inflater;
  if (!inflater.ready) return std::nullopt;
  z_stream& stream = inflater.stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());  // below 4 GiB
  Bytes bytes;
  while (bytes.size() <= size) {
    const std::size_t used = bytes.size();
    bytes.resize(used + chunk);
    stream.next_out = reinterpret_cast<Bytef*>(bytes.data() + used);
    stream.avail_out = static_cast<uInt>(chunk);
    const int status = inflate(&stream, Z_NO_FLUSH);
    bytes.resize(used + chunk - stream.avail_out);
    if (status == Z_STREAM_END) break;
    if (status != Z_OK || (stream.avail_in == 0 && stream.avail_out > 0)) return std::nullopt;
  }
  if (bytes.size() != size || stream.avail_in != 0) return std::nullopt;
  return bytes;
}

std::uint64_t check_sum(std::span<const std::byte> bytes) {
  return ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
}

Expected<std::vector<ZipFile>> parse_unnamed(std::span<const std::byte> bytes, std::int64_t limit) {
  const auto directory = find_directory(bytes);
  if (!directory) return directory.error();
  auto entries = read_directory(bytes, *directory);
  if (!entries) return entries.error();
  std::uint64_t sum = 0;
  for (Entry& entry : *entries) {
    if (const auto problem = locate(bytes, *directory, entry)) return error(*problem);
    sum += entry.size;
  }
  if (const auto problem = check_apart(*entries)) return error(*problem);
  if (sum > static_cast<std::uint64_t>(limit)) {
    return error("the archive holds more than the limit of " + std::to_string(limit) + " bytes");
  }
  std::vector<ZipFile> files;
  for (const Entry& entry : *entries) {
    const auto packed = bytes.subspan(entry.begin, entry.end - entry.begin);
    std::optional<Bytes> unpacked;
    if (entry.method == deflated) {
      unpacked = unpack(packed, entry.size);
    } else if (entry.packed == entry.size) {
      unpacked.emplace(packed.begin(), packed.end());
    }
    if (!unpacked || check_sum(*unpacked) != entry.sum) {
      return error("corrupt zip: '" + entry.name + "' does not give the " + std::to_string(entry.size) +
                   " bytes that the directory says");
    }
    files.push_back({entry.name, std::move(*unpacked)});
  }
  return files;
}

void append(Bytes& bytes, std::uint64_t value, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) bytes.push_back(static_cast<std::byte>(value >> 8 * i & 255));
}

void append(Bytes& bytes, std::string_view text) {
  const auto more = bytes_of_text(text);
  bytes.insert(bytes.end(), more.begin(), more.end());
}

// What both headers of a file hold from the version to the length of the name; its name is UTF-8.
void append_facts(Bytes& bytes, const ZipFile& file) {
  constexpr int version = 20, utf8 = 1 << 11, midnight = 0, first_of_1980 = 0x21;
  for (const int value : {version, utf8, stored, midnight, first_of_1980})
    append(bytes, static_cast<std::uint64_t>(value), 2);
  append(bytes, check_sum(file.bytes), 4);
  append(bytes, file.bytes.size(), 4);
  append(bytes, file.bytes.size(), 4);
  append(bytes, file.name.size(), 2);
}

}  // namespace

bool is_zip(std::span<const std::byte> bytes) {
  return bytes.size() >= 4 && (number_at(bytes, 0, 4) == local_signature || number_at(bytes, 0, 4) == end_signature);
}

Expected<std::vector<ZipFile>> parse_zip(std::span<const std::byte> bytes, const std::string& name,
                                         std::int64_t limit) {
  auto files = parse_unnamed(bytes, limit);
  if (files) return files;
  Error wrong = files.error();
  wrong.file = name;
  return wrong;
}

Expected<Bytes> format_zip(const std::vector<ZipFile>& files) {
  Bytes bytes, directory;
  for (const ZipFile& file : files) {
    const std::size_t header = bytes.size();
    if (file.name.size() > 0xFFFF || files.size() > most_files || header + file.bytes.size() > 0x7FFFFFFF) {
      return error("there is too much for one zip archive");
    }
    append(bytes, local_signature, 4);
    append_facts(bytes, file);
    append(bytes, 0, 2);  // nothing extra
    append(bytes, file.name);
    bytes.insert(bytes.end(), file.bytes.begin(), file.bytes.end());
    append(directory, directory_signature, 4);
    append(directory, 20, 2);
    append_facts(directory, file);
    append(directory, 0, 2 + 2 + 2 + 2);  // nothing extra, no comment, this part, no attributes
    append(directory, 0, 4);
    append(directory, header, 4);
    append(directory, file.name);
  }
  const std::size_t begin = bytes.size();
  bytes.insert(bytes.end(), directory.begin(), directory.end());
  append(bytes, end_signature, 4);
  append(bytes, 0, 4);
  append(bytes, files.size(), 2);
  append(bytes, files.size(), 2);
  append(bytes, directory.size(), 4);
  append(bytes, begin, 4);
  append(bytes, 0, 2);
  return bytes;
}

}  // namespace descent::data
