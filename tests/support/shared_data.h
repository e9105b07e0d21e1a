// Where the data that is too large for the tree lies on this machine.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace descent::test {

// The folder with `file` in it: DESCENT_DATA, then the shared data beside the tree or above; empty: nowhere.
inline std::string shared_folder_with(const std::string& file) {
  namespace fs = std::filesystem;
  const char* named = std::getenv("DESCENT_DATA");
  const fs::path source = DESCENT_SOURCE_DIR;
  for (const fs::path& folder :
       {fs::path(named ? named : ""), source / "../shared/data", source / "../../shared/data"}) {
    std::error_code error;
    if (fs::exists(folder / file, error)) return folder.lexically_normal().string();
  }
  return {};
}

inline std::string fashion_folder() { return shared_folder_with("fashion-mnist/train-images-idx3-ubyte.gz"); }

}  // namespace descent::test
