// Reads what training is judged by: `monitor = max(accuracy)`, `stop = early(patience = 5)`.
#include "frontend/train_monitor.h"

#include <algorithm>

namespace descent::frontend {

std::string written(const ast::Expression& value) {
  return value.at.source->text.substr(value.at.begin, value.at.end - value.at.begin);
}

Monitor read_monitor(const ast::Expression& value, const ModelReading& reading, Reporter& reporter) {
  const auto* call = std::get_if<ast::Call>(&value.node);
  const bool has_end = call && (call->function.text == "max" || call->function.text == "min") &&
                       call->arguments.size() == 1 && !call->arguments[0].name;
  const auto* name = std::get_if<ast::Name>(has_end ? &call->arguments[0].value->node : &value.node);
  if (!name) {
    reporter.error("wrong-setting", value.at,
                   "expected a loss for 'monitor', or a metric and which end of it is good: max(accuracy)");
    return {};
  }
  std::vector<std::string> losses, all;
  for (const NamedValue& loss : reading.losses) losses.push_back(loss.name);
  all = losses;
  for (const NamedValue& metric : reading.metrics) all.push_back(metric.name);
  for (const Formula& formula : reading.formulas) all.push_back(formula.name);
  const auto is_among = [&](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), name->text) != names.end();
  };
  if (!is_among(all)) {
    std::string hint = suggestion(name->text, all);
    if (hint.empty()) hint = listed(all);
    reporter.error("wrong-setting", value.at, "the model has no loss or metric " + quoted(name->text) + hint);
  } else if (!has_end && !is_among(losses)) {
    reporter.error("wrong-setting", value.at,
                   "nothing says which end of " + quoted(name->text) + " is good; write max(" + name->text +
                       ") or min(" + name->text + ")");
  }
  return {name->text, has_end && call->function.text == "max"};
}

EarlyStop read_early_stop(const ast::Expression& value, Elaborator& values, Reporter& reporter) {
  const auto* call = std::get_if<ast::Call>(&value.node);
  if (!call || call->function.text != "early") {
    reporter.error("wrong-setting", value.at, "expected early(patience = 5) for 'stop'");
    return {};
  }
  EarlyStop stop;
  const std::pair<const char*, double*> places[] = {
      {"patience", &stop.patience}, {"threshold", &stop.threshold}, {"delta", &stop.delta}};
  std::size_t next = 0;
  for (const ast::Argument& argument : call->arguments) {
    const auto* place = argument.name ? std::find_if(std::begin(places), std::end(places),
                                                     [&](const auto& one) { return one.first == argument.name->text; })
                                      : std::begin(places) + std::min<std::size_t>(next++, std::size(places));
    if (place == std::end(places)) {
      reporter.error("wrong-setting", argument.name ? argument.name->at : argument.value->at,
                     "expected early(patience, threshold, delta)");
      continue;
    }
    const Operand operand = values.setting(*argument.value);
    const std::optional<double> number = values.constant(operand);
    if (!operand.poisoned() && !(number && *number >= 0)) {
      reporter.error("wrong-setting", argument.value->at,
                     "expected a number from 0 for " + quoted(place->first) + ", found " + written(*argument.value));
    }
    *place->second = number.value_or(0);
  }
  return stop;
}

}  // namespace descent::frontend
