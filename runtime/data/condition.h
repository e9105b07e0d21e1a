// Which rows of a table are wanted, by what stands in them.
//
//   "split == train and take < 5"
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/data/columns.h"
#include "runtime/data/error.h"

namespace descent::data {

// condition = comparison { "and" comparison }
// comparison = column ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) value
// Columns by name or number. Numbers are compared as numbers, `==` and `!=` take texts too; a value that holds a sign
// of comparison or ` and ` stands between two '.
class Condition {
 public:
  // Without a text all rows are wanted.
  static Expected<Condition> parse(std::string_view text);
  // Looks up the columns.
  std::optional<Message> begin(const Columns& columns);
  // Takes `wanted` back where the row is not so.
  std::optional<Message> narrow(const std::vector<std::string>& cells, bool& wanted) const;

 private:
  enum class Sign : std::uint8_t { equal, unequal, less, at_most, more, at_least };
  struct Comparison {
    std::string column_text;
    Sign sign = Sign::equal;
    std::string value;
    std::int64_t column = 0;
  };
  static std::optional<Comparison> parse_comparison(std::string_view text);
  static bool holds(Sign sign, double left, double right);

  std::vector<Comparison> comparisons_;
  Columns columns_;
};

}  // namespace descent::data
