// descent doc: what functions do, from the comments above them.
#include <cstdio>

#include "descent/tools.h"
#include "driver/commands/command.h"

namespace descent::command {
namespace {

Result<std::string> document(const std::string& what) {
  if (what.empty()) return document_library();
  const bool is_file = what.ends_with(".descent") || what.find('/') != std::string::npos;
  return is_file ? document_file(what) : document_function(what);
}

}  // namespace

void add_doc(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("doc", "Show what the library's functions do, or a file's");
  auto what = std::make_shared<std::string>();
  command->add_option("WHAT", *what, "A function of the library or a model file; without it the whole library")
      ->type_name("");
  command->footer(
      "Prints Markdown: signatures, the comments above them, parameters and their initial values.\n\n"
      "Examples:\n"
      "  descent doc linear\n"
      "  descent doc layers.descent");
  command->callback([what, &exit_code] {
    const Result<std::string> text = document(*what);
    if (!text) return void(exit_code = fail(text.errors()));
    std::fwrite(text->data(), 1, text->size(), stdout);
  });
}

}  // namespace descent::command
