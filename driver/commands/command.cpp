// Prints diagnostics, decides about colours, checks numbers and words, compiles what the common options ask for.
#include "driver/commands/command.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "descent/warnings.h"
#include "fmt/format.h"

namespace descent::command {
namespace {

// One process, one choice, made before anything is printed.
Colour& chosen_colour() {
  static Colour choice = Colour::automatic;
  return choice;
}

bool colours_errors() {
  return wants_colour(chosen_colour(), is_terminal(STDERR_FILENO), std::getenv("NO_COLOR"), std::getenv("TERM"));
}

bool can_draw(const char* term) { return !term || std::string_view(term) != "dumb"; }

Diagnostic wrong_usage(std::string message, std::string hint = {}) {
  Diagnostic diagnostic{"command-line", {}, std::move(message), {}};
  if (!hint.empty()) diagnostic.notes.push_back({{}, std::move(hint)});
  return diagnostic;
}

}  // namespace

bool is_terminal(int descriptor) { return ::isatty(descriptor) == 1; }
bool is_capable_terminal(int descriptor) { return is_terminal(descriptor) && can_draw(std::getenv("TERM")); }

bool wants_colour(Colour choice, bool terminal, const char* no_color, const char* term) {
  if (choice != Colour::automatic) return choice == Colour::always;
  const bool refused = no_color && *no_color != '\0';
  return terminal && !refused && can_draw(term);
}

void choose_colour(Colour choice) { chosen_colour() = choice; }

CLI::Validator one_of(std::vector<std::string> words) {
  const auto check = [words = std::move(words)](std::string& text) {
    if (std::find(words.begin(), words.end(), text) != words.end()) return std::string();
    const std::string near = nearest(text, words);
    return fmt::format("expected one of {}, found '{}'{}", fmt::join(words, ", "), text,
                       near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near));
  };
  return CLI::Validator(check, "");
}

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
  std::fputs(render(diagnostics, colours_errors()).c_str(), stderr);
  return wrong_input;
}

void warn(const Diagnostics& diagnostics) {
  std::fputs(render_warnings(diagnostics, colours_errors()).c_str(), stderr);
  std::fflush(stderr);
}

int fail(const std::string& message, const std::string& hint) { return fail({wrong_usage(message, hint)}); }

void ModelOptions::add_to(CLI::App& command) {
  command.add_option("FILE", file, "A model, or a printed Graph or Loop program")->required()->type_name("");
  command
      .add_option("--only", only, "Take this train block (without it: the first; `train` takes all, or several --only)")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command
      .add_option("--set", set,
                  "Replace a size of the model, a setting or an argument of the optimizer: --set units=64")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  command.add_option("--batch", batch, "Rows of a batch")->type_name("N")->check(whole_number(1));
}

void add_weights(CLI::App& command, std::string& weights, std::vector<std::string>& map) {
  command
      .add_option("--weights", weights, "safetensors or .npz: what `train` wrote, a checkpoint, or another program's")
      ->required()
      ->type_name("FILE");
  command
      .add_option("--map", map,
                  "Where a weight lies in that file: hidden.linear.weight=fc1.weight, ^T behind it for a matrix that "
                  "stands transposed there (as PyTorch's do), one * on both sides for many, -=NAME for what is of no "
                  "use; or a file of such lines")
      ->type_name("OURS=THEIRS[^T]")
      ->allow_extra_args(false);
}

Result<std::vector<std::string>> ModelOptions::blocks() const {
  Result<std::vector<std::string>> blocks = train_blocks(file);
  if (!blocks || only.empty() || blocks->empty()) return blocks;
  for (const std::string& name : only) {
    if (std::find(blocks->begin(), blocks->end(), name) != blocks->end()) continue;
    const std::string near = nearest(name, *blocks);
    return wrong_usage(
        fmt::format("there is no train block '{}'", name),
        near.empty() ? fmt::format("there are {}", fmt::join(*blocks, ", ")) : fmt::format("did you mean '{}'?", near));
  }
  // In the order of the file, each once.
  std::erase_if(*blocks,
                [&](const std::string& name) { return std::find(only.begin(), only.end(), name) == only.end(); });
  return blocks;
}

Result<CompileOptions> ModelOptions::settings() const {
  CompileOptions options;
  for (const std::string& pair : set) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size()) {
      return wrong_usage(fmt::format("--set wants NAME=VALUE, found '{}'", pair));
    }
    options.set.push_back({pair.substr(0, equals), pair.substr(equals + 1)});
  }
  return options;
}

Result<CompileOptions> ModelOptions::compile_options() const {
  Result<CompileOptions> options = settings();
  if (!options) return options;
  if (only.size() > 1) return wrong_usage("--only picks one train block here; `descent train` takes several");
  if (!only.empty()) {
    Result<std::vector<std::string>> known = blocks();
    if (!known) return known.errors();
    options->train = only.front();
  }
  options->largest_batch = batch;
  return options;
}

Result<Program> ModelOptions::compile() const {
  Result<CompileOptions> options = compile_options();
  if (!options) return options.errors();
  return compile_file(file, *options);
}

}  // namespace descent::command
