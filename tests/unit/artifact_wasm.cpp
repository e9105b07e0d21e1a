// The bare artifact as a module of WebAssembly, run by Node, trains XOR to the bits of the library's Trainer.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/support/command.h"
#include "tests/support/shell.h"

namespace descent::test {
namespace {

// What a #define of the header says.
std::string constant(const std::string& header, const std::string& name) {
  const std::size_t at = header.find("#define " + name + " ");
  REQUIRE(at != std::string::npos);
  const std::size_t begin = at + 9 + name.size();
  const std::string value = header.substr(begin, header.find('\n', begin) - begin);
  return value.starts_with("UINT64_C(") ? value.substr(9, value.size() - 10) : value;
}

}  // namespace

TEST_CASE("a module of WebAssembly trains XOR to the Trainer's bits") {
  for (const char* tool : {"clang++-19", "wasm-ld-19", "node"}) {
    if (is_installed(tool)) continue;
    std::printf("skipped: %s is not installed\n", tool);
    return;
  }
  const Folder folder;
  const std::string model = source_folder + "/examples/01_xor.descent";
  REQUIRE(descent_in(folder, fmt::format("build '{}' -o xor.o --target wasm32 --bare", model)).code == 0);
  REQUIRE(descent_in(folder, "runtime --bare -o descent_runtime.cpp").code == 0);
  run_in(
      folder,
      "clang++-19 --target=wasm32 -std=c++20 -O2 -ffp-contract=off -fno-exceptions -fno-rtti -mbulk-memory -nostdlib "
      "-Wall -Wextra -Werror -Wl,--no-entry,--export-dynamic,--export=__heap_base descent_runtime.cpp xor.o "
      "-o xor.wasm");
  const std::string header = read_text(folder.path("xor.h"));
  CHECK(output_of(folder, fmt::format("node '{}/tests/artifact/xor.mjs' xor.wasm {} {} {} xor.safetensors",
                                      source_folder, constant(header, "XOR_CONTRACT"),
                                      constant(header, "XOR_MEMORY_BYTES"), constant(header, "XOR_WEIGHTS_BYTES"))) ==
        "expected 1 to 4 rows, found 5\n");

  Trainer trainer = value_of(Trainer::create(example("01_xor"), {.threads = 1}));
  const std::vector<float> x{0, 0, 0, 1, 1, 0, 1, 1}, y{0, 1, 1, 0};
  const Feed all[] = {{"x", x}, {"y", y}}, three[] = {{"x", std::span(x).first(6)}, {"y", std::span(y).first(3)}};
  REQUIRE(trainer.init(3).empty());
  value_of(trainer.steps(100, 4, all));
  value_of(trainer.step(3, three));
  const auto saved = data::read_safetensors(folder.path("xor.safetensors"));
  REQUIRE(saved.ok());
  for (const std::string& name : trainer.parameters()) {
    INFO(name);
    REQUIRE(saved->arrays.contains(name));
    CHECK(saved->arrays.at(name) == value_of(trainer.parameter(name)));
  }
}

}  // namespace descent::test
