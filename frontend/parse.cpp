// The door's small half: text → syntax tree.
#include "frontend/frontend.h"
#include "frontend/parser.h"

namespace descent::frontend {

Result<ast::File> parse(const SourceRef& source) {
  Reporter reporter;
  ast::File file = parse_file(source, reporter);
  if (!reporter.empty()) return reporter.diagnostics();
  return file;
}

std::vector<std::string> train_blocks(const ast::File& file) {
  std::vector<std::string> names;
  for (const ast::Train& train : file.trains) names.push_back(train.name.text);
  return names;
}

}  // namespace descent::frontend
