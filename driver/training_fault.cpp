// Which rows make a loss that is not finite, and how it is told.
//
// The states are kept from time to time (Moment). From there the steps are taken again, with the same bits, up to the
// batch at fault: the one whose loss it is, or an earlier one that left a weight which is not finite, as an infinite
// gradient of a finite loss does. That batch is halved until rows are left that do it alone, each part a step of its
// own from the same states. What they compute is not looked into: any loss of any model is searched like this.
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "driver/training.h"
#include "fmt/format.h"
#include "ir/accumulation.h"

namespace descent {
namespace {

constexpr auto between_moments = std::chrono::seconds(1);

bool is_finite(const data::Array& array) {
  const auto all = [](auto values) {
    return std::all_of(values.begin(), values.end(), [](auto value) { return std::isfinite(value); });
  };
  if (array.dtype == data::DType::f32) return all(array.as<float>());
  return array.dtype != data::DType::f64 || all(array.as<double>());
}

bool is_finite(std::span<const double> numbers) {
  return std::all_of(numbers.begin(), numbers.end(), [](double number) { return std::isfinite(number); });
}

// What an optimizer keeps may be infinite without harm: a mean of squares only makes a step small.
bool is_looked_at(const StateDeclaration& state) {
  return is_float(state.type.dtype) &&
         (state.role != StateDeclaration::Role::optimizer || state.name.ends_with(accumulated_suffix));
}

// Rows from `begin` on that fail alone, each found where all parts around it fail too; not more than most_rows.
template <class Fails>
void halve(std::int64_t begin, std::int64_t rows, const Fails& fails, std::vector<std::int64_t>& found) {
  if (found.size() == Fault::most_rows || !fails(begin, rows)) return;
  if (rows == 1) {
    found.push_back(begin);
    return;
  }
  halve(begin, rows / 2, fails, found);
  halve(begin + rows / 2, rows - rows / 2, fails, found);
}

class Search {
 public:
  explicit Search(Training::Parts& parts) : parts_(parts) {}

  // Of the batch at which the epoch stands. Nothing when the data can't be read again.
  std::optional<Fault> run() {
    parts_.go_back(parts_.moment);
    Fault fault;
    for (const StateDeclaration& state : parts_.program.graph()->states) {
      if (!is_looked_at(state)) continue;
      if (is_finite_now(state.name)) {
        sound_.push_back(state.name);
      } else if (fault.broken_before.empty()) {
        fault.broken_before = state.name;
      }
    }
    std::int64_t begin = parts_.epoch.losses.rows;
    if (!go_to(begin)) return std::nullopt;
    if (!broken().empty()) {
      const std::optional<std::int64_t> first = first_to_break(begin);
      if (!first || !go_to(*first)) return std::nullopt;
      begin = *first;
      by_state_ = true;
    }
    const std::int64_t rows = std::min(parts_.batch(), parts_.data.rows - begin);
    is_step_ = parts_.is_step_due(begin + rows);
    before_ = parts_.moment_now();
    if (!fails(begin, rows)) return std::nullopt;
    fault.step = before_.step + 1;
    fault.batch = rows;
    if (by_state_) fault.broken = broken();
    halve(begin, rows, [&](std::int64_t first, std::int64_t count) { return fails(first, count); }, fault.places);
    return fault;
  }

 private:
  bool is_finite_now(const std::string& state) const { return is_finite(parts_.trainer.parameter(state).value()); }

  // The first state that was finite at the moment and is not now; empty: none.
  std::string broken() const {
    const auto found =
        std::find_if(sound_.begin(), sound_.end(), [&](const std::string& state) { return !is_finite_now(state); });
    return found == sound_.end() ? "" : *found;
  }

  // Takes the steps from the moment on until so many rows of the epoch are seen.
  bool go_to(std::int64_t rows) {
    parts_.go_back(parts_.moment);
    for (std::int64_t begin = parts_.moment.rows; begin < rows;) {
      const std::int64_t count =
          std::min(parts_.at_once(parts_.batch(), rows - begin), (rows - begin) / parts_.batch());
      const auto feeds = parts_.feeds_of(begin, count * parts_.batch());
      if (!feeds) return false;
      begin += count * parts_.batch();
      if (!parts_.is_step_due(begin)) {
        if (!parts_.trainer.accumulate(parts_.batch(), *feeds)) return false;
      } else if (!parts_.trainer.parts().train(count, parts_.batch(), *feeds, {}).empty()) {
        return false;
      }
    }
    return true;
  }

  // Where the batch begins before which all are finite and behind which one is not, as before `end`. The last one is
  // likely.
  std::optional<std::int64_t> first_to_break(std::int64_t end) {
    std::int64_t begin = parts_.moment.rows;
    for (std::int64_t middle = end - parts_.batch(); end - begin > parts_.batch();) {
      if (!go_to(middle)) return std::nullopt;
      (broken().empty() ? begin : end) = middle;
      middle = begin + (end - begin) / parts_.batch() / 2 * parts_.batch();
    }
    return begin;
  }

  // Does a step over these rows alone do what the batch's does?
  bool fails(std::int64_t begin, std::int64_t rows) {
    parts_.go_back(before_);
    const auto feeds = parts_.feeds_of(begin, rows);
    if (!feeds) return false;
    const auto losses = is_step_ ? parts_.trainer.step(rows, *feeds) : parts_.trainer.accumulate(rows, *feeds);
    return losses && (by_state_ ? !broken().empty() : !is_finite(*losses));
  }

  Training::Parts& parts_;
  std::vector<std::string> sound_;
  Moment before_;
  bool is_step_ = true;  // else it adds to the sums of a step of several batches
  bool by_state_ = false;
};

// Where the model states the loss.
Span place_of(const Program& program, const std::string& loss) {
  const Graph* step = program.graph()->entry("step");
  for (const Output& output : step->outputs) {
    if (output.kind == Output::Kind::loss && output.name == loss) return step->node_of(output.value).origin;
  }
  return {};
}

// The sign of a NaN tells nothing.
template <class Number>
std::string number_text(Number value) {
  if constexpr (std::is_integral_v<Number>) return fmt::format("{}", static_cast<int>(value));
  return std::isnan(static_cast<double>(value)) ? "nan" : fmt::format("{}", value);
}

// "goal = [5, 3]", "length = 2", "sound holds nan"; nothing of what is too long to read.
template <class Number>
std::string shown(std::string_view name, std::span<const Number> values) {
  constexpr std::size_t most_values = 16;
  if (values.size() <= most_values) {
    std::string text;
    for (const Number value : values) text += (text.empty() ? "" : ", ") + number_text(value);
    return values.size() == 1 ? fmt::format("{} = {}", name, text) : fmt::format("{} = [{}]", name, text);
  }
  for (const Number value : values) {
    if (!std::isfinite(static_cast<double>(value))) return fmt::format("{} holds {}", name, number_text(value));
  }
  return {};
}

// "3", "3 and 5", "3, 5 and 8".
std::string listed(const std::vector<std::int64_t>& numbers) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : i + 1 == numbers.size() ? " and " : ", ", numbers[i]);
  }
  return text;
}

// What a row holds, where it is short.
std::vector<Note> notes_of_row(const Dataset& set, std::int64_t row, const Result<std::span<const Feed>>& feeds) {
  if (!feeds) return {};
  std::string text;
  for (std::size_t c = 0; c < set.columns.size(); ++c) {
    if (!set.columns[c].by_row) continue;
    const Feed& feed = (*feeds)[c];
    const std::string one = std::visit([&](auto values) { return shown(feed.name, values); }, feed.values);
    if (!one.empty()) text += (text.empty() ? "" : ", ") + one;
  }
  if (text.empty()) return {};
  return {{{}, fmt::format("row {}: {}", row, text)}};
}

std::string rows_text(const std::vector<std::int64_t>& rows) {
  return fmt::format("row{} {}", rows.size() == 1 ? "" : "s", listed(rows));
}

}  // namespace

Moment Training::Parts::moment_now() const {
  Moment now{{}, static_cast<std::int32_t>(trainer.steps_taken()), epoch.losses.rows, std::chrono::steady_clock::now()};
  trainer.parts().keep_states(now.states);
  return now;
}

void Training::Parts::keep_moment() {
  trainer.parts().keep_states(moment.states);
  moment.step = static_cast<std::int32_t>(trainer.steps_taken());
  moment.rows = epoch.losses.rows;
  moment.at = std::chrono::steady_clock::now();
}

bool Training::Parts::is_moment_due() const { return std::chrono::steady_clock::now() - moment.at >= between_moments; }

void Training::Parts::go_back(const Moment& to) {
  trainer.parts().put_back_states(to.states);
  trainer.parts().step = to.step;
}

std::int64_t Training::Parts::row_at(std::int64_t place) const {
  return order.empty() ? place : order[static_cast<std::size_t>(place)];
}

Diagnostic Training::Parts::loss_not_finite(const std::string& name, double value, std::int64_t step) {
  const Moment now = moment_now();
  const std::optional<Fault> fault = Search(*this).run();
  go_back(now);
  Diagnostic wrong = diagnostic(
      "loss-not-finite", place_of(program, name),
      fmt::format("loss '{}' is {} at step {} (epoch {})", name, number_text(value), step, epochs_done + 1), {});
  if (fault) tell_rows(*fault, wrong);
  if (fault && !fault->broken_before.empty()) {
    wrong.notes.push_back(
        {{}, fmt::format("'{}' was not finite before step {}", fault->broken_before, moment.step + 1)});
  }
  if (const std::optional<Note> in_data = not_finite_in(data)) {
    wrong.notes.push_back(*in_data);
  } else if (fault && !fault->places.empty() &&
             (fault->step == 1 || (fault->batch > 1 && Fault::is_by_these(fault->places, fault->batch)))) {
    wrong.notes.push_back(
        {{},
         "leave out of the data what has no finite loss or gradient, or change the model: a log of 0, a "
         "quotient by 0, a target longer than its input have none"});
  } else {
    wrong.notes.push_back({{}, "a smaller rate or smaller inputs may help; `descent check` compares the gradients"});
  }
  return wrong;
}

void Training::Parts::tell_rows(const Fault& fault, Diagnostic& wrong) {
  std::vector<std::int64_t> rows;
  for (const std::int64_t place : fault.places) rows.push_back(row_at(place));
  const std::string which = rows_text(rows) + " of the data";
  const bool is_named = Fault::is_by_these(fault.places, fault.batch);
  if (fault.broken.empty() && is_named) wrong.message += fmt::format(", by {}", which);
  if (!fault.broken.empty()) {
    wrong.notes.push_back({{},
                           fmt::format("step {} left '{}' not finite{}", fault.step,
                                       fault.broken.substr(0, fault.broken.find(accumulated_suffix)),
                                       is_named ? fmt::format(", by {}", which) : "")});
  }
  if (rows.empty()) return;
  if (!is_named) {
    const bool is_every = std::ssize(rows) == fault.batch;
    wrong.notes.push_back({{},
                           is_every ? fmt::format("each of the batch's {} rows does so alone", fault.batch)
                                    : fmt::format("each of {}, and perhaps others, does so alone", which)});
  }
  if (!is_named && fault.step > 1) return;
  for (Note& note : notes_of_row(data, rows[0], feeds_of(fault.places[0], 1))) wrong.notes.push_back(std::move(note));
}

void Training::Parts::warn_of_rows(const Dataset& set, Batcher& rows_of, std::int64_t begin, std::int64_t rows,
                                   const std::vector<double>& values) {
  const std::vector<Port>& ports = program.outputs("evaluate");
  std::size_t place = 0;
  const auto is_bad_loss = [&](const Port& port) {
    return is_number(port) && !std::isfinite(values[place++]) && port.kind == Port::Kind::loss;
  };
  const auto loss = std::find_if(ports.begin(), ports.end(), is_bad_loss);
  if (loss == ports.end() || !told_losses.insert(loss->name).second) return;
  const double value = values[--place];
  std::vector<std::int64_t> found;
  const auto fails = [&](std::int64_t first, std::int64_t count) {
    const auto feeds = rows_of.take(first, count);
    if (!feeds) return false;
    const auto judged = trainer.evaluate(count, *feeds);
    return judged && !std::isfinite((*judged)[place]);
  };
  halve(begin, rows, fails, found);
  const bool is_named = Fault::is_by_these(found, rows);
  Diagnostic warning = diagnostic("judged-loss-not-finite", place_of(program, loss->name),
                                  fmt::format("expected a finite loss '{}' of the {} data, found {}{}", loss->name,
                                              &set == &data ? "training" : "test", number_text(value),
                                              is_named ? fmt::format(", by {} of it", rows_text(found)) : ""));
  if (is_named) warning.notes = notes_of_row(set, found[0], rows_of.take(found[0], 1));
  told.push_back(std::move(warning));
}

}  // namespace descent
