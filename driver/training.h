// What a Training holds, for the driver's own files.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "descent/training.h"
#include "driver/dataset.h"
#include "driver/patience.h"
#include "driver/trainer.h"
#include "driver/watcher.h"
#include "driver/weights.h"

namespace descent {

// A loss or a metric: what steps and reports give as a number.
bool is_number(const Port& port);

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
  RowMean group;  // of the batches since the last step, where a step takes several
  double seconds = 0;
};

// Where the steps of the epoch under way can be taken again from.
struct Moment {
  std::vector<unsigned char> states;
  std::int32_t step = 0;  // taken by then
  std::int64_t rows = 0;  // of the epoch, seen by then
  std::chrono::steady_clock::time_point at;
};

// What made a loss that is not finite.
struct Fault {
  static constexpr std::size_t most_rows = 8;  // that are looked for
  std::int64_t step = 0;
  std::int64_t batch = 0;            // how many rows that took
  std::vector<std::int64_t> places;  // of rows in the epoch, from 0, each of which does so alone; none: no single one
  std::string broken;                // the state that the step left not finite, its loss being finite; empty: the loss
  std::string broken_before;         // a state that was not finite when the steps were last kept; empty: none
  // Whether it is these rows and none of the batch's others, as far as there are others.
  static bool is_by_these(const std::vector<std::int64_t>& rows, std::int64_t batch) {
    return !rows.empty() && (batch == 1 || (rows.size() < most_rows && std::ssize(rows) < batch));
  }
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
  std::optional<Watcher> watcher;             // of a program that is watched
  Moment moment = {};
  std::set<std::string> told_losses = {};  // that were not finite when judged
  Diagnostics told = {};                   // for the next report

  // training_monitor.cpp
  struct Best {
    std::int64_t epoch = 0;  // 0: none yet
    double value = 0;
    std::map<std::string, data::Array> weights;  // of that epoch; once they are at work, those that were trained last
    bool is_at_work = false;
  };
  std::vector<Patience> plateaus;  // as asked_plateaus
  Patience stop = {};
  bool stopped = false;
  Best best = {};
  const std::vector<frontend::Plateaus>& asked_plateaus() const;
  bool is_judged() const { return block.stop || !plateaus.empty(); }
  double monitored(const NamedValues& evaluation) const;
  NamedValues planned_numbers() const;
  Diagnostics judge(EpochReport& report);
  Diagnostics keep_weights();
  Diagnostics exchange_weights();
  Diagnostics finish_with_best();
  std::vector<WantedTensor> wanted_monitor() const;
  Diagnostics add_monitor(data::Tensors& tensors) const;
  Diagnostics restore_monitor(const data::Tensors& tensors, const std::string& path);
  void add_monitor_traits(std::map<std::string, std::string>& traits) const;

  const Dataset& evaluated() const { return test ? *test : data; }
  Batcher& evaluated_batches() { return test ? *test_batches : *batches; }
  Result<NamedValues> evaluate(const Dataset& set, Batcher& rows_of);
  std::int64_t batch() const { return program.largest_batch(); }
  std::int64_t batches_of(std::int64_t rows) const { return (rows + batch() - 1) / batch(); }
  // That so many batches from the begin of an epoch make; what is left at its end makes one too.
  std::int64_t steps_of(std::int64_t batches) const { return (batches + block.accumulate - 1) / block.accumulate; }
  std::int64_t steps_per_epoch() const { return steps_of(batches_of(data.rows)); }
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
  // The next batches: as many whole ones as one call takes, or the short one at the end; one of a step of several.
  Diagnostics take_batches(const Progress& progress);
  Result<std::span<const Feed>> feeds_of(std::int64_t begin, std::int64_t rows);
  bool is_step_due(std::int64_t rows) const;  // when so many of the epoch have been seen
  bool at_end() const { return epoch.losses.rows >= data.rows; }
  void see_step();   // the one just taken
  void see_batch();  // of a step that takes more

  // training_fault.cpp
  Moment moment_now() const;
  void keep_moment();              // as `moment`
  bool is_moment_due() const;      // a second is gone
  void go_back(const Moment& to);  // the states and the clock; `epoch` stays as it is
  // The diagnostic of a loss of the batch at which `epoch` stands.
  Diagnostic loss_not_finite(const std::string& name, double value, std::int64_t step);
  void tell_rows(const Fault& fault, Diagnostic& wrong);
  std::int64_t row_at(std::int64_t place) const;
  // Of a batch of the judged data, once for each loss: that it is not finite, and by which rows.
  void warn_of_rows(const Dataset& set, Batcher& rows_of, std::int64_t begin, std::int64_t rows,
                    const std::vector<double>& values);

  Result<NamedValues> finish(const NamedValues& joined);
};

}  // namespace descent
