// Weights under other names and transposed, as other programs keep them, brought under a model's.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "driver/weights.h"

namespace descent {

// Rules, in order; the first whose left side is a weight's name says where the weight lies in the file. Without one it
// lies under its own name.
//   hidden.linear.weight=fc1.weight^T     a matrix that stands transposed there
//   encoder.*=enc.*                       what the star stands for is the same on both sides
//   -=*.num_batches_tracked               of no use here
// A text without '=' is the name of a file of such lines; '#' begins a comment.
class WeightMap {
 public:
  static Result<WeightMap> parse(std::span<const std::string> texts);

  // The file's tensors by the model's names; what no rule took keeps its own. Rules that lead nowhere are diagnostics.
  Result<data::Tensors> apply(const Program& program, data::Tensors tensors, const std::string& path) const;

 private:
  struct Rule {
    std::string ours, theirs;
    bool transposed = false;
    std::string text;
  };
  Diagnostics add(std::string text);
  Diagnostics add_file(const std::string& path);
  static Result<data::Array> placed(const Rule& rule, const std::string& theirs, const data::Tensors& tensors,
                                    const std::string& path);
  Diagnostics add_rest(data::Tensors& result, const std::set<std::string>& taken, data::Tensors& tensors,
                       const std::string& path) const;
  std::vector<Rule> rules_;
};

// A matrix, rows for columns.
data::Array transposed(const data::Array& matrix);

}  // namespace descent
