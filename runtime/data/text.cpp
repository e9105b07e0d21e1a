#include "runtime/data/text.h"

#include <limits>

namespace descent::data {

Expected<Texts> Texts::from(std::shared_ptr<const TextFile> file) {
  Texts texts;
  const std::string_view text = file->text();
  std::int64_t number = 1;
  for (std::size_t at = 0; at < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::size_t length = end - at;
    if (length > 0 && text[end - 1] == '\r') --length;
    if (length > std::numeric_limits<std::uint32_t>::max()) {
      return Error{file->name, number,
                   "expected a line of less than 4 GiB, found " + std::to_string(length) + " bytes"};
    }
    texts.lines_.push_back({0, static_cast<std::uint32_t>(length), static_cast<std::int64_t>(at), number});
    at = end + 1;
  }
  texts.files_.push_back(std::move(file));
  return texts;
}

Texts Texts::whole(std::shared_ptr<const TextFile> file) {
  Texts texts;
  texts.lines_.push_back({0, static_cast<std::uint32_t>(file->bytes.size()), 0, 1});  // a file holds at most 1 GiB
  texts.files_.push_back(std::move(file));
  return texts;
}

Texts Texts::append(const std::vector<const Texts*>& parts) {
  Texts all;
  for (const Texts* part : parts) {
    const auto first = static_cast<std::uint32_t>(all.files_.size());
    all.files_.insert(all.files_.end(), part->files_.begin(), part->files_.end());
    for (Line line : part->lines_) {
      line.file += first;
      all.lines_.push_back(line);
    }
  }
  return all;
}

Texts Texts::select(const std::vector<std::int64_t>& rows) const {
  Texts chosen;
  chosen.files_ = files_;
  for (const std::int64_t row : rows) chosen.lines_.push_back(lines_[static_cast<std::size_t>(row)]);
  return chosen;
}

Expected<std::shared_ptr<const TextFile>> read_text(const std::string& path) {
  auto bytes = read_file(path);
  if (!bytes) return bytes.error();
  return std::shared_ptr<const TextFile>(std::make_shared<TextFile>(TextFile{path, std::move(*bytes)}));
}

Expected<Texts> read_lines(const std::string& path) {
  auto file = read_text(path);
  if (!file) return file.error();
  return Texts::from(std::move(*file));
}

}  // namespace descent::data
