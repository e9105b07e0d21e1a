// Training on the data that a train block names: reading, epochs, evaluation.
//
//   auto training = descent::Training::prepare(program, {});
//   while (!training->done()) {
//     auto epoch = training->run_epoch();
//     if (!epoch) return fail(epoch.errors());
//   }
//   training->trainer().save("weights.safetensors");
//
// Training::save_checkpoint keeps all that is needed to go on, here or in another process: prepare(program,
// {.checkpoint = path}).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "descent/descent.h"
#include "descent/watch.h"

namespace descent {

struct TrainingOptions {
  std::string data_folder;  // where data files are looked for besides the model's folder and $DESCENT_DATA
  TrainerOptions trainer;
  std::string checkpoint;  // go on from this file, which `save_checkpoint` wrote; empty: begin
};

// Whether an epoch ended because a loss was infinite or not a number.
bool is_divergence(const Diagnostics& errors);

using NamedValues = std::vector<std::pair<std::string, double>>;

struct EpochReport {
  std::int64_t epoch = 0;  // from 1
  std::int64_t step = 0;   // taken so far
  NamedValues losses;      // Σ rows·loss / Σ rows over the epoch, as the steps saw them
  // Of the test data, without it of the training data: losses and metrics. Empty between reports.
  NamedValues evaluation;
  double seconds = 0;  // of the steps
  // Arguments of the optimizer that a plateau has changed with this report, as the next step has them: {"rate", 5e-4}.
  NamedValues changed = {};
  // The first time that a loss of the evaluation is not finite: where the model states it, and by which rows.
  Diagnostics warnings = {};
  std::optional<WatchReport> watch = {};  // of the epoch's steps since they began here; where the program is watched
};

// The report that was best, and what it was judged by.
struct BestEpoch {
  std::int64_t epoch = 0;
  double value = 0;
};

// One train block at work. Epochs visit rows in an order that depends on seed and epoch alone; the last batch of an
// epoch is as short as it is.
class Training {
 public:
  // Reads all data, checks it against the inputs, makes machine code and initial weights.
  static Result<Training> prepare(const Program& program, const TrainingOptions& options = {});
  Training(Training&&) noexcept;
  Training& operator=(Training&&) noexcept;
  ~Training();

  // What is odd about the data, but no mistake: numbers that are none or infinite in training or test data, classes of
  // a label that no row of the training data has. As descent/warnings.h shows it.
  Diagnostics warnings() const;

  Trainer& trainer();
  std::int64_t epochs() const;
  std::int64_t epochs_done() const;
  std::int64_t rows() const;       // of the training data
  std::int64_t test_rows() const;  // 0 without test data
  std::int64_t steps_per_epoch() const;
  bool done() const { return stopped() || epochs_done() >= epochs(); }

  // What reports are judged by, for plateaus of schedules and for `stop = early(…)`: "accuracy", without a `monitor`
  // the losses. With `stop` the weights of the best report are kept; once the training is done, early or not, they are
  // the trainer's, whatever came behind.
  std::string monitor() const;
  bool stopped() const;                   // before its last epoch
  std::optional<BestEpoch> best() const;  // with `stop`, from the first report on

  // Called for each step, in order, with the steps done in this epoch and the step's first loss, its mean over the rows
  // where a step takes several batches. A small model may be some steps further by then (TrainerOptions::whole_loop).
  using Progress = std::function<void(std::int64_t step, double loss)>;
  // The next epoch. A loss that is not finite ends it with a diagnostic at the model's line naming loss, value, step,
  // epoch, and the rows of the data that make it so, where single rows do: the states are kept once in a second, so
  // that the steps since can be taken again to find them.
  Result<EpochReport> run_epoch(const Progress& progress = {});
  // The same, but asked before each call of steps (one step, of a small model some; where a step takes several batches
  // before each of them) whether to pause. Nothing: it paused; the next call goes on with what is left of the epoch.
  using Pause = std::function<bool()>;
  Result<std::optional<EpochReport>> run_epoch(const Progress& progress, const Pause& pause);

  // What is watched of the epoch under way, as far as it came: to be asked for when it ended with a diagnostic. What
  // is reported here is in no later report.
  std::optional<WatchReport> watched();

  // All there is to this training, as one safetensors file, written whole or not at all: what Trainer::save_checkpoint
  // writes, the position in the data, the losses' sums of the epoch under way, and of what it is a training. To be
  // called between epochs or while one is paused.
  //
  // A Training that is prepared from the file goes on bit for bit as this one would have: reports and weights are the
  // same. What decides about them must be as it was, and `prepare` says what is not: the train block and its settings,
  // the computation of a step, the data. Only `epochs` may be another number, not below the epochs that are done,
  // where no schedule reads it.
  Diagnostics save_checkpoint(const std::string& path);

  // Losses and metrics of the test data (the training data without it), batches joined: Σ rows·e / Σ rows.
  Result<NamedValues> evaluate();
  // Those of the training data, with the weights as they are now.
  Result<NamedValues> evaluate_training();
  // The outputs for the first `rows` rows of that data.
  Result<std::vector<data::Array>> predict(std::int64_t rows);

  struct Parts;

 private:
  explicit Training(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace descent
