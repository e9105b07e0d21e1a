// Chooses the best run, lays out the table and writes comparison.jsonl.
#include "driver/commands/comparison.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "driver/commands/table.h"
#include "driver/json.h"
#include "driver/program.h"
#include "fmt/format.h"
#include "runtime/data/file.h"

namespace descent::command {
namespace {

std::vector<std::string> names_of(const std::vector<Port>& ports, Port::Kind kind) {
  std::vector<std::string> names;
  for (const Port& port : ports) {
    if (port.kind == kind) names.push_back(port.name);
  }
  return names;
}

std::vector<std::string> losses_of(const Program& program) {
  return names_of(program.outputs("evaluate"), Port::Kind::loss);
}

// Those of `evaluate` but for the parts that a formula joins, and the formulas' own.
std::vector<std::string> metrics_of(const Program& program) {
  std::vector<std::string> metrics = names_of(program.outputs("evaluate"), Port::Kind::metric);
  for (const Port& part : program.inputs("report")) std::erase(metrics, part.name);
  for (std::string& name : names_of(program.outputs("report"), Port::Kind::metric)) metrics.push_back(std::move(name));
  return metrics;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Diagnostic unknown_criterion(const std::string& name, const Program& program) {
  std::vector<std::string> known = losses_of(program);
  for (std::string& metric : metrics_of(program)) known.push_back(std::move(metric));
  std::vector<Note> notes = did_you_mean(name, known);
  if (notes.empty()) notes.push_back({{}, fmt::format("it has {}", fmt::join(known, ", "))});
  return {"command-line",
          {},
          fmt::format("--best: model '{}' has no loss or metric '{}'", program.name(), name),
          std::move(notes)};
}

// A value that JSON spells as a number stays one.
std::string json_value(const std::string& value) {
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool whole = error == std::errc() && end == value.data() + value.size();
  return whole && std::isfinite(number) ? json::number(number) : json::text(value);
}

// The last step may have been the one too far.
std::string loss_at_the_end(const RunResult& result, const Program& program) {
  const std::vector<std::string> losses = losses_of(program);
  for (const NamedValues* values : {&result.training, &result.test}) {
    for (const auto& [name, value] : *values) {
      if (contains(losses, name) && !std::isfinite(value)) {
        return fmt::format("loss '{}' is {} after step {}", name, number_text(value), result.steps);
      }
    }
  }
  return {};
}

void add_cells(std::vector<std::string>& cells, const NamedValues& values, std::size_t wanted) {
  for (std::size_t i = 0; i < wanted; ++i) cells.push_back(i < values.size() ? number_text(values[i].second) : "-");
}

}  // namespace

double Criterion::value(const NamedValues& judged, const Program& program) const {
  double sum = 0;
  const std::vector<std::string> wanted = name.empty() ? losses_of(program) : std::vector<std::string>{name};
  for (const auto& [known, value] : judged) {
    if (contains(wanted, known)) sum += value;
  }
  return judged.empty() ? NAN : sum;
}

bool Criterion::better(double a, double b) const {
  if (!std::isfinite(a)) return false;
  return !std::isfinite(b) || (smallest ? a < b : a > b);
}

std::string Criterion::text(const Program& program) const {
  const std::string of = name.empty() ? fmt::format("{}", fmt::join(losses_of(program), " + ")) : name;
  return fmt::format("{} {}", smallest ? "smallest" : "largest", of);
}

Result<Criterion> parse_criterion(const std::string& text, const Program& program) {
  if (text.empty()) return Criterion{};
  const bool smallest = text.starts_with("min:"), largest = text.starts_with("max:");
  const std::string name = smallest || largest ? text.substr(4) : text;
  const bool is_loss = contains(losses_of(program), name), is_metric = contains(metrics_of(program), name);
  if (!is_loss && !is_metric) return unknown_criterion(name, program);
  if (is_loss || smallest || largest) return Criterion{name, !largest};
  return Diagnostic{"command-line",
                    {},
                    fmt::format("--best {}: nothing says whether a large or a small '{}' is good", name, name),
                    {{{}, fmt::format("write --best max:{} or --best min:{}", name, name)}}};
}

const RunResult& Comparison::add(RunResult result) {
  if (result.diverged.empty()) result.diverged = loss_at_the_end(result, program_);
  if (!result.diverged.empty()) {
    result.training.clear();
    result.test.clear();
    result.best_epoch = 0;
  }
  results_.push_back(std::move(result));
  return results_.back();
}

Diagnostics Comparison::write() const {
  const std::optional<std::size_t> chosen = best();
  std::string lines;
  for (std::size_t i = 0; i < results_.size(); ++i) lines += json_line(results_[i], chosen == i) + "\n";
  auto written = data::write_file(path_, data::bytes_of_text(lines));
  if (!written) return {Diagnostic{"unwritable-file", {}, data::to_string(written.error()), {}}};
  return {};
}

bool Comparison::all_diverged() const {
  return std::all_of(results_.begin(), results_.end(),
                     [](const RunResult& result) { return !result.diverged.empty(); });
}
bool Comparison::any_diverged() const {
  return std::any_of(results_.begin(), results_.end(),
                     [](const RunResult& result) { return !result.diverged.empty(); });
}

std::optional<std::size_t> Comparison::best() const {
  std::optional<std::size_t> best;
  double best_value = NAN;
  for (std::size_t i = 0; i < results_.size(); ++i) {
    const double value = criterion_.value(results_[i].judged(), program_);
    if (!results_[i].diverged.empty() || !criterion_.better(value, best_value)) continue;
    best = i;
    best_value = value;
  }
  return best;
}

// What the table shows follows from the runs: all are of one model, so one that ended tells the columns.
Comparison::Layout Comparison::layout() const {
  const auto any = [&](const auto& holds) { return std::any_of(results_.begin(), results_.end(), holds); };
  const auto ended =
      std::find_if(results_.begin(), results_.end(), [](const RunResult& run) { return run.diverged.empty(); });
  Layout layout{ended == results_.end() ? results_.front() : *ended};
  const Assignment& swept = layout.shape.swept;
  layout.block = swept.empty() || any([&](const RunResult& run) { return run.block != results_[0].block; });
  layout.epochs = std::none_of(swept.begin(), swept.end(), [](const auto& one) { return one.first == "epochs"; });
  layout.best_epoch = any([](const RunResult& run) { return run.best_epoch > 0; });
  return layout;
}

std::vector<std::string> Comparison::cells(const Layout& layout, const RunResult& run, bool is_best) const {
  std::vector<std::string> cells;
  if (layout.block) cells.push_back(run.block);
  for (const auto& [name, value] : run.swept) cells.push_back(value);
  if (layout.epochs) cells.push_back(fmt::format("{}", run.epochs));
  add_cells(cells, run.training, layout.shape.training.size());
  add_cells(cells, run.test, layout.shape.test.size());
  if (layout.best_epoch) cells.push_back(run.best_epoch > 0 ? fmt::format("{}", run.best_epoch) : "-");
  cells.push_back(fmt::format("{:.3f}", run.seconds));
  cells.push_back(!run.diverged.empty() ? "diverged: " + run.diverged : is_best ? "* best" : "");
  return cells;
}

std::string Comparison::table() const {
  using enum Table::Align;
  const Layout layout = this->layout();
  Table table;
  if (layout.block) table.column("run", left);
  for (const auto& [name, value] : layout.shape.swept) table.column(name, left);
  if (layout.epochs) table.column("epochs", right);
  for (const auto& [name, value] : layout.shape.training) table.column("training " + name, right);
  for (const auto& [name, value] : layout.shape.test) table.column("test " + name, right);
  if (layout.best_epoch) table.column("best epoch", right);
  table.column("seconds", right);
  table.column("", left);
  const std::optional<std::size_t> chosen = best();
  for (std::size_t i = 0; i < results_.size(); ++i) table.row(cells(layout, results_[i], chosen == i));
  std::string text = table.text();
  if (chosen) {
    text += fmt::format("best: {} on the {} data at the end; all of it in {}\n", criterion_.text(program_),
                        layout.shape.test.empty() ? "training" : "test", path_);
  }
  return text;
}

std::string Comparison::json_line(const RunResult& result, bool is_best) const {
  std::string set;
  for (const auto& [name, value] : result.swept) {
    set += fmt::format("{}{}: {}", set.empty() ? "" : ", ", json::text(name), json_value(value));
  }
  return fmt::format(
      "{{\"run\": {}, \"set\": {{{}}}, \"folder\": {}, \"epochs\": {}, \"steps\": {}, \"training\": {}, \"test\": {}, "
      "\"best_epoch\": {}, \"seconds\": {:.6f}, \"best\": {}, \"diverged\": {}}}",
      json::text(result.block), set, json::text(result.folder), result.epochs, result.steps,
      json::object(result.training), json::object(result.test), result.best_epoch, result.seconds, is_best,
      result.diverged.empty() ? "null" : json::text(result.diverged));
}

}  // namespace descent::command
