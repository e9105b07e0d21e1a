// The training loop over a program's data.
#include "descent/training.h"

#include <chrono>
#include <cmath>
#include <map>

#include "driver/dataset.h"
#include "driver/program.h"
#include "driver/trainer.h"
#include "fmt/format.h"
#include "runtime/data/shuffle.h"

namespace descent {
namespace {

NamedValues named(const std::vector<Port>& ports, const std::vector<double>& values) {
  NamedValues result;
  for (const Port& port : ports) {
    const bool numeric = port.kind != Port::Kind::output && port.type.shape.empty() && is_float(port.type.dtype);
    if (numeric) result.emplace_back(port.name, values[result.size()]);
  }
  return result;
}

// Σ rows·value / Σ rows.
class RowMean {
 public:
  void add(std::span<const double> values, std::int64_t rows) {
    sums_.resize(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) sums_[i] += static_cast<double>(rows) * values[i];
    rows_ += rows;
  }
  std::vector<double> means() const {
    std::vector<double> means = sums_;
    for (double& mean : means) mean /= static_cast<double>(rows_);
    return means;
  }

 private:
  std::vector<double> sums_;
  std::int64_t rows_ = 0;
};

// The sign of a NaN tells nothing.
std::string number_text(double value) { return std::isnan(value) ? "nan" : fmt::format("{}", value); }

}  // namespace

struct Training::Parts {
  Program program;
  Trainer trainer;
  const frontend::TrainBlock& block;
  Dataset data;
  std::optional<Dataset> test;
  std::optional<Batcher> batches, test_batches;
  std::int64_t epochs_done = 0;
  std::int64_t steps_at_once = 1;

  const Dataset& evaluated() const { return test ? *test : data; }
  Batcher& evaluated_batches() { return test ? *test_batches : *batches; }
  Result<NamedValues> evaluate(const Dataset& set, Batcher& rows_of);
  std::int64_t batch() const { return program.largest_batch(); }
  std::int64_t steps_per_epoch() const { return (data.rows + batch() - 1) / batch(); }

  Diagnostics start();
  Diagnostics check_losses(std::span<const double> losses) const;
  Result<NamedValues> finish(const NamedValues& joined);
};

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

Diagnostics Training::Parts::check_losses(std::span<const double> losses) const {
  for (std::size_t i = 0; i < losses.size(); ++i) {
    if (std::isfinite(losses[i])) continue;
    const NamedValues names = named(program.outputs("step"), {losses.begin(), losses.end()});
    return {diagnostic("loss-not-finite", block.at,
                       fmt::format("loss '{}' is {} at step {} (epoch {})", names[i].first, number_text(losses[i]),
                                   trainer.steps_taken(), epochs_done + 1),
                       {{{}, "a smaller rate or smaller inputs may help; `descent check` compares the gradients"}})};
  }
  return {};
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
    Result<std::span<const double>> values = trainer.evaluate(rows, rows_of.take(begin, rows));
    if (!values) return values.errors();
    mean.add(*values, rows);
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
  if (block->data_and_test) {
    return diagnostic("not-data", block->data_and_test->at,
                      "no reader gives data and test at once; write `data { … }` and `test { … }`");
  }
  const Folders folders = data_folders(program.parts().folder, options.data_folder);
  Result<Dataset> data = load_dataset(program, block->data, folders);
  if (!data) return data.errors();
  std::optional<Dataset> test;
  if (!block->test.empty()) {
    Result<Dataset> read = load_dataset(program, block->test, folders);
    if (!read) return read.errors();
    test = std::move(*read);
  }
  Result<Trainer> trainer = Trainer::create(program, options.trainer);
  if (!trainer) return trainer.errors();
  auto parts = std::make_unique<Parts>(
      Parts{program, std::move(*trainer), *block, std::move(*data), std::move(test), {}, {}, 0, 1});
  parts->steps_at_once = parts->trainer.parts().steps_at_once(row_bytes(parts->data) * parts->batch());
  parts->batches.emplace(parts->data, parts->batch() * parts->steps_at_once);
  if (parts->test) parts->test_batches.emplace(*parts->test, parts->batch());
  if (Diagnostics wrong = parts->start(); !wrong.empty()) return wrong;
  return Training(std::move(parts));
}

bool is_divergence(const Diagnostics& errors) { return errors.size() == 1 && errors[0].id == "loss-not-finite"; }

Trainer& Training::trainer() { return parts_->trainer; }
std::int64_t Training::epochs() const { return parts_->block.epochs; }
std::int64_t Training::epochs_done() const { return parts_->epochs_done; }
std::int64_t Training::rows() const { return parts_->data.rows; }
std::int64_t Training::test_rows() const { return parts_->test ? parts_->test->rows : 0; }
std::int64_t Training::steps_per_epoch() const { return parts_->steps_per_epoch(); }

Result<EpochReport> Training::run_epoch(const Progress& progress) {
  Parts& parts = *parts_;
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::int64_t> order;
  if (parts.block.shuffle) {
    order = data::permutation(parts.data.rows, static_cast<std::uint64_t>(parts.block.seed),
                              static_cast<std::uint64_t>(parts.epochs_done));
  }
  RowMean mean;
  Diagnostics wrong;
  for (std::int64_t begin = 0; begin < parts.data.rows && wrong.empty();) {
    const std::int64_t left = parts.data.rows - begin;
    const std::int64_t rows = std::min(parts.batch(), left);
    const std::int64_t steps = std::clamp<std::int64_t>(left / rows, 1, parts.steps_at_once);
    const auto feeds = parts.block.shuffle
                           ? parts.batches->take(std::span(order).subspan(static_cast<std::size_t>(begin),
                                                                          static_cast<std::size_t>(steps * rows)))
                           : parts.batches->take(begin, steps * rows);
    const auto note = [&](std::span<const double> losses) {
      wrong = parts.check_losses(losses);
      if (!wrong.empty()) return false;
      mean.add(losses, rows);
      begin += rows;
      if (progress) progress((begin + parts.batch() - 1) / parts.batch(), losses.empty() ? 0 : losses[0]);
      return true;
    };
    if (Diagnostics failed = parts.trainer.parts().train(steps, rows, feeds, note); !failed.empty()) return failed;
  }
  if (!wrong.empty()) return wrong;
  ++parts.epochs_done;
  EpochReport report;
  report.epoch = parts.epochs_done;
  report.step = parts.trainer.steps_taken();
  report.losses = named(parts.program.outputs("step"), mean.means());
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const bool is_due = parts.epochs_done % std::max<std::int64_t>(1, parts.block.report) == 0 || done();
  if (is_due) {
    Result<NamedValues> values = evaluate();
    if (!values) return values.errors();
    report.evaluation = std::move(*values);
  }
  return report;
}

Result<NamedValues> Training::evaluate() { return parts_->evaluate(parts_->evaluated(), parts_->evaluated_batches()); }
Result<NamedValues> Training::evaluate_training() { return parts_->evaluate(parts_->data, *parts_->batches); }

Result<std::vector<data::Array>> Training::predict(std::int64_t rows) {
  rows = std::min({rows, parts_->evaluated().rows, parts_->batch()});
  return parts_->trainer.predict(rows, parts_->evaluated_batches().take(0, rows));
}

}  // namespace descent
