// One point after another: guards, body, landing, combiner.
#include "ir/sweep_evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "ir/combine.h"
#include "ir/match.h"

namespace descent {
namespace {

bool is_integer(DType type) { return type == DType::i32 || type == DType::u32; }

// Floats in double; integers wrap as they do everywhere else.
double apply(Op op, DType operand_type, DType type, std::span<const double> operands) {
  if (!is_integer(type) || !is_integer(operand_type) || !is_native(op)) return row(op).meaning(operands.data());
  std::vector<Word> words;
  for (const double operand : operands) words.push_back(word_of(operand, operand_type));
  return double_of(apply_exact(op, operand_type, type, words.data()), type);
}

class SweepEvaluator {
 public:
  SweepEvaluator(const Surroundings& around, const Sweep& sweep, const TensorType& type)
      : around_(around),
        sweep_(sweep),
        result_(make_tensor(type, around.batch)),
        point_(sweep.axes.size(), 0),
        scalars_(sweep.body.scalars.size(), 0) {
    for (const Axis& axis : sweep.axes) extents_.push_back(actual(axis.extent, around.batch));
    for (const AxisId axis : reduced_axes(sweep)) reduced_.push_back(static_cast<std::size_t>(axis));
  }

  std::optional<Tensor> run(std::string& problem) {
    result_.data.assign(result_.data.size(), identity_of(sweep_.combiner, sweep_.body.type()));
    if (sweep_.combiner == Combiner::argmax) best_.assign(result_.data.size(), std::nullopt);
    do {
      if (passes_guards()) visit();
    } while (problem_.empty() && advance());
    problem = problem_;
    if (!problem_.empty()) return std::nullopt;
    return std::move(result_);
  }

 private:
  // To the next point in box order; false after the last.
  bool advance() {
    for (std::size_t axis = point_.size(); axis-- > 0;) {
      if (++point_[axis] < extents_[axis]) return true;
      point_[axis] = 0;
    }
    return false;
  }

  std::int64_t value_of(const Affine& form) const {
    std::int64_t value = form.constant;
    for (const Term& term : form.terms)
      value += term.coefficient * (term.axis >= 0 ? point_[static_cast<std::size_t>(term.axis)]
                                                  : around_.loops[static_cast<std::size_t>(-(term.axis + 1))]);
    return value;
  }

  bool passes_guards() const {
    return std::all_of(sweep_.guards.begin(), sweep_.guards.end(), [&](const Affine& g) { return value_of(g) >= 0; });
  }

  void visit() {
    for (ScalarId id = 0; id <= sweep_.body.root(); ++id)
      scalars_[static_cast<std::size_t>(id)] = evaluate(sweep_.body[id]);
    if (!problem_.empty()) return;
    if (const std::optional<std::size_t> place = find(sweep_.landing, result_.shape)) land(*place, scalars_.back());
  }

  double evaluate(const Scalar& scalar) {
    return match(
        scalar.node, [](const Literal& literal) { return literal.value; },
        [&](const AxisValue& value) { return static_cast<double>(value_of(value.form)); },
        [&](const AxisExtent& extent) { return static_cast<double>(extents_[static_cast<std::size_t>(extent.axis)]); },
        [&](const Read& read) { return evaluate(read); },
        [&](const Apply& operation) {
          operands_.clear();
          for (const ScalarId operand : operation.operands)
            operands_.push_back(scalars_[static_cast<std::size_t>(operand)]);
          const DType operand_type = sweep_.body[operation.operands.back()].type;
          return apply(operation.op, operand_type, scalar.type, operands_);
        });
  }

  double evaluate(const Read& read) {
    const Tensor& tensor = *around_.values[static_cast<std::size_t>(read.tensor)];
    if (const std::optional<std::size_t> place = find(read.at, tensor.shape)) return tensor.data[*place];
    if (read.otherwise) return *read.otherwise;
    if (problem_.empty())
      problem_ = fmt::format("a read at ({}) leaves a tensor of shape ({})", fmt::join(indices_of(read.at), ", "),
                             fmt::join(tensor.shape, ", "));
    return 0;
  }

  std::int64_t value_of(const Index& index) const {
    const double through = index.through == no_scalar ? 0 : scalars_[static_cast<std::size_t>(index.through)];
    return value_of(index.offset) + static_cast<std::int64_t>(through);
  }

  std::vector<std::int64_t> indices_of(const std::vector<Index>& at) const {
    std::vector<std::int64_t> indices;
    for (const Index& index : at) indices.push_back(value_of(index));
    return indices;
  }

  // The row-major place, or nothing outside.
  std::optional<std::size_t> find(const std::vector<Index>& at, const std::vector<std::int64_t>& shape) const {
    std::int64_t place = 0;
    for (std::size_t dimension = 0; dimension < shape.size(); ++dimension) {
      const std::int64_t index = value_of(at[dimension]);
      if (index < 0 || index >= shape[dimension]) return std::nullopt;
      place = place * shape[dimension] + index;
    }
    return static_cast<std::size_t>(place);
  }

  void land(std::size_t place, double value) {
    const DType type = sweep_.body.type();
    double& held = result_.data[place];
    switch (sweep_.combiner) {
      case Combiner::none:
        held = value;
        return;
      case Combiner::sum:
        held = apply(Op::add, type, type, std::array{held, value});
        return;
      case Combiner::product:
        held = apply(Op::mul, type, type, std::array{held, value});
        return;
      case Combiner::max:
        held = apply(Op::max, type, type, std::array{held, value});
        return;
      case Combiner::min:
        held = apply(Op::min, type, type, std::array{held, value});
        return;
      case Combiner::argmax:
        return compete(place, value);
    }
  }

  // The first number wins, then only a larger one.
  void compete(std::size_t place, double value) {
    if (std::isnan(value) || (best_[place] && !(value > *best_[place]))) return;
    best_[place] = value;
    result_.data[place] = static_cast<double>(number_of_point());
  }

  // Counted in box order over the reduced axes.
  std::int64_t number_of_point() const {
    std::int64_t number = 0;
    for (const std::size_t axis : reduced_) number = number * extents_[axis] + point_[axis];
    return number;
  }

  const Surroundings& around_;
  const Sweep& sweep_;
  Tensor result_;
  std::vector<std::int64_t> extents_;
  std::vector<std::size_t> reduced_;
  std::vector<std::int64_t> point_;
  std::vector<double> scalars_;
  std::vector<double> operands_;             // of the operation at hand
  std::vector<std::optional<double>> best_;  // of argmax
  std::string problem_;
};

}  // namespace

std::int64_t actual(Extent extent, std::int64_t batch) { return extent.is_batch() ? batch : extent.size; }

Tensor make_tensor(const TensorType& type, std::int64_t batch) {
  Tensor tensor{type, {}, {}};
  for (const Extent extent : type.shape) tensor.shape.push_back(actual(extent, batch));
  tensor.data.assign(static_cast<std::size_t>(count(type.shape, batch)), 0);
  return tensor;
}

std::optional<Tensor> evaluate_sweep(const Surroundings& around, const Sweep& sweep, const TensorType& type,
                                     std::string& problem) {
  return SweepEvaluator(around, sweep, type).run(problem);
}

}  // namespace descent
