// What the commands share: exit codes, how diagnostics reach the user, options that several commands have.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "descent/descent.h"

namespace descent::command {

// Exit codes. An internal error ends the process by itself with 2.
inline constexpr int done = 0;
inline constexpr int wrong_input = 1;
inline constexpr int internal_failure = 2;

// Prints to stderr, in colour on a terminal unless NO_COLOR is set. Gives `wrong_input`.
int fail(const Diagnostics& diagnostics);
int fail(const std::string& message, const std::string& hint = {});

bool is_terminal(int descriptor);

// Whole numbers low ≤ n ≤ high.
CLI::Validator whole_number(std::int64_t low, std::int64_t high = INT64_MAX);
inline constexpr std::int64_t most_threads = 1024;

// A command adds itself to the application; `exit_code` receives what its run gives.
void add_train(CLI::App& app, int& exit_code);
void add_predict(CLI::App& app, int& exit_code);
void add_inspect(CLI::App& app, int& exit_code);
void add_check(CLI::App& app, int& exit_code);
void add_build(CLI::App& app, int& exit_code);
void add_fmt(CLI::App& app, int& exit_code);

// FILE, --only, --set and --batch.
struct ModelOptions {
  std::string file;
  std::string only;
  std::vector<std::string> set;  // NAME=VALUE
  std::int64_t batch = 0;        // 0: as the file says

  void add_to(CLI::App& command);
  // The options of compile_file. `batch` is a setting of a train block, else the largest batch.
  Result<CompileOptions> compile_options() const;
  Result<Program> compile() const;
};

}  // namespace descent::command
