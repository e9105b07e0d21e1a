// The columns of a table as text: their names, and how a user chooses some of them.
#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace descent::data {

// A decimal number that fills the whole cell. Finite: `inf` is text and `nan` is missing.
template <class T>
std::optional<T> number_in(std::string_view cell) {
  if (cell.starts_with('+') && !cell.starts_with("+-")) cell.remove_prefix(1);
  T value{};
  const auto [end, failed] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (failed != std::errc{} || end != cell.data() + cell.size()) return std::nullopt;
  if constexpr (std::is_floating_point_v<T>) {
    if (!std::isfinite(value)) return std::nullopt;
  }
  return value;
}

std::string_view trimmed(std::string_view text);

// What is wrong, without the file's name.
using Message = std::string;

// What the first line tells about the columns.
struct Columns {
  std::vector<std::string> names;  // empty without a header
  std::int64_t count = 0;

  // "column 2 'age'"
  std::string describe(std::int64_t column) const;
};

// items = item ("," item)*;  item = name | number | number "..<" number. Appends to `chosen`.
std::optional<Message> parse_columns(std::string_view text, const Columns& columns, std::vector<std::int64_t>& chosen);
// One item that is one column.
std::optional<Message> parse_column(std::string_view text, const Columns& columns, std::int64_t& chosen);

}  // namespace descent::data
