// Tables and numbers as the commands print them.
#pragma once

#include <string>
#include <vector>

#include "descent/training.h"

namespace descent::command {

std::string number_text(double value);  // six digits: "0.00412", "nan" whatever its sign
// "nll 0.12  accuracy 0.97"
std::string values_text(const NamedValues& values);
// What a watched training shows: a line per parameter, then the activations with dead units.
std::string watch_text(const WatchReport& report);
// "1,234,567"; beyond 2^53 what a double holds.
std::string count_text(double value);
std::string bytes_text(std::int64_t bytes);  // "384 bytes", "17.2 kB"

// Columns as wide as their widest cell, two blanks between them, no blanks at the ends of lines.
class Table {
 public:
  enum class Align { left, right };
  void column(std::string heading, Align align);
  void row(std::vector<std::string> cells);  // one per column
  std::string text() const;                  // the headings, a line below them, the rows

 private:
  struct Column {
    std::string heading;
    Align align;
  };
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace descent::command
