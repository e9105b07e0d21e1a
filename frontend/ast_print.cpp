// The syntax tree as canonical text: two spaces per level, one space around signs, parentheses only where needed.
#include <algorithm>

#include "frontend/ast.h"
#include "ir/match.h"

namespace descent::frontend::ast {

namespace {

// How tightly an expression holds together; a looser one inside a tighter one takes parentheses.
enum Level { conditional, either, both, negation, comparison, sum, product, unary, power, primary };

Level level_of(std::string_view sign) {
  if (sign == "or") return either;
  if (sign == "and") return both;
  if (sign == "+" || sign == "-") return sum;
  if (sign == "*" || sign == "/" || sign == "//") return product;
  if (sign == "^") return power;
  return comparison;
}

Level level_of(const Expression& expression) {
  return match(
      expression.node, [](const Conditional&) { return conditional; },
      [](const Binary& binary) { return level_of(binary.sign); },
      [](const Unary& node) { return node.sign == "not" ? negation : unary; }, [](const Number&) { return primary; },
      [](const Text&) { return primary; }, [](const Name&) { return primary; }, [](const Ellipsis&) { return primary; },
      [](const Call&) { return primary; }, [](const Subscript&) { return primary; },
      [](const Reduction&) { return primary; });
}

std::string at_least(const Expression& expression, Level level) {
  std::string text = print(expression);
  return level_of(expression) < level ? "(" + text + ")" : text;
}

template <class List, class Print>
std::string joined(const List& list, const Print& one) {
  std::string text;
  for (const auto& item : list) text += (text.empty() ? "" : ", ") + one(item);
  return text;
}

std::string print(const Binary& binary) {
  const Level level = level_of(binary.sign);
  if (binary.sign == "^") return at_least(*binary.left, primary) + "^" + at_least(*binary.right, unary);
  const Level left = level == comparison ? sum : level;
  return at_least(*binary.left, left) + " " + binary.sign + " " +
         at_least(*binary.right, static_cast<Level>(level + 1));
}

std::string print(const Argument& argument) {
  return (argument.name ? argument.name->text + " = " : "") + print(*argument.value);
}

std::string print(const IndexBinder& binder) {
  return binder.name.text + (binder.extent ? " < " + at_least(*binder.extent, sum) : "");
}

std::string print(const Subscript& subscript) {
  return (subscript.next ? "next " : "") + subscript.base.text + "[" +
         joined(subscript.at, [](const ExpressionRef& index) { return print(*index); }) +
         (subscript.otherwise ? " else " + print(*subscript.otherwise) : "") + "]";
}

std::string print(const Call& call) {
  return call.function.text + "(" + joined(call.arguments, [](const Argument& a) { return print(a); }) + ")" +
         (call.as ? " as " + call.as->text : "") + (call.sharing ? " sharing " + call.sharing->text : "");
}

std::string print(const Target& target) {
  std::string text = (target.next ? "next " : "") + target.name.text;
  if (!target.indexed) return text;
  return text + "[" +
         joined(target.at,
                [](const LeftIndex& left) {
                  return print(*left.index) + (left.extent ? " < " + at_least(*left.extent, sum) : "");
                }) +
         "]";
}

std::string print(const Parameter& parameter) {
  return std::string(parameter.frozen ? "frozen " : "") + (parameter.is_param ? "param " : "") + parameter.name.text +
         (parameter.type ? " : " + print(*parameter.type) : "") +
         (parameter.otherwise ? " = " + print(*parameter.otherwise) : "") +
         (parameter.initial ? " ~ " + print(*parameter.initial) : "");
}

std::string print(const std::vector<Carry>& carries) {
  return " carry " + joined(carries, [](const Carry& carry) {
           return carry.name.text + (carry.type ? " : " + print(*carry.type) : "") + " = " + print(*carry.initial);
         });
}

std::string print_block(const Block& block, int indent);

std::string_view word_of(Define::Kind kind) {
  switch (kind) {
    case Define::Kind::binding:
      return "";
    case Define::Kind::output:
      return "output ";
    case Define::Kind::loss:
      return "loss ";
    case Define::Kind::metric:
      return "metric ";
    case Define::Kind::yield:
      return "yield ";
  }
  return "";
}

std::string print_statement(const Statement& statement, int indent) {
  return match(
      statement.node,
      [](const Define& define) {
        return std::string(word_of(define.kind)) + joined(define.targets, [](const Target& t) { return print(t); }) +
               " = " + print(*define.value);
      },
      [](const Update& update) { return update.name.text + " := " + print(*update.value); },
      [](const DeclareInput& input) {
        return "input " + joined(input.names, [](const Identifier& name) { return name.text; }) + " : " +
               print(input.type);
      },
      [](const DeclareParam& param) { return print(param.parameter); },
      [](const DeclareState& state) { return "state " + print(state.state); },
      [](const Return& node) {
        return "return " + (node.target ? print(*node.target) + " = " : "") +
               joined(node.values, [](const ExpressionRef& value) { return print(*value); });
      },
      [](const Expect& node) { return "expect " + print(*node.condition) + ", \"" + node.message.text + "\""; },
      [&](const Scan& scan) {
        return "scan " + print(scan.axis) + print(scan.carries) + " " + print_block(scan.body, indent);
      },
      [&](const Repeat& repeat) {
        return "repeat " + print(*repeat.count) + (repeat.as ? " as " + repeat.as->text : "") + print(repeat.carries) +
               " " + print_block(repeat.body, indent);
      });
}

std::string print_block(const Block& block, int indent) {
  const std::string margin(static_cast<std::size_t>(indent), ' ');
  std::string text = "{\n";
  for (const Statement& statement : block) text += margin + "  " + print_statement(statement, indent + 2) + "\n";
  return text + margin + "}";
}

std::string_view word_of(Function::Kind kind) {
  switch (kind) {
    case Function::Kind::function:
      return "fn ";
    case Function::Kind::optimizer:
      return "optimizer ";
    case Function::Kind::model:
      return "model ";
  }
  return "";
}

std::string print(const Function& function) {
  return std::string(word_of(function.kind)) + function.name.text + "(" +
         joined(function.parameters, [](const Parameter& p) { return print(p); }) + ")" +
         (function.results.empty() ? "" : " -> " + joined(function.results, [](const Type& t) { return print(t); })) +
         " " + print_block(function.body, 0) +
         (function.adjoints.empty()
              ? ""
              : " gradient(" + joined(function.adjoints, [](const Identifier& name) { return name.text; }) + ") " +
                    print_block(function.gradient, 0)) +
         "\n";
}

std::string print_settings(const std::vector<Setting>& settings, int indent);

std::string print_setting(const Setting& setting, int indent) {
  std::string text = joined(setting.keys, [](const Identifier& key) { return key.text; });
  if (!setting.patterns.empty()) {
    text += " " + joined(setting.patterns, [](const Identifier& pattern) { return "\"" + pattern.text + "\""; });
  }
  return text + (setting.value ? " = " + print(*setting.value) : " " + print_settings(setting.block, indent));
}

std::string print_settings(const std::vector<Setting>& settings, int indent) {
  const std::string margin(static_cast<std::size_t>(indent), ' ');
  std::string text = "{\n";
  for (const Setting& setting : settings) text += margin + "  " + print_setting(setting, indent + 2) + "\n";
  return text + margin + "}";
}

std::string print(const Train& train) {
  return "train " + train.name.text + " = " + train.model.text + "(" +
         joined(train.arguments, [](const Argument& a) { return print(a); }) + ") " +
         print_settings(train.settings, 0) + "\n";
}

}  // namespace

std::string print(const Expression& expression) {
  return match(
      expression.node, [](const Number& number) { return number.text; },
      [](const Text& text) { return "\"" + text.value + "\""; },
      [](const Name& name) { return (name.next ? "next " : "") + name.text; },
      [](const Ellipsis&) { return std::string("..."); },
      [](const Unary& node) {
        return node.sign == "not" ? "not " + at_least(*node.operand, negation) : "-" + at_least(*node.operand, unary);
      },
      [](const Binary& binary) { return print(binary); },
      [](const Conditional& node) {
        return "if " + print(*node.condition) + " then " + print(*node.then) + " else " + print(*node.otherwise);
      },
      [](const Call& call) { return print(call); }, [](const Subscript& subscript) { return print(subscript); },
      [](const Reduction& reduction) {
        return reduction.combiner.text + "[" +
               joined(reduction.over, [](const IndexBinder& binder) { return print(binder); }) + "](" +
               print(*reduction.body) + ")";
      });
}

std::string print(const Type& type) {
  std::string text = type.element.text;
  if (type.has_extents) {
    text += "[" + joined(type.extents, [](const ExpressionRef& extent) { return print(*extent); }) + "]";
  }
  return type.low ? text + " in " + print(*type.low) + " ..< " + print(*type.high) : text;
}

std::string print(const File& file) {
  std::string text;
  for (const Import& import : file.imports) text += "import \"" + import.path + "\"\n";
  for (const Function& function : file.functions) text += (text.empty() ? "" : "\n") + print(function);
  for (const Train& train : file.trains) text += (text.empty() ? "" : "\n") + print(train);
  return text;
}

}  // namespace descent::frontend::ast
