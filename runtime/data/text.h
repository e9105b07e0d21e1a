// Text as rows: the lines of files, each with its place, so that whoever finds one wrong can say where it stands.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/data/file.h"

namespace descent::data {

// A file's text, read whole (and unpacked).
struct TextFile {
  std::string name;
  Bytes bytes;

  std::string_view text() const { return text_of(bytes); }
};

// Lines of one file or several, in any order and choice.
class Texts {
 public:
  struct Line {
    std::uint32_t file = 0;
    std::uint32_t length = 0;  // bytes, without the line's end
    std::int64_t begin = 0;
    std::int64_t number = 0;  // in its file, from 1
  };

  std::int64_t count() const { return static_cast<std::int64_t>(lines_.size()); }
  std::string_view line(std::int64_t row) const {
    const Line& line = lines_[static_cast<std::size_t>(row)];
    return files_[line.file]->text().substr(static_cast<std::size_t>(line.begin), line.length);
  }
  Error error(std::int64_t row, std::string message) const {
    const Line& line = lines_[static_cast<std::size_t>(row)];
    return {files_[line.file]->name, line.number, std::move(message)};
  }

  // The lines of a text: a line feed ends one, a carriage return before it belongs to neither. A last line without an
  // end is one too. Longer ones than 2^32 - 1 bytes are refused.
  static Expected<Texts> from(std::shared_ptr<const TextFile> file);
  // All of a text, line ends included, as one.
  static Texts whole(std::shared_ptr<const TextFile> file);
  static Texts append(const std::vector<const Texts*>& parts);
  Texts select(const std::vector<std::int64_t>& rows) const;

 private:
  std::vector<std::shared_ptr<const TextFile>> files_;
  std::vector<Line> lines_;
};
using TextsRef = std::shared_ptr<const Texts>;

Expected<std::shared_ptr<const TextFile>> read_text(const std::string& path);
Expected<Texts> read_lines(const std::string& path);

}  // namespace descent::data
