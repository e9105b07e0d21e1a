#include "frontend/extents.h"

#include <algorithm>

#include "frontend/reporter.h"
#include "ir/match.h"

namespace descent::frontend {

IndexBinding* IndexSet::find(const std::string& name) {
  const auto found =
      std::find_if(indices.begin(), indices.end(), [&](const IndexBinding& index) { return index.name.text == name; });
  return found == indices.end() ? nullptr : &*found;
}

std::string wrong_count(const std::string& name, const TensorType& type, std::size_t found) {
  return "expected " + counted(type.shape.size(), "index", "indices") + " for " + quoted(name) + ", which is " +
         to_string(type) + ", found " + std::to_string(found);
}

void constrain(IndexBinding& index, Extent extent, const std::string& source, const Span& at,
               const ReportError& report) {
  if (index.fixed) return;
  if (!index.extent) {
    index.extent = extent;
    index.source = source;
    index.source_at = at;
  } else if (*index.extent != extent) {
    report("axis-mismatch", at,
           "axis " + quoted(index.name.text) + " is " + to_string(*index.extent) + " in " + index.source + " but " +
               to_string(extent) + " in " + source,
           {{index.source_at, quoted(index.name.text) + " is " + to_string(*index.extent) + " here"}});
  }
}

void constrain_leading(IndexSet& indices, const Shape& shape, const std::string& source, const Span& at,
                       const ReportError& report) {
  if (!indices.leading) {
    indices.leading = shape;
    indices.leading_source = source;
    indices.leading_at = at;
  } else if (*indices.leading != shape) {
    report("axis-mismatch", at,
           "'...' is " + to_string(*indices.leading) + " in " + indices.leading_source + " but " + to_string(shape) +
               " in " + source,
           {{indices.leading_at, "'...' is " + to_string(*indices.leading) + " here"}});
  }
}

namespace {

class Inference {
 public:
  Inference(IndexSet& indices, const FindType& type_of, const ReportError& report)
      : indices_(indices), type_of_(type_of), report_(report) {}

  void visit(const ast::Expression& expression) {
    if (const auto* subscript = std::get_if<ast::Subscript>(&expression.node)) return visit(*subscript, expression.at);
    if (const auto* reduction = std::get_if<ast::Reduction>(&expression.node)) return visit(*reduction);
    ast::for_each_operand(expression, [this](const ast::Expression& operand) { visit(operand); });
  }

 private:
  void visit(const ast::Subscript& subscript, const Span& at) {
    for (const ast::ExpressionRef& index : subscript.at) visit(*index);
    const std::string base = (subscript.next ? "next " : "") + subscript.base.text;
    const TensorType* type = type_of_(base);
    if (!type) return;
    const std::string source = quoted(base);
    const bool leads = !subscript.at.empty() && std::holds_alternative<ast::Ellipsis>(subscript.at[0]->node);
    const std::size_t named = subscript.at.size() - (leads ? 1 : 0);
    if (named > type->shape.size() || (!leads && named != type->shape.size())) {
      return report_("index-count", at, wrong_count(base, *type, named), {});
    }
    const std::size_t first = type->shape.size() - named;
    if (leads && indices_.binds_leading && !leading_hidden_) {
      const auto end = type->shape.begin() + static_cast<std::ptrdiff_t>(first);
      constrain_leading(indices_, Shape(type->shape.begin(), end), source, at, report_);
    }
    for (std::size_t i = 0; i < named; ++i) {
      const ast::Expression& index = *subscript.at[i + (leads ? 1 : 0)];
      const auto* name = std::get_if<ast::Name>(&index.node);
      IndexBinding* binding = name ? indices_.find(name->text) : nullptr;
      // With `else` the index may run past the tensor, so it may have its extent from elsewhere.
      if (!binding || (subscript.otherwise && binding->extent)) continue;
      constrain(*binding, type->shape[first + i], source, index.at, report_);
    }
  }

  void visit(const ast::Reduction& reduction) {
    const bool hidden = leading_hidden_;
    for (const ast::IndexBinder& binder : reduction.over) {
      if (binder.name.text == "...") leading_hidden_ = true;
    }
    visit(*reduction.body);
    leading_hidden_ = hidden;
  }

  IndexSet& indices_;
  const FindType& type_of_;
  const ReportError& report_;
  bool leading_hidden_ = false;  // inside a reduction that binds its own `...`
};

}  // namespace

void infer_extents(const ast::Expression& expression, IndexSet& indices, const FindType& type_of,
                   const ReportError& report) {
  Inference(indices, type_of, report).visit(expression);
}

}  // namespace descent::frontend
