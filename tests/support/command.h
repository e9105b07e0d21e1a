// The command as a process: what it wrote to which stream, and its exit code.
#pragma once

#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/data.h"

namespace descent::test {

inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Outcome {
  int code = -1;
  std::string out, error;
};

// Runs `descent ARGUMENTS` in a folder; the arguments are the shell's.
inline Outcome descent_in(const data::test::Folder& folder, const std::string& arguments) {
  const std::string command =
      "cd '" + folder.path("") + "' && </dev/null '" DESCENT_COMMAND "' " + arguments + " >out.txt 2>error.txt";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_text(folder.path("out.txt")),
          read_text(folder.path("error.txt"))};
}

}  // namespace descent::test
