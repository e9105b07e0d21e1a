// All files of one compilation: the user's, what they import, and the standard library; and who is called by a name.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "frontend/ast.h"
#include "frontend/frontend.h"
#include "frontend/reporter.h"

namespace descent::frontend {

class Program {
 public:
  // Parses the source and its imports; the library joins. What is wrong, the reporter knows.
  Program(const SourceRef& source, const ReadImport& read_import, Reporter& reporter);

  const ast::Function* model() const { return model_; }
  const std::vector<ast::Train>& trains() const { return files_.front().trains; }
  Span start() const { return {files_.front().source, 0, 0}; }
  // A function or optimizer as seen from a text: the library sees itself, the user's files see their own first.
  const ast::Function* find(ast::Function::Kind kind, const std::string& name, const Span& from) const;
  std::vector<std::string> names(ast::Function::Kind kind) const;
  bool is_library(const Span& at) const;

 private:
  using Table = std::map<std::pair<ast::Function::Kind, std::string>, const ast::Function*>;

  void add_imports(std::size_t file, const ReadImport& read_import, Reporter& reporter);
  void declare(const ast::File& file, Table& table, Reporter& reporter);

  std::deque<ast::File> files_;  // the user's, the main one first; addresses last
  Table user_table_;
  Table library_table_;
  const ast::Function* model_ = nullptr;
};

}  // namespace descent::frontend
