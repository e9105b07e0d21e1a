#include "frontend/ast.h"

#include "ir/match.h"

namespace descent::frontend::ast {

void for_each_operand(const Expression& expression, const std::function<void(const Expression&)>& visit) {
  match(
      expression.node, [](const Number&) {}, [](const Text&) {}, [](const Name&) {}, [](const Ellipsis&) {},
      [&](const Unary& node) { visit(*node.operand); },
      [&](const Binary& node) {
        visit(*node.left);
        visit(*node.right);
      },
      [&](const Conditional& node) {
        visit(*node.condition);
        visit(*node.then);
        visit(*node.otherwise);
      },
      [&](const Call& node) {
        for (const Argument& argument : node.arguments) visit(*argument.value);
      },
      [&](const Subscript& node) {
        for (const ExpressionRef& index : node.at) visit(*index);
        if (node.otherwise) visit(*node.otherwise);
      },
      [&](const Reduction& node) { visit(*node.body); });
}

}  // namespace descent::frontend::ast
