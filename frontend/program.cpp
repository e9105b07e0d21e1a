#include "frontend/program.h"

#include <algorithm>

#include "frontend/parser.h"

namespace descent::frontend {

namespace {

constexpr std::size_t most_files = 256;

std::string_view word_of(ast::Function::Kind kind) {
  switch (kind) {
    case ast::Function::Kind::function:
      return "function";
    case ast::Function::Kind::optimizer:
      return "optimizer";
    case ast::Function::Kind::model:
      return "model";
  }
  return "";
}

// The standard library's texts never change: they are parsed once.
const std::deque<ast::File>& parsed_library() {
  static const std::deque<ast::File> files = [] {
    std::deque<ast::File> parsed;
    Reporter reporter;
    for (const SourceRef& text : standard_library()) parsed.push_back(parse_file(text, reporter));
    DESCENT_CHECK(reporter.empty(), "the standard library is malformed:\n" + render(reporter.diagnostics()));
    return parsed;
  }();
  return files;
}

}  // namespace

Program::Program(const SourceRef& source, const ReadImport& read_import, Reporter& reporter) {
  files_.push_back(parse_file(source, reporter));
  for (std::size_t i = 0; i < files_.size(); ++i) add_imports(i, read_import, reporter);
  for (const ast::File& file : files_) declare(file, user_table_, reporter);
  for (const ast::File& file : parsed_library()) declare(file, library_table_, reporter);
}

// Each file once, however often it is imported.
void Program::add_imports(std::size_t file, const ReadImport& read_import, Reporter& reporter) {
  for (const ast::Import& import : files_[file].imports) {
    if (!read_import) {
      reporter.error("import-failed", import.at, "expected no imports here, found one");
      continue;
    }
    const Result<SourceRef> text = read_import(import.path);
    if (!text) {
      const std::string reason = text.errors().empty() ? "" : ": " + text.errors().front().message;
      reporter.error("import-failed", import.at, "can't read " + quoted(import.path) + reason);
      continue;
    }
    const auto known = std::find_if(files_.begin(), files_.end(), [&](const ast::File& other) {
      return other.source->name == (*text)->name || other.source->text == (*text)->text;
    });
    if (known != files_.end()) continue;
    if (files_.size() >= most_files) {
      reporter.error("import-failed", import.at, "expected at most " + std::to_string(most_files) + " files");
      return;
    }
    files_.push_back(parse_file(*text, reporter));
  }
}

void Program::declare(const ast::File& file, Table& table, Reporter& reporter) {
  for (const ast::Function& function : file.functions) {
    const auto [entry, fresh] = table.emplace(std::pair(function.kind, function.name.text), &function);
    if (!fresh) {
      reporter.error("duplicate-name", function.name.at,
                     std::string(word_of(function.kind)) + " " + quoted(function.name.text) + " is defined twice",
                     {{entry->second->name.at, "first defined here"}});
    }
    if (function.kind != ast::Function::Kind::model) continue;
    if (model_ && fresh) {
      reporter.error("several-models", function.name.at,
                     "expected one model, found a second: " + quoted(function.name.text),
                     {{model_->name.at, "the first one"}});
    }
    if (!model_) model_ = &function;
  }
}

const ast::Function* Program::find(ast::Function::Kind kind, const std::string& name, const Span& from) const {
  const std::pair key(kind, name);
  if (!is_library(from)) {
    if (const auto found = user_table_.find(key); found != user_table_.end()) return found->second;
  }
  const auto found = library_table_.find(key);
  return found == library_table_.end() ? nullptr : found->second;
}

std::vector<std::string> Program::names(ast::Function::Kind kind) const {
  std::vector<std::string> names;
  for (const Table* table : {&user_table_, &library_table_}) {
    for (const auto& [key, function] : *table) {
      if (key.first == kind) names.push_back(key.second);
    }
  }
  return names;
}

bool Program::is_library(const Span& at) const {
  const std::deque<ast::File>& library = parsed_library();
  return std::any_of(library.begin(), library.end(), [&](const ast::File& file) { return file.source == at.source; });
}

}  // namespace descent::frontend
