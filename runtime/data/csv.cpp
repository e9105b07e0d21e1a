// Tables: header, choice of columns and rows, cells to numbers or classes. One pass over the text; a cell that is not
// wanted is never looked at.
#include "runtime/data/csv.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <unordered_map>

#include "runtime/data/columns.h"
#include "runtime/data/condition.h"
#include "runtime/data/file.h"
#include "runtime/data/records.h"

namespace descent::data {

namespace {

// The largest number of different labels; more means that the column is no label.
constexpr std::size_t most_classes = 1'000'000;

// Rounded once, from the decimal; what is too small for f32's normal numbers goes through a double.
std::optional<float> float_in(std::string_view cell) {
  if (const auto value = number_in<float>(cell)) return value;
  const auto wide = number_in<double>(cell);
  if (wide && std::abs(*wide) < 1) return static_cast<float>(*wide);
  return std::nullopt;
}

bool is_missing(std::string_view cell) {
  return cell.empty() || cell == "?" || cell == "NA" || cell == "nan" || cell == "NaN";
}

bool is_header(const std::vector<std::string>& cells) {
  return std::none_of(cells.begin(), cells.end(), [](const auto& cell) { return number_in<double>(cell).has_value(); });
}

// -- rows ------------------------------------------------------------------------------------------------------------

// Which rows are wanted: all, those of a list, or all but those.
class RowChoice {
 public:
  static Expected<RowChoice> from(const CsvOptions& options);

  // Asked once per row, in order.
  bool keeps(std::int64_t row) {
    if (list_.empty()) return !only_listed_;
    const bool listed = next_ < list_.size() && list_[next_] == row;
    if (listed) ++next_;
    return listed == only_listed_;
  }
  // After the last row: every listed row was there.
  std::optional<Error> check(std::int64_t rows) const {
    if (next_ == list_.size()) return std::nullopt;
    return Error{file_,
                 {},
                 "row " + std::to_string(list_.back()) + " is listed, but the data has " + std::to_string(rows) +
                     " rows, numbered from 0"};
  }

 private:
  std::vector<std::int64_t> list_;  // ascending
  std::size_t next_ = 0;
  bool only_listed_ = false;
  std::string file_;
};

Expected<std::vector<std::int64_t>> read_row_numbers(const std::string& path) {
  const auto bytes = read_file(path);
  if (!bytes) return bytes.error();
  RecordReader reader(text_of(*bytes), path, ',');
  std::vector<std::int64_t> rows;
  Record record;
  for (bool first = true;; first = false) {
    const auto more = reader.next(record);
    if (!more) return more.error();
    if (!*more) break;
    const auto row = number_in<std::int64_t>(record.cells[0]);
    if (!row && first && is_header(record.cells)) continue;
    if (!row || *row < 0) {
      return Error{path, record.line, "expected a row number from 0, found " + quoted(record.cells[0])};
    }
    rows.push_back(*row);
  }
  std::sort(rows.begin(), rows.end());
  const auto twice = std::adjacent_find(rows.begin(), rows.end());
  if (twice != rows.end()) return Error{path, {}, "row " + std::to_string(*twice) + " is listed twice"};
  return rows;
}

Expected<RowChoice> RowChoice::from(const CsvOptions& options) {
  RowChoice choice;
  if (!options.rows.empty() && !options.drop_rows.empty()) {
    return Error{{}, {}, "rows and drop_rows exclude each other"};
  }
  choice.only_listed_ = !options.rows.empty();
  choice.file_ = choice.only_listed_ ? options.rows : options.drop_rows;
  if (choice.file_.empty()) return choice;
  auto rows = read_row_numbers(choice.file_);
  if (!rows) return rows.error();
  choice.list_ = *std::move(rows);
  return choice;
}

// -- columns ---------------------------------------------------------------------------------------------------------

std::optional<Message> choose_columns(const CsvOptions& options, const Columns& columns,
                                      std::vector<std::int64_t>& chosen) {
  if (!options.columns.empty() && !options.drop_columns.empty()) return "columns and drop_columns exclude each other";
  if (!options.columns.empty()) return parse_columns(options.columns, columns, chosen);
  std::vector<std::int64_t> dropped;
  if (!options.drop_columns.empty()) {
    if (auto problem = parse_columns(options.drop_columns, columns, dropped)) return problem;
  }
  std::vector<bool> keep(static_cast<std::size_t>(columns.count), true);
  for (const std::int64_t column : dropped) keep[static_cast<std::size_t>(column)] = false;
  for (std::int64_t column = 0; column < columns.count; ++column) {
    if (keep[static_cast<std::size_t>(column)]) chosen.push_back(column);
  }
  if (chosen.empty()) return "no columns are left";
  return std::nullopt;
}

// -- rows of a table -------------------------------------------------------------------------------------------------

// Runs over the records. The consumer hears of the columns once, then of each record and whether its row is wanted.
template <class Consumer>
std::optional<Error> consume(std::string_view text, const std::string& name, const CsvOptions& options,
                             Consumer& consumer) {
  auto choice = RowChoice::from(options);
  if (!choice) return choice.error();
  auto condition = Condition::parse(options.where);
  if (!condition) return condition.error();
  RecordReader reader(text, name, options.separator);
  reader.skip_lines(options.skip);
  Columns columns;
  Record record;
  std::int64_t rows = 0;
  for (bool first = true;; first = false) {
    const auto more = reader.next(record);
    if (!more) return more.error();
    if (!*more) break;
    if (first) {
      const bool header = options.header == CsvOptions::Header::present ||
                          (options.header == CsvOptions::Header::automatic && is_header(record.cells));
      columns.count = static_cast<std::int64_t>(record.cells.size());
      if (header) columns.names = record.cells;
      if (auto problem = condition->begin(columns)) return Error{name, {}, *problem};
      if (auto problem = consumer.begin(columns)) return Error{name, {}, *problem};
      if (header) continue;
    }
    if (static_cast<std::int64_t>(record.cells.size()) != columns.count) {
      return Error{
          name, record.line,
          "expected " + std::to_string(columns.count) + " cells, found " + std::to_string(record.cells.size())};
    }
    bool wanted = choice->keeps(rows++);
    if (auto problem = condition->narrow(record.cells, wanted)) return Error{name, record.line, *problem};
    if (auto problem = consumer.take(record, wanted)) return Error{name, record.line, *problem};
  }
  if (rows == 0) return Error{name, {}, "expected a table, found no rows"};
  return choice->check(rows);
}

class Numbers {
 public:
  explicit Numbers(const CsvOptions& options) : options_(options) {}

  std::optional<Message> begin(const Columns& columns) {
    columns_ = columns;
    return choose_columns(options_, columns, chosen_);
  }

  std::optional<Message> take(const Record& record, bool wanted) {
    if (!wanted) return std::nullopt;
    if ((values_.size() + chosen_.size()) * sizeof(float) > static_cast<std::size_t>(largest_file)) {
      return "the table takes more than the limit of " + std::to_string(largest_file) + " bytes";
    }
    for (const std::int64_t column : chosen_) {
      const std::string& cell = record.cells[static_cast<std::size_t>(column)];
      if (const auto value = float_in(cell)) {
        values_.push_back(*value);
      } else if (is_missing(cell) && options_.missing) {
        values_.push_back(static_cast<float>(*options_.missing));
      } else if (is_missing(cell)) {
        return columns_.describe(column) + ": the value is missing, found " + quoted(cell) +
               " (missing = 0 would stand for it)";
      } else if (number_in<double>(cell)) {
        return columns_.describe(column) + ": " + quoted(cell) + " is too large for f32";
      } else {
        return columns_.describe(column) + ": expected a number, found " + quoted(cell);
      }
    }
    return std::nullopt;
  }

  Table finish() const {
    Table table;
    const auto width = static_cast<std::int64_t>(chosen_.size());
    table.values = zeros(DType::f32, {static_cast<std::int64_t>(values_.size()) / width, width});
    if (!values_.empty()) std::memcpy(table.values.bytes.data(), values_.data(), table.values.bytes.size());
    if (columns_.names.empty()) return table;
    for (const std::int64_t column : chosen_) {
      table.names.push_back(columns_.names[static_cast<std::size_t>(column)]);
    }
    return table;
  }

 private:
  const CsvOptions& options_;
  Columns columns_;
  std::vector<std::int64_t> chosen_;
  std::vector<float> values_;
};

class Classes {
 public:
  Classes(const std::string& column, const std::vector<std::string>& given) : spec_(column), given_(given) {
    for (const std::string& text : given) ids_.emplace(text, static_cast<std::int32_t>(ids_.size()));
    texts_ = given;
  }

  std::optional<Message> begin(const Columns& columns) {
    columns_ = columns;
    return parse_column(spec_, columns, column_);
  }

  std::optional<Message> take(const Record& record, bool wanted) {
    const std::string& cell = record.cells[static_cast<std::size_t>(column_)];
    if (is_missing(cell)) {
      if (!wanted) return std::nullopt;
      return columns_.describe(column_) + ": the label is missing, found " + quoted(cell);
    }
    auto known = ids_.find(cell);
    if (known == ids_.end() && !given_.empty()) {
      return wanted ? std::optional(columns_.describe(column_) + ": " + quoted(cell) + " is none of the classes")
                    : std::nullopt;
    }
    if (known == ids_.end()) {
      if (texts_.size() == most_classes) return "more than " + std::to_string(most_classes) + " classes";
      known = ids_.emplace(cell, static_cast<std::int32_t>(texts_.size())).first;
      texts_.push_back(cell);
    }
    if (wanted) values_.push_back(known->second);
    return std::nullopt;
  }

  Labels finish() {
    const std::vector<std::int32_t> rank = given_.empty() ? sort() : identity();
    Labels labels{zeros(DType::i32, {static_cast<std::int64_t>(values_.size())}), texts_};
    std::transform(values_.begin(), values_.end(), labels.values.as<std::int32_t>().begin(),
                   [&](std::int32_t id) { return rank[static_cast<std::size_t>(id)]; });
    return labels;
  }

 private:
  std::vector<std::int32_t> identity() const {
    std::vector<std::int32_t> rank(texts_.size());
    for (std::size_t i = 0; i < rank.size(); ++i) rank[i] = static_cast<std::int32_t>(i);
    return rank;
  }

  // Sorts the classes; gives the new number of each old one. Texts of the same number ("1", "1.0") are one class.
  std::vector<std::int32_t> sort() {
    std::vector<std::optional<double>> numbers;
    for (const std::string& text : texts_) numbers.push_back(number_in<double>(text));
    const bool numeric = std::all_of(numbers.begin(), numbers.end(), [](const auto& n) { return n.has_value(); });
    std::vector<std::int32_t> order = identity();
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      const auto i = static_cast<std::size_t>(a), j = static_cast<std::size_t>(b);
      return numeric ? *numbers[i] < *numbers[j] : texts_[i] < texts_[j];
    });
    std::vector<std::int32_t> rank(texts_.size());
    std::vector<std::string> sorted;
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto id = static_cast<std::size_t>(order[i]);
      const bool same = i > 0 && numeric && *numbers[id] == *numbers[static_cast<std::size_t>(order[i - 1])];
      if (!same) sorted.push_back(texts_[id]);
      rank[id] = static_cast<std::int32_t>(sorted.size()) - 1;
    }
    texts_ = std::move(sorted);
    return rank;
  }

  const std::string& spec_;
  const std::vector<std::string>& given_;
  Columns columns_;
  std::int64_t column_ = 0;
  std::unordered_map<std::string, std::int32_t> ids_;
  std::vector<std::string> texts_;    // by id, in order of appearance
  std::vector<std::int32_t> values_;  // ids
};

class Cells {
 public:
  explicit Cells(const std::string& column) : spec_(column) {}

  std::optional<Message> begin(const Columns& columns) { return parse_column(spec_, columns, column_); }
  std::optional<Message> take(const Record& record, bool wanted) {
    if (wanted) texts_.push_back({record.line, record.cells[static_cast<std::size_t>(column_)]});
    return std::nullopt;
  }
  std::vector<Cell> finish() { return std::move(texts_); }

 private:
  const std::string& spec_;
  std::int64_t column_ = 0;
  std::vector<Cell> texts_;
};

}  // namespace

Expected<std::vector<Cell>> parse_csv_cells(std::string_view text, const std::string& name, const std::string& column,
                                            const CsvOptions& options) {
  Cells cells(column);
  if (auto failed = consume(text, name, options, cells)) return *failed;
  return cells.finish();
}

Expected<Table> parse_csv(std::string_view text, const std::string& name, const CsvOptions& options) {
  Numbers numbers(options);
  if (auto failed = consume(text, name, options, numbers)) return *failed;
  return numbers.finish();
}

Expected<Table> read_csv(const std::string& path, const CsvOptions& options) {
  const auto bytes = read_file(path);
  if (!bytes) return bytes.error();
  return parse_csv(text_of(*bytes), path, options);
}

Expected<Labels> parse_csv_labels(std::string_view text, const std::string& name, const std::string& column,
                                  const CsvOptions& options, const std::vector<std::string>& classes) {
  Classes labels(column, classes);
  if (auto failed = consume(text, name, options, labels)) return *failed;
  return labels.finish();
}

Expected<Labels> read_csv_labels(const std::string& path, const std::string& column, const CsvOptions& options,
                                 const std::vector<std::string>& classes) {
  const auto bytes = read_file(path);
  if (!bytes) return bytes.error();
  return parse_csv_labels(text_of(*bytes), path, column, options, classes);
}

}  // namespace descent::data
