#include "runtime/data/condition.h"

#include <array>
#include <utility>

#include "runtime/data/records.h"

namespace descent::data {

namespace {

// Where `word` begins outside of quotes, from `begin` on; npos when nowhere.
std::size_t find_unquoted(std::string_view text, std::string_view word) {
  bool is_quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\'') is_quoted = !is_quoted;
    if (!is_quoted && text.substr(at).starts_with(word)) return at;
  }
  return std::string_view::npos;
}

std::string unquoted(std::string_view value) {
  if (value.size() >= 2 && value.front() == '\'' && value.back() == '\'') value = value.substr(1, value.size() - 2);
  return std::string(value);
}

}  // namespace

std::optional<Condition::Comparison> Condition::parse_comparison(std::string_view text) {
  using Row = std::pair<std::string_view, Sign>;
  constexpr std::array<Row, 6> signs{Row{"==", Sign::equal},    Row{"!=", Sign::unequal}, Row{"<=", Sign::at_most},
                                     Row{">=", Sign::at_least}, Row{"<", Sign::less},     Row{">", Sign::more}};
  for (const auto& [word, sign] : signs) {
    const std::size_t at = find_unquoted(text, word);
    if (at == std::string_view::npos) continue;
    const std::string_view column = trimmed(text.substr(0, at)), value = trimmed(text.substr(at + word.size()));
    if (column.empty() || value.empty() || value.find_first_of("=<>") == 0) return std::nullopt;
    return Comparison{unquoted(column), sign, unquoted(value)};
  }
  return std::nullopt;
}

Expected<Condition> Condition::parse(std::string_view text) {
  Condition condition;
  if (text.empty()) return condition;
  constexpr std::string_view between = " and ";
  while (true) {
    const std::size_t end = std::min(find_unquoted(text, between), text.size());
    auto comparison = parse_comparison(text.substr(0, end));
    if (!comparison) {
      return Error{
          {}, {}, "expected a condition like \"split == train\", found " + quoted(trimmed(text.substr(0, end)))};
    }
    condition.comparisons_.push_back(*std::move(comparison));
    if (end == text.size()) return condition;
    text.remove_prefix(end + between.size());
  }
}

std::optional<Message> Condition::begin(const Columns& columns) {
  columns_ = columns;
  for (Comparison& comparison : comparisons_) {
    if (auto problem = parse_column(comparison.column_text, columns, comparison.column)) return problem;
  }
  return std::nullopt;
}

bool Condition::holds(Sign sign, double left, double right) {
  switch (sign) {
    case Sign::equal:
      return left == right;
    case Sign::unequal:
      return left != right;
    case Sign::less:
      return left < right;
    case Sign::at_most:
      return left <= right;
    case Sign::more:
      return left > right;
    case Sign::at_least:
      return left >= right;
  }
  return false;
}

std::optional<Message> Condition::narrow(const std::vector<std::string>& cells, bool& wanted) const {
  for (const Comparison& comparison : comparisons_) {
    if (!wanted) return std::nullopt;
    const std::string& cell = cells[static_cast<std::size_t>(comparison.column)];
    const auto left = number_in<double>(cell), right = number_in<double>(comparison.value);
    if (left && right) {
      wanted = holds(comparison.sign, *left, *right);
    } else if (comparison.sign == Sign::equal || comparison.sign == Sign::unequal) {
      wanted = (cell == comparison.value) == (comparison.sign == Sign::equal);
    } else {
      return columns_.describe(comparison.column) + ": expected a number to compare, found " +
             quoted(left ? comparison.value : cell);
    }
  }
  return std::nullopt;
}

}  // namespace descent::data
