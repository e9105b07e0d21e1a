// descent fmt: model files in their one layout.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <utility>

#include "descent/tools.h"
#include "driver/commands/command.h"
#include "fmt/format.h"

namespace descent::command {
namespace {

namespace fs = std::filesystem;

// A folder stands for the model files below it.
std::vector<std::string> files_of(const std::vector<std::string>& names) {
  std::vector<std::string> files;
  for (const std::string& name : names) {
    std::error_code error;
    if (!fs::is_directory(name, error)) {
      files.push_back(name);
      continue;
    }
    std::vector<std::string> below;
    for (fs::recursive_directory_iterator at(name, error), end; !error && at != end; at.increment(error)) {
      if (at->path().extension() == ".descent" && at->is_regular_file(error)) below.push_back(at->path().string());
    }
    std::sort(below.begin(), below.end());
    files.insert(files.end(), below.begin(), below.end());
  }
  return files;
}

// The first line with its end, taken off the text.
std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.empty() ? 0 : std::min(text.find('\n'), text.size() - 1) + 1);
  text.remove_prefix(line.size());
  return line;
}

std::string describe(std::string_view line) {
  if (line.empty()) return "(end of file)";
  if (!line.ends_with('\n')) return fmt::format("{} (without a line end)", line);
  line.remove_suffix(1);
  return line.empty() ? "(an empty line)" : std::string(line);
}

// "x.descent:3 is not formatted", then that line as it is and as it should be.
void show_difference(const std::string& name, std::string_view before, std::string_view after) {
  for (int line = 1; !before.empty() || !after.empty(); ++line) {
    const std::string_view found = take_line(before);
    const std::string_view expected = take_line(after);
    if (found == expected) continue;
    fmt::print("{}:{} is not formatted\n  - {}\n  + {}\n", name, line, describe(found), describe(expected));
    return;
  }
}

int format_one(const std::string& file, bool check) {
  Result<Formatting> formatting = format_file(file);
  if (!formatting) return fail(formatting.errors());
  if (formatting->before == formatting->after) return done;
  if (check) {
    show_difference(file, formatting->before, formatting->after);
    return wrong_input;
  }
  if (const Diagnostics failed = rewrite_file(file, formatting->after); !failed.empty()) return fail(failed);
  fmt::print("{}\n", file);
  return done;
}

int format_input(bool check) {
  const std::string name = "<stdin>";
  std::string text(std::istreambuf_iterator<char>(std::cin), {});
  Result<std::string> after = format(name, text);
  if (!after) return fail(after.errors());
  if (!check) {
    std::fwrite(after->data(), 1, after->size(), stdout);
    return done;
  }
  if (text == *after) return done;
  show_difference(name, text, *after);
  return wrong_input;
}

int format_all(const std::vector<std::string>& names, bool check) {
  if (names == std::vector<std::string>{"-"}) return format_input(check);
  int code = done;
  for (const std::string& file : files_of(names)) code = std::max(code, format_one(file, check));
  return code;
}

}  // namespace

void add_fmt(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("fmt", "Give model files their one layout");
  auto files = std::make_shared<std::vector<std::string>>();
  auto check = std::make_shared<bool>(false);
  command->add_option("FILE", *files, "Model files, folders of them, or - for standard input and output")
      ->required()
      ->type_name("");
  command->add_flag("--check", *check, "Change nothing; name the files that would change, and exit with 1 if any");
  command->footer(
      "Only blanks and line ends change. The names of the files that did are printed; a file with a mistake is left\n"
      "as it is.\n\n"
      "Examples:\n"
      "  descent fmt digits.descent layers.descent\n"
      "  descent fmt --check examples            in a script: is every file below this folder formatted?");
  command->callback([files, check, &exit_code] { exit_code = format_all(*files, *check); });
}

}  // namespace descent::command
