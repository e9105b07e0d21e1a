// Runs the command `descent` as a process in a folder of its own.
#pragma once

#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "tests/support/data.h"
#include "tests/support/text_file.h"
#include "tests/support/training.h"

namespace descent::test {

using data::test::Folder;

struct Outcome {
  int code = -1;
  std::string out, error;
};

inline const std::string example_folder = source_folder + "/examples/";

// Runs `descent ARGUMENTS` in a folder; the arguments are the shell's. `before`: variables, NAME=VALUE each.
inline Outcome descent_in(const Folder& folder, const std::string& arguments, const std::string& before = "") {
  const std::string command = "cd '" + folder.path("") + "' && " + before + " </dev/null '" DESCENT_COMMAND "' " +
                              arguments + " >out.txt 2>error.txt";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_text(folder.path("out.txt")),
          read_text(folder.path("error.txt"))};
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace descent::test
