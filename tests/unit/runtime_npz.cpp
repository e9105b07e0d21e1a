// .npz and the zip archive around it: round trips, NumPy's own files, every way to be wrong or hostile.
#include <zlib.h>

#include <catch2/catch.hpp>

#include "runtime/data/npz.h"
#include "runtime/data/zip.h"
#include "tests/support/data.h"
#include "tests/support/text_file.h"

using namespace descent::data;
using namespace descent::data::test;

namespace {

Tensors some_arrays() {
  Tensors tensors;
  tensors.arrays["hidden.weight"] = array_of<float>(DType::f32, {2, 2}, {1, 2, 3, 4});
  tensors.arrays["label"] = array_of<std::int32_t>(DType::i32, {3}, {7, 8, 9});
  tensors.arrays["none"] = array_of<double>(DType::f64, {0, 4}, {});
  return tensors;
}

std::string archive(const std::vector<ZipFile>& files) { return std::string(text_of(*format_zip(files))); }
ZipFile file(const std::string& name, const std::string& text) {
  const auto bytes = bytes_of_text(text);
  return {name, {bytes.begin(), bytes.end()}};
}
std::string two() { return archive({file("a", "first"), file("b", "second")}); }

// The text with bytes at an offset from its beginning or, below zero, its end exchanged.
std::string with(std::string text, std::ptrdiff_t at, const std::string& bytes) {
  return text.replace(at < 0 ? text.size() - static_cast<std::size_t>(-at) : static_cast<std::size_t>(at), bytes.size(),
                      bytes);
}

std::string refusal(const std::string& text) {
  const auto files = parse_zip(bytes_of_text(text), "x", 100);
  return files ? "no error" : to_string(files.error());
}

}  // namespace

TEST_CASE("what is written as .npz is read back") {
  const Folder folder;
  const Tensors tensors = some_arrays();
  REQUIRE(write_npz(folder.path("x.npz"), tensors));
  const auto read = read_npz(folder.path("x.npz"));
  REQUIRE(read);
  CHECK(*read == tensors);
  CHECK(*format_npz(*read) == *format_npz(tensors));
  CHECK(parse_npz(*format_npz({}), "x")->arrays.empty());
}

TEST_CASE("archives of numpy.savez and numpy.savez_compressed hold the same arrays") {
  const std::string fixtures = DESCENT_SOURCE_DIR "/tests/fixtures/torch_names";
  const auto stored = read_npz(fixtures + ".npz"), deflated = read_npz(fixtures + ".deflated.npz");
  REQUIRE(stored);
  REQUIRE(deflated);
  CHECK(stored->arrays.size() == 4);
  CHECK(*stored == *deflated);
  CHECK(stored->arrays.at("hidden.linear.weight").shape == Shape{3, 4});
}

TEST_CASE("malformed or hostile archives say what is wrong") {
  // "a" begins at 0 with a header of 31 bytes, "b" at 36; the directory of 2 × 47 bytes at 73.
  const std::string good = two();
  REQUIRE(refusal(good) == "no error");
  REQUIRE(good.size() == 73 + 94 + 22);
  struct Row {
    std::string bytes, message;
  };
  const Row rows[] = {
      {"", "x: not a zip archive: expected to begin with PK"},
      {"hello", "x: not a zip archive: expected to begin with PK"},
      {good.substr(0, 60), "x: truncated zip: there is no directory at its end"},
      {good + "z", "x: truncated zip: there is no directory at its end"},
      {with(good, -18, "\1"), "x: the archive is one part of several"},
      {with(good, -6, bytes("\0\0")), "x: corrupt zip: the directory is not where the archive says, or it is of Zip64"},
      {with(good, -14, bytes("\3\0\3\0")), "x: corrupt zip: the directory breaks off at file 3"},
      {with(good, -14, bytes("\1\0\1\0")), "x: corrupt zip: 47 bytes behind the last file of the directory"},
      {with(good, -14, bytes("\xFF\xFF\xFF\xFF")), "x: the archive holds more than 10000 files"},
      {with(good, 73 + 28, "\xFF"), "x: corrupt zip: the directory breaks off at file 1"},
      {with(good, 73 + 8, "\1"), "x: 'a': is encrypted"},
      {with(good, 73 + 10, "\xE"), "x: 'a': is packed by method 14: expected 0, stored, or 8, deflated"},
      {with(good, 73 + 20, "\xFF\xFF\xFF\xFF"), "x: 'a': is of Zip64, larger than 4 GiB"},
      {with(good, 73 + 42, "\1"), "x: 'a': is not where the directory says"},
      {with(good, 73 + 42, "\xFF\xFF\xFF\xFF"), "x: 'a': is not where the directory says"},
      {with(good, 73 + 20, "\xFF"), "x: 'a': leaves the archive"},
      {with(good, 26, "\xFF"), "x: 'a': leaves the archive"},
      {with(good, 30, "c"), "x: 'a': has another name in its own header"},
      {with(with(good, 73 + 42 + 47, bytes("\0")), 73 + 46 + 47, "a"), "x: 'a' overlaps with 'a'"},
      {with(good, 73 + 20, bytes("\x20\0\0\0\x20\0\0\0")), "x: 'b' overlaps with 'a'"},
      {with(with(good, 36 + 30, "a"), 73 + 46 + 47, "a"), "x: 'a' stands twice in the archive"},
      {with(good, 73 + 24, bytes("\x7F\0\0\0")), "x: the archive holds more than the limit of 100 bytes"},
      {with(good, 73 + 24, "\x6"), "x: corrupt zip: 'a' does not give the 6 bytes that the directory says"},
      {with(good, 31, "F"), "x: corrupt zip: 'a' does not give the 5 bytes that the directory says"},
      {with(good, 73 + 10, "\x8"), "x: corrupt zip: 'a' does not give the 5 bytes that the directory says"},
  };
  for (const Row& row : rows) CHECK(refusal(row.bytes) == row.message);
}

TEST_CASE("a deflated file gives the bytes it says or none") {
  // A million zeros in a thousand bytes, which says that it holds ten.
  std::string packed(2000, '\0');
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string zeros(1'000'000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(zeros.data());
  stream.avail_in = static_cast<uInt>(zeros.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  const std::string plain = archive({file("a", packed)});
  const std::size_t directory = 31 + packed.size();
  const std::string bomb = with(with(plain, static_cast<std::ptrdiff_t>(directory) + 10, "\x8"),
                                static_cast<std::ptrdiff_t>(directory) + 24, bytes("\xA\0\0\0"));
  CHECK(refusal(bomb) == "x: corrupt zip: 'a' does not give the 10 bytes that the directory says");
  const std::string open = with(bomb, static_cast<std::ptrdiff_t>(directory) + 24, bytes("\x40\x42\xF\0"));
  CHECK(refusal(open) == "x: the archive holds more than the limit of 100 bytes");
}

TEST_CASE("what is no array in an .npz is named") {
  const auto message_of = [](const std::vector<ZipFile>& files) { return message(parse_npz(*format_zip(files), "x")); };
  CHECK(message_of({file("notes.txt", "")}) == "x: expected an archive of .npy files, found 'notes.txt' in it");
  CHECK(message_of({file("w.npy", "no")}) == "x/w.npy: not a .npy file: expected to begin with \\x93NUMPY");
}
