// The command `descent`: options in, exit code out. What it does is in commands/, one file each.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <span>

#include "driver/commands/command.h"
#include "fmt/format.h"

namespace {

using namespace descent;

constexpr const char* description = "Descent compiles a neural network together with its training into native code.";
constexpr const char* examples =
    "Examples:\n"
    "  descent train examples/01_xor.descent                  train; weights and log go to runs/truth_table\n"
    "  descent inspect examples/01_xor.descent --stage graph  what the model computes\n"
    "  descent check examples/01_xor.descent                  are all gradients right?\n"
    "  descent COMMAND --help                                 the options of a command, with examples\n\n"
    "Exit codes: 0 done, 1 something in the input is wrong (the message says what), 2 a mistake in Descent itself.";

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

bool is_command(const CLI::App& app, const std::string& name) {
  const std::vector<std::string> names = command_names(app);
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string suggestion(const std::string& name, const std::vector<std::string>& candidates) {
  const std::string near = nearest(name, candidates);
  return near.empty() ? "" : fmt::format("did you mean '{}'?", near);
}

// Before the parser sees it: a first word that is no command.
int unknown_command(const CLI::App& app, const std::string& word) {
  std::string hint = suggestion(word, command_names(app));
  if (hint.empty() && word.find(".descent") != std::string::npos)
    hint = fmt::format("to train it: descent train {}", word);
  if (hint.empty())
    hint = fmt::format("the commands are {}; `descent --help` says more", fmt::join(command_names(app), ", "));
  return command::fail(fmt::format("there is no command '{}'", word), hint);
}

// The first word that looks like an option and is none of the command's.
std::string unknown_option(const CLI::App& command, std::span<char*> words) {
  const std::vector<std::string> known = option_names(command);
  for (const std::string word : words) {
    const std::string name = word.substr(0, word.find('='));
    if (name.starts_with("--") && std::find(known.begin(), known.end(), name) == known.end()) return name;
  }
  return {};
}

int wrong_usage(const CLI::App& app, const std::string& name, std::span<char*> words, const CLI::ParseError& error) {
  const CLI::App& command = is_command(app, name) ? *app.get_subcommand(name) : app;
  const std::string full_name = is_command(app, name) ? "descent " + name : "descent";
  const std::string help = fmt::format("`{} --help` shows its options", full_name);
  const bool extra = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError);
  if (!extra) return command::fail(error.what(), help);
  const std::string option = unknown_option(command, words);
  if (option.empty()) return command::fail(fmt::format("too many arguments for {}", full_name), help);
  const std::string hint = suggestion(option, option_names(command));
  return command::fail(fmt::format("{} has no option '{}'", full_name, option), hint.empty() ? help : hint);
}

int run(int count, char** arguments) {
  CLI::App app(description, "descent");
  app.footer(examples);
  app.set_version_flag("--version", std::string("descent ") + DESCENT_VERSION);
  app.set_help_flag("-h,--help", "Show this help");
  app.require_subcommand(0, 1);
  app.get_formatter()->label("REQUIRED", "");
  int exit_code = command::done;
  command::add_train(app, exit_code);
  command::add_predict(app, exit_code);
  command::add_inspect(app, exit_code);
  command::add_check(app, exit_code);
  command::add_build(app, exit_code);
  command::add_fmt(app, exit_code);

  const std::string first = count > 1 ? arguments[1] : "";
  if (first.empty()) {
    fmt::print("{}", app.help());
    return command::wrong_input;
  }
  if (!first.starts_with('-') && !is_command(app, first)) return unknown_command(app, first);
  try {
    app.parse(count, arguments);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    return wrong_usage(app, first, std::span(arguments, static_cast<std::size_t>(count)).subspan(1), error);
  }
  return exit_code;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const int code = run(count, arguments);
    const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;  // of earlier flushes only ferror tells
    if (written || code != command::done) return code;
    return command::fail("cannot write all of the output: the disk is full or the pipe is gone");
  } catch (const std::bad_alloc&) {
    return command::fail("there is not enough memory");
  } catch (const std::exception& error) {
    fmt::print(stderr, "internal error: {}\nThis is a mistake in Descent, not in the model: please report it.\n",
               error.what());
    return command::internal_failure;
  }
}
