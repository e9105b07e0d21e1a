// descent_add_model in a project of its own: it builds, is built again when an imported file changes and not otherwise,
// and goes through a cross compiler.
#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/support/command.h"
#include "tests/support/shell.h"

namespace descent::test {
namespace {

std::string configure(const std::string& further) {
  return "cmake -S app -B made -G Ninja -DDESCENT_MODELS='" + source_folder +
         "/cmake/DescentModels.cmake' -DDESCENT_COMMAND='" DESCENT_COMMAND "' " + further;
}

void copy_example(const Folder& folder) {
  std::filesystem::copy(source_folder + "/examples/cmake_app", folder.path("app"),
                        std::filesystem::copy_options::recursive);
}

}  // namespace

TEST_CASE("a project with a model builds, and again when what the model imports changes") {
  const Folder folder;
  copy_example(folder);
  run_in(folder, configure(""));
  run_in(folder, "cmake --build made");
  CHECK(contains(output_of(folder, "./made/app"), "on the outer ring"));
  CHECK(contains(output_of(folder, "cmake --build made"), "no work to do"));

  const std::string layers = read_text(folder.path("app/layers.descent"));
  const std::string header = read_text(folder.path("made/descent_models/app/circles.h"));
  folder.write("app/layers.descent", layers.substr(0, layers.find("  return")) +
                                         "  return linear(relu(linear(x, 2 * units) as inner), n) as outer\n}\n");
  CHECK(contains(output_of(folder, "cmake --build made"), "Compiling the model circles.descent"));
  CHECK(read_text(folder.path("made/descent_models/app/circles.h")) != header);
  CHECK(contains(output_of(folder, "./made/app"), "on the outer ring"));
}

TEST_CASE("a model is compiled for the machine of a cross build") {
  if (!is_installed("aarch64-linux-gnu-g++") || !is_installed("qemu-aarch64")) {
    std::puts("skipped: aarch64-linux-gnu-g++ or qemu-aarch64 is not installed");
    return;
  }
  const Folder folder;
  copy_example(folder);
  run_in(folder, configure("-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 "
                           "-DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++"));
  run_in(folder, "cmake --build made");
  const std::string said = output_of(folder, "qemu-aarch64 -L /usr/aarch64-linux-gnu ./made/app");
  const std::string foreign = read_text(folder.path("circles.safetensors"));
  run_in(folder, "rm -r made");
  run_in(folder, configure(""));
  run_in(folder, "cmake --build made");
  CHECK(output_of(folder, "./made/app") == said);
  CHECK(read_text(folder.path("circles.safetensors")) == foreign);
}

}  // namespace descent::test
