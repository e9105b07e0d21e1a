// Separated text. The first line of the input chooses how it is read: a separator, whether a header is expected, lines
// to skip, columns, and behind a question mark which rows; the rest is the file.
#include "runtime/data/csv.h"

#include <charconv>
#include <cmath>
#include <cstring>

#include "tests/fuzz/target.h"

namespace descent::fuzz {
namespace {

data::CsvOptions options_of(std::string_view line) {
  const auto byte = [&](std::size_t at) { return at < line.size() ? static_cast<unsigned char>(line[at]) : 0; };
  data::CsvOptions options;
  options.separator = ",; \t|"[byte(0) % 5];
  options.header = static_cast<data::CsvOptions::Header>(byte(1) % 3);
  options.skip = byte(2) % 4;
  if (byte(3) % 2 == 1) options.missing = -1.5;
  std::string& columns = byte(3) % 4 < 2 ? options.columns : options.drop_columns;
  if (line.size() > 4) columns = line.substr(4, line.find('?', 4) - 4);
  if (const std::size_t mark = line.find('?', 4); mark != std::string_view::npos) options.where = line.substr(mark + 1);
  return options;
}

// Nine digits are enough for every f32. NaN has no cell: as text it means a missing number.
std::string format_csv(const data::Array& values) {
  const auto columns = static_cast<std::size_t>(values.shape[1]);
  std::string text;
  for (std::size_t i = 0; i < values.as<float>().size(); ++i) {
    char cell[32];
    const auto end = std::to_chars(cell, cell + sizeof cell, values.as<float>()[i], std::chars_format::general, 9).ptr;
    text.append(cell, end).push_back(i % columns + 1 == columns ? '\n' : ',');
  }
  return text;
}

void run_numbers(std::string_view text, const data::CsvOptions& options) {
  const auto table = data::parse_csv(text, "input", options);
  if (!table) return check_refusal(table.error());
  check_array(table->values);
  DESCENT_CHECK(table->values.shape.size() == 2, "a table is not of rank 2");
  DESCENT_CHECK(table->names.empty() || static_cast<std::int64_t>(table->names.size()) == table->values.shape[1],
                "a table's names are not those of its columns");
  if (table->values.count() == 0) return;
  for (const float value : table->values.as<float>()) DESCENT_CHECK(!std::isnan(value), "a cell is read as NaN");
  const data::CsvOptions plain{.header = data::CsvOptions::Header::absent};
  const auto again = data::parse_csv(format_csv(table->values), "again", plain);
  DESCENT_CHECK(again.ok(), "what was written cannot be read: " + to_string(again.error()));
  DESCENT_CHECK(again->values == table->values, "writing and reading changed the table");
}

void run_labels(std::string_view text, const data::CsvOptions& options) {
  const auto labels = data::parse_csv_labels(text, "input", "-1", options);
  if (!labels) return check_refusal(labels.error());
  check_array(labels->values);
  for (const std::int32_t label : labels->values.as<std::int32_t>()) {
    DESCENT_CHECK(label >= 0 && label < static_cast<std::int32_t>(labels->classes.size()),
                  "a label beyond its classes");
  }
}

}  // namespace

void run(std::string_view input) {
  const std::size_t end = std::min(input.find('\n'), input.size());
  const data::CsvOptions options = options_of(input.substr(0, end));
  const std::string_view text = input.substr(std::min(end + 1, input.size()));
  run_numbers(text, options);
  run_labels(text, options);
}

}  // namespace descent::fuzz
