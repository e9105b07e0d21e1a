#include "runtime/data/files.h"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "runtime/data/file.h"
#include "runtime/data/records.h"

namespace descent::data {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view table_ending = ".csv";
// More rows than that are no list of files.
constexpr std::size_t most_files = 10'000'000;

bool ends_as_wanted(const std::string& path, const FileChoice& choice) {
  return std::any_of(choice.endings.begin(), choice.endings.end(),
                     [&](std::string_view ending) { return path.ends_with(ending); });
}

Expected<std::vector<std::string>> files_below(const std::string& folder, const FileChoice& choice) {
  std::vector<std::string> files;
  std::error_code failed;
  for (fs::recursive_directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    std::error_code unknown;
    const std::string path = entry->path().string();
    if (ends_as_wanted(path, choice) && entry->is_regular_file(unknown)) files.push_back(path);
    if (files.size() > most_files)
      return Error{folder, {}, "expected at most " + std::to_string(most_files) + " files"};
  }
  if (failed) return Error{folder, {}, "cannot read the folder: " + failed.message()};
  if (files.empty()) {
    return Error{folder, {}, "expected files that end in " + std::string(choice.endings[0]) + ", found none"};
  }
  std::sort(files.begin(), files.end());
  return files;
}

Expected<std::vector<std::string>> files_of_table(const std::string& path, const FileChoice& choice) {
  const auto bytes = read_file(path);
  if (!bytes) return bytes.error();
  const auto cells = parse_csv_cells(text_of(*bytes), path, choice.column, choice.table);
  if (!cells) return cells.error();
  if (cells->empty()) return Error{path, {}, "expected at least one file, found no row that is wanted"};
  const fs::path folder = fs::path(path).parent_path();
  std::vector<std::string> files;
  for (const Cell& cell : *cells) {
    files.push_back((folder / cell.text).lexically_normal().string());
    std::error_code unknown;
    if (!fs::is_regular_file(files.back(), unknown)) {
      return Error{path, cell.line, "there is no file " + data::quoted(cell.text) + " beside the table"};
    }
  }
  return files;
}

}  // namespace

bool is_pattern(std::string_view source) { return source.find('*') != std::string_view::npos; }

std::vector<std::string> match_files(const std::string& pattern) {
  std::vector<std::string> files;
  glob_t found{};
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      std::error_code unknown;
      if (fs::is_regular_file(found.gl_pathv[i], unknown)) files.emplace_back(found.gl_pathv[i]);
    }
  }
  ::globfree(&found);
  std::sort(files.begin(), files.end());
  return files;
}

Expected<std::vector<std::string>> list_files(const std::string& source, const FileChoice& choice) {
  std::error_code unknown;
  if (fs::is_directory(source, unknown)) return files_below(source, choice);
  if (source.ends_with(table_ending)) return files_of_table(source, choice);
  if (!is_pattern(source)) return std::vector{source};
  std::vector<std::string> files = match_files(source);
  if (files.empty()) return Error{source, {}, "expected at least one file, found none that matches"};
  return files;
}

Expected<std::vector<std::int32_t>> folder_numbers(const std::vector<std::string>& files,
                                                   const std::vector<std::string>& folders) {
  const auto folder_of = [](const std::string& file) { return fs::path(file).parent_path().filename().string(); };
  std::vector<std::string> names = folders;
  if (names.empty()) {
    std::set<std::string> found;
    for (const std::string& file : files) found.insert(folder_of(file));
    names.assign(found.begin(), found.end());
  }
  std::vector<std::int32_t> numbers;
  for (const std::string& file : files) {
    const auto found = std::find(names.begin(), names.end(), folder_of(file));
    if (found == names.end())
      return Error{file, {}, "its folder " + data::quoted(folder_of(file)) + " is none of the classes"};
    numbers.push_back(static_cast<std::int32_t>(found - names.begin()));
  }
  return numbers;
}

}  // namespace descent::data
