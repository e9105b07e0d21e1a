// What a Training holds, for the driver's own files.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "descent/training.h"
#include "driver/dataset.h"
#include "driver/trainer.h"

namespace descent {

// Σ rows·value / Σ rows.
struct RowMean {
  std::vector<double> sums;  // rows·value; empty before the first batch
  std::int64_t rows = 0;

  void add(std::span<const double> values, std::int64_t count);
  std::vector<double> means() const;
};

// How far the epoch under way has come; at its beginning all is zero.
struct EpochPart {
  RowMean losses;
  double seconds = 0;
};

struct Training::Parts {
  Program program;
  Trainer trainer;
  const frontend::TrainBlock& block;
  Dataset data;
  std::optional<Dataset> test;
  std::optional<Batcher> batches, test_batches;
  std::int64_t epochs_done = 0;
  EpochPart epoch;
  std::vector<std::int64_t> order;  // of the rows in the epoch under way; empty: not yet drawn, or not shuffled
  std::int64_t steps_at_once = 1;
  std::map<std::string, std::string> traits;  // see traits_of; empty: not yet wanted

  const Dataset& evaluated() const { return test ? *test : data; }
  Batcher& evaluated_batches() { return test ? *test_batches : *batches; }
  Result<NamedValues> evaluate(const Dataset& set, Batcher& rows_of);
  std::int64_t batch() const { return program.largest_batch(); }
  std::int64_t steps_per_epoch() const { return (data.rows + batch() - 1) / batch(); }
  std::int64_t at_once(std::int64_t rows, std::int64_t left) const {  // how many steps of so many rows, of those left
    return std::clamp<std::int64_t>(left / rows, 1, steps_at_once);
  }
  std::vector<std::string> losses() const;  // their names, in the order of `step`

  Diagnostics start();
  Diagnostics go_on(const std::string& checkpoint);  // training_checkpoint.cpp
  // Compiles what the steps of an epoch call.
  Diagnostics make_code();
  // Steps until the epoch ends or `pause` says so.
  Diagnostics take_steps(const Progress& progress, const Pause& pause);
  bool at_end() const { return epoch.losses.rows >= data.rows; }
  Diagnostics check_losses(std::span<const double> losses) const;
  Result<NamedValues> finish(const NamedValues& joined);
};

}  // namespace descent
