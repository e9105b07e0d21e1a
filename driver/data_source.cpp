// Looks up readers, checks their arguments, finds files, fits what they hold to an input.
#include "driver/data_source.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "driver/batch_layout.h"
#include "driver/program.h"
#include "driver/range_check.h"
#include "fmt/format.h"
#include "ir/match.h"
#include "runtime/data/files.h"

namespace descent {
namespace {

using frontend::DataArgument;
using frontend::DataCall;
using frontend::DataExpression;

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::vector<std::string> reader_names() {
  std::vector<std::string> names;
  for (const Reader& reader : readers()) names.emplace_back(reader.name);
  return names;
}

std::string_view kind_of(const DataExpression& expression) {
  return match(
      expression.node, [](const DataCall&) { return "a call"; }, [](const frontend::DataText&) { return "a text"; },
      [](const frontend::DataNumber&) { return "a number"; }, [](const frontend::DataFlag&) { return "true or false"; },
      [](const frontend::DataInput&) { return "the name of an input"; });
}

// Names in a folder, at most so many that a suggestion stays cheap.
std::vector<std::string> names_in(const std::filesystem::path& folder) {
  constexpr std::size_t most = 1000;
  std::vector<std::string> names;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(folder, error);
       !error && entry != std::filesystem::directory_iterator() && names.size() < most; entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  return names;
}

// The value of one argument as its kind wants it; nothing when it is of another kind.
std::optional<ReaderCall::Value> value_of(const DataExpression& expression, ReaderArgument::Kind kind) {
  using Kind = ReaderArgument::Kind;
  const auto* text = std::get_if<frontend::DataText>(&expression.node);
  const auto* input = std::get_if<frontend::DataInput>(&expression.node);
  const auto* number = std::get_if<frontend::DataNumber>(&expression.node);
  const auto* flag = std::get_if<frontend::DataFlag>(&expression.node);
  const bool is_path = kind == Kind::path || kind == Kind::files || kind == Kind::source;
  if (text && (is_path || kind == Kind::text || kind == Kind::column)) return text->value;
  if (input && kind == Kind::input) return input->name;
  if (number && (kind == Kind::number || kind == Kind::column)) return number->value;
  if (flag && kind == Kind::flag) return flag->value;
  return {};
}

// The input that an argument names; empty when it names none.
std::string input_named(const DataCall& call, std::string_view argument) {
  for (const DataArgument& given : call.arguments) {
    const auto* input = std::get_if<frontend::DataInput>(&given.value.front().node);
    if (input && given.name == argument) return input->name;
  }
  return {};
}

// Reads a call's arguments into the shape that the reader's row asks for.
class CallResolver {
 public:
  CallResolver(const Reader& reader, const DataContext& context, const Span& at)
      : reader_(reader), context_(context), at_(at) {}

  Result<ReaderCall> resolve(const DataCall& call) {
    call_.vocabularies = context_.vocabularies;
    call_.input = input_named(call, "inputs");
    if (call_.input.empty()) call_.input = context_.input;
    for (const DataArgument& argument : call.arguments) take(argument);
    const ReaderArgument& first = reader_.arguments[0];
    if (wrong_.empty() && (takes_many() ? call_.streams.empty() : !call_.has(first.name))) {
      wrong_.push_back(
          diagnostic("missing-argument", at_, fmt::format("{}() needs {}", reader_.name, describe(first.kind))));
    }
    if (!wrong_.empty()) return wrong_;
    return call_;
  }

 private:
  bool takes_many() const { return reader_.many != Reader::Many::no; }
  bool is_known(const std::string& name) const {
    return std::any_of(reader_.arguments.begin(), reader_.arguments.end(),
                       [&](const ReaderArgument& row) { return row.name == name; });
  }

  // A stream among many: without a name, or by that of an input, which its tensor without a name then feeds.
  void take_stream(const DataArgument& argument) {
    DataContext context = context_;
    context.input = argument.name.empty() ? call_.input : argument.name;
    Result<data::Stream> stream = read_data(argument.value.front(), context);
    if (!stream) {
      wrong_.insert(wrong_.end(), stream.errors().begin(), stream.errors().end());
      return;
    }
    for (data::StreamTensor& tensor : stream->tensors) {
      if (tensor.name.empty()) tensor.name = argument.name;
    }
    call_.streams.push_back(std::move(*stream));
  }

  void take(const DataArgument& argument) {
    if (takes_many() &&
        (argument.name.empty() || (reader_.many == Reader::Many::streams_and_inputs && !is_known(argument.name)))) {
      return take_stream(argument);
    }
    const DataExpression& value = argument.value.front();
    const ReaderArgument* row = row_of(argument, value.at);
    if (!row) return;
    const bool is_call = std::holds_alternative<DataCall>(value.node);
    if (is_call && (row->kind == ReaderArgument::Kind::stream || row->kind == ReaderArgument::Kind::source)) {
      return take_call(*row, value);
    }
    if (call_.has(row->name)) {
      wrong_.push_back(diagnostic("duplicate-argument", value.at, fmt::format("'{}' is given twice", row->name)));
      return;
    }
    std::optional<ReaderCall::Value> converted = value_of(value, row->kind);
    if (!converted) {
      wrong_.push_back(diagnostic(
          "argument-kind", value.at,
          fmt::format("'{}' of {}() is {}, found {}", row->name, reader_.name, describe(row->kind), kind_of(value))));
      return;
    }
    using Kind = ReaderArgument::Kind;
    if (row->kind == Kind::path || row->kind == Kind::source || row->kind == Kind::files) {
      const std::string& path = std::get<std::string>(*converted);
      Result<std::string> found = row->kind == Kind::files ? find_files(path, context_.folders, value.at)
                                                           : find_file(path, context_.folders, "data file", value.at);
      if (!found) {
        wrong_.insert(wrong_.end(), found.errors().begin(), found.errors().end());
        return;
      }
      converted = *found;
    }
    call_.set(row->name, std::move(*converted));
  }

  void take_call(const ReaderArgument& row, const DataExpression& value) {
    if (call_.has(row.name)) {
      wrong_.push_back(diagnostic("duplicate-argument", value.at, fmt::format("'{}' is given twice", row.name)));
      return;
    }
    DataContext context = context_;
    context.input = call_.input;
    Result<data::Stream> stream = read_data(value, context);
    if (stream) return call_.set(row.name, std::move(*stream));
    wrong_.insert(wrong_.end(), stream.errors().begin(), stream.errors().end());
  }

  const ReaderArgument* row_of(const DataArgument& argument, const Span& at) {
    const auto& rows = reader_.arguments;
    if (argument.name.empty()) {
      if (positional_ < reader_.positional) return &rows[positional_++];
      const std::string which = reader_.positional == 1
                                    ? fmt::format("one argument without a name, the {}", rows[0].name)
                                    : fmt::format("{} arguments without names", reader_.positional);
      wrong_.push_back(diagnostic("unknown-argument", at, fmt::format("{}() takes {}", reader_.name, which)));
      return nullptr;
    }
    const auto found =
        std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.name == argument.name; });
    if (found != rows.end()) return &*found;
    std::vector<std::string> names;
    for (const ReaderArgument& row : rows) names.emplace_back(row.name);
    std::vector<Note> notes = did_you_mean(argument.name, names);
    if (notes.empty()) notes.push_back({{}, fmt::format("it has {}", joined(names))});
    wrong_.push_back(diagnostic("unknown-argument", at,
                                fmt::format("{}() has no argument '{}'", reader_.name, argument.name),
                                std::move(notes)));
    return nullptr;
  }

  const Reader& reader_;
  const DataContext& context_;
  const Span& at_;
  ReaderCall call_;
  std::size_t positional_ = 0;
  Diagnostics wrong_;
};

// More of an input's data stays where it is and is read batch by batch.
constexpr std::int64_t largest_resident = std::int64_t{1} << 28;

// Where large data sets lie beside a checkout, when nobody says otherwise.
constexpr const char* shared_data = "../shared/data";

bool shapes_agree(const data::Shape& found, const Shape& wanted) {
  if (found.size() != wanted.size()) return false;
  for (std::size_t d = 0; d < wanted.size(); ++d) {
    if (!wanted[d].is_batch() && wanted[d].size != found[d]) return false;
  }
  return true;
}

}  // namespace

Folders data_folders(const std::string& model_folder, const std::string& data_folder) {
  Folders folders{model_folder};
  if (!data_folder.empty()) folders.push_back(data_folder);
  std::error_code error;
  if (const char* environment = std::getenv("DESCENT_DATA")) {
    if (*environment) folders.emplace_back(environment);
  } else if (std::filesystem::is_directory(shared_data, error)) {
    folders.emplace_back(shared_data);
  }
  return folders;
}

namespace {

namespace fs = std::filesystem;

// Where a path may lie, in order.
std::vector<fs::path> candidates_of(const std::string& path, const Folders& folders) {
  if (fs::path(path).is_absolute()) return {path};
  std::vector<fs::path> candidates;
  for (const std::string& folder : folders) {
    const fs::path candidate = (fs::path(folder) / path).lexically_normal();
    if (std::find(candidates.begin(), candidates.end(), candidate) == candidates.end()) candidates.push_back(candidate);
  }
  return candidates;
}

Diagnostic missing_file(const std::string& path, const Folders& folders, std::string_view what, const Span& at) {
  Diagnostic missing = diagnostic("missing-file", at, fmt::format("there is no {} '{}'", what, path));
  const std::vector<fs::path> tried = candidates_of(path, folders);
  for (const fs::path& candidate : tried)
    missing.notes.push_back({{}, fmt::format("looked for '{}'", candidate.string())});
  for (const fs::path& candidate : tried) {
    const std::string near = nearest(candidate.filename().string(),
                                     names_in(candidate.parent_path().empty() ? "." : candidate.parent_path()));
    if (!near.empty()) missing.notes.push_back({{}, fmt::format("did you mean '{}'?", near)});
  }
  if (folders.size() == 1) {
    missing.notes.push_back({{}, "--data FOLDER or the variable DESCENT_DATA names another folder to look in"});
  }
  return missing;
}

}  // namespace

Result<std::string> find_file(const std::string& path, const Folders& folders, std::string_view what, const Span& at) {
  for (const fs::path& candidate : candidates_of(path, folders)) {
    std::error_code error;
    if (fs::is_regular_file(candidate, error)) return candidate.string();
    if (fs::is_directory(candidate, error)) {
      return diagnostic("missing-file", at, fmt::format("expected a {}, found the folder '{}'", what, path));
    }
  }
  return missing_file(path, folders, what, at);
}

Result<std::string> find_files(const std::string& path, const Folders& folders, const Span& at) {
  for (const fs::path& candidate : candidates_of(path, folders)) {
    std::error_code error;
    const bool is_there = data::is_pattern(path)
                              ? !data::match_files(candidate.string()).empty()
                              : fs::is_regular_file(candidate, error) || fs::is_directory(candidate, error);
    if (is_there) return candidate.string();
  }
  return missing_file(path, folders, data::is_pattern(path) ? "data file that matches" : "data file or folder", at);
}

namespace {

Result<std::vector<data::Stream>> read_streams(const DataExpression& expression, const DataContext& context) {
  const auto* call = std::get_if<DataCall>(&expression.node);
  if (!call) {
    return diagnostic("not-data", expression.at,
                      fmt::format("expected a reader ({}), found {}", joined(reader_names()), kind_of(expression)));
  }
  const Reader* reader = find_reader(call->function);
  if (!reader) {
    std::vector<Note> notes = did_you_mean(call->function, reader_names());
    if (notes.empty()) notes.push_back({{}, fmt::format("the readers are {}", joined(reader_names()))});
    return diagnostic("unknown-reader", expression.at, fmt::format("there is no data reader '{}'", call->function),
                      std::move(notes));
  }
  Result<ReaderCall> arguments = CallResolver(*reader, context, expression.at).resolve(*call);
  if (!arguments) return arguments.errors();
  Streams streams = reader->read(*arguments);
  if (!streams) {
    // What is not about a file is about the call.
    const data::Error& error = streams.error();
    return diagnostic("bad-data", expression.at,
                      error.file.empty() ? fmt::format("{}(): {}", reader->name, error.message) : to_string(error));
  }
  return std::move(*streams);
}

}  // namespace

Result<data::Stream> read_data(const DataExpression& expression, const DataContext& context) {
  Result<std::vector<data::Stream>> streams = read_streams(expression, context);
  if (!streams) return streams.errors();
  if (streams->size() == 1) return std::move(streams->front());
  return diagnostic("not-data", expression.at, "this gives data and test at once: write data, test = split(…)");
}

Result<std::pair<data::Stream, data::Stream>> read_data_and_test(const DataExpression& expression,
                                                                 const DataContext& context) {
  Result<std::vector<data::Stream>> streams = read_streams(expression, context);
  if (!streams) return streams.errors();
  if (streams->size() == 2) return std::pair(std::move((*streams)[0]), std::move((*streams)[1]));
  return diagnostic("not-data", expression.at, "expected what gives data and test at once: data, test = split(…, 0.9)");
}

Result<data::RowsRef> fit_to_input(data::RowsRef rows, const std::string& input, const TensorType& type,
                                   const Span& at) {
  data::Shape shape = rows->whole_shape();
  if (const data::Array* array = rows->resident()) shape = array->shape;  // a scalar has no rows of its own
  const bool one_column = type.shape.size() == 1 && shape.size() == 2 && shape[1] == 1;
  if (one_column) {
    shape.pop_back();
    rows = data::flatten_rows(std::move(rows));
  }
  const auto found = [&] { return describe(rows->dtype(), shape); };
  if (!shapes_agree(shape, type.shape)) {
    return diagnostic("data-mismatch", at,
                      fmt::format("input '{}' expects {}, found {}", input, to_string(type), found()));
  }
  const data::RowsRef fitted = data::convert_rows(rows, data_type(type.dtype));
  const auto check = [&](const data::Array& array) {
    return type.range ? check_range(input, type, array.as<std::int32_t>(), at) : Diagnostics{};
  };
  if (const data::Array* array = fitted->resident(); array && array->shape == shape) {
    if (Diagnostics wrong = check(*array); !wrong.empty()) return wrong;
    return fitted;
  }
  if (fitted->draws() || !data::bytes_of(fitted->dtype(), fitted->whole_shape(), largest_resident)) return fitted;
  data::Expected<data::Array> array = data::read_all(*fitted);
  if (!array && !array.error().file.empty()) return diagnostic("bad-data", at, data::to_string(array.error()));
  if (!array) {
    return diagnostic("data-mismatch", at,
                      fmt::format("input '{}' expects {}, found {}: {}", input, to_string(type), found(),
                                  data::to_string(array.error())));
  }
  array->shape = shape;
  if (Diagnostics wrong = check(*array); !wrong.empty()) return wrong;
  return data::rows_of(std::move(*array));
}

}  // namespace descent
