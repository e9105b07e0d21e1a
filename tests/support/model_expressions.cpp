#include "tests/support/model_expressions.h"

#include <fmt/ranges.h>

namespace descent::test {
namespace {

constexpr double largest_bound = 16;

}  // namespace

const ModelExpressions::Index* ModelExpressions::index_of_batch() const {
  const auto found = std::find_if(indices_.begin(), indices_.end(), [](const Index& i) { return i.extent == batch; });
  return found == indices_.end() ? nullptr : &*found;
}

bool ModelExpressions::can_read(const Variable& v) const {
  return index_of_batch() != nullptr || std::find(v.shape.begin(), v.shape.end(), batch) == v.shape.end();
}

// One subscript of an axis; `inside` becomes false when it may leave the tensor.
std::string ModelExpressions::subscript(int extent, bool& inside) {
  if (extent == batch) {
    batch_read_ = true;
    return index_of_batch()->name;
  }
  if (dice_.chance(10)) return std::to_string(dice_.below(extent));
  if (dice_.chance(10)) {
    const auto label = any([&](const Variable& v) { return v.classes > 0 && v.classes <= extent && can_read(v); });
    if (label) return read(*label);
  }
  std::vector<Index> fits, others;
  for (const Index& index : indices_) {
    if (index.extent == batch) continue;
    (index.extent == extent ? fits : others).push_back(index);
  }
  if (!fits.empty() && dice_.chance(75)) return one_of(fits).name;
  fits.insert(fits.end(), others.begin(), others.end());
  if (fits.empty()) return std::to_string(dice_.below(extent));
  return affine(fits, extent, inside);
}

std::string ModelExpressions::affine(const std::vector<Index>& choice, int extent, bool& inside) {
  const Index& first = one_of(choice);
  const int factor = std::vector{1, 1, 2, -1}[static_cast<std::size_t>(dice_.below(4))];
  int low = std::min(0, factor * (first.extent - 1)), high = std::max(0, factor * (first.extent - 1));
  std::string text = factor == 1 ? first.name : factor == -1 ? "-" + first.name : fmt::format("2*{}", first.name);
  if (dice_.chance(40)) {
    const Index& second = one_of(choice);
    text += " + " + second.name;
    high += second.extent - 1;
  }
  const int shift = high - low < extent && dice_.chance(70) ? -low : dice_.below(4) - 2;
  if (shift != 0) text += fmt::format(" {} {}", shift < 0 ? '-' : '+', std::abs(shift));
  inside &= low + shift >= 0 && high + shift < extent;
  return text;
}

std::string ModelExpressions::read(const Variable& variable) {
  if (variable.shape.empty()) return variable.name;
  std::vector<std::string> subscripts;
  bool inside = true;
  for (int e : variable.shape) subscripts.push_back(subscript(e, inside));
  std::string outside;
  if (!inside) outside = !is_float(variable) ? " else 0" : one_of<std::string>({" else 0", " else 0.5"});
  return fmt::format("{}[{}{}]", variable.name, fmt::join(subscripts, ", "), outside);
}

ModelExpressions::Expression ModelExpressions::scaled(Expression e) {
  if (e.bound <= largest_bound) return e;
  if (dice_.chance(50)) return {fmt::format("tanh({})", e.text), 1};
  return {fmt::format("{} * ({})", 1 / e.bound < 1e-3 ? "1e-3" : "0.0625", e.text),
          e.bound * (1 / e.bound < 1e-3 ? 1e-3 : 0.0625)};
}

ModelExpressions::Expression ModelExpressions::leaf() {
  if (dice_.chance(15)) return {literal(), 3};
  if (dice_.chance(12) && !indices_.empty()) {
    const Index& index = one_of(indices_);
    if (index.extent != batch) return {fmt::format("f32(2 * {} + 1) / 7", index.name), 2};
  }
  const auto variable = any([&](const Variable& v) { return can_read(v); });
  if (!variable) return {literal(), 3};
  switch (variable->element) {
    case Element::f32:
      return {read(*variable), std::max(variable->bound, 0.5)};
    case Element::f64:
      return {fmt::format("f32({})", read(*variable)), variable->bound};
    case Element::i32:
      return {fmt::format("0.125 * f32({})", read(*variable)), variable->bound / 8};
    case Element::u8:
      return {fmt::format("f32({}) / 255", read(*variable)), 1};
  }
  return {literal(), 3};
}

ModelExpressions::Expression ModelExpressions::expression(int depth) {
  if (depth == 0 || dice_.chance(20)) return leaf();
  switch (dice_.below(6)) {
    case 0:
    case 1:
      return scaled(binary(depth));
    case 2:
    case 3:
      return scaled(unary(depth));
    case 4:
      return conditional(depth);
    default:
      return depth >= 2 ? scaled(reduction(depth - 1)) : leaf();
  }
}

ModelExpressions::Expression ModelExpressions::binary(int depth) {
  const Expression a = expression(depth - 1), b = expression(depth - 1);
  switch (dice_.below(6)) {
    case 0:
      return {fmt::format("({} + {})", a.text, b.text), a.bound + b.bound};
    case 1:
      return {fmt::format("({} - ({}))", a.text, b.text), a.bound + b.bound};
    case 2:
      return {fmt::format("({}) * ({})", a.text, b.text), a.bound * b.bound};
    case 3:
      return {fmt::format("({}) / (1.5 + abs({}))", a.text, b.text), a.bound};
    case 4:
      return {fmt::format("max({}, {})", wrapped(a), b.text), std::max(a.bound, b.bound)};
    default:
      return {fmt::format("min({}, {})", wrapped(a), b.text), std::max(a.bound, b.bound)};
  }
}

ModelExpressions::Expression ModelExpressions::unary(int depth) {
  const Expression a = expression(depth - 1);
  struct Form {
    const char* form;
    double bound;  // 0: that of the operand
  };
  static const std::vector<Form> forms = {{"tanh({})", 1},
                                          {"sigmoid({})", 1},
                                          {"sin({})", 1},
                                          {"cos({})", 1},
                                          {"erf({})", 1},
                                          {"abs({})", 0},
                                          {"exp(-abs({}))", 1},
                                          {"log1p(abs({}))", 3},
                                          {"log(0.5 + abs({}))", 3},
                                          {"sqrt(0.25 + abs({}))", 4.1},
                                          {"expm1(tanh({}))", 2},
                                          {"pow(0.125 + abs({}), 0.75)", 9},
                                          {"(tanh({}))^3", 1},
                                          {"(0.5 * ({}))^2", 64},
                                          {"relu({} * 1.0)", 0},
                                          {"gelu({} * 1.0)", 0},
                                          {"softplus({} * 1.0)", 17},
                                          {"elu({} * 1.0, 0.5)", 0},
                                          {"leaky_relu({} * 1.0)", 0},
                                          {"-({})", 0},
                                          {"stop_gradient({} * 1.0)", 0}};
  if (!element_functions_.empty() && dice_.chance(15)) {
    return {fmt::format("{}({} * 1.0)", one_of(element_functions_), parenthesised(a)), 2 * a.bound + 1};
  }
  const Form& form = one_of(forms);
  return {fmt::format(fmt::runtime(form.form), parenthesised(a)), form.bound == 0 ? a.bound : form.bound};
}

ModelExpressions::Expression ModelExpressions::conditional(int depth) {
  const Expression a = expression(depth - 1), b = expression(depth - 1);
  std::vector<Index> known;
  for (const Index& index : indices_) {
    if (index.extent != batch) known.push_back(index);
  }
  std::string condition;
  if (!known.empty() && dice_.chance(60)) {
    // One choice after the other: the order of a call's arguments is the compiler's own.
    const std::string index = one_of(known).name;
    const std::string sign = one_of<std::string>({"<", "<=", "==", ">"});
    condition = index + " " + sign + " ";
    condition += dice_.chance(50) ? one_of(known).name : std::to_string(dice_.below(4));
    if (dice_.chance(20)) condition += fmt::format(" or not ({} > 1)", one_of(known).name);
  } else {
    const std::string value = leaf().text;
    condition = fmt::format("{} * 1.0 <= {}", value, literal());
  }
  return {fmt::format("(if {} then {} else {})", condition, wrapped(a), b.text), std::max(a.bound, b.bound)};
}

// `sum[k < 3, b](…)` over new indices.
ModelExpressions::Expression ModelExpressions::reduction(int depth) {
  static const std::vector<std::string> kinds = {"sum", "sum", "sum", "mean", "max", "min", "prod"};
  const std::string kind = one_of(kinds);
  const std::size_t outer = indices_.size();
  const bool outer_batch = batch_read_;
  std::vector<std::string> binders;
  int terms = 1;
  bool with_batch = false;
  for (int count = 1 + dice_.below(2); count > 0; --count) {
    if (index_of_batch() == nullptr && kind != "prod" && dice_.chance(40)) {
      indices_.push_back({fresh("b"), batch});
      binders.push_back(indices_.back().name);
      with_batch = true;
    } else {
      indices_.push_back({fresh("k"), kind == "prod" ? 1 + dice_.below(3) : extent()});
      binders.push_back(fmt::format("{} < {}", indices_.back().name, indices_.back().extent));
    }
    terms *= (indices_.back().extent == batch ? largest_batch : indices_.back().extent);
  }
  Expression body = expression(depth);
  if (with_batch && !batch_read_) body = with_batch_read(body);
  if (kind == "prod") body = {fmt::format("0.5 + 0.5 * tanh({})", body.text), 1};
  indices_.resize(outer);
  batch_read_ = with_batch ? outer_batch : batch_read_;
  const double bound = kind == "sum" ? body.bound * terms : body.bound;
  return {fmt::format("{}[{}]({} * 1.0)", kind, fmt::join(binders, ", "), parenthesised(body)), bound};
}

// An index of the batch takes its extent from a tensor.
ModelExpressions::Expression ModelExpressions::with_batch_read(const Expression& e) {
  const Variable x = *any([](const Variable& v) { return is_f32(v) && !v.shape.empty() && v.shape[0] == batch; });
  return {fmt::format("{} + 0.5 * {}", e.text, read(x)), e.bound + x.bound};
}

}  // namespace descent::test
