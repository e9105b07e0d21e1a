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

#include "driver/vocabularies.h"
#include "runtime/data/csv.h"
#include "runtime/data/stream.h"

namespace descent {

struct ReaderArgument {
  // `path` is looked for in the data folders, and so is `files`, which may also be a folder or a pattern; `column` is a
  // name or a number; `stream` is another reader's call; `source` a path or a stream with text; `input` the name of an
  // input that gets a part of what is read.
  enum class Kind : std::uint8_t { path, files, text, number, flag, column, stream, source, input };
  std::string_view name;
  Kind kind = Kind::text;
};
std::string_view describe(ReaderArgument::Kind kind);  // "a text"

// The arguments of one call, by name, already of the kinds the row asks for.
class ReaderCall {
 public:
  using Value = std::variant<std::string, double, bool, data::Stream>;
  void set(std::string_view name, Value value) { values_[std::string(name)] = std::move(value); }
  bool has(std::string_view name) const { return values_.contains(name); }
  std::string text(std::string_view name) const;  // empty when absent; a number as its digits
  std::optional<double> number(std::string_view name) const;
  std::optional<bool> flag(std::string_view name) const;
  const data::Stream* stream(std::string_view name) const;  // null when absent, or when it is something else
  // A whole number from `least` to `most`; `otherwise` when absent, an error without it.
  data::Expected<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most,
                                       std::optional<std::int64_t> otherwise = {}) const;

  std::vector<data::Stream> streams;     // of a reader that takes any number of them, in the order written
  std::string input;                     // that the tensor without a name will feed; empty: not known
  Vocabularies* vocabularies = nullptr;  // of the inputs; null where nothing is trained

 private:
  std::map<std::string, Value, std::less<>> values_;
};

using Streams = data::Expected<std::vector<data::Stream>>;

struct Reader {
  std::string_view name;
  std::string_view summary;
  std::vector<ReaderArgument> arguments;  // the first is the file or the stream
  std::vector<std::string_view> endings;  // of file names, without ".gz"
  // One stream; only what stands for `data, test` gives two.
  Streams (*read)(const ReaderCall&);
  std::size_t positional = 1;  // so many arguments need no name
  // Takes any number of streams without names instead of the first argument; by name those that feed an input.
  enum class Many : std::uint8_t { no, streams, streams_and_inputs } many = Many::no;
};
std::span<const Reader> readers();
const Reader* find_reader(std::string_view name);
// By the ending of a file's name; null when none knows it.
const Reader* reader_for(std::string_view path);

// What the rows of the table do (readers_text.cpp, readers_files.cpp, readers_streams.cpp, readers_chance.cpp; those of
// arrays are in readers.cpp).
Streams read_lines(const ReaderCall& call);
Streams read_bytes(const ReaderCall& call);
Streams read_characters(const ReaderCall& call);
Streams read_words(const ReaderCall& call);
Streams read_wav_files(const ReaderCall& call);
Streams sounds_to_samples(const ReaderCall& call);
Streams sounds_to_spectra(const ReaderCall& call);
Streams read_images(const ReaderCall& call);
Streams join_streams(const ReaderCall& call);
Streams append_streams(const ReaderCall& call);
Streams cut_windows(const ReaderCall& call);
Streams split_stream(const ReaderCall& call);
Streams flip_images(const ReaderCall& call);
Streams crop_images(const ReaderCall& call);
Streams shift_rows(const ReaderCall& call);
Streams add_noise(const ReaderCall& call);
Streams shuffle_rows(const ReaderCall& call);

// Arguments that readers of tables share, and "a, b" as a list.
data::Expected<data::CsvOptions> csv_options(const ReaderCall& call);
std::vector<std::string> comma_separated(std::string_view text);

data::Error argument_error(const ReaderCall& call, std::string message);
Streams one(data::Expected<data::Stream> stream);

}  // namespace descent
