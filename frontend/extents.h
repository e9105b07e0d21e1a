// Index notation, first look: how far each index runs. An extent comes from `k < n`, from the declared result, or from
// a subscript in which the index stands alone; all must agree.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "frontend/ast.h"
#include "ir/type.h"

namespace descent::frontend {

struct IndexBinding {
  ast::Identifier name;
  std::optional<Extent> extent;
  bool fixed = false;  // by `<`
  std::string source;  // "'image'"
  Span source_at;
};

// The indices that one left side or one reduction binds, in order; among them `...`, once, as a run of axes.
struct IndexSet {
  std::vector<IndexBinding> indices;
  bool binds_leading = false;
  Span bound_at;  // of the `...`
  std::optional<Shape> leading;
  std::string leading_source;
  Span leading_at;

  IndexBinding* find(const std::string& name);
};

using FindType = std::function<const TensorType*(const std::string& name)>;
using ReportError = std::function<void(DiagnosticId id, const Span& at, std::string message, std::vector<Note> notes)>;

// "expected 2 indices for 'x', which is f32[3, 4], found 1"
std::string wrong_count(const std::string& name, const TensorType& type, std::size_t found);
// Notes that `extent` was seen for the index; reports when another was seen before.
void constrain(IndexBinding& index, Extent extent, const std::string& source, const Span& at,
               const ReportError& report);
void constrain_leading(IndexSet& indices, const Shape& shape, const std::string& source, const Span& at,
                       const ReportError& report);
// Collects from every subscript of the expression.
void infer_extents(const ast::Expression& expression, IndexSet& indices, const FindType& type_of,
                   const ReportError& report);

}  // namespace descent::frontend
