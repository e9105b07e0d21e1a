// What a training does behind a report: schedules learn of plateaus, early stopping keeps the best weights and ends it.
#include <algorithm>
#include <cmath>

#include "driver/batch_layout.h"
#include "driver/checkpoint.h"
#include "driver/training.h"
#include "driver/weights.h"
#include "fmt/format.h"
#include "ir/graph.h"
#include "ir/match.h"

namespace descent {
namespace {

double number_of(const frontend::RateOrNumber& number, const Trainer& trainer) {
  return match(
      number, [](double value) { return value; },
      [&](const std::string& rate) { return trainer.parts().rates.find(rate)->second; });
}

PatienceRule rule_of(const frontend::Plateaus& plateaus, const Trainer& trainer) {
  return {number_of(plateaus.patience, trainer), number_of(plateaus.threshold, trainer),
          number_of(plateaus.delta, trainer), number_of(plateaus.cooldown, trainer)};
}

data::Array array_of(const Patience& patience) {
  data::Array array = data::zeros(data::DType::f64, {3});
  const double values[] = {patience.best, patience.waited, patience.resting};
  std::copy(std::begin(values), std::end(values), array.as<double>().begin());
  return array;
}

Patience patience_in(const data::Array& array) {
  const std::span<const double> values = array.as<double>();
  return {values[0], values[1], values[2]};
}

constexpr const char* stop_name = "monitor/stop";
constexpr const char* stopped_name = "monitor/stopped";
constexpr const char* best_epoch_name = "monitor/best_epoch";

}  // namespace

const std::vector<frontend::Plateaus>& Training::Parts::asked_plateaus() const {
  return program.parts().compilation->plateaus;
}

double Training::Parts::monitored(const NamedValues& evaluation) const {
  const std::vector<std::string> all = losses();
  double sum = 0;
  for (const auto& [name, value] : evaluation) {
    const bool counts =
        block.monitor.name.empty() ? std::find(all.begin(), all.end(), name) != all.end() : name == block.monitor.name;
    if (counts) sum += value;
  }
  return sum;
}

// The optimizer's arguments that plateaus are in, as the next step will have them.
NamedValues Training::Parts::planned_numbers() const {
  const std::optional<Graph>& graph = program.parts().compilation->plateau_numbers;
  if (!graph) return {};
  std::unordered_map<std::string, Tensor> inputs;
  for (const Node& node : graph->nodes) {
    const Input* input = std::get_if<Input>(&node.op);
    if (!input) continue;
    const Trainer::Parts& now = trainer.parts();
    const auto rate = now.rates.find(input->name);
    const double value = rate != now.rates.end()  ? rate->second
                         : input->name == "step"  ? now.step + 1
                         : input->name == "steps" ? now.steps
                                                  : now.seed;
    inputs[input->name] = {graph->type(node.results[0]), {}, {value}};
  }
  const Result<Evaluation> values = descent::evaluate(*graph, 1, inputs, {});
  if (!values) return {};
  NamedValues numbers;
  for (std::size_t i = 0; i < graph->outputs.size(); ++i) {
    numbers.emplace_back(graph->outputs[i].name, values->outputs[i].data[0]);
  }
  return numbers;
}

Diagnostics Training::Parts::judge(EpochReport& report) {
  const double value = monitored(report.evaluation);
  const NamedValues before = planned_numbers();
  for (std::size_t i = 0; i < plateaus.size(); ++i) {
    const frontend::Plateaus& asked = asked_plateaus()[i];
    if (!plateaus[i].take(value, rule_of(asked, trainer), block.monitor.largest).is_plateau) continue;
    trainer.parts().rates.find(asked.rate)->second += 1;
  }
  const NamedValues after = planned_numbers();
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (after[i].second != before[i].second) report.changed.push_back(after[i]);
  }
  if (!block.stop) return {};
  const frontend::EarlyStop& early = *block.stop;
  const Patience::Seen seen =
      stop.take(value, {early.patience, early.threshold, early.delta, 0}, block.monitor.largest);
  if (seen.is_better) {
    best.epoch = epochs_done;
    best.value = value;
    if (Diagnostics wrong = keep_weights(); !wrong.empty()) return wrong;
  }
  stopped = seen.is_plateau;
  return {};
}

Diagnostics Training::Parts::keep_weights() {
  best.weights.clear();
  for (const std::string& name : trainer.parameters()) {
    Result<data::Array> array = trainer.parameter(name);
    if (!array) return array.errors();
    best.weights.emplace(name, std::move(*array));
  }
  return {};
}

Diagnostics Training::Parts::exchange_weights() {
  for (auto& [name, array] : best.weights) {
    Result<data::Array> other = trainer.parameter(name);
    if (!other) return other.errors();
    if (Diagnostics wrong = trainer.set_parameter(name, array); !wrong.empty()) return wrong;
    array = std::move(*other);
  }
  best.is_at_work = !best.is_at_work;
  return {};
}

Diagnostics Training::Parts::finish_with_best() {
  const bool is_done = stopped || epochs_done >= block.epochs;
  return is_done && best.epoch > 0 && !best.is_at_work ? exchange_weights() : Diagnostics{};
}

// -- in a checkpoint -------------------------------------------------------------------------------------------------

std::vector<WantedTensor> Training::Parts::wanted_monitor() const {
  std::vector<WantedTensor> wanted;
  for (const frontend::Plateaus& asked : asked_plateaus()) {
    wanted.push_back({"monitor/" + asked.rate, "f64[3]", {3}, data::DType::f64});
  }
  if (!block.stop) return wanted;
  wanted.push_back({stop_name, "f64[3]", {3}, data::DType::f64});
  wanted.push_back({stopped_name, "i64[]", {}, data::DType::i64});
  wanted.push_back({best_epoch_name, "i64[]", {}, data::DType::i64});
  for (const SavedTensor& tensor : saved_tensors(program)) {
    wanted.push_back({"best/" + tensor.name, to_string(tensor.type), actual_shape(tensor.type.shape, batch()),
                      data_type(tensor.type.dtype)});
  }
  return wanted;
}

Diagnostics Training::Parts::add_monitor(data::Tensors& tensors) const {
  for (std::size_t i = 0; i < plateaus.size(); ++i) {
    tensors.arrays.emplace("monitor/" + asked_plateaus()[i].rate, array_of(plateaus[i]));
  }
  if (!block.stop) return {};
  tensors.arrays.emplace(stop_name, array_of(stop));
  tensors.arrays.emplace(stopped_name, number(std::int64_t{stopped}));
  tensors.arrays.emplace(best_epoch_name, number(best.epoch));
  for (const std::string& name : trainer.parameters()) {
    const auto kept = best.weights.find(name);
    Result<data::Array> array = kept != best.weights.end() ? kept->second : trainer.parameter(name);
    if (!array) return array.errors();
    tensors.arrays.emplace("best/" + name, std::move(*array));
  }
  return {};
}

// The file has all of wanted_monitor.
Diagnostics Training::Parts::restore_monitor(const data::Tensors& tensors, const std::string& path) {
  for (std::size_t i = 0; i < plateaus.size(); ++i) {
    plateaus[i] = patience_in(tensors.arrays.at("monitor/" + asked_plateaus()[i].rate));
  }
  if (!block.stop) return {};
  const Result<std::int64_t> epoch = whole_number(tensors, best_epoch_name, 0, epochs_done, path);
  if (!epoch) return epoch.errors();
  const Result<std::int64_t> ended = whole_number(tensors, stopped_name, 0, 1, path);
  if (!ended) return ended.errors();
  stop = patience_in(tensors.arrays.at(stop_name));
  stopped = *ended == 1;
  best = {*epoch, stop.best, {}, false};
  for (const std::string& name : trainer.parameters()) {
    if (best.epoch > 0) best.weights.emplace(name, tensors.arrays.at("best/" + name));
  }
  return finish_with_best();
}

void Training::Parts::add_monitor_traits(std::map<std::string, std::string>& traits) const {
  const auto text = [](const frontend::RateOrNumber& number) {
    return match(
        number, [](double value) { return fmt::format("{}", value); }, [](const std::string& rate) { return rate; });
  };
  for (const frontend::Plateaus& asked : asked_plateaus()) {
    traits["plateaus of '" + asked.rate + "'"] =
        fmt::format("patience {}, threshold {}, delta {}, cooldown {}", text(asked.patience), text(asked.threshold),
                    text(asked.delta), text(asked.cooldown));
  }
  if (block.stop) {
    traits["stop"] = fmt::format("early(patience = {}, threshold = {}, delta = {})", block.stop->patience,
                                 block.stop->threshold, block.stop->delta);
  }
  if (asked_plateaus().empty() && !block.stop) return;
  const std::string name = block.monitor.name.empty() ? "the losses" : block.monitor.name;
  traits["monitor"] = fmt::format("{}({})", block.monitor.largest ? "max" : "min", name);
}

bool Training::stopped() const { return parts_->stopped; }
std::optional<BestEpoch> Training::best() const {
  const Parts::Best& best = parts_->best;
  return best.epoch > 0 ? std::optional(BestEpoch{best.epoch, best.value}) : std::nullopt;
}
std::string Training::monitor() const {
  const std::string& name = parts_->block.monitor.name;
  return name.empty() ? fmt::format("{}", fmt::join(parts_->losses(), " + ")) : name;
}

}  // namespace descent
