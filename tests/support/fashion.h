// Where Fashion-MNIST lies on this machine.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace descent::test {

// The folder that holds fashion-mnist: DESCENT_DATA, then the shared data beside the tree or above; empty: nowhere.
inline std::string fashion_folder() {
  namespace fs = std::filesystem;
  const char* named = std::getenv("DESCENT_DATA");
  const fs::path source = DESCENT_SOURCE_DIR;
  for (const fs::path& folder :
       {fs::path(named ? named : ""), source / "../shared/data", source / "../../shared/data"}) {
    std::error_code error;
    if (fs::exists(folder / "fashion-mnist/train-images-idx3-ubyte.gz", error))
      return folder.lexically_normal().string();
  }
  return {};
}

}  // namespace descent::test
