// The command `descent`: options in, exit code out. What it does is in commands/, one file each.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <span>
#include <string_view>
#include <utility>

#include "driver/commands/command.h"
#include "fmt/format.h"

namespace {

using namespace descent;
using command::Colour;

constexpr const char* description = "Descent compiles a neural network together with its training into native code.";
constexpr const char* examples =
    "Examples:\n"
    "  descent train examples/01_xor.descent                  train; weights and log go to runs/truth_table\n"
    "  descent inspect examples/01_xor.descent --stage graph  what the model computes\n"
    "  descent check examples/01_xor.descent                  are all gradients right?\n"
    "  descent help COMMAND                                   the options of a command, with examples\n\n"
    "Messages are coloured on a terminal; --color always or never, NO_COLOR and TERM=dumb decide otherwise.\n"
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
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::string suggestion(const std::string& name, const std::vector<std::string>& candidates) {
  const std::string near = nearest(name, candidates);
  return near.empty() ? "" : fmt::format("did you mean '{}'?", near);
}

constexpr std::pair<std::string_view, Colour> colours[] = {
    {"auto", Colour::automatic}, {"always", Colour::always}, {"never", Colour::never}};

// `--color WHEN` or `--color=WHEN` anywhere: it holds for complaints about the other words too. A value that is none
// of the three is the parser's to refuse.
void choose_colour(std::span<char*> words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const std::string_view next = i + 1 < words.size() ? words[i + 1] : "";
    const std::string_view value = word == "--color" ? next : word.starts_with("--color=") ? word.substr(8) : "";
    for (const auto& [name, colour] : colours) {
      if (name == value) command::choose_colour(colour);
    }
  }
}

// The first word that is not `--color WHEN`: a command, unless it is an option.
std::string first_word(std::span<char*> words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--color" && i + 1 < words.size()) {
      ++i;
    } else if (!word.starts_with("--color=")) {
      return std::string(word);
    }
  }
  return {};
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
std::string unknown_option(const std::vector<std::string>& known, std::span<char*> words) {
  for (const std::string word : words) {
    const std::string name = word.starts_with("--") ? word.substr(0, word.find('=')) : word.substr(0, 2);
    const bool option = name.starts_with('-') && name.size() > 1;
    if (option && std::find(known.begin(), known.end(), name) == known.end()) return name;
  }
  return {};
}

int wrong_usage(const CLI::App& app, const std::string& name, std::span<char*> words, const CLI::ParseError& error) {
  const CLI::App& command = is_command(app, name) ? *app.get_subcommand(name) : app;
  const std::string full_name = is_command(app, name) ? "descent " + name : "descent";
  const std::string help = fmt::format("`{} --help` shows its options", full_name);
  const bool extra = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError);
  if (!extra) return command::fail(error.what(), help);
  std::vector<std::string> known = option_names(command);
  for (std::string& common : option_names(app)) known.push_back(std::move(common));
  const std::string option = unknown_option(known, words);
  if (option.empty()) return command::fail(fmt::format("too many arguments for {}", full_name), help);
  const std::string hint = option.starts_with("--") ? suggestion(option, known) : "";
  return command::fail(fmt::format("{} has no option '{}'", full_name, option), hint.empty() ? help : hint);
}

// `descent help [COMMAND]`.
int help(CLI::App& app, const std::string& name) {
  if (!name.empty() && !is_command(app, name)) return unknown_command(app, name);
  fmt::print("{}", name.empty() ? app.help() : app.get_subcommand(name)->help("descent"));
  return command::done;
}

int run(int count, char** arguments) {
  const std::span<char*> words = std::span(arguments, static_cast<std::size_t>(count)).subspan(count > 0 ? 1 : 0);
  choose_colour(words);
  CLI::App app(description, "descent");
  app.footer(examples);
  app.set_version_flag("--version", std::string("descent ") + DESCENT_VERSION);
  app.set_help_flag("-h,--help", "Show this help");
  std::string colour;
  app.add_option("--color", colour, "When to colour messages: auto (default), always or never")
      ->type_name("WHEN")
      ->check(command::one_of({"auto", "always", "never"}));
  app.require_subcommand(0, 1);
  app.get_formatter()->label("REQUIRED", "");
  int exit_code = command::done;
  command::add_train(app, std::span(arguments, static_cast<std::size_t>(count)), exit_code);
  command::add_predict(app, exit_code);
  command::add_convert(app, exit_code);
  command::add_inspect(app, exit_code);
  command::add_check(app, exit_code);
  command::add_bench(app, exit_code);
  command::add_build(app, exit_code);
  command::add_runtime(app, exit_code);
  command::add_fmt(app, exit_code);
  command::add_doc(app, exit_code);

  for (CLI::App* each : app.get_subcommands({})) each->fallthrough();  // --color stands before or behind a command

  const std::string first = first_word(words);
  if (first.empty()) {
    fmt::print("{}", app.help());
    return command::wrong_input;
  }
  if (first == "help") return help(app, words.back() == first ? "" : words.back());
  if (!first.starts_with('-') && !is_command(app, first)) return unknown_command(app, first);
  try {
    app.parse(count, arguments);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    return wrong_usage(app, first, words, error);
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
