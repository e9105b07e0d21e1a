// What differs on a terminal: colours and the progress bar. A terminal is made by script(1) of util-linux.
#include <cstdlib>

#include "tests/support/command.h"

namespace descent::test {
namespace {

// Everything that `descent ARGUMENTS` shows on a terminal.
std::string on_terminal(const Folder& folder, const std::string& arguments, const std::string& variables) {
  const std::string command = "cd '" + folder.path("") + "' && env -u NO_COLOR " + variables +
                              " script -qec \"'" DESCENT_COMMAND "' " + arguments + "\" /dev/null >out.txt </dev/null";
  REQUIRE(std::system(command.c_str()) != -1);
  return read_text(folder.path("out.txt"));
}

bool coloured(const std::string& text) { return contains(text, "\x1b[1;31merror:"); }

}  // namespace

TEST_CASE("messages are coloured on a terminal, unless someone said no") {
  const Folder folder;
  struct Row {
    const char* variables;
    const char* option;
    bool terminal, pipe;
  };
  const Row rows[] = {
      {"TERM=xterm", "", true, false},
      {"TERM=xterm", "--color auto", true, false},
      {"TERM=xterm NO_COLOR=", "", true, false},
      {"TERM=xterm NO_COLOR=1", "", false, false},
      {"TERM=dumb", "", false, false},
      {"-u TERM", "", true, false},
      {"TERM=xterm", "--color never", false, false},
      {"TERM=xterm", "--color=never", false, false},
      {"TERM=xterm NO_COLOR=1", "--color always", true, true},
      {"TERM=dumb", "--color=always", true, true},
  };
  for (const Row& row : rows) {
    INFO(row.variables << " " << row.option);
    for (const std::string& arguments :
         {std::string("inspect none.descent ") + row.option, std::string(row.option) + " trian"}) {
      const std::string shown = on_terminal(folder, arguments, row.variables);
      CHECK(
          contains(shown, arguments.ends_with("trian") ? "there is no command 'trian'" : "none.descent: cannot open"));
      CHECK(coloured(shown) == row.terminal);
      const Outcome piped = descent_in(folder, arguments, std::string("env -u NO_COLOR ") + row.variables);
      CHECK(piped.code == 1);
      CHECK(coloured(piped.error) == row.pipe);
    }
  }
}

TEST_CASE("a bar is drawn on a terminal that can draw over a line") {
  const Folder folder;
  const std::string train = "train " + example_folder + "01_xor.descent --epochs 20";
  CHECK(contains(on_terminal(folder, train, "TERM=xterm"), "\r\x1b[Kepoch 1/20 ["));
  CHECK(!contains(on_terminal(folder, train, "TERM=dumb"), "\x1b"));
  CHECK(!contains(on_terminal(folder, train + " --quiet", "TERM=xterm"), "\x1b"));
  const std::string swept = on_terminal(folder, train + " --sweep rate=0.1,0.2", "TERM=xterm");
  CHECK(contains(swept, "\r\x1b[K[1/2] rate=0.1  epoch 1/20 ["));
  CHECK(contains(swept, "\r\x1b[K[2/2] rate=0.2: data half_squares "));
}

}  // namespace descent::test
