// Splits the lists, refuses what is malformed, multiplies.
#include "driver/commands/sweep.h"

#include <algorithm>
#include <cctype>

#include "fmt/format.h"

namespace descent::command {
namespace {

Diagnostic wrong(const std::string& message, const std::string& hint = {}) {
  Diagnostic diagnostic{"command-line", {}, message, {}};
  if (!hint.empty()) diagnostic.notes.push_back({{}, hint});
  return diagnostic;
}

Diagnostic too_many_runs() { return wrong(fmt::format("--sweep asks for more than {} runs", most_runs)); }

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// At the commas that stand in no brackets and no quotes; nothing when those are not closed.
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  int depth = 0;
  bool quoted = false;
  for (const char sign : text) {
    if (sign == '"') quoted = !quoted;
    if (!quoted && (sign == '(' || sign == '[')) ++depth;
    if (!quoted && (sign == ')' || sign == ']')) --depth;
    if (depth < 0) return {};
    if (sign == ',' && depth == 0 && !quoted) {
      parts.emplace_back();
    } else {
      parts.back() += sign;
    }
  }
  if (depth != 0 || quoted) return {};
  for (std::string& part : parts) part = trimmed(part);
  return parts;
}

Result<Sweep> parse_sweep(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string name = trimmed(text.substr(0, equals));
  if (equals == std::string::npos || name.empty() || trimmed(text.substr(equals + 1)).empty()) {
    return wrong(fmt::format("--sweep wants NAME=VALUE,VALUE,…, found '{}'", text));
  }
  const std::string list = text.substr(equals + 1);
  Sweep sweep{name, split(list)};
  if (sweep.values.empty())
    return wrong(fmt::format("--sweep {}: a bracket or quote is not closed in '{}'", name, list));
  if (sweep.values.size() > most_runs) return too_many_runs();
  for (std::size_t i = 0; i < sweep.values.size(); ++i) {
    const std::string& value = sweep.values[i];
    if (value.empty()) return wrong(fmt::format("--sweep {}: value {} of '{}' is empty", name, i + 1, list));
    const auto here = sweep.values.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(sweep.values.begin(), here, value) != here) {
      return wrong(fmt::format("--sweep {}: the value {} stands twice in '{}'", name, value, list));
    }
  }
  return sweep;
}

}  // namespace

Result<std::vector<Sweep>> parse_sweeps(const std::vector<std::string>& texts, const std::vector<std::string>& fixed) {
  std::vector<Sweep> sweeps;
  std::size_t runs = 1;
  for (const std::string& text : texts) {
    Result<Sweep> sweep = parse_sweep(text);
    if (!sweep) return sweep.errors();
    const std::string& name = sweep->name;
    if (std::any_of(sweeps.begin(), sweeps.end(), [&](const Sweep& other) { return other.name == name; })) {
      return wrong(fmt::format("--sweep names '{}' twice", name),
                   "one list holds all values: --sweep NAME=VALUE,VALUE");
    }
    if (std::find(fixed.begin(), fixed.end(), name) != fixed.end()) {
      return wrong(fmt::format("'{}' is swept, and another option sets it", name));
    }
    if (runs > most_runs / sweep->values.size()) {
      return too_many_runs();
    }
    runs *= sweep->values.size();
    sweeps.push_back(std::move(*sweep));
  }
  return sweeps;
}

std::vector<Assignment> combinations(const std::vector<Sweep>& sweeps) {
  std::vector<Assignment> all{{}};
  for (const Sweep& sweep : sweeps) {
    std::vector<Assignment> longer;
    for (const Assignment& assignment : all) {
      for (const std::string& value : sweep.values) {
        longer.push_back(assignment);
        longer.back().emplace_back(sweep.name, value);
      }
    }
    all = std::move(longer);
  }
  return all;
}

std::string assignment_text(const Assignment& values) {
  std::string text;
  for (const auto& [name, value] : values) text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
  return text;
}

std::string folder_name(const Assignment& values) {
  constexpr std::size_t longest = 200;  // file systems end at 255 bytes
  std::string folder;
  for (const auto& [name, value] : values) folder += fmt::format("{}{}={}", folder.empty() ? "" : ",", name, value);
  std::erase(folder, ' ');
  for (char& sign : folder) {
    const bool harmless =
        std::isalnum(static_cast<unsigned char>(sign)) || std::string("._=+-,()").find(sign) != std::string::npos;
    if (!harmless) sign = '_';
  }
  return folder.substr(0, longest);
}

}  // namespace descent::command
