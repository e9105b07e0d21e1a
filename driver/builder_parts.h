// What the values of descent/builder.h hold, for the driver's own files.
#pragma once

#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "descent/builder.h"
#include "frontend/ast.h"

namespace descent::builder {

// A mistake that no text can hold, so that only the builder can report it: at the statement in which it occurs.
struct Mistake {
  DiagnosticId id;
  std::string message;
  std::string shown;  // below the message; empty: what the statement names
};
using MistakeRef = std::shared_ptr<const Mistake>;

// Null where the text may be a name, or a path of names.
MistakeRef check_name(std::string_view name);
MistakeRef check_path(std::string_view path);

struct Expression::Parts {
  frontend::ast::ExpressionRef tree;
  std::int64_t size = 1;  // nodes of the tree, those of a shared part as often as it occurs
  MistakeRef mistake;     // the first below; the tree is then without meaning
};

inline const frontend::ast::ExpressionRef& tree_of(const Expression& expression) { return expression.parts().tree; }
// `k`, `k < 3` or `...` as what a reduction or a scan runs over; nothing for other expressions.
std::optional<frontend::ast::IndexBinder> binder_of(const Expression& expression);
// Null without one; the first one found.
MistakeRef mistake_in(const std::vector<Expression>& expressions);
std::vector<Expression> expressions_of(const Type& type);
frontend::ast::Type tree_of(const Type& type);

// A node over these operands.
Expression make(decltype(frontend::ast::Expression::node) node, const std::vector<Expression>& operands,
                MistakeRef mistake = nullptr);

inline Origin origin_of(const std::source_location& at) { return {at.file_name(), static_cast<int>(at.line())}; }

// A value announced by `let` or `output` without its definition.
struct Announced {
  std::string name;
  Origin at;
  frontend::ast::Define::Kind kind = frontend::ast::Define::Kind::binding;
  bool defined = false;
};

struct TrainParts {
  frontend::ast::Train tree;
  Origin at;
  std::vector<Origin> settings;  // where each of the tree's settings comes from; of a block, where each of its own does
  std::vector<Origin> data, test;
};

struct BuilderParts {
  frontend::ast::Function model;
  Origin at;
  std::vector<std::pair<std::string, Origin>> texts;  // of `define`
  std::vector<Origin> lines;                          // where each line of the model's statements comes from
  std::vector<frontend::ast::Block> open;             // blocks that have not ended, the innermost last
  std::vector<TrainParts> trains;
  std::vector<Announced> announced;
  Diagnostics mistakes;

  // Whether there is nothing to report; `name`: what the statement at this place names.
  bool accept(const MistakeRef& mistake, const Origin& at, std::string_view name);
  void add(decltype(frontend::ast::Statement::node) statement, const Origin& at);
  // The last open block as a statement; it has a line of its own where it ends.
  void close(decltype(frontend::ast::Statement::node) statement, const Origin& at);
  void define(const frontend::ast::Subscript& left, const Expression& value, const Origin& at);
};

// The text, and where each of its lines comes from.
Source source_of(const BuilderParts& parts);

}  // namespace descent::builder
