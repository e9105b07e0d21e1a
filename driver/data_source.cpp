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
  const auto* number = std::get_if<frontend::DataNumber>(&expression.node);
  const auto* flag = std::get_if<frontend::DataFlag>(&expression.node);
  if (text && (kind == Kind::path || kind == Kind::text || kind == Kind::column)) return text->value;
  if (number && (kind == Kind::number || kind == Kind::column)) return number->value;
  if (flag && kind == Kind::flag) return flag->value;
  return {};
}

// Reads a call's arguments into the shape that the reader's row asks for.
class CallResolver {
 public:
  CallResolver(const Reader& reader, const Folders& folders, const Span& at)
      : reader_(reader), folders_(folders), at_(at) {}

  Result<ReaderCall> resolve(const DataCall& call) {
    for (const DataArgument& argument : call.arguments) take(argument);
    if (wrong_.empty() && !call_.has("file")) {
      wrong_.push_back(diagnostic("missing-argument", at_, fmt::format("{}() needs the name of a file", reader_.name)));
    }
    if (!wrong_.empty()) return wrong_;
    return call_;
  }

 private:
  void take(const DataArgument& argument) {
    const DataExpression& value = argument.value.front();
    const ReaderArgument* row = row_of(argument, value.at);
    if (!row) return;
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
    if (row->kind == ReaderArgument::Kind::path) {
      Result<std::string> found = find_file(std::get<std::string>(*converted), folders_, "data file", value.at);
      if (!found) {
        wrong_.insert(wrong_.end(), found.errors().begin(), found.errors().end());
        return;
      }
      converted = *found;
    }
    call_.set(row->name, std::move(*converted));
  }

  const ReaderArgument* row_of(const DataArgument& argument, const Span& at) {
    const auto& rows = reader_.arguments;
    if (argument.name.empty()) {
      if (positional_ == 0) return &rows[positional_++];
      wrong_.push_back(diagnostic("unknown-argument", at,
                                  fmt::format("{}() takes one argument without a name, the file", reader_.name)));
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
  const Folders& folders_;
  const Span& at_;
  ReaderCall call_;
  std::size_t positional_ = 0;
  Diagnostics wrong_;
};

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

Result<std::string> find_file(const std::string& path, const Folders& folders, std::string_view what, const Span& at) {
  namespace fs = std::filesystem;
  std::vector<fs::path> tried;
  if (fs::path(path).is_absolute()) {
    tried.emplace_back(path);
  } else {
    for (const std::string& folder : folders) {
      const fs::path candidate = (fs::path(folder) / path).lexically_normal();
      if (std::find(tried.begin(), tried.end(), candidate) == tried.end()) tried.push_back(candidate);
    }
  }
  for (const fs::path& candidate : tried) {
    std::error_code error;
    if (fs::is_regular_file(candidate, error)) return candidate.string();
    if (fs::is_directory(candidate, error)) {
      return diagnostic("missing-file", at, fmt::format("expected a {}, found the folder '{}'", what, path));
    }
  }
  Diagnostic missing = diagnostic("missing-file", at, fmt::format("there is no {} '{}'", what, path));
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

Result<data::Array> read_data(const DataExpression& expression, const Folders& folders) {
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
  Result<ReaderCall> arguments = CallResolver(*reader, folders, expression.at).resolve(*call);
  if (!arguments) return arguments.errors();
  data::Expected<data::Array> array = reader->read(*arguments);
  if (!array) return diagnostic("bad-data", expression.at, data::to_string(array.error()));
  return std::move(*array);
}

Result<data::Array> fit_to_input(data::Array array, const std::string& input, const TensorType& type, const Span& at) {
  const bool one_column = type.shape.size() == 1 && array.shape.size() == 2 && array.shape[1] == 1;
  if (one_column) array.shape.pop_back();
  if (!shapes_agree(array.shape, type.shape)) {
    return diagnostic("data-mismatch", at,
                      fmt::format("input '{}' expects {}, found {}", input, to_string(type), describe(array)));
  }
  if (array.dtype != data_type(type.dtype)) {
    data::Expected<data::Array> converted = data::convert(array, data_type(type.dtype));
    if (!converted) {
      return diagnostic("data-mismatch", at,
                        fmt::format("input '{}' expects {}, found {}: {}", input, to_string(type), describe(array),
                                    data::to_string(converted.error())));
    }
    array = std::move(*converted);
  }
  if (type.range) {
    if (Diagnostics wrong = check_range(input, type, array.as<std::int32_t>(), at); !wrong.empty()) return wrong;
  }
  return array;
}

}  // namespace descent
