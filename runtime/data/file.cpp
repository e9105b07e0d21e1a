// Files as bytes through POSIX and zlib. No size that a file claims about itself is believed: memory grows with what
// has really been read, up to the limit.
#include "runtime/data/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace descent::data {

namespace {

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }
  bool close() { return ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

Error system_error(const std::string& path, const std::string& what, int number) {
  std::string reason = number == ENOENT ? "no such file or folder" : std::generic_category().message(number);
  return {path, {}, what + ": " + reason};
}

Error too_large(const std::string& name, const char* what, std::int64_t limit) {
  return {name, {}, std::string(what) + " more than the limit of " + std::to_string(limit) + " bytes"};
}

constexpr std::size_t chunk = std::size_t{1} << 16;

Expected<Bytes> read_descriptor(int number, std::int64_t expected, const std::string& path, std::int64_t limit) {
  Bytes bytes;
  bytes.reserve(static_cast<std::size_t>(std::max<std::int64_t>(expected, 0)) + chunk);
  while (true) {
    const std::size_t used = bytes.size();
    bytes.resize(used + chunk);
    const ssize_t count = ::read(number, bytes.data() + used, chunk);
    bytes.resize(used + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0 && errno != EINTR) return system_error(path, "cannot read", errno);
    if (count == 0) return bytes;
    if (static_cast<std::int64_t>(bytes.size()) > limit) return too_large(path, "the file holds", limit);
  }
}

// zlib's state, ended with the scope.
struct Inflater {
  z_stream stream{};
  bool ready = false;
  Inflater() { ready = inflateInit2(&stream, 15 + 16) == Z_OK; }  // largest window, gzip's wrapping only
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream); }
};

}  // namespace

bool is_gzip(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1F} && bytes[1] == std::byte{0x8B};
}

Expected<Bytes> unpack_gzip(std::span<const std::byte> packed, const std::string& name, std::int64_t limit) {
  Inflater inflater;
  if (!inflater.ready) return Error{name, {}, "cannot unpack gzip: no memory"};
  z_stream& stream = inflater.stream;
  Bytes bytes;
  std::size_t consumed = 0;
  while (true) {
    const std::size_t used = bytes.size();
    const std::size_t offered = std::min(packed.size() - consumed, std::size_t{1} << 30);
    if (bytes.capacity() < used + chunk) {
      const auto most = static_cast<std::size_t>(limit);
      bytes.reserve((used < most / 4 ? 2 * used : most) + chunk);  // old and new never take twice the limit
    }
    bytes.resize(used + chunk);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data() + consumed));
    stream.avail_in = static_cast<uInt>(offered);
    stream.next_out = reinterpret_cast<Bytef*>(bytes.data() + used);
    stream.avail_out = static_cast<uInt>(chunk);
    const int status = inflate(&stream, Z_NO_FLUSH);
    consumed += offered - stream.avail_in;
    bytes.resize(used + chunk - stream.avail_out);
    if (static_cast<std::int64_t>(bytes.size()) > limit) return too_large(name, "gzip holds", limit);
    if (status == Z_STREAM_END) {
      if (consumed == packed.size()) return bytes;
      if (!is_gzip(packed.subspan(consumed))) {
        return Error{name, {}, "corrupt gzip: " + std::to_string(packed.size() - consumed) + " bytes after its end"};
      }
      inflateReset(&stream);  // the next member
    } else if (status == Z_BUF_ERROR || (status == Z_OK && consumed == packed.size() && stream.avail_out > 0)) {
      return Error{name, {}, "truncated gzip: the file ends after " + std::to_string(bytes.size()) + " unpacked bytes"};
    } else if (status != Z_OK) {
      return Error{name, {}, std::string("corrupt gzip: ") + (stream.msg ? stream.msg : "data that no gzip writes")};
    }
  }
}

Expected<Bytes> read_file(const std::string& path, std::int64_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.number() < 0) return system_error(path, "cannot open", errno);
  struct stat status{};
  if (::fstat(file.number(), &status) != 0) return system_error(path, "cannot read", errno);
  if (S_ISDIR(status.st_mode)) return Error{path, {}, "cannot read: expected a file, found a folder"};
  if (status.st_size > limit) return too_large(path, "the file holds", limit);
  auto bytes = read_descriptor(file.number(), status.st_size, path, limit);
  if (!bytes || !is_gzip(*bytes)) return bytes;
  return unpack_gzip(*bytes, path, std::min(limit, largest_file));
}

namespace {

std::optional<Error> write_all(int number, std::span<const std::byte> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(number, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error(path, "cannot write", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  if (::fsync(number) != 0) return system_error(path, "cannot write", errno);
  return std::nullopt;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Between a file's name and the letters that make its other name unique while it is written.
constexpr const char* unfinished = ".unfinished-";

// Those of the file that stands there, else those that any new file has.
mode_t rights_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0) return status.st_mode & 0777;
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

}  // namespace

void remove_unfinished(const std::string& path) {
  namespace fs = std::filesystem;
  const std::string beginning = path.substr(path.rfind('/') + 1) + unfinished;
  std::error_code error;
  for (auto entry = fs::directory_iterator(folder_of(path), error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    std::error_code ignored;
    if (entry->path().filename().string().starts_with(beginning)) fs::remove(entry->path(), ignored);
  }
}

Expected<std::int64_t> write_file(const std::string& path, std::span<const std::byte> bytes) {
  std::string beside = path + unfinished + "XXXXXX";
  Descriptor file(::mkostemp(beside.data(), O_CLOEXEC));
  if (file.number() < 0) return system_error(path, "cannot write", errno);
  auto failed = write_all(file.number(), bytes, path);
  // mkstemp makes the file private.
  if (!failed && ::fchmod(file.number(), rights_of(path)) != 0) failed = system_error(path, "cannot write", errno);
  if (!file.close() && !failed) failed = system_error(path, "cannot write", errno);
  if (!failed && ::rename(beside.c_str(), path.c_str()) != 0) failed = system_error(path, "cannot write", errno);
  if (failed) {
    ::unlink(beside.c_str());
    return *failed;
  }
  // The new name is on disk once its folder is; a file system that can't sync folders has done all it can.
  const Descriptor folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.number() >= 0) ::fsync(folder.number());
  return static_cast<std::int64_t>(bytes.size());
}

}  // namespace descent::data
