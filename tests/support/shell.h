// Commands of the shell in a test's folder.
#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>

#include "tests/support/data.h"
#include "tests/support/text_file.h"

namespace descent::test {

inline bool is_installed(const std::string& tool) {
  return std::system(("command -v '" + tool + "' > /dev/null 2>&1").c_str()) == 0;
}

// Runs a command that must end well, else the test fails with what it said.
inline void run_in(const data::test::Folder& folder, const std::string& command) {
  const int status = std::system(("cd '" + folder.path("") + "' && { " + command + "; } > log.txt 2>&1").c_str());
  INFO(command << "\n" << read_text(folder.path("log.txt")).substr(0, 4000));
  REQUIRE(status == 0);
}

// What it prints.
inline std::string output_of(const data::test::Folder& folder, const std::string& command) {
  run_in(folder, "{ " + command + "; } > output.txt");
  return read_text(folder.path("output.txt"));
}

}  // namespace descent::test
