// PNG files as rows, and the files that become rows.
#include <catch2/catch.hpp>

#include "runtime/data/files.h"
#include "runtime/data/image.h"
#include "runtime/data/picture.h"
#include "tests/support/data.h"

using namespace descent::data;
using namespace descent::data::test;

namespace {

// Writes one picture of these bytes.
std::string picture(const Folder& folder, const std::string& name, Shape shape,
                    const std::vector<std::uint8_t>& pixels) {
  shape.insert(shape.begin(), 1);
  REQUIRE(write_picture(folder.path(name), array_of(DType::u8, shape, pixels)).ok());
  return folder.path(name);
}

std::string bytes_at(const std::string& path) { return std::string(text_of(*read_file(path))); }
std::string refusal(const std::string& bytes) { return message(parse_png(bytes_of_text(bytes), "x.png")); }
std::vector<std::uint8_t> pixels_of(const Rows& rows) { return values<std::uint8_t>(*read_all(rows)); }

}  // namespace

TEST_CASE("pixels of grey and coloured pictures are read exactly, channels first") {
  Folder folder;
  const std::string grey = picture(folder, "a.png", {2, 3}, {0, 50, 100, 150, 200, 255});
  const std::string colour = picture(folder, "b.png", {3, 1, 2}, {255, 0, 0, 255, 10, 20});
  const auto rows = image_rows({grey, grey}, {});
  CHECK((*rows)->whole_shape() == Shape{2, 2, 3});
  CHECK(pixels_of(**rows) == std::vector<std::uint8_t>{0, 50, 100, 150, 200, 255, 0, 50, 100, 150, 200, 255});
  const auto red = image_rows({colour}, {});
  CHECK((*red)->whole_shape() == Shape{1, 3, 1, 2});
  CHECK(pixels_of(**red) == std::vector<std::uint8_t>{255, 0, 0, 255, 10, 20});
  const auto tripled = image_rows({grey}, {.channels = 3});
  CHECK((*tripled)->whole_shape() == Shape{1, 3, 2, 3});
  CHECK(message(image_rows({grey, colour}, {})) ==
        colour + ": expected an image of [2, 3] like '" + grey +
            "', found [1, 2]; height = … and width = … bring all to one size");
  const auto resized = image_rows({grey, colour}, {.channels = 1, .height = 4, .width = 4});
  REQUIRE(resized.ok());
  CHECK(pixels_of(**resized).size() == 32);
  const std::string even = picture(folder, "even.png", {2, 2}, {90, 90, 90, 90});
  CHECK(pixels_of(**image_rows({even}, {.height = 5, .width = 3})) == std::vector<std::uint8_t>(15, 90));
}

TEST_CASE("what is no such picture is refused") {
  Folder folder;
  const std::string good = bytes_at(picture(folder, "a.png", {2, 3}, {0, 50, 100, 150, 200, 255}));
  CHECK(refusal("GIF89a") == "x.png: expected a PNG file, found another format");
  CHECK(refusal("") == "x.png: expected a PNG file, found another format");
  for (std::size_t length = 8; length < good.size(); ++length) {
    CHECK(refusal(good.substr(0, length)) ==
          "x.png: truncated: the file ends after " + std::to_string(length) + " bytes, before the image does");
  }
  for (std::size_t at = 16; at < good.size(); ++at) {
    std::string changed = good;
    changed[at] = static_cast<char>(changed[at] ^ 0x20);
    CHECK(refusal(changed) != "ok");
  }
}

TEST_CASE("files of a folder, of a pattern, of a table") {
  Folder folder;
  std::filesystem::create_directory(folder.path("cats"));
  std::filesystem::create_directory(folder.path("dogs"));
  for (const char* name : {"dogs/b.png", "cats/c.png", "cats/a.png", "cats/notes.txt"}) folder.write(name, "x");
  folder.write("index.csv", "file,kind\ncats/c.png,cat\ndogs/b.png,dog\n");
  folder.write("wrong.csv", "file\ncats/d.png\n");
  const FileChoice choice{{".png"}, "file", {}};
  const std::vector<std::string> sorted{folder.path("cats/a.png"), folder.path("cats/c.png"),
                                        folder.path("dogs/b.png")};
  CHECK(*list_files(folder.path(""), choice) == sorted);
  CHECK(*list_files(folder.path("*/*.png"), choice) == sorted);
  CHECK(*list_files(folder.path("index.csv"), choice) == std::vector{sorted[1], sorted[2]});
  FileChoice dogs = choice;
  dogs.table.where = "kind == dog";
  CHECK(*list_files(folder.path("index.csv"), dogs) == std::vector{sorted[2]});
  dogs.table.where = "kind == horse";
  CHECK(message(list_files(folder.path("index.csv"), dogs)) ==
        folder.path("index.csv") + ": expected at least one file, found no row that is wanted");
  CHECK(message(list_files(folder.path("wrong.csv"), choice)) ==
        folder.path("wrong.csv") + ":2: there is no file 'cats/d.png' beside the table");
  CHECK(message(list_files(folder.path("dogs"), {{".wav"}, "file", {}})) ==
        folder.path("dogs") + ": expected files that end in .wav, found none");
  CHECK(message(list_files(folder.path("*.jpg"), choice)) ==
        folder.path("*.jpg") + ": expected at least one file, found none that matches");
  CHECK(*folder_numbers(sorted, {}) == std::vector<std::int32_t>{0, 0, 1});
  CHECK(*folder_numbers(sorted, {"dogs", "cats"}) == std::vector<std::int32_t>{1, 1, 0});
  CHECK(message(folder_numbers(sorted, {"dogs"})) == sorted[0] + ": its folder 'cats' is none of the classes");
}
