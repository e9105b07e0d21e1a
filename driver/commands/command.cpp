// Prints diagnostics, checks numbers, compiles what the common options ask for.
#include "driver/commands/command.h"

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "fmt/format.h"

namespace descent::command {
namespace {

bool wants_colour(int descriptor) {
  const char* no_colour = std::getenv("NO_COLOR");
  return is_terminal(descriptor) && (!no_colour || *no_colour == '\0');
}

}  // namespace

bool is_terminal(int descriptor) { return ::isatty(descriptor) == 1; }

CLI::Validator whole_number(std::int64_t low, std::int64_t high) {
  const auto check = [low, high](std::string& text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    if (whole && value >= low && value <= high) return std::string();
    const std::string limits =
        high == INT64_MAX ? fmt::format("of at least {}", low) : fmt::format("from {} to {}", low, high);
    return fmt::format("expected a whole number {}, found '{}'", limits, text);
  };
  return CLI::Validator(check, "");
}

int fail(const Diagnostics& diagnostics) {
  std::fputs(render(diagnostics, wants_colour(STDERR_FILENO)).c_str(), stderr);
  return wrong_input;
}

int fail(const std::string& message, const std::string& hint) {
  Diagnostic diagnostic{"command-line", {}, message, {}};
  if (!hint.empty()) diagnostic.notes.push_back({{}, hint});
  return fail({diagnostic});
}

void ModelOptions::add_to(CLI::App& command) {
  command.add_option("FILE", file, "A model, or a printed Graph or Loop program")->required()->type_name("");
  command.add_option("--only", only, "Take this train block (without it: the first, `train` takes all)")
      ->type_name("NAME");
  command
      .add_option("--set", set,
                  "Replace a size of the model, a setting or an argument of the optimizer: --set units=64")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  command.add_option("--batch", batch, "Rows of a batch")->type_name("N")->check(whole_number(1));
}

Result<CompileOptions> ModelOptions::compile_options() const {
  CompileOptions options;
  options.train = only;
  for (const std::string& pair : set) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size()) {
      return Diagnostic{"command-line", {}, fmt::format("--set wants NAME=VALUE, found '{}'", pair), {}};
    }
    options.set.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  options.largest_batch = batch;
  return options;
}

Result<Program> ModelOptions::compile() const {
  Result<CompileOptions> options = compile_options();
  if (!options) return options.errors();
  return compile_file(file, *options);
}

}  // namespace descent::command
