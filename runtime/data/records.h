// Separated text as records of cells: quotes, blanks and line ends are dealt with here, meaning is not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/data/error.h"

namespace descent::data {

struct Record {
  std::int64_t line = 0;  // where it begins, from 1
  std::vector<std::string> cells;
};

// Reads one record after the other.
class RecordReader {
 public:
  RecordReader(std::string_view text, std::string name, char separator);

  // Leaves out lines, whatever they hold.
  void skip_lines(std::int64_t count);
  // Fills `record`; false at the end. Blank lines are allowed at the end only.
  Expected<bool> next(Record& record);

 private:
  bool at_end() const { return at_ == text_.size(); }
  bool at_line_end() const { return at_end() || text_[at_] == '\n' || text_[at_] == '\r'; }
  bool is_blank(char sign) const { return sign == ' ' || (sign == '\t' && separator_ != '\t'); }
  void skip_blanks();
  void end_line();
  std::optional<Error> read_cell(std::string& cell);
  std::optional<Error> read_quoted(std::string& cell);
  void read_plain(std::string& cell);
  Error error(std::int64_t line, std::string message) const { return {name_, line, std::move(message)}; }

  std::string_view text_;
  std::string name_;
  char separator_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
};

// A cell as it may stand in a message: quoted, without control characters, at most 40 bytes of it.
std::string quoted(std::string_view cell);

}  // namespace descent::data
