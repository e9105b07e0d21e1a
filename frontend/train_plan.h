// A train block, read: its settings, where data comes from, and the optimizer with its rates.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "frontend/elaborator.h"
#include "frontend/frontend.h"

namespace descent::frontend {

// `optimizer "*.bias" = …`: for the parameters whose path one of the patterns matches; without patterns for all.
struct OptimizerGroup {
  std::vector<ast::Identifier> patterns;
  Elaborator::Optimization optimization;
};

struct TrainPlan {
  TrainBlock block;
  std::vector<OptimizerGroup> groups;               // the last that matches a parameter is the parameter's
  std::optional<Elaborator::Optimization> clip;     // what becomes of every gradient first
  std::optional<Elaborator::Optimization> average;  // what is kept of every parameter beside what is trained
  std::vector<Rate> rates;
};

// The group of each parameter, in order; null for frozen ones. Reports parameters without one, and patterns that match
// nothing.
std::vector<const OptimizerGroup*> groups_of(const TrainPlan& plan, const std::vector<StateInfo>& parameters,
                                             Reporter& reporter);

// The model's arguments: `--set` first, then the train block's arguments, then defaults. Takes the overrides it uses.
ModelArguments read_arguments(const Program& program, const ast::Train* train, std::vector<Override>& overrides,
                              Reporter& reporter);
// `reading`: of the model. Overrides that are neither setting nor argument are unknown.
std::optional<TrainPlan> read_train(const Program& program, const ast::Train& train, const ModelArguments& arguments,
                                    const ModelReading& reading, const std::vector<Override>& overrides,
                                    Reporter& reporter);

}  // namespace descent::frontend
