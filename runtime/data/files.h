// Files as rows: those of a folder, those that a pattern matches, or those that a table lists.
//
//   recordings             all files below this folder that end as the reader wants
//   pictures/*/*.png       those that match, in the order of their names
//   index.csv              those in its column `file`, beside the table, in its order
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/data/csv.h"

namespace descent::data {

struct FileChoice {
  std::vector<std::string_view> endings;  // of the files in a folder: ".wav"
  std::string column = "file";            // of a table
  CsvOptions table = {};
};

// At least one; each is there. A single file that is no table is a list of one.
Expected<std::vector<std::string>> list_files(const std::string& source, const FileChoice& choice);
bool is_pattern(std::string_view source);
// The files that a pattern matches, by name.
std::vector<std::string> match_files(const std::string& pattern);

// The number of the folder that each file lies in: among `folders`, or without them among all that occur, by name.
Expected<std::vector<std::int32_t>> folder_numbers(const std::vector<std::string>& files,
                                                   const std::vector<std::string>& folders);

}  // namespace descent::data
