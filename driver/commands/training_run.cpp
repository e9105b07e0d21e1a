// Runs the epochs of a training, keeps its folder and its screen up to date.
#include "driver/commands/training_run.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>

#include "descent/prediction.h"
#include "descent/run_folder.h"
#include "driver/commands/command.h"
#include "driver/commands/interruption.h"
#include "driver/commands/table.h"
#include "fmt/format.h"

namespace descent::command {
namespace {

// What the model says about the rows of a data set so small that all can be read at a glance.
void print_predictions(Training& training) {
  constexpr std::int64_t most_rows = 8, most_elements = 10;
  const std::int64_t rows = training.test_rows() > 0 ? training.test_rows() : training.rows();
  if (rows > most_rows || !training.trainer().program().has("predict")) return;
  Result<std::vector<data::Array>> outputs = training.predict(rows);
  if (!outputs) return;
  const std::vector<Port>& ports = training.trainer().program().outputs("predict");
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const data::Array& array = (*outputs)[i];
    const std::int64_t width = array.rows() > 0 ? array.count() / array.rows() : 0;
    if (array.rows() != rows || width > most_elements) continue;
    fmt::print("{}\n{}", ports[i].name, rows_text(array, {" ", 4, true}));
  }
}

// After a training that diverged: it wrote no weights, and took none away.
std::string what_lies_in(const RunFolder& folder) {
  if (!folder.has_weights()) return fmt::format("'{}' holds this training's log and no weights", folder.path());
  return fmt::format("'{}' holds this training's log; the weights in it are an earlier training's", folder.path());
}

// Says when a training is to be saved, whatever the time of a step is.
class CheckpointClock {
 public:
  explicit CheckpointClock(const CheckpointInterval& interval) : interval_(interval) {}

  bool is_due(std::int64_t steps_taken) const {
    if (interval_.steps > 0 && steps_taken - steps_ >= interval_.steps) return true;
    return interval_.time.count() > 0 && std::chrono::steady_clock::now() - saved_ >= interval_.time;
  }
  void saved(std::int64_t steps_taken) {
    steps_ = steps_taken;
    saved_ = std::chrono::steady_clock::now();
  }

 private:
  CheckpointInterval interval_;
  std::int64_t steps_ = 0;
  std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
};

class Run {
 public:
  Run(const RunRequest& request, const Criterion& criterion, Training& training, RunFolder& folder, RunResult& result)
      : request_(request),
        criterion_(criterion),
        training_(training),
        folder_(folder),
        result_(result),
        clock_(request.interval) {}

  Diagnostics run() {
    for (const EpochReport& report : folder_.logged()) take(report);
    result_.steps = training_.trainer().steps_taken();
    clock_.saved(result_.steps);
    if (training_.done()) {  // no epochs, or none left: what these weights are worth
      Result<NamedValues> values = training_.evaluate();
      if (!values) return values.errors();
      judged() = std::move(*values);
    }
    if (Diagnostics wrong = epochs(); !wrong.empty() || result_.interrupted) return wrong;
    if (!request_.compared || training_.test_rows() == 0) return {};
    Result<NamedValues> values = training_.evaluate_training();
    if (!values) return values.errors();
    result_.training = std::move(*values);
    return {};
  }

 private:
  NamedValues& judged() { return training_.test_rows() > 0 ? result_.test : result_.training; }

  Diagnostics epochs() {
    Progress progress(training_, request_.name, request_.detail);
    progress.begin(training_.trainer().program(), training_.trainer());
    while (!training_.done()) {
      Result<std::optional<EpochReport>> report =
          training_.run_epoch([&](std::int64_t step, double loss) { progress.step(step, loss); },
                              [&] { return interruption() != 0 || clock_.is_due(training_.trainer().steps_taken()); });
      result_.steps = training_.trainer().steps_taken();
      if (!report) {
        if (const auto watched = training_.watched()) progress.watch(*watched, true);
        return report.errors();
      }
      if (*report) {
        progress.epoch(**report);
        take(**report);
        if (Diagnostics wrong = folder_.log(**report, training_.test_rows() > 0); !wrong.empty()) return wrong;
      }
      result_.interrupted = interruption() != 0 && !training_.done();
      if (Diagnostics wrong = save_when_due(); !wrong.empty() || result_.interrupted) return wrong;
    }
    progress.end();
    if (training_.best()) {  // the weights are not those of the last report
      Result<NamedValues> values = training_.evaluate();
      if (!values) return values.errors();
      judged() = std::move(*values);
    }
    return folder_.save(training_.trainer());
  }

  Diagnostics save_when_due() {
    if (!training_.done() && !result_.interrupted && !clock_.is_due(result_.steps)) return {};
    clock_.saved(result_.steps);
    return folder_.save_checkpoint(training_);
  }

  void take(const EpochReport& report) {
    result_.epochs = report.epoch;
    result_.seconds += report.seconds;
    if (!report.evaluation.empty()) {
      const double value = criterion_.value(report.evaluation, training_.trainer().program());
      if (criterion_.better(value, best_)) {
        best_ = value;
        result_.best_epoch = report.epoch;
      }
      judged() = report.evaluation;
    }
  }

  const RunRequest& request_;
  const Criterion& criterion_;
  Training& training_;
  RunFolder& folder_;
  RunResult& result_;
  CheckpointClock clock_;
  double best_ = NAN;
};

}  // namespace

Diagnostics run_training(const Program& program, const RunRequest& request, const Criterion& criterion,
                         RunResult& result) {
  const bool goes_on = request.resume && RunFolder::has_checkpoint(request.folder);
  TrainingOptions options = request.training;
  if (goes_on) options.checkpoint = RunFolder::checkpoint_path(request.folder);
  Result<Training> training = Training::prepare(program, options);
  if (!training) return training.errors();
  Result<RunFolder> folder =
      goes_on ? RunFolder::reopen(request.folder, training->epochs_done()) : RunFolder::create(request.folder);
  if (!folder) return folder.errors();
  warn(training->warnings());
  watch_for_interruption();
  Diagnostics wrong = Run(request, criterion, *training, *folder, result).run();
  std::fflush(stdout);
  if (is_divergence(wrong)) {
    result.has_earlier_weights = folder->has_weights();
    wrong.front().notes.push_back({{}, what_lies_in(*folder)});
  }
  if (!wrong.empty()) return wrong;
  if (result.interrupted) {
    fmt::print(stderr, "{}: interrupted in epoch {}/{} after step {}; saved in {}\n", request.name,
               training->epochs_done() + 1, training->epochs(), result.steps, folder->checkpoint_path());
    return {};
  }
  if (request.detail == Detail::full) print_predictions(*training);
  if (request.detail == Detail::full || !request.compared) {
    fmt::print("{}: {} {}  | weights in {}\n", request.name, training->test_rows() > 0 ? "test" : "data",
               values_text(result.judged()), folder->weights_path());
    std::fflush(stdout);
  }
  return {};
}

}  // namespace descent::command
