// A class is a value of an input that names one of a tensor's places along an axis, as the label of a cross entropy
// does: i32[batch] in 0 ..< n, which `step` reads a place of an axis of n by, and which no prediction needs. So tokens,
// of which many are rare, and lengths are no classes.
#include "driver/data_warnings.h"

#include <algorithm>

#include "driver/program.h"
#include "fmt/format.h"

namespace descent {
namespace {

struct Label {
  std::string input;
  std::int64_t classes = 0;
  Span at;  // where the model declares it
};

// Does a sweep read a place of an axis of so many by this value?
bool names_a_place(const Graph& graph, ValueId value, std::int64_t places) {
  for (const Node& node : graph.nodes) {
    const auto* sweep = std::get_if<Sweep>(&node.op);
    if (!sweep) continue;
    for (const ScalarId id : reads_of(sweep->body)) {
      const auto& read = std::get<Read>(sweep->body[id].node);
      for (std::size_t axis = 0; axis < read.at.size(); ++axis) {
        if (read.at[axis].through == no_scalar || read.at[axis].offset != Affine{}) continue;
        const auto* through = std::get_if<Read>(&sweep->body[read.at[axis].through].node);
        const Extent extent = graph.type(read.tensor).shape[axis];
        if (through && through->tensor == value && extent == Extent{places}) return true;
      }
    }
  }
  return false;
}

std::vector<Label> labels_of(const Program& program) {
  std::vector<Label> labels;
  const Graph* step = program.graph() ? program.graph()->entry("step") : nullptr;
  if (!step) return labels;
  const std::vector<Port>& predicted = program.inputs("predict");
  for (const Node& node : step->nodes) {
    const auto* input = std::get_if<Input>(&node.op);
    if (!input) continue;
    const TensorType& type = step->type(node.results[0]);
    const bool by_row = type.shape.size() == 1 && type.shape[0].is_batch();
    if (!by_row || !type.range || type.range->low != 0) continue;
    const bool needed =
        std::any_of(predicted.begin(), predicted.end(), [&](const Port& port) { return port.name == input->name; });
    if (needed || !names_a_place(*step, node.results[0], type.range->high)) continue;
    labels.push_back({input->name, type.range->high, node.origin});
  }
  return labels;
}

const Column* column_of(const Dataset& dataset, const std::string& input) {
  const auto found = std::find_if(dataset.columns.begin(), dataset.columns.end(),
                                  [&](const Column& column) { return column.input == input; });
  return found == dataset.columns.end() ? nullptr : &*found;
}

// How many rows have each class; nothing of data that is not in memory.
std::vector<std::int64_t> rows_by_class(const Column* column, std::int64_t classes) {
  const data::Array* values = column ? column->rows->resident() : nullptr;
  if (!values || values->dtype != data::DType::i32) return {};
  std::vector<std::int64_t> rows(static_cast<std::size_t>(classes), 0);
  for (const std::int32_t value : values->as<std::int32_t>()) {
    if (value >= 0 && value < classes) ++rows[static_cast<std::size_t>(value)];
  }
  return rows;
}

// "3", "3 and 5", "3, 5, 6 and 7 more".
std::string listed(const std::vector<std::int64_t>& classes) {
  constexpr std::size_t most = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(most, classes.size()); ++i) {
    const bool last = i > 0 && i + 1 == classes.size();
    text += fmt::format("{}{}", i == 0 ? "" : last ? " and " : ", ", classes[i]);
  }
  return classes.size() <= most ? text : fmt::format("{} and {} more", text, classes.size() - most);
}

void warn_of_classes(const Label& label, const Dataset& data, const std::optional<Dataset>& test, Diagnostics& all) {
  const Column* column = column_of(data, label.input);
  const std::vector<std::int64_t> rows = rows_by_class(column, label.classes);
  const std::vector<std::int64_t> tested =
      test ? rows_by_class(column_of(*test, label.input), label.classes) : std::vector<std::int64_t>{};
  std::vector<std::int64_t> empty;
  std::int64_t tests = 0;
  for (std::size_t one = 0; one < rows.size(); ++one) {
    if (rows[one] > 0) continue;
    empty.push_back(static_cast<std::int64_t>(one));
    if (!tested.empty()) tests += tested[one];
  }
  if (empty.empty()) return;
  Diagnostic warning = diagnostic(
      "empty-class", column->at,
      fmt::format("expected rows of each of the {} classes of input '{}', found none of class{} {}", label.classes,
                  label.input, empty.size() == 1 ? "" : "es", listed(empty)),
      {{label.at, "what no row shows can't be learnt; a smaller range here leaves out what does not exist"}});
  if (tests > 0) {
    warning.notes.push_back({{},
                             fmt::format("{} row{} of the test data {}", tests, tests == 1 ? "" : "s",
                                         tests == 1 ? "is of such a class" : "are of such classes")});
  }
  all.push_back(std::move(warning));
}

}  // namespace

Diagnostics warn_of_numbers(const Dataset& dataset) {
  const std::optional<Note> found = not_finite_in(dataset);
  if (!found) return {};
  return {diagnostic("data-not-finite", found->at, found->message + ", expected a finite number")};
}

Diagnostics data_warnings(const Program& program, const Dataset& data, const std::optional<Dataset>& test) {
  Diagnostics all = warn_of_numbers(data);
  if (test) {
    for (Diagnostic& warning : warn_of_numbers(*test)) all.push_back(std::move(warning));
  }
  for (const Label& label : labels_of(program)) warn_of_classes(label, data, test, all);
  return all;
}

}  // namespace descent
