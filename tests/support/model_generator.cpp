#include "tests/support/model_generator.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "tests/support/model_expressions.h"

namespace descent::test {
namespace {

class Generator : ModelExpressions {
 public:
  explicit Generator(std::uint64_t seed) : ModelExpressions(seed) {}

  std::string run(int size) {
    trains_ = dice_.chance(60);
    for (int count = dice_.below(3); count > 0; --count) define_function();
    inputs();
    for (int i = 0; i < size; ++i) statement();
    ends();
    std::string text = fmt::format("{}model m(units : size = 4) {{\n{}}}\n", functions_, body_);
    if (trains_) {
      text += fmt::format("\ntrain t = m() {{\n  batch = {}\n  optimizer = {}\n}}\n", largest_batch, optimizer());
    }
    return text;
  }

 private:
  // -- lines -----------------------------------------------------------------------------------------------------

  void line(const std::string& text) { body_ += "  " + text + "\n"; }
  void give(Variable variable, const std::string& text) {
    line(text);
    variables_.push_back(std::move(variable));
  }

  // -- functions -------------------------------------------------------------------------------------------------

  // Of single elements, or over the last axis.
  void define_function() {
    const std::string name = fresh("f");
    static const std::vector<std::string> elements = {"tanh(x * scale) + 0.25", "if x <= scale then x else 0.5 * x",
                                                      "x / (1 + abs(scale * x))", "max(min(x, 1), -scale)",
                                                      "sigmoid(x) * (x - scale)"};
    static const std::vector<std::string> rows = {
        "x[..., n - 1 - i]", "x[..., i - 1 else 0.5] - scale * x[..., i]", "x[..., i] - mean[k](x[..., k])",
        "x[..., i] * scale + max[k](x[..., k])", "0.25 * sum[k](if k <= i then x[..., k] else 0)"};
    const bool by_element = dice_.chance(50);
    functions_ += by_element ? fmt::format("fn {}(x : f32[...], scale = 0.5) -> f32[...] {{\n  return {}\n}}\n\n", name,
                                           one_of(elements))
                             : fmt::format(
                                   "fn {}(x : f32[..., n], scale = 0.5) -> f32[..., n] {{\n  return y[..., i] = "
                                   "{}\n}}\n\n",
                                   name, one_of(rows));
    (by_element ? element_functions_ : row_functions_).push_back(name);
  }

  // -- inputs ----------------------------------------------------------------------------------------------------

  static std::string spell(const std::vector<int>& shape) {
    std::vector<std::string> extents;
    for (int e : shape) extents.push_back(e == batch ? "batch" : std::to_string(e));
    return fmt::format("[{}]", fmt::join(extents, ", "));
  }

  void inputs() {
    input({fresh("x"), Element::f32, {batch, extent()}, 1});
    if (dice_.chance(60)) input({fresh("x"), Element::f32, {batch, 1 + dice_.below(3), extent(), extent()}, 1});
    if (dice_.chance(40)) input({fresh("x"), Element::f32, {extent(), extent()}, 1});
    if (dice_.chance(30)) input({fresh("x"), Element::f64, {batch, extent()}, 1});
    if (dice_.chance(30)) input({fresh("x"), Element::u8, {batch, extent()}, 255});
    classes_ = 2 + dice_.below(5);
    Variable label{fresh("label"), Element::i32, {batch}, 8, classes_};
    line(fmt::format("input {} : i32[batch] in 0 ..< {}", label.name, classes_));
    label_ = label.name;
    variables_.push_back(label);
    if (dice_.chance(50)) {
      const std::vector<int> shape{extent(), extent()};
      const std::string name = fresh("w");
      give({name, Element::f32, shape, 1, 0, true}, fmt::format("param {} : f32{} ~ normal(0.5)", name, spell(shape)));
    }
  }
  void input(Variable variable) {
    static const char* const names[] = {"f32", "f64", "i32", "u8"};
    give(variable, fmt::format("input {} : {}{}", variable.name, names[static_cast<int>(variable.element)],
                               spell(variable.shape)));
  }

  // -- statements ------------------------------------------------------------------------------------------------

  void statement() {
    switch (dice_.below(12)) {
      case 10:
      case 11:
        return window();
      case 0:
      case 1:
      case 2:
        return indexed(Element::f32);
      case 3:
        return dice_.chance(50) ? indexed(Element::f64) : winner();
      case 4:
        return whole();
      case 5:
        return integers();
      case 6:
        return image_layer();
      default:
        return layer();
    }
  }

  void open_indices() {
    indices_.clear();
    batch_read_ = false;
    if (dice_.chance(65)) indices_.push_back({fresh("b"), batch});
    const int rank = dice_.below(3) + (indices_.empty() ? 1 : 0);
    for (int i = 0; i < rank; ++i) indices_.push_back({fresh("i"), extent()});
  }
  std::string left() const {
    std::vector<std::string> parts;
    for (const Index& i : indices_) {
      parts.push_back(i.extent == batch ? i.name : fmt::format("{} < {}", i.name, i.extent));
    }
    return fmt::format("{}", fmt::join(parts, ", "));
  }
  std::vector<int> open_shape() const {
    std::vector<int> shape;
    for (const Index& i : indices_) shape.push_back(i.extent);
    return shape;
  }

  void indexed(Element element) {
    open_indices();
    Expression e = expression(3);
    if (index_of_batch() != nullptr && !batch_read_) e = with_batch_read(e);
    const Variable v{fresh("v"), element, open_shape(), std::max(e.bound, 0.5)};
    const std::string value = element == Element::f64 ? fmt::format("f64({} * 1.0) * 0.1 + 0.7", parenthesised(e))
                                                      : fmt::format("{} * 1.0", parenthesised(e));
    give(v, fmt::format("{}[{}] = {}", v.name, left(), value));
  }

  // More terms than one piece of a reduction takes (passes/order.h). All but a few are zero, and those lie around the
  // cut between the first two pieces: one too many or too few there is no rounding.
  void long_reduction(const Variable& x) {
    const int inner = one_of<int>({1, 16, 500, 1365});
    const int cut = 4096 / inner * inner;
    const int outer = cut / inner + 1 + dice_.below(3);
    const int shift = cut - dice_.below(x.shape[1] + 1);
    const std::string term = inner == 1 ? fmt::format("{}[r, j - {} else 0]", x.name, shift)
                                        : fmt::format("{}[r, {}*j + k - {} else 0]", x.name, inner, shift);
    const std::string box = inner == 1 ? fmt::format("j < {}", outer) : fmt::format("j < {}, k < {}", outer, inner);
    static const std::vector<std::string> forms = {"{}", "tanh({})", "{} * f32(j + 1) / 5000", "{0} * {0}"};
    const std::string kind = one_of<std::string>({"sum", "sum", "sum", "max", "min"});
    const std::string name = fresh("v");
    give({name, Element::f32, {x.shape[0]}, std::max(x.bound, x.bound * x.bound) * x.shape[1]},
         fmt::format("{}[r] = {}[{}]({})", name, kind, box, fmt::format(fmt::runtime(one_of(forms)), term)));
  }

  // Neighbours joined, in strides and with gaps: what gradients must scatter, or gather by phases.
  void window() {
    const auto x = any([](const Variable& v) { return is_f32(v) && v.shape.size() == 2 && v.shape[1] != batch; });
    if (!x) return;
    if (dice_.chance(15)) return long_reduction(*x);
    const int n = extent(), width = 1 + dice_.below(3), stride = 1 + dice_.below(3), gap = 1 + dice_.below(2);
    const int shift = dice_.below(4) - 2;
    const std::string kind = one_of<std::string>({"sum", "sum", "mean", "max", "min"});
    const std::string name = fresh("v");
    give({name, Element::f32, {x->shape[0], n}, x->bound * width},
         fmt::format("{}[r, i < {}] = {}[k < {}]({}[r, {}*i + {}*k {} {} else 0] * f32(k + 1) / {})", name, n, kind,
                     width, x->name, stride, gap, shift < 0 ? '-' : '+', std::abs(shift), width));
  }

  // argmax and argmin: integers whose range is known.
  void winner() {
    const auto x = any([](const Variable& v) { return is_f32(v) && v.shape.size() == 2 && v.shape[1] != batch; });
    if (!x) return;
    const Variable v{fresh("v"), Element::i32, {x->shape[0]}, 8, x->shape[1]};
    give(v, fmt::format("{}[r] = {}[c]({}[r, c])", v.name, dice_.chance(50) ? "argmax" : "argmin", x->name));
  }

  void integers() {
    const auto x = any([](const Variable& v) { return v.element == Element::i32 && v.shape.size() == 1; });
    if (!x) return;
    const int n = extent();
    const Variable v{fresh("v"), Element::i32, {x->shape[0], n}, 3 * x->bound + n};
    static const std::vector<std::string> forms = {"{0}[r] * 2 + i", "max({0}[r], i) - i", "{0}[r] * {0}[r] - 3 * i",
                                                   "if {0}[r] == i then 5 else i", "min({0}[r], 2) + 2 * i"};
    give({v.name, v.element, v.shape, std::max(v.bound, x->bound * x->bound + 3 * n)},
         fmt::format("{}[r, i < {}] = {}", v.name, n, fmt::format(fmt::runtime(one_of(forms)), x->name)));
  }

  // Without indices: shapes agree.
  void whole() {
    const auto x = any([](const Variable& v) { return is_f32(v); });
    const auto y = any([&](const Variable& v) { return is_f32(v) && v.shape == x->shape; });
    static const std::vector<std::string> forms = {"tanh({0}) + 0.5 * sigmoid({1})", "0.25 * ({0} - {1})",
                                                   "silu(tanh({0} * {1}))", "if {0} <= {1} then tanh({0}) else -0.25",
                                                   "gelu_tanh(0.0625 * {0}) - tanh({1})"};
    const double bound = std::max(2.0, 0.25 * (x->bound + y->bound));
    const std::string name = fresh("v");
    give({name, Element::f32, x->shape, bound},
         fmt::format("{} = {}", name, fmt::format(fmt::runtime(one_of(forms)), x->name, y->name)));
  }

  void layer() {
    const auto x = any([](const Variable& v) { return is_f32(v) && v.shape.size() >= 2 && v.shape.back() != batch; });
    if (!x) return;
    const std::string name = fresh("v");
    std::vector<int> shape = x->shape;
    const auto keep = [&](const std::string& text, double bound, bool brings_parameter = false) {
      give({name, Element::f32, shape, bound, 0, brings_parameter}, fmt::format("{} = {}", name, text));
    };
    const auto end = static_cast<double>(x->shape.back());
    switch (dice_.below(8)) {
      case 0:
      case 1: {
        const bool units = dice_.chance(30);
        shape.back() = units ? 4 : extent();
        return keep(fmt::format("tanh(linear({}, {}))", x->name, units ? "units" : std::to_string(shape.back())), 1,
                    true);
      }
      case 2:
        return keep(fmt::format("softmax({})", x->name), 1);
      case 3:
        return keep(fmt::format("log_softmax({})", x->name), 2 * x->bound + 2);
      case 4:
        return keep(fmt::format("layer_norm({})", x->name), 1 + end, true);
      case 5:
        shape = {batch, extent()};
        return keep(fmt::format("embedding({}, {}, {})", label_, classes_, shape[1]), 3, true);
      case 6:
        shape = {batch, classes_};
        return keep(fmt::format("one_hot({}, {})", label_, classes_), 1);
      default: {
        if (row_functions_.empty()) return keep(fmt::format("softplus({})", x->name), x->bound + 1);
        const std::string& function = one_of(row_functions_);
        return keep(fmt::format("tanh({}({}, {}))", function, x->name, literal()), 1);
      }
    }
  }

  void image_layer() {
    const auto x = any([](const Variable& v) { return is_f32(v) && v.shape.size() == 4 && v.shape[0] == batch; });
    if (!x) return layer();
    const std::string name = fresh("v");
    std::vector<int> shape = x->shape;
    const int height = shape[2], width = shape[3];
    const auto keep = [&](const std::string& text, double bound, bool brings_parameter = false) {
      give({name, Element::f32, shape, bound, 0, brings_parameter}, fmt::format("{} = {}", name, text));
    };
    switch (dice_.below(4)) {
      case 0:
        if (height < 2 || width < 2) return;
        shape[2] /= 2, shape[3] /= 2;
        return keep(fmt::format("{}({})", dice_.chance(50) ? "max_pool2d" : "mean_pool2d", x->name), x->bound);
      case 1:
        shape = {batch, shape[1] * height * width};
        return keep(fmt::format("flatten({})", x->name), x->bound);
      default: {
        const int window = 1 + dice_.below(3), stride = 1 + dice_.below(2), pad = dice_.below(2);
        if (height + 2 * pad < window || width + 2 * pad < window) return;
        shape = {batch, 1 + dice_.below(3), (height + 2 * pad - window) / stride + 1,
                 (width + 2 * pad - window) / stride + 1};
        return keep(fmt::format("tanh(conv2d({}, {}, window = {}, stride = {}, pad = {}))", x->name, shape[1], window,
                                stride, pad),
                    1, true);
      }
    }
  }

  // -- outputs, losses, training ---------------------------------------------------------------------------------

  void ends() {
    const std::vector<Variable> all = variables_;
    int outputs = 0;
    for (const Variable& v : all) {
      const bool with_batch = std::find(v.shape.begin(), v.shape.end(), batch) != v.shape.end();
      if (with_batch && (dice_.chance(30) || &v == &all.back()))
        line(fmt::format("output y{} = {}", outputs++, v.name));
    }
    // Every parameter needs a gradient, so what brings one joins the loss; and the last tensor, which hangs on the
    // most.
    int parts = 0;
    for (const Variable& v : all) {
      if (!v.loss && (&v != &all.back() || !is_f32(v))) continue;
      const bool scalar = v.shape.empty();
      line(scalar ? fmt::format("loss part{} = 0.1 * {}^2", parts++, v.name)
                  : fmt::format("loss part{} = mean[...]((0.5 * {}[...])^2)", parts++, v.name));
    }
    library_losses();
    if (dice_.chance(60)) gradient_of_input(all);
  }

  // The slope of a late tensor by an input: back through everything between them.
  void gradient_of_input(const std::vector<Variable>& all) {
    std::vector<Variable> inputs;
    std::copy_if(all.begin(), all.end(), std::back_inserter(inputs),
                 [](const Variable& v) { return is_f32(v) && v.name[0] == 'x'; });
    const Variable x = one_of(inputs);
    const auto of = any([](const Variable& v) { return is_f32(v) && !v.shape.empty(); });
    line(fmt::format("energy = mean[...]({}[...]^2) + mean[...](tanh({}[...]))", x.name, of->name));
    line(fmt::format("slope = grad(energy, {})", x.name));
    if (x.shape[0] == batch) line("output steepness = slope");
    if (dice_.chance(25)) line("loss penalty = mean[...](slope[...]^2)");
  }

  void library_losses() {
    const auto logits =
        any([&](const Variable& v) { return is_f32(v) && v.shape == std::vector<int>{batch, classes_}; });
    if (logits && dice_.chance(60)) {
      line(fmt::format("loss nll = cross_entropy({}, {})", logits->name, label_));
      line(fmt::format("metric share = accuracy({}, {})", logits->name, label_));
    }
    const auto x = any([](const Variable& v) { return is_f32(v) && v.shape.size() == 2 && v.shape[0] == batch; });
    const auto y = any([&](const Variable& v) { return is_f32(v) && v.shape == x->shape; });
    static const std::vector<std::string> losses = {"mean_squared_error({0}, {1})",
                                                    "half_squared_error({0}, sigmoid({1}))",
                                                    "mean_absolute_error({0}, 0.5 * {1})",
                                                    "binary_cross_entropy_logits({0}, sigmoid({1}))",
                                                    "binary_cross_entropy(sigmoid({0}), sigmoid({1}))",
                                                    "categorical_cross_entropy(softmax({0}), softmax({1}))"};
    if (dice_.chance(50)) {
      line(fmt::format("loss fit = {}", fmt::format(fmt::runtime(one_of(losses)), x->name, y->name)));
      if (dice_.chance(30)) line("metric perplexity = exp(over_epoch(0.125 * fit))");
    }
    // Training wants a parameter and a loss.
    line(fmt::format("output guess = tanh({})", x->name));
    if (trains_ && std::none_of(variables_.begin(), variables_.end(), [](const Variable& v) { return v.loss; })) {
      line("last = linear(guess, 2)");
      line("loss end = mean[...](last[...]^2)");
    }
  }

  std::string optimizer() {
    static const std::vector<std::string> optimizers = {
        "sgd(rate = {})",     "momentum(rate = {})", "nesterov(rate = {}, momentum = 0.8)",
        "rmsprop(rate = {})", "adam(rate = {})",     "adamw(rate = {}, decay = 0.02)"};
    static const std::vector<std::string> rates = {"0.01", "cosine(0.01, warmup = 5)", "step_decay(0.02, every = 3)",
                                                   "exponential(0.02, every = 4)", "warm(0.01, 3)"};
    const std::string& form = one_of(optimizers);
    return fmt::format(fmt::runtime(form), one_of(rates));
  }

  std::string functions_, body_;
  std::vector<std::string> row_functions_;
  std::string label_;
  int classes_ = 2;
  bool trains_ = false;
};

}  // namespace

std::string generate_program(std::uint64_t seed, int size) { return Generator(seed).run(size); }

}  // namespace descent::test
