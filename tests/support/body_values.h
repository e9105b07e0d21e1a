// Evaluates a scalar body on given values of its reads: read k is the one of tensor k, without subscripts.
#pragma once

#include <span>
#include <vector>

#include "ir/match.h"
#include "ir/scalar.h"

namespace descent::test {

inline ScalarId read_of(BodyBuilder& builder, int tensor, DType type = DType::f64) {
  return builder.read(Read{tensor, {}, {}}, type);
}

// The mathematics, by the rows' meanings.
inline double meaning_of(const Body& body, std::span<const double> reads) {
  std::vector<double> values;
  for (const Scalar& scalar : body.scalars) {
    values.push_back(match(
        scalar.node, [](const Literal& literal) { return literal.value; }, [](const AxisValue&) { return 0.0; },
        [](const AxisExtent&) { return 0.0; },
        [&](const Read& read) { return reads[static_cast<std::size_t>(read.tensor)]; },
        [&](const Apply& apply) {
          std::vector<double> operands;
          for (const ScalarId operand : apply.operands) operands.push_back(values[static_cast<std::size_t>(operand)]);
          return row(apply.op).meaning(operands.data());
        }));
  }
  return values.back();
}

// The bits: native operations only. Words are kept between calls, so that a million evaluations are cheap.
class ExactBody {
 public:
  explicit ExactBody(const Body& body) : words_(body.scalars.size()) {
    for (std::size_t i = 0; i < body.scalars.size(); ++i) {
      const Scalar& scalar = body.scalars[i];
      if (const Literal* literal = std::get_if<Literal>(&scalar.node)) {
        words_[i] = word_of(literal->value, scalar.type);
      } else if (const Read* read = std::get_if<Read>(&scalar.node)) {
        reads_.push_back({i, static_cast<std::size_t>(read->tensor)});
      } else if (const Apply* apply = std::get_if<Apply>(&scalar.node)) {
        Step step{apply->op, body[apply->operands.back()].type, scalar.type, i, {}};
        for (std::size_t k = 0; k < apply->operands.size(); ++k) {
          step.operands[k] = static_cast<std::size_t>(apply->operands[k]);
        }
        steps_.push_back(step);
      }
    }
  }

  Word operator()(std::span<const Word> reads) {
    for (const auto& [to, tensor] : reads_) words_[to] = reads[tensor];
    for (const Step& step : steps_) {
      const Word operands[3] = {words_[step.operands[0]], words_[step.operands[1]], words_[step.operands[2]]};
      words_[step.result] = apply_exact(step.op, step.operand_type, step.type, operands);
    }
    return words_.back();
  }

 private:
  struct Step {
    Op op;
    DType operand_type;
    DType type;
    std::size_t result;
    std::size_t operands[3];
  };
  std::vector<Word> words_;
  std::vector<std::pair<std::size_t, std::size_t>> reads_;
  std::vector<Step> steps_;
};

}  // namespace descent::test
