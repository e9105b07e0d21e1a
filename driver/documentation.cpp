// Documentation of the library and of model files.
#include "descent/tools.h"
#include "driver/program.h"
#include "fmt/format.h"
#include "frontend/frontend.h"

namespace descent {

std::string document_library() { return frontend::library_documentation(); }

Result<std::string> document_function(const std::string& name) {
  std::string text = frontend::library_documentation(name);
  if (!text.empty()) return text;
  std::vector<Note> notes = did_you_mean(name, frontend::library_names());
  if (notes.empty()) notes.push_back({{}, "`descent doc` shows all there are; a file's name ends in .descent"});
  return diagnostic("unknown-function", {}, fmt::format("the library has no function '{}'", name), std::move(notes));
}

Result<std::string> document_file(const std::string& path) {
  Result<SourceRef> source = read_source(path);
  if (!source) return source.errors();
  if (kind_of((*source)->text) != TextKind::model) {
    return diagnostic("not-a-model-file", {},
                      fmt::format("'{}' is a printed program: only a model file has functions to document", path));
  }
  return frontend::documentation(*source);
}

}  // namespace descent
