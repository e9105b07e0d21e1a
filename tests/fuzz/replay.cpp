// Runs a target on stored inputs without libFuzzer: every file in the folders given, in order of their names. A check
// that fails ends the process, so the file under way is named first.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/fuzz/target.h"

int main(int count, char** arguments) {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  for (int i = 1; i < count; ++i) {
    if (!fs::is_directory(arguments[i])) continue;
    for (const auto& entry : fs::recursive_directory_iterator(arguments[i])) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    std::printf("%s\n", file.c_str());
    std::fflush(stdout);
    std::ifstream stream(file, std::ios::binary);
    descent::fuzz::run(std::string(std::istreambuf_iterator<char>(stream), {}));
  }
  std::printf("%zu inputs\n", files.size());
  return files.empty() ? 1 : 0;
}
