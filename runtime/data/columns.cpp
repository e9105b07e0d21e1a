#include "runtime/data/columns.h"

#include <algorithm>

#include "runtime/data/records.h"

namespace descent::data {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::string Columns::describe(std::int64_t column) const {
  std::string text = "column " + std::to_string(column);
  return names.empty() ? text : text + " " + quoted(names[static_cast<std::size_t>(column)]);
}

namespace {

std::string names_in_message(const Columns& columns) {
  if (columns.names.empty()) return "the file has " + std::to_string(columns.count) + " columns and no header";
  std::string text = "the header has ";
  const std::size_t shown = std::min<std::size_t>(columns.names.size(), 8);
  for (std::size_t i = 0; i < shown; ++i) text += (i ? ", " : "") + quoted(columns.names[i]);
  return columns.names.size() > shown ? text + ", …" : text;
}

// One number of a column, negative ones from the end.
std::optional<std::int64_t> column_number(std::string_view text, const Columns& columns) {
  const auto number = number_in<std::int64_t>(trimmed(text));
  if (!number) return std::nullopt;
  return *number < 0 ? *number + columns.count : *number;
}

// item = name | number | number "..<" number
std::optional<Message> add_columns(std::string_view item, const Columns& columns, std::vector<std::int64_t>& chosen) {
  const auto named = std::find(columns.names.begin(), columns.names.end(), item);
  if (named != columns.names.end()) {
    if (std::find(named + 1, columns.names.end(), item) != columns.names.end()) {
      return "column " + quoted(item) + " stands twice in the header: choose it by number";
    }
    chosen.push_back(named - columns.names.begin());
    return std::nullopt;
  }
  const std::size_t dots = item.find("..<");
  const auto begin = column_number(item.substr(0, dots), columns);
  const auto end = dots == std::string_view::npos ? begin : column_number(item.substr(dots + 3), columns);
  if (!begin || !end) return "no column " + quoted(item) + ": " + names_in_message(columns);
  const std::int64_t last = dots == std::string_view::npos ? *end : *end - 1;
  if (*begin < 0 || *begin > last || last >= columns.count) {
    return "no column " + quoted(item) + ": expected numbers 0 ..< " + std::to_string(columns.count);
  }
  for (std::int64_t column = *begin; column <= last; ++column) chosen.push_back(column);
  return std::nullopt;
}

}  // namespace

std::optional<Message> parse_columns(std::string_view text, const Columns& columns, std::vector<std::int64_t>& chosen) {
  while (true) {
    const std::size_t comma = text.find(',');
    if (auto problem = add_columns(trimmed(text.substr(0, comma)), columns, chosen)) return problem;
    if (comma == std::string_view::npos) return std::nullopt;
    text.remove_prefix(comma + 1);
  }
}

std::optional<Message> parse_column(std::string_view text, const Columns& columns, std::int64_t& chosen) {
  std::vector<std::int64_t> found;
  if (auto problem = parse_columns(text, columns, found)) return problem;
  if (found.size() != 1) return "expected one column, found " + std::to_string(found.size());
  chosen = found[0];
  return std::nullopt;
}

}  // namespace descent::data
