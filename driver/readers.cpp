// The table of readers, and how the arguments of each become options of runtime/data.
#include "driver/readers.h"

#include <algorithm>
#include <cmath>

#include "fmt/format.h"
#include "runtime/data/idx.h"
#include "runtime/data/npy.h"
#include "runtime/data/npz.h"

namespace descent {
namespace {

using Kind = ReaderArgument::Kind;

data::Expected<data::Array> csv_array(const ReaderCall& call) {
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
  auto labels =
      data::read_csv_labels(call.text("file"), call.text("label"), *options, comma_separated(call.text("classes")));
  if (!labels) return labels.error();
  return std::move(labels->values);
}

data::Expected<data::Array> idx_array(const ReaderCall& call) { return data::read_idx(call.text("file")); }
data::Expected<data::Array> npy_array(const ReaderCall& call) { return data::read_npy(call.text("file")); }

// The array that is named, or the only one, or that of the input's name.
data::Expected<data::Array> npz_array(const ReaderCall& call) {
  data::Expected<data::Tensors> tensors = data::read_npz(call.text("file"));
  if (!tensors) return tensors.error();
  std::string name = call.has("array") ? call.text("array") : call.input;
  if (!call.has("array") && tensors->arrays.size() == 1) name = tensors->arrays.begin()->first;
  const auto found = tensors->arrays.find(name);
  if (found != tensors->arrays.end()) return std::move(found->second);
  std::vector<std::string> names;
  for (const auto& [known, array] : tensors->arrays) names.push_back(known);
  if (name.empty()) return argument_error(call, fmt::format("expected array = one of {}", fmt::join(names, ", ")));
  return argument_error(call, fmt::format("it has no array '{}', it has {}", name, fmt::join(names, ", ")));
}

template <data::Expected<data::Array> (*array_of)(const ReaderCall&)>
Streams read_array(const ReaderCall& call) {
  data::Expected<data::Array> array = array_of(call);
  if (!array) return array.error();
  return std::vector{data::stream_of(data::rows_of(std::move(*array)))};
}

// What text to tokens has in common; `more` for those that have a vocabulary.
std::vector<ReaderArgument> token_arguments(std::vector<ReaderArgument> more) {
  std::vector<ReaderArgument> arguments{{"source", Kind::source},
                                        {"length", Kind::number},
                                        {"inputs", Kind::input},
                                        {"lengths", Kind::input},
                                        {"mask", Kind::input}};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}
std::vector<ReaderArgument> vocabulary_arguments(std::vector<ReaderArgument> more) {
  std::vector<ReaderArgument> arguments{{"shifted", Kind::input}, {"vocabulary", Kind::path}, {"minimum", Kind::number},
                                        {"most", Kind::number},   {"begin", Kind::flag},      {"end", Kind::flag},
                                        {"lower", Kind::flag}};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return token_arguments(std::move(arguments));
}

// Of readers whose rows are files.
std::vector<ReaderArgument> file_arguments(std::vector<ReaderArgument> more) {
  std::vector<ReaderArgument> arguments{{"file", Kind::files},
                                        {"column", Kind::column},
                                        {"where", Kind::text},
                                        {"rows", Kind::path},
                                        {"drop_rows", Kind::path}};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}
std::vector<ReaderArgument> sound_arguments(std::vector<ReaderArgument> more) {
  std::vector<ReaderArgument> arguments{{"stream", Kind::stream},
                                        {"length", Kind::number},
                                        {"inputs", Kind::input},
                                        {"lengths", Kind::input},
                                        {"mask", Kind::input}};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

const std::vector<Reader> table{
    Reader{"csv",
           "a table as text: numbers, or one column as classes",
           {{"file", Kind::path},
            {"columns", Kind::column},
            {"drop_columns", Kind::column},
            {"label", Kind::column},
            {"classes", Kind::text},
            {"rows", Kind::path},
            {"drop_rows", Kind::path},
            {"where", Kind::text},
            {"header", Kind::flag},
            {"skip", Kind::number},
            {"separator", Kind::text},
            {"missing", Kind::number}},
           {".csv", ".tsv", ".txt", ".data"},
           read_array<csv_array>},
    Reader{"idx",
           "the format of MNIST and its relatives",
           {{"file", Kind::path}},
           {".idx", "ubyte"},
           read_array<idx_array>},
    Reader{"npy", "an array of NumPy", {{"file", Kind::path}}, {".npy"}, read_array<npy_array>},
    Reader{"npz",
           "one of several arrays of NumPy",
           {{"file", Kind::path}, {"array", Kind::text}},
           {".npz"},
           read_array<npz_array>},
    Reader{"lines", "the lines of a file, as text", {{"file", Kind::path}}, {}, read_lines},
    Reader{"bytes", "text as bytes", token_arguments({}), {}, read_bytes},
    Reader{"characters", "text as numbers of its characters", vocabulary_arguments({}), {}, read_characters},
    Reader{
        "words", "text as numbers of its words", vocabulary_arguments({{"punctuation", Kind::flag}}), {}, read_words},
    Reader{"wav",
           "sounds, a file each, which are no tensor yet",
           file_arguments({{"rate", Kind::number}, {"channel", Kind::number}}),
           {},
           read_wav_files},
    Reader{"samples", "sounds as their samples", sound_arguments({}), {}, sounds_to_samples},
    Reader{"log_mel",
           "sounds as spectra: power by pitch",
           sound_arguments({{"bands", Kind::number}, {"window", Kind::number}, {"hop", Kind::number}}),
           {},
           sounds_to_spectra},
    Reader{"images",
           "PNG files, grey or in colour, a file each",
           file_arguments({{"channels", Kind::number},
                           {"height", Kind::number},
                           {"width", Kind::number},
                           {"inputs", Kind::input},
                           {"folder", Kind::input},
                           {"classes", Kind::text}}),
           {".png"},
           read_images},
    Reader{"windows",
           "runs of rows as one row each",
           {{"stream", Kind::stream},
            {"length", Kind::number},
            {"stride", Kind::number},
            {"inputs", Kind::input},
            {"shifted", Kind::input},
            {"shift", Kind::number}},
           {},
           cut_windows},
    Reader{"join",
           "streams of the same rows side by side",
           {{"stream", Kind::stream}},
           {},
           join_streams,
           1,
           Reader::Many::streams_and_inputs},
    Reader{"append",
           "the rows of streams one behind the other",
           {{"stream", Kind::stream}, {"origin", Kind::input}},
           {},
           append_streams,
           1,
           Reader::Many::streams},
    Reader{"split",
           "a share of the rows for data, the others for test",
           {{"stream", Kind::stream}, {"share", Kind::number}, {"seed", Kind::number}},
           {},
           split_stream,
           2},
    Reader{"flip",
           "images, every second from right to left",
           {{"stream", Kind::stream}, {"vertical", Kind::flag}, {"seed", Kind::number}},
           {},
           flip_images},
    Reader{"crop",
           "a part of every image, another one every time",
           {{"stream", Kind::stream},
            {"height", Kind::number},
            {"width", Kind::number},
            {"pad", Kind::number},
            {"seed", Kind::number}},
           {},
           crop_images},
    Reader{"shift",
           "images a little to any side, sounds a little later",
           {{"stream", Kind::stream}, {"most", Kind::number}, {"seed", Kind::number}},
           {},
           shift_rows,
           2},
    Reader{"noise",
           "a random number added to every number",
           {{"stream", Kind::stream}, {"deviation", Kind::number}, {"seed", Kind::number}},
           {},
           add_noise,
           2},
    Reader{"shuffle",
           "the rows in another order, anew for every epoch",
           {{"stream", Kind::stream}, {"seed", Kind::number}},
           {},
           shuffle_rows},
};

}  // namespace

std::vector<std::string> comma_separated(std::string_view text) {
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
  options.where = call.text("where");
  return options;
}

std::string_view describe(ReaderArgument::Kind kind) {
  switch (kind) {
    case Kind::path:
      return "the name of a file";
    case Kind::files:
      return "the name of a file, a folder or a pattern";
    case Kind::text:
      return "a text";
    case Kind::number:
      return "a number";
    case Kind::flag:
      return "true or false";
    case Kind::column:
      return "the name or number of a column";
    case Kind::stream:
      return "a reader's call";
    case Kind::source:
      return "the name of a file or a reader's call";
    case Kind::input:
      return "the name of an input";
  }
  return "a value";
}

data::Error argument_error(const ReaderCall& call, std::string message) {
  return {call.text("file"), {}, std::move(message)};
}

Streams one(data::Expected<data::Stream> stream) {
  if (!stream) return stream.error();
  return std::vector{std::move(*stream)};
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

const data::Stream* ReaderCall::stream(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : std::get_if<data::Stream>(&found->second);
}
data::Expected<std::int64_t> ReaderCall::integer(std::string_view name, std::int64_t least, std::int64_t most,
                                                 std::optional<std::int64_t> otherwise) const {
  const std::optional<double> value = number(name);
  if (!value && otherwise) return *otherwise;
  if (!value) return argument_error(*this, fmt::format("it needs '{}', a whole number", name));
  if (*value == std::floor(*value) && *value >= static_cast<double>(least) && *value <= static_cast<double>(most)) {
    return static_cast<std::int64_t>(*value);
  }
  return argument_error(
      *this, fmt::format("expected a whole number from {} to {} for '{}', found {}", least, most, name, *value));
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
