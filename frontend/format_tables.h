// What consecutive lines of one kind line up. Such lines are set as a table:
//
//   input x : f32[batch, 2]             input x     : f32[batch, 2]
//   input label : i32[batch]        →   input label : i32[batch]
//   loss nll = cross_entropy(y, z)      loss   nll      = cross_entropy(y, z)
//   metric accuracy = accuracy(y, z)    metric accuracy = accuracy(y, z)
//
// The kinds: `input` (by its ':'); `param` and `state` (by ':' and '~'); `output`, `loss`, `metric` (by the name and
// '='); names defined without indices, and settings of a train block alone on their line (by '='); updates (by ':=').
// A statement of several lines, index notation left of '=', a comment or an empty line between ends a table.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "frontend/format_lines.h"

namespace descent::frontend {

struct Row {
  std::string kind;
  std::vector<std::size_t> columns;  // the pieces that stand below one another, in order
};

// The row that a line is, if it is one. `next`: the first piece of the next line that has any; null at the end.
std::optional<Row> row_of(const Line& line, const Piece* next);

}  // namespace descent::frontend
