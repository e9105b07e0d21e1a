// The data readers by name: one table. Adding a reader is adding a row (readers.cpp); the language, `predict --input`,
// diagnostics and their suggestions follow from it.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/data/array.h"

namespace descent {

struct ReaderArgument {
  // `path` is looked for in the data folders; `column` is a name or a number.
  enum class Kind : std::uint8_t { path, text, number, flag, column };
  std::string_view name;
  Kind kind = Kind::text;
};
std::string_view describe(ReaderArgument::Kind kind);  // "a text"

// The arguments of one call, by name, already of the kinds the row asks for.
class ReaderCall {
 public:
  using Value = std::variant<std::string, double, bool>;
  void set(std::string_view name, Value value) { values_[std::string(name)] = std::move(value); }
  bool has(std::string_view name) const { return values_.contains(name); }
  std::string text(std::string_view name) const;  // empty when absent; a number as its digits
  std::optional<double> number(std::string_view name) const;
  std::optional<bool> flag(std::string_view name) const;

 private:
  std::map<std::string, Value, std::less<>> values_;
};

struct Reader {
  std::string_view name;
  std::string_view summary;
  std::vector<ReaderArgument> arguments;  // the first is the file
  std::vector<std::string_view> endings;  // of file names, without ".gz"
  data::Expected<data::Array> (*read)(const ReaderCall&);
};
std::span<const Reader> readers();
const Reader* find_reader(std::string_view name);
// By the ending of a file's name; null when none knows it.
const Reader* reader_for(std::string_view path);

}  // namespace descent
