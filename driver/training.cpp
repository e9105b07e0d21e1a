// The training loop over a program's data. Going on from a checkpoint is in training_checkpoint.cpp.
#include "driver/training.h"

#include <chrono>
#include <cmath>
#include <utility>

#include "driver/data_warnings.h"
#include "fmt/format.h"
#include "runtime/data/shuffle.h"

namespace descent {

bool is_number(const Port& port) {
  return port.kind != Port::Kind::output && port.type.shape.empty() && is_float(port.type.dtype);
}

namespace {

NamedValues named(const std::vector<Port>& ports, const std::vector<double>& values) {
  NamedValues result;
  for (const Port& port : ports) {
    if (is_number(port)) result.emplace_back(port.name, values[result.size()]);
  }
  return result;
}

}  // namespace

void RowMean::add(std::span<const double> values, std::int64_t count) {
  sums.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) sums[i] += static_cast<double>(count) * values[i];
  rows += count;
}

std::vector<double> RowMean::means() const {
  std::vector<double> means = sums;
  for (double& mean : means) mean /= static_cast<double>(rows);
  return means;
}

std::vector<std::string> Training::Parts::losses() const {
  std::vector<std::string> names;
  for (const Port& port : program.outputs("step")) {
    if (is_number(port)) names.push_back(port.name);
  }
  return names;
}

// Initial weights: drawn, or from a file.
Diagnostics Training::Parts::start() {
  if (Diagnostics wrong = trainer.init(block.seed); !wrong.empty()) return wrong;
  trainer.set_total_steps(steps_per_epoch() * block.epochs);
  if (block.weights.empty()) return {};
  // Beside the model, or where `train` left them.
  const Folders folders{program.parts().folder, ""};
  Result<std::string> path = find_file(block.weights, folders, "weights file", block.weights_at);
  if (!path) return path.errors();
  return trainer.load(*path, block.weights_at);
}

void Training::Parts::see_step() {
  const std::vector<data::Array> outputs = trainer.parts().calls.at("step").arrays(1);
  const std::size_t watched = 3 * program.parts().watched->parameters.size() + program.parts().watched->units.size();
  watcher->add(trainer.steps_taken(), std::span(outputs).last(watched));
}

void Training::Parts::see_batch() {
  const std::vector<data::Array> outputs = trainer.parts().calls.at("accumulate").arrays(1);
  watcher->add_units(std::span(outputs).last(program.parts().watched->units.size()));
}

// Metrics whose batches join by a formula of their own: their parts give way to the formula's value.
Result<NamedValues> Training::Parts::finish(const NamedValues& joined) {
  if (!program.has("report")) return joined;
  std::vector<Feed> feeds;
  for (const Port& port : program.inputs("report")) {
    for (const auto& [name, value] : joined) {
      if (name == port.name) feeds.emplace_back(name, Feed::Values(std::span(&value, 1)));
    }
  }
  Result<std::span<const double>> values = trainer.report(feeds);
  if (!values) return values.errors();
  NamedValues result;
  for (const auto& [name, value] : joined) {
    bool is_part = false;
    for (const Feed& feed : feeds) is_part = is_part || feed.name == name;
    if (!is_part) result.emplace_back(name, value);
  }
  for (auto& metric : named(program.outputs("report"), {values->begin(), values->end()})) result.push_back(metric);
  return result;
}

Result<NamedValues> Training::Parts::evaluate(const Dataset& set, Batcher& rows_of) {
  RowMean mean;
  for (std::int64_t begin = 0; begin < set.rows; begin += batch()) {
    const std::int64_t rows = std::min(batch(), set.rows - begin);
    const Result<std::span<const Feed>> feeds = rows_of.take(begin, rows);
    if (!feeds) return feeds.errors();
    Result<std::span<const double>> values = trainer.evaluate(rows, *feeds);
    if (!values) return values.errors();
    mean.add(*values, rows);
    warn_of_rows(set, rows_of, begin, rows, {values->begin(), values->end()});
  }
  return finish(named(program.outputs("evaluate"), mean.means()));
}

Training::Training(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Training::Training(Training&&) noexcept = default;
Training& Training::operator=(Training&&) noexcept = default;
Training::~Training() = default;

Result<Training> Training::prepare(const Program& program, const TrainingOptions& options) {
  const frontend::TrainBlock* block = program.train();
  if (!block) {
    return diagnostic(
        "no-train-block", {},
        fmt::format("'{}' has no train block: training needs a model file that says on which data and how",
                    program.parts().source->name));
  }
  const Folders folders = data_folders(program.parts().folder, options.data_folder);
  Result<TrainingData> read = load_data(program, *block, folders);
  if (!read) return read.errors();
  TrainerOptions trained_by = options.trainer;
  if (program.parts().watched) trained_by.whole_loop = false;  // every step is looked at
  Result<Trainer> trainer = Trainer::create(program, trained_by);
  if (!trainer) return trainer.errors();
  auto parts = std::make_unique<Parts>(Parts{.program = program,
                                             .trainer = std::move(*trainer),
                                             .block = *block,
                                             .data = std::move(read->data),
                                             .test = std::move(read->test),
                                             .batches = {},
                                             .test_batches = {},
                                             .epoch = {},
                                             .order = {},
                                             .traits = {},
                                             .watcher = {},
                                             .plateaus = {}});
  if (const auto& watched = program.parts().watched) parts->watcher.emplace(*watched);
  parts->plateaus.resize(program.parts().compilation->plateaus.size());
  if (block->accumulate == 1) {
    parts->steps_at_once = parts->trainer.parts().steps_at_once(row_bytes(parts->data) * parts->batch());
  }
  parts->batches.emplace(parts->data, parts->batch() * parts->steps_at_once);
  if (parts->test) parts->test_batches.emplace(*parts->test, parts->batch());
  const bool anew = options.checkpoint.empty();
  if (Diagnostics wrong = anew ? parts->start() : parts->go_on(options.checkpoint); !wrong.empty()) return wrong;
  if (Diagnostics wrong = parts->make_code(); !wrong.empty()) return wrong;
  read->vocabularies.write(parts->trainer.parts().notes);
  return Training(std::move(parts));
}

bool is_divergence(const Diagnostics& errors) { return errors.size() == 1 && errors[0].id == "loss-not-finite"; }

Diagnostics Training::warnings() const { return data_warnings(parts_->program, parts_->data, parts_->test); }

Trainer& Training::trainer() { return parts_->trainer; }
std::int64_t Training::epochs() const { return parts_->block.epochs; }
std::int64_t Training::epochs_done() const { return parts_->epochs_done; }
std::int64_t Training::rows() const { return parts_->data.rows; }
std::int64_t Training::test_rows() const { return parts_->test ? parts_->test->rows : 0; }
std::int64_t Training::steps_per_epoch() const { return parts_->steps_per_epoch(); }

Diagnostics Training::Parts::make_code() {
  if (stopped || epochs_done >= block.epochs) return {};
  const std::int64_t rows = std::min(batch(), data.rows), steps = at_once(rows, data.rows);
  const auto feeds = batches->take(0, steps * rows, {true, static_cast<std::uint64_t>(block.seed), 0});
  if (!feeds) return feeds.errors();
  return trainer.parts().make_steps(steps, rows, *feeds, data.rows % rows != 0);
}

Diagnostics Training::Parts::take_steps(const Progress& progress, const Pause& pause) {
  if (block.shuffle && order.empty()) {
    order =
        data::permutation(data.rows, static_cast<std::uint64_t>(block.seed), static_cast<std::uint64_t>(epochs_done));
  }
  keep_moment();
  while (!at_end() && !(pause && pause())) {
    if (is_moment_due()) keep_moment();
    if (Diagnostics wrong = take_batches(progress); !wrong.empty()) return wrong;
  }
  return {};
}

Result<std::span<const Feed>> Training::Parts::feeds_of(std::int64_t begin, std::int64_t rows) {
  const data::Draw draw{true, static_cast<std::uint64_t>(block.seed), static_cast<std::uint64_t>(epochs_done)};
  if (!block.shuffle) return batches->take(begin, rows, draw);
  return batches->take(std::span(order).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(rows)), draw);
}

bool Training::Parts::is_step_due(std::int64_t rows) const {
  return block.accumulate == 1 || rows >= data.rows || batches_of(rows) % block.accumulate == 0;
}

Diagnostics Training::Parts::take_batches(const Progress& progress) {
  const std::int64_t begin = epoch.losses.rows, left = data.rows - begin;
  const std::int64_t rows = std::min(batch(), left);
  const std::int64_t count = at_once(rows, left);
  const auto feeds = feeds_of(begin, count * rows);
  if (!feeds) return feeds.errors();
  std::optional<std::pair<std::size_t, double>> bad;  // a loss that is not finite
  const bool steps = is_step_due(begin + rows);
  const auto note = [&](std::span<const double> losses) {
    if (watcher) steps ? see_step() : see_batch();
    const auto is_bad = [](double loss) { return !std::isfinite(loss); };
    if (const auto found = std::find_if(losses.begin(), losses.end(), is_bad); found != losses.end()) {
      bad.emplace(found - losses.begin(), *found);
      return false;
    }
    epoch.losses.add(losses, rows);
    const bool is_alone = block.accumulate == 1;
    if (!is_alone) epoch.group.add(losses, rows);
    if (!is_step_due(epoch.losses.rows)) return true;
    if (progress) {
      progress(steps_of(batches_of(epoch.losses.rows)), is_alone ? losses[0] : epoch.group.means()[0]);
    }
    if (!is_alone) epoch.group = {};
    return true;
  };
  if (steps) {
    if (Diagnostics failed = trainer.parts().train(count, rows, *feeds, note); !failed.empty()) return failed;
  } else {
    const Result<std::span<const double>> losses = trainer.accumulate(rows, *feeds);
    if (!losses) return losses.errors();
    note(*losses);
  }
  if (!bad) return {};
  return {loss_not_finite(this->losses()[bad->first], bad->second, trainer.steps_taken() + (steps ? 0 : 1))};
}

Result<std::optional<EpochReport>> Training::run_epoch(const Progress& progress, const Pause& pause) {
  Parts& parts = *parts_;
  const auto start = std::chrono::steady_clock::now();
  if (Diagnostics wrong = parts.take_steps(progress, pause); !wrong.empty()) return wrong;
  parts.epoch.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!parts.at_end()) return std::optional<EpochReport>();
  ++parts.epochs_done;
  EpochReport report;
  report.epoch = parts.epochs_done;
  report.step = parts.trainer.steps_taken();
  report.losses = named(parts.program.outputs("step"), parts.epoch.losses.means());
  report.seconds = parts.epoch.seconds;
  parts.epoch = {};
  parts.order.clear();
  report.watch = watched();
  const bool is_due = parts.epochs_done % std::max<std::int64_t>(1, parts.block.report) == 0 || done();
  if (is_due) {
    Result<NamedValues> values = evaluate();
    if (!values) return values.errors();
    report.evaluation = std::move(*values);
    report.warnings = std::exchange(parts.told, {});
    if (parts.is_judged()) {
      if (Diagnostics wrong = parts.judge(report); !wrong.empty()) return wrong;
    }
  }
  if (Diagnostics wrong = parts.finish_with_best(); !wrong.empty()) return wrong;
  return std::optional(std::move(report));
}

Result<EpochReport> Training::run_epoch(const Progress& progress) {
  Result<std::optional<EpochReport>> report = run_epoch(progress, {});
  if (!report) return report.errors();
  DESCENT_CHECK(report->has_value(), "an epoch paused that nobody asked to");
  return std::move(**report);
}

std::optional<WatchReport> Training::watched() { return parts_->watcher ? parts_->watcher->report() : std::nullopt; }

Result<NamedValues> Training::evaluate() { return parts_->evaluate(parts_->evaluated(), parts_->evaluated_batches()); }
Result<NamedValues> Training::evaluate_training() { return parts_->evaluate(parts_->data, *parts_->batches); }

Result<std::vector<data::Array>> Training::predict(std::int64_t rows) {
  rows = std::min({rows, parts_->evaluated().rows, parts_->batch()});
  const Result<std::span<const Feed>> feeds = parts_->evaluated_batches().take(0, rows);
  if (!feeds) return feeds.errors();
  return parts_->trainer.predict(rows, *feeds);
}

}  // namespace descent
