// Tables as text: numbers to an f32 array, one column to classes, a file of row numbers to a split.
//
//   csv("housing.csv", columns = "rooms, age, 4 ..< 7")     header found by itself, columns by name or number
//   csv("digits.csv.gz", label = 64)                        classes 0 … n-1
//   csv("digits.csv.gz", drop_columns = 64, drop_rows = "digits.test.csv")
//   csv("index.csv", label = "word", where = "split == train")
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/data/array.h"

namespace descent::data {

// Columns are given as "name, 3, 0 ..< 64": names of the header, numbers from 0 (negative ones from the end) and
// ranges, in the order wanted. A name wins over a number. Blanks around cells are dropped, `"…"` keeps them and
// separators, `""` in it is a quote. Blank lines at the end are no rows.
struct CsvOptions {
  // automatic: the first line is a header when none of its cells is a number.
  enum class Header : std::uint8_t { automatic, present, absent } header = Header::automatic;
  std::int64_t skip = 0;          // leading lines that belong to neither header nor data
  char separator = ',';           // ' ' stands for any run of blanks
  std::string columns = {};       // empty: all
  std::string drop_columns = {};  // all but these; at most one of the two is given
  // Cells that are empty, `?`, `NA` or `nan` are missing: an error, unless a number to stand for them is given.
  std::optional<double> missing = {};
  // A split: only the rows that a file lists, or all the others. Its first column holds row numbers from 0, counted
  // after the header; the order of the data is kept.
  std::string rows = {};
  std::string drop_rows = {};
  // Of these only the rows whose cells are so: "split == train and take < 5" (condition.h).
  std::string where = {};
};

struct Table {
  Array values;                    // f32[rows, columns]
  std::vector<std::string> names;  // of the columns; empty without a header
};
Expected<Table> read_csv(const std::string& path, const CsvOptions& options = {});
Expected<Table> parse_csv(std::string_view text, const std::string& name, const CsvOptions& options = {});

// One column as classes. They are those of the whole file in ascending order, as numbers when all are numbers, else
// as text, so that every split of a file agrees; or exactly those given, in that order. `options.columns`,
// `drop_columns` and `missing` mean nothing here: a missing label is an error.
struct Labels {
  Array values;                      // i32[rows], 0 … n-1
  std::vector<std::string> classes;  // n texts, as they stand in the file
};
Expected<Labels> read_csv_labels(const std::string& path, const std::string& column, const CsvOptions& options = {},
                                 const std::vector<std::string>& classes = {});
Expected<Labels> parse_csv_labels(std::string_view text, const std::string& name, const std::string& column,
                                  const CsvOptions& options = {}, const std::vector<std::string>& classes = {});

// One column as it stands there, each cell with its line.
struct Cell {
  std::int64_t line = 0;
  std::string text;
};
Expected<std::vector<Cell>> parse_csv_cells(std::string_view text, const std::string& name, const std::string& column,
                                            const CsvOptions& options = {});

}  // namespace descent::data
