// The C++ sources of this tree as text, for tests that read them.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace descent::test {

struct File {
  std::string path;  // from the root of the tree, with '/'
  std::vector<std::string> lines;
};

inline File read(const std::filesystem::path& root, const std::filesystem::path& path) {
  File file{path.lexically_relative(root).generic_string(), {}};
  std::ifstream stream(path);
  for (std::string line; std::getline(stream, line);) file.lines.push_back(line);
  return file;
}

// Every header and source of the rooms, by path.
inline std::vector<File> sources() {
  const std::filesystem::path root = DESCENT_SOURCE_DIR;
  std::vector<File> files;
  for (const char* room : {"ir", "frontend", "passes", "codegen", "runtime", "driver", "tests", "examples"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / room)) {
      const auto extension = entry.path().extension();
      if (extension == ".h" || extension == ".cpp") files.push_back(read(root, entry.path()));
    }
  }
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.path < b.path; });
  return files;
}

}  // namespace descent::test
