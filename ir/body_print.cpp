// The printer of scalar expressions.
#include "ir/body_print.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/free_names.h"
#include "ir/match.h"
#include "ir/text_literal.h"

namespace descent {
namespace {

constexpr int tightest = 4;      // binds tighter than every infix operation
constexpr int depth_limit = 24;  // a scalar nested deeper gets a name, shared or not

class BodyPrinter {
 public:
  BodyPrinter(const Body& body, const BodyNames& names)
      : body_(body), names_(names), uses_(body.scalars.size()), depths_(body.scalars.size()) {}

  std::string print() {
    if (body_.scalars.empty()) return "{ ? }";
    count_uses();
    std::string definitions;
    for (const ScalarId id : shared_in_order()) {
      const std::string expression = print_scalar(id, 0);
      definitions += fmt::format("{} = {}; ", give_name(id), expression);
    }
    return fmt::format("{{ {}{} }}", definitions, print_scalar(body_.root(), 0));
  }

  std::string print(const std::vector<Index>& indices) {
    std::string text;
    for (const Index& index : indices) text += (text.empty() ? "" : ", ") + print(index);
    return text;
  }

 private:
  bool is_valid(ScalarId id) const { return id >= 0 && id < static_cast<ScalarId>(body_.scalars.size()); }
  int& uses(ScalarId id) { return uses_[static_cast<std::size_t>(id)]; }
  int& depth(ScalarId id) { return depths_[static_cast<std::size_t>(id)]; }

  // Operands of an Apply that stand before it; anything else prints as '?'.
  std::vector<ScalarId> operands(ScalarId id) const {
    std::vector<ScalarId> before;
    if (const auto* apply = std::get_if<Apply>(&body_[id].node))
      for (const ScalarId operand : apply->operands)
        if (is_valid(operand) && operand < id) before.push_back(operand);
    return before;
  }

  // Uses by what the root needs, and how deep each scalar nests when the named ones count as flat.
  void count_uses() {
    uses(body_.root()) = 1;
    for (ScalarId id = body_.root(); id >= 0; --id)
      if (uses(id) > 0)
        for (const ScalarId operand : operands(id)) ++uses(operand);
    for (ScalarId id = 0; id <= body_.root(); ++id)
      for (const ScalarId operand : operands(id))
        if (!is_named(operand)) depth(id) = std::max(depth(id), depth(operand) + 1);
  }

  bool is_named(ScalarId id) {
    return std::holds_alternative<Apply>(body_[id].node) && id != body_.root() &&
           (uses(id) > 1 || depth(id) >= depth_limit);
  }

  // The named scalars in the order in which the root first needs them, whatever the order of storage.
  std::vector<ScalarId> shared_in_order() {
    std::vector<ScalarId> order;
    std::vector<bool> entered(body_.scalars.size(), false);
    std::vector<std::pair<ScalarId, bool>> stack = {{body_.root(), false}};
    while (!stack.empty()) {
      const auto [id, done] = stack.back();
      stack.pop_back();
      if (done) {
        if (is_named(id)) order.push_back(id);
        continue;
      }
      if (entered[static_cast<std::size_t>(id)]) continue;
      entered[static_cast<std::size_t>(id)] = true;
      stack.push_back({id, true});
      const std::vector<ScalarId> needed = operands(id);
      for (auto operand = needed.rbegin(); operand != needed.rend(); ++operand) stack.push_back({*operand, false});
    }
    return order;
  }

  // The operation's first letter, or t, and a number when it is taken.
  const std::string& give_name(ScalarId id) {
    const OpRow& op = row(std::get<Apply>(body_[id].node).op);
    const std::string letter = op.infix.empty() ? std::string(op.name.substr(0, 1)) : "t";
    if (given_.empty()) given_.resize(body_.scalars.size());
    return given_[static_cast<std::size_t>(id)] = taken_.take_like(letter);
  }

  // In brackets when it binds looser than `precedence`.
  std::string print_scalar(ScalarId id, int precedence) {
    if (!given_.empty() && !given_[static_cast<std::size_t>(id)].empty()) return given_[static_cast<std::size_t>(id)];
    const Scalar& scalar = body_[id];
    const auto form = [&](AxisId axis) { return names_.axis(axis); };
    return match(
        scalar.node, [&](const Literal& literal) { return print_literal(literal.value, scalar.type); },
        [&](const AxisValue& value) { return fmt::format("index({})", to_string(value.form, form)); },
        [&](const AxisExtent& extent) { return fmt::format("extent({})", names_.axis(extent.axis)); },
        [&](const Read& read) { return print(read); },
        [&](const Apply& apply) { return print(id, apply, precedence); });
  }

  std::string print_operand(ScalarId user, ScalarId operand, int precedence) {
    return is_valid(operand) && operand < user ? print_scalar(operand, precedence) : "?";
  }

  std::string print(ScalarId id, const Apply& apply, int precedence) {
    const OpRow& op = row(apply.op);
    if (!op.infix.empty() && apply.operands.size() == 2) return print_infix(id, apply, op, precedence);
    if (apply.op == Op::neg && apply.operands.size() == 1 && !begins_with_literal(id, apply.operands[0]))
      return "-" + print_operand(id, apply.operands[0], tightest);
    std::string operands;
    for (const ScalarId operand : apply.operands)
      operands += (operands.empty() ? "" : ", ") + print_operand(id, operand, 0);
    return fmt::format("{}({})", op.name, operands);
  }

  // '-' before a number would be read as a negative number.
  bool begins_with_literal(ScalarId user, ScalarId operand) const {
    return is_valid(operand) && operand < user && std::holds_alternative<Literal>(body_[operand].node);
  }

  // Sums and products group to the left; comparisons and logic never stand beside each other without brackets.
  std::string print_infix(ScalarId id, const Apply& apply, const OpRow& op, int precedence) {
    const int left = op.precedence == 1 ? 2 : op.precedence;
    const std::string text = fmt::format("{} {} {}", print_operand(id, apply.operands[0], left), op.infix,
                                         print_operand(id, apply.operands[1], op.precedence + 1));
    return op.precedence < precedence ? "(" + text + ")" : text;
  }

  std::string print(const Read& read) {
    std::string text = "%" + names_.value(read.tensor);
    if (read.at.empty() && !read.otherwise) return text;
    text += "[" + print(read.at);
    if (read.otherwise) text += " else " + print_literal(*read.otherwise, names_.dtype(read.tensor));
    return text + "]";
  }

  std::string print(const Index& index) {
    const std::string offset = to_string(index.offset, [&](AxisId axis) { return names_.axis(axis); });
    if (index.through == no_scalar) return offset;
    const Read* read = is_valid(index.through) ? std::get_if<Read>(&body_[index.through].node) : nullptr;
    if (read == nullptr || ++through_depth_ > depth_limit) return "?";
    const std::string through = print(*read);
    --through_depth_;
    if (index.offset == Affine{}) return through;
    return offset[0] == '-' ? fmt::format("{} - {}", through, offset.substr(1)) : through + " + " + offset;
  }

  const Body& body_;
  const BodyNames& names_;
  std::vector<int> uses_;
  std::vector<int> depths_;
  std::vector<std::string> given_;
  FreeNames taken_{""};
  int through_depth_ = 0;
};

}  // namespace

std::string print_body(const Body& body, const BodyNames& names) { return BodyPrinter(body, names).print(); }

std::string print_indices(const Body& body, const std::vector<Index>& indices, const BodyNames& names) {
  return BodyPrinter(body, names).print(indices);
}

}  // namespace descent
