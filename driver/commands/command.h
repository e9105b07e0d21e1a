// What the commands share: exit codes, how diagnostics reach the user, options that several commands have.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "descent/descent.h"

namespace descent::command {

// Exit codes. An internal error ends the process by itself with 2.
inline constexpr int done = 0;
inline constexpr int wrong_input = 1;
inline constexpr int internal_failure = 2;

// Prints to stderr, painted when colours are wanted there. Gives `wrong_input`.
int fail(const Diagnostics& diagnostics);
int fail(const std::string& message, const std::string& hint = {});
// Likewise, of what went on all the same.
void warn(const Diagnostics& diagnostics);

bool is_terminal(int descriptor);
// A terminal on which a line can be drawn over: not TERM=dumb.
bool is_capable_terminal(int descriptor);

enum class Colour : std::uint8_t { automatic, always, never };
// By `--color`; when that leaves it open on a terminal that is not dumb, unless NO_COLOR holds something
// (https://no-color.org). `no_color` and `term`: the variables' values, null when unset.
bool wants_colour(Colour choice, bool terminal, const char* no_color, const char* term);
// Of this process, for all that it prints.
void choose_colour(Colour choice);

// Whole numbers low ≤ n ≤ high.
CLI::Validator whole_number(std::int64_t low, std::int64_t high = INT64_MAX);
// One of these words, else a message that lists them and names the nearest.
CLI::Validator one_of(std::vector<std::string> words);
inline constexpr std::int64_t most_threads = 1024;

// A command adds itself to the application; `exit_code` receives what its run gives.
void add_train(CLI::App& app, std::span<char* const> words, int& exit_code);  // the words of the command line
void add_predict(CLI::App& app, int& exit_code);
void add_inspect(CLI::App& app, int& exit_code);
void add_convert(CLI::App& app, int& exit_code);
void add_check(CLI::App& app, int& exit_code);
void add_bench(CLI::App& app, int& exit_code);
void add_build(CLI::App& app, int& exit_code);
void add_runtime(CLI::App& app, int& exit_code);
void add_fmt(CLI::App& app, int& exit_code);
void add_doc(CLI::App& app, int& exit_code);

// --weights and --map.
void add_weights(CLI::App& command, std::string& weights, std::vector<std::string>& map);

// FILE, --only, --set and --batch.
struct ModelOptions {
  std::string file;
  std::vector<std::string> only;
  std::vector<std::string> set;  // NAME=VALUE
  std::int64_t batch = 0;        // 0: as the file says

  void add_to(CLI::App& command);
  // The train blocks that --only names, without it all; none in a file without any.
  Result<std::vector<std::string>> blocks() const;
  // --set.
  Result<CompileOptions> settings() const;
  // The options of compile_file, for commands that take one train block: --set, --only and --batch.
  Result<CompileOptions> compile_options() const;
  Result<Program> compile() const;
};

}  // namespace descent::command
