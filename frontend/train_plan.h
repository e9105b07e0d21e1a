// A train block, read: its settings, where data comes from, and the optimizer with its rates.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "frontend/elaborator.h"
#include "frontend/frontend.h"

namespace descent::frontend {

struct TrainPlan {
  TrainBlock block;
  Elaborator::Optimization optimization;
  std::vector<Rate> rates;
};

// The model's sizes: `--set` first, then the train block's arguments, then defaults. Takes the overrides it uses.
std::vector<Integer> read_sizes(const Program& program, const ast::Train* train, std::vector<Override>& overrides,
                                Reporter& reporter);
// `inputs`: of the model. Overrides that are neither setting nor argument are unknown.
std::optional<TrainPlan> read_train(const Program& program, const ast::Train& train, const std::vector<Integer>& sizes,
                                    const std::vector<std::string>& inputs, const std::vector<Override>& overrides,
                                    Reporter& reporter);

}  // namespace descent::frontend
