// Where Fashion-MNIST lies on this machine.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace descent::test {

// DESCENT_DATA or a folder fashion-mnist in it, then the shared data beside the tree or above; empty: nowhere.
inline std::string fashion_folder() {
  namespace fs = std::filesystem;
  const char* named = std::getenv("DESCENT_DATA");
  const fs::path source = DESCENT_SOURCE_DIR;
  for (const fs::path& folder : {fs::path(named ? named : ""), fs::path(named ? named : "") / "fashion-mnist",
                                 source / "../shared/data/fashion-mnist", source / "../../shared/data/fashion-mnist"}) {
    std::error_code error;
    if (fs::exists(folder / "train-images-idx3-ubyte.gz", error)) return folder.lexically_normal().string();
  }
  return {};
}

}  // namespace descent::test
