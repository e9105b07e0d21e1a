// The table of readers, and how the arguments of each become options of runtime/data.
#include "driver/readers.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "fmt/format.h"
#include "runtime/data/csv.h"
#include "runtime/data/idx.h"
#include "runtime/data/npy.h"
#include "runtime/data/npz.h"

namespace descent {
namespace {

using Kind = ReaderArgument::Kind;

data::Error argument_error(const ReaderCall& call, std::string message) {
  return {call.text("file"), {}, std::move(message)};
}

// "a, b" → a, b
std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    std::string_view part = text.substr(0, end);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    parts.emplace_back(part);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

data::Expected<data::CsvOptions> csv_options(const ReaderCall& call) {
  data::CsvOptions options;
  if (const auto header = call.flag("header")) {
    options.header = *header ? data::CsvOptions::Header::present : data::CsvOptions::Header::absent;
  }
  const double skip = call.number("skip").value_or(0);
  if (skip < 0 || skip > 1e9 || skip != std::floor(skip)) {
    return argument_error(call, fmt::format("expected a number of lines to skip, found {}", skip));
  }
  options.skip = static_cast<std::int64_t>(skip);
  const std::string separator = call.has("separator") ? call.text("separator") : ",";
  if (separator.size() != 1) {
    return argument_error(call, fmt::format("expected one character as separator, found '{}'", separator));
  }
  options.separator = separator[0];
  options.columns = call.text("columns");
  options.drop_columns = call.text("drop_columns");
  options.missing = call.number("missing");
  options.rows = call.text("rows");
  options.drop_rows = call.text("drop_rows");
  return options;
}

data::Expected<data::Array> read_csv(const ReaderCall& call) {
  data::Expected<data::CsvOptions> options = csv_options(call);
  if (!options) return options.error();
  if (!call.has("label")) {
    if (call.has("classes")) return argument_error(call, "'classes' name the values of a label: it needs 'label'");
    data::Expected<data::Table> table = data::read_csv(call.text("file"), *options);
    if (!table) return table.error();
    return std::move(table->values);
  }
  for (const std::string_view name : {"columns", "drop_columns", "missing"}) {
    if (call.has(name))
      return argument_error(call, fmt::format("'label' reads one column: '{}' means nothing here", name));
  }
  auto labels = data::read_csv_labels(call.text("file"), call.text("label"), *options, split(call.text("classes")));
  if (!labels) return labels.error();
  return std::move(labels->values);
}

data::Expected<data::Array> read_idx(const ReaderCall& call) { return data::read_idx(call.text("file")); }
// The array that is named, or the only one, or that of the input's name.
data::Expected<data::Array> read_npz(const ReaderCall& call) {
  data::Expected<data::Tensors> tensors = data::read_npz(call.text("file"));
  if (!tensors) return tensors.error();
  std::string name = call.has("array") ? call.text("array") : call.text("input");
  if (!call.has("array") && tensors->arrays.size() == 1) name = tensors->arrays.begin()->first;
  const auto found = tensors->arrays.find(name);
  if (found != tensors->arrays.end()) return std::move(found->second);
  std::vector<std::string> names;
  for (const auto& [known, array] : tensors->arrays) names.push_back(known);
  if (name.empty()) return argument_error(call, fmt::format("expected array = one of {}", fmt::join(names, ", ")));
  return argument_error(call, fmt::format("it has no array '{}', it has {}", name, fmt::join(names, ", ")));
}
data::Expected<data::Array> read_npy(const ReaderCall& call) { return data::read_npy(call.text("file")); }

const std::array table{
    Reader{"csv",
           "a table as text: numbers, or one column as classes",
           {{"file", Kind::path},
            {"columns", Kind::column},
            {"drop_columns", Kind::column},
            {"label", Kind::column},
            {"classes", Kind::text},
            {"rows", Kind::path},
            {"drop_rows", Kind::path},
            {"header", Kind::flag},
            {"skip", Kind::number},
            {"separator", Kind::text},
            {"missing", Kind::number}},
           {".csv", ".tsv", ".txt", ".data"},
           read_csv},
    Reader{"idx", "the format of MNIST and its relatives", {{"file", Kind::path}}, {".idx", "ubyte"}, read_idx},
    Reader{"npy", "an array of NumPy", {{"file", Kind::path}}, {".npy"}, read_npy},
    Reader{"npz", "one of several arrays of NumPy", {{"file", Kind::path}, {"array", Kind::text}}, {".npz"}, read_npz},
};

}  // namespace

std::string_view describe(ReaderArgument::Kind kind) {
  switch (kind) {
    case Kind::path:
      return "the name of a file";
    case Kind::text:
      return "a text";
    case Kind::number:
      return "a number";
    case Kind::flag:
      return "true or false";
    case Kind::column:
      return "the name or number of a column";
  }
  return "a value";
}

std::string ReaderCall::text(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return {};
  if (const auto* number = std::get_if<double>(&found->second)) return fmt::format("{}", *number);
  const auto* text = std::get_if<std::string>(&found->second);
  return text ? *text : std::string();
}
std::optional<double> ReaderCall::number(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return {};
  return std::get<double>(found->second);
}
std::optional<bool> ReaderCall::flag(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return {};
  return std::get<bool>(found->second);
}

std::span<const Reader> readers() { return table; }

const Reader* find_reader(std::string_view name) {
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const Reader& reader) { return reader.name == name; });
  return found == table.end() ? nullptr : &*found;
}

const Reader* reader_for(std::string_view path) {
  if (path.ends_with(".gz")) path.remove_suffix(3);
  for (const Reader& reader : table) {
    for (const std::string_view ending : reader.endings) {
      if (path.ends_with(ending)) return &reader;
    }
  }
  return nullptr;
}

}  // namespace descent
