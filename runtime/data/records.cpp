// RFC 4180 with what real files add: blanks around cells, any separator, any line end, blank lines at the end.
#include "runtime/data/records.h"

namespace descent::data {

namespace {

// Bounds the memory of a hostile line.
constexpr std::size_t most_cells = 1'000'000;

}  // namespace

RecordReader::RecordReader(std::string_view text, std::string name, char separator)
    : text_(text), name_(std::move(name)), separator_(separator) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text_.starts_with(byte_order_mark)) text_.remove_prefix(byte_order_mark.size());
}

void RecordReader::skip_lines(std::int64_t count) {
  for (; count > 0 && !at_end(); --count) {
    while (!at_line_end()) ++at_;
    end_line();
  }
}

void RecordReader::skip_blanks() {
  while (!at_end() && is_blank(text_[at_])) ++at_;
}

// Steps over "\n", "\r\n" or "\r".
void RecordReader::end_line() {
  if (at_end()) return;
  at_ += text_.substr(at_).starts_with("\r\n") ? 2 : 1;
  ++line_;
}

Expected<bool> RecordReader::next(Record& record) {
  const std::int64_t blank = line_;
  skip_blanks();
  while (!at_end() && at_line_end()) {
    end_line();
    skip_blanks();
  }
  if (at_end()) return false;
  if (line_ > blank) return error(blank, "expected a row, found a blank line");
  record.line = line_;
  std::size_t count = 0;
  while (true) {
    if (count == most_cells) return error(record.line, "more than " + std::to_string(most_cells) + " cells in a line");
    if (count == record.cells.size()) record.cells.emplace_back();
    if (auto failed = read_cell(record.cells[count++])) return *failed;
    if (at_line_end()) break;
    if (separator_ != ' ') ++at_;  // read_cell stops at a separator only; blanks it has stepped over
  }
  record.cells.resize(count);
  end_line();
  return true;
}

std::optional<Error> RecordReader::read_cell(std::string& cell) {
  cell.clear();
  skip_blanks();
  const bool quote = !at_end() && text_[at_] == '"';
  if (!quote) {
    read_plain(cell);
  } else if (auto failed = read_quoted(cell)) {
    return failed;
  }
  skip_blanks();
  return std::nullopt;
}

void RecordReader::read_plain(std::string& cell) {
  const std::size_t begin = at_;
  while (!at_line_end() && text_[at_] != separator_ && !(separator_ == ' ' && text_[at_] == '\t')) ++at_;
  std::size_t end = at_;
  while (end > begin && is_blank(text_[end - 1])) --end;
  cell = text_.substr(begin, end - begin);
}

std::optional<Error> RecordReader::read_quoted(std::string& cell) {
  const std::int64_t begin = line_;
  ++at_;
  while (true) {
    if (at_end()) return error(begin, "a quote opens here and never closes");
    const char sign = text_[at_++];
    if (sign == '\n') ++line_;
    if (sign != '"') {
      cell += sign;
    } else if (!at_end() && text_[at_] == '"') {
      cell += '"';
      ++at_;
    } else {
      break;
    }
  }
  const std::size_t after = at_;
  skip_blanks();
  const bool separated = separator_ == ' ' ? at_ > after : !at_end() && text_[at_] == separator_;
  if (separated || at_line_end()) return std::nullopt;
  return error(line_, "expected a separator after the closing quote, found " + quoted(text_.substr(at_, 1)));
}

std::string quoted(std::string_view cell) {
  constexpr std::size_t longest = 40;
  std::string text = "'";
  for (const char sign : cell.substr(0, longest)) {
    text += static_cast<unsigned char>(sign) < 0x20 || sign == 0x7F ? '?' : sign;
  }
  return text + (cell.size() > longest ? "…'" : "'");
}

}  // namespace descent::data
