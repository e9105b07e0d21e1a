// Lays cells out in columns.
#include "driver/commands/table.h"

#include <algorithm>
#include <cmath>

#include "fmt/format.h"

namespace descent::command {
namespace {

// Columns on a screen, one for each character of UTF-8.
std::size_t width_of(const std::string& text) {
  const auto begins = [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; };
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins));
}

}  // namespace

std::string number_text(double value) { return std::isnan(value) ? "nan" : fmt::format("{:.6g}", value); }

std::string values_text(const NamedValues& values) {
  std::string text;
  for (const auto& [name, value] : values) {
    text += fmt::format("{}{} {}", text.empty() ? "" : "  ", name, number_text(value));
  }
  return text;
}

std::string watch_text(const WatchReport& report) {
  const auto number = [](double value) { return std::isnan(value) ? "nan" : fmt::format("{:.2e}", value); };
  Table table;
  table.column("parameter", Table::Align::left);
  for (const char* name : {"shape", "|gradient|", "largest", "|weight|", "|update|/|weight|"}) {
    table.column(name, Table::Align::right);
  }
  table.column("", Table::Align::left);
  for (const ParameterWatch& one : report.parameters) {
    table.row({one.name, data::to_string(one.shape), number(one.gradient), number(one.largest_gradient),
               number(one.weight), one.weight == 0 ? "" : number(one.relative_update()), to_string(one.trouble)});
  }
  std::string text = fmt::format("steps {} to {}\n{}", report.first_step, report.last_step, table.text());
  std::int64_t units = 0, dead = 0;
  Table of_units;
  of_units.column("units of", Table::Align::left);
  for (const char* name : {"units", "dead", ""}) of_units.column(name, Table::Align::right);
  for (const ActivationWatch& one : report.activations) {
    units += one.units;
    dead += one.dead;
    const double share = static_cast<double>(one.dead) / static_cast<double>(std::max<std::int64_t>(1, one.units));
    if (one.dead == 0) continue;
    of_units.row({one.name, count_text(static_cast<double>(one.units)), count_text(static_cast<double>(one.dead)),
                  fmt::format("{:.0f} %", 100 * share)});
  }
  if (dead > 0) text += of_units.text();
  if (dead == 0 && units > 0) text += fmt::format("no unit of {} is dead\n", count_text(static_cast<double>(units)));
  return text;
}

std::string count_text(double value) {
  std::string digits = fmt::format("{:.0f}", value);
  for (std::size_t at = digits.size(); at > 3 && std::isfinite(value);) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string bytes_text(std::int64_t bytes) {
  if (bytes < 10'000) return fmt::format("{} bytes", bytes);
  if (bytes < 10'000'000) return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

void Table::column(std::string heading, Align align) { columns_.push_back({std::move(heading), align}); }

void Table::row(std::vector<std::string> cells) {
  DESCENT_CHECK(cells.size() == columns_.size(), "a row of a table with too many or too few cells");
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (const Column& column : columns_) widths.push_back(width_of(column.heading));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  const auto add = [&](const auto& cell_of) {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string& cell = cell_of(i);
      const std::string blanks(widths[i] - width_of(cell), ' ');
      line += i == 0 ? "" : "  ";
      line += columns_[i].align == Align::right ? blanks + cell : cell + blanks;
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  };
  std::vector<std::string> rules;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    rules.emplace_back(columns_[i].heading.empty() ? 0 : widths[i], '-');
  }
  add([&](std::size_t i) -> const std::string& { return columns_[i].heading; });
  add([&](std::size_t i) -> const std::string& { return rules[i]; });
  for (const auto& row : rows_) add([&](std::size_t i) -> const std::string& { return row[i]; });
  return text;
}

}  // namespace descent::command
