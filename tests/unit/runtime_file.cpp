// Files: gzip, limits, atomic writing.
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "tests/support/data.h"

using namespace descent::data;
using namespace descent::data::test;

namespace {

std::string text_at(const std::string& path) {
  const auto bytes = read_file(path);
  return bytes ? std::string(text_of(*bytes)) : to_string(bytes.error());
}

}  // namespace

TEST_CASE("a file is read whole, packed or plain") {
  const Folder folder;
  const std::string long_text(300000, 'x');
  CHECK(text_at(folder.write("empty", "")) == "");
  CHECK(text_at(folder.write("plain", long_text)) == long_text);
  CHECK(text_at(folder.write("packed", gzip(long_text))) == long_text);
  CHECK(text_at(folder.write("members", gzip("one ") + gzip("") + gzip("two"))) == "one two");
  CHECK(text_at(folder.write("nothing", gzip(""))) == "");
}

TEST_CASE("what can't be read says why") {
  const Folder folder;
  const std::string missing = folder.path("missing");
  CHECK(text_at(missing) == missing + ": cannot open: no such file or folder");
  CHECK(text_at(folder.path("")) == folder.path("") + ": cannot read: expected a file, found a folder");

  const std::string packed = gzip(std::string(1000, 'a') + "b");
  const std::string cut = folder.write("cut", packed.substr(0, packed.size() - 9));
  CHECK(text_at(cut) == cut + ": truncated gzip: the file ends after 1001 unpacked bytes");
  const std::string head = folder.write("head", packed.substr(0, 5));
  CHECK(text_at(head) == head + ": truncated gzip: the file ends after 0 unpacked bytes");
  const std::string tail = folder.write("tail", packed + "abc");
  CHECK(text_at(tail) == tail + ": corrupt gzip: 3 bytes after its end");
  std::string flipped = packed;
  flipped[flipped.size() - 5] ^= 1;
  const std::string sum = folder.write("sum", flipped);
  CHECK(text_at(sum) == sum + ": corrupt gzip: incorrect data check");
}

TEST_CASE("the limit holds for the file and for what it unpacks to") {
  const Folder folder;
  const std::string plain = folder.write("plain", std::string(1001, 'a'));
  CHECK(message(read_file(plain, 1000)) == plain + ": the file holds more than the limit of 1000 bytes");
  CHECK(read_file(plain, 1001));
  const std::string bomb = folder.write("bomb", gzip(std::string(10'000'000, '\0')));
  CHECK(message(read_file(bomb, 1'000'000)) == bomb + ": gzip holds more than the limit of 1000000 bytes");
}

TEST_CASE("writing replaces a file whole and leaves nothing beside it") {
  const Folder folder;
  const std::string path = folder.write("file", "old");
  CHECK(*write_file(path, bytes_of_text("new text")) == 8);
  CHECK(text_at(path) == "new text");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path("")), {}) == 1);

  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  const mode_t mask = ::umask(0);
  ::umask(mask);
  CHECK((status.st_mode & 0777) == (0666 & ~mask));

  const std::string nowhere = folder.path("no/such/folder");
  CHECK(message(write_file(nowhere, {})) == nowhere + ": cannot write: no such file or folder");
  std::filesystem::create_directory(folder.path("taken"));
  CHECK(message(write_file(folder.path("taken"), {})) == folder.path("taken") + ": cannot write: Is a directory");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path("")), {}) == 2);
}
