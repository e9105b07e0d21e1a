#include "frontend/documentation.h"

#include <algorithm>

#include "frontend/frontend.h"

namespace descent::frontend {

namespace {

// The line that ends before `end`, moving `end` to where it begins.
std::string_view line_before(std::string_view text, std::size_t& end) {
  const std::size_t last = end - 1;  // its line end
  const std::size_t begin = last == 0 ? 0 : text.rfind('\n', last - 1) + 1;
  end = begin;
  return text.substr(begin, last - begin);
}

std::string_view without_sign(std::string_view comment) {
  comment.remove_prefix(std::min(comment.find_first_not_of("# \t"), comment.size()));
  return comment.substr(0, comment.find_last_not_of(" \t\r") + 1);
}

bool is_comment(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t");
  return first != std::string_view::npos && line[first] == '#';
}

bool is_labelled(const std::string& line) {
  return std::any_of(std::begin(documentation_labels), std::end(documentation_labels),
                     [&](std::string_view label) { return line.starts_with(std::string(label) + ":"); });
}

std::size_t line_begin(const ast::Function& function) {
  const std::string& text = function.name.at.source->text;
  return function.name.at.begin == 0 ? 0 : text.rfind('\n', function.name.at.begin - 1) + 1;
}

// From its first word to before the brace of its body; a brace in a comment is none.
std::string signature(const ast::Function& function) {
  const std::string& text = function.name.at.source->text;
  const std::size_t begin = line_begin(function);
  std::size_t end = text.find_first_of("{#", begin);
  while (text[end] == '#') end = text.find_first_of("{#", text.find('\n', end));
  const std::string head = text.substr(begin, end - begin);
  return head.substr(0, head.find_last_not_of(" \n\r") + 1);
}

// Prose as it stands, labelled lines as a list whose items may run over several lines.
std::string body_of(const std::vector<std::string>& lines) {
  std::string text;
  bool list = false;
  for (const std::string& line : lines) {
    if (!is_labelled(line)) {
      text += (list ? "  " : "") + line + "\n";
      continue;
    }
    if (!list && !text.empty()) text += "\n";
    list = true;
    text += "- **" + line.substr(0, line.find(':')) + "**" + line.substr(line.find(':')) + "\n";
  }
  return text;
}

std::string states(const ast::Function& function) {
  std::string text;
  const auto add = [&](const ast::Parameter& one, const char* what) {
    text += "- **" + std::string(what) + "**: `" + one.name.text + "`" +
            (one.type ? " : `" + ast::print(*one.type) + "`" : "") + ", from `" + ast::print(*one.initial) + "`" +
            (one.frozen ? ", frozen" : "") + "\n";
  };
  for (const ast::Parameter& parameter : function.parameters) {
    if (parameter.is_param) add(parameter, "Parameter");
  }
  for (const ast::Statement& statement : function.body) {
    if (const auto* param = std::get_if<ast::DeclareParam>(&statement.node)) add(param->parameter, "Parameter");
    if (const auto* state = std::get_if<ast::DeclareState>(&statement.node)) add(state->state, "State");
  }
  return text;
}

// The comment that opens a file, when an empty line parts it from what follows.
std::string opening_of(const ast::File& file) {
  std::vector<std::string> lines;
  std::string_view text = file.source->text;
  while (is_comment(text.substr(0, text.find('\n')))) {
    lines.emplace_back(without_sign(text.substr(0, text.find('\n'))));
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  }
  return text.starts_with('\n') || text.starts_with("\r\n") ? body_of(lines) + "\n" : "";
}

// "std/layers.descent" → "layers"
std::string stem(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.substr(0, name.rfind('.'));
}

ast::File parsed(const SourceRef& source) {
  Result<ast::File> file = parse(source);
  DESCENT_CHECK(file.ok(), "the library does not parse");
  return *file;
}

}  // namespace

std::vector<std::string> docstring_of(const ast::Function& function) {
  const std::string_view text = function.name.at.source->text;
  std::vector<std::string> lines;
  for (std::size_t end = line_begin(function); end > 0;) {
    const std::string_view line = line_before(text, end);
    if (!is_comment(line)) break;
    lines.emplace_back(without_sign(line));
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

std::string document(const ast::Function& function) {
  const std::vector<std::string> lines = docstring_of(function);
  const bool list = std::any_of(lines.begin(), lines.end(), is_labelled);
  const std::string values = states(function);
  std::string text = "### " + function.name.text + "\n\n```\n" + signature(function) + "\n```\n\n" + body_of(lines);
  if (!values.empty() && !lines.empty() && !list) text += "\n";
  text += values;
  if (!text.ends_with("\n\n")) text += "\n";
  return text;
}

std::string document(const ast::File& file, const std::string& title) {
  std::string text = "## " + title + "\n\n" + opening_of(file);
  for (const ast::Function& function : file.functions) text += document(function);
  return text;
}

Result<std::string> documentation(const SourceRef& source) {
  Result<std::string> tidy = format(source);
  if (!tidy) return tidy.errors();
  Result<ast::File> file = parse(std::make_shared<const Source>(Source{source->name, std::move(*tidy)}));
  if (!file) return file.errors();
  return document(*file, stem(source->name));
}

std::string library_documentation() {
  std::string index;
  std::string sections;
  for (const SourceRef& source : standard_library()) {
    const ast::File file = parsed(source);
    std::string names;
    for (const ast::Function& one : file.functions) {
      names += (names.empty() ? "" : ", ") + ("[" + one.name.text + "](#" + one.name.text + ")");
    }
    index += "- [" + stem(source->name) + "](#" + stem(source->name) + "): " + names + "\n";
    sections += document(file, stem(source->name));
  }
  return "# The standard library\n\nWritten in the language itself; every function below is in scope in every model "
         "file, and a function of the same\nname in the file goes first. `descent doc NAME` prints one of these "
         "sections. Generated by `descent doc`.\n\n" +
         index + "\n" + sections.substr(0, sections.size() - 1);
}

std::string library_documentation(std::string_view name) {
  std::string text;
  for (const SourceRef& source : standard_library()) {
    for (const ast::Function& function : parsed(source).functions) {
      if (function.name.text == name) text += document(function);
    }
  }
  return text;
}

std::vector<std::string> library_names() {
  std::vector<std::string> names;
  for (const SourceRef& source : standard_library()) {
    for (const ast::Function& function : parsed(source).functions) names.push_back(function.name.text);
  }
  return names;
}

}  // namespace descent::frontend
