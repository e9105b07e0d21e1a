// What an artifact is beside the code of its entries: the model as data and functions of its own name over the core
// runtime (runtime/model.h), and the header that declares them. Data and functions are described here as values, which
// each back end spells in its own way.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "ir/type.h"

namespace descent::codegen {

// A value that enters or leaves an entry.
struct ModelPort {
  enum class Kind : std::uint8_t { data, clock, rate, part, number, tensor } kind = Kind::data;
  std::string name;
  TensorType type;
};
struct ModelEntry {
  std::string name;  // init, step, steps, accumulate, evaluate, report, predict, advance
  std::vector<ModelPort> inputs, outputs;
};
struct ModelState {
  std::string name;
  TensorType type;
  std::int64_t offset = 0;  // in the arena
  std::int64_t panel = 0;
  bool is_saved = true;
};
struct ModelRate {
  std::string name;
  double value = 0;
};

// A model as its artifact shows it.
struct ModelFace {
  std::string name;
  std::string source;  // the file it comes from
  std::int64_t largest_batch = 1;
  std::int64_t accumulate = 1;  // batches whose rows make one step in an epoch
  std::int64_t arena_bytes = 0;
  std::vector<ModelEntry> entries;
  std::vector<ModelState> states;
  std::vector<ModelRate> rates;
  std::string weights_header;  // of a safetensors file with the saved states
  std::vector<int> saved;      // states in the order of that file
  bool bare = false;           // no files, no memory, no threads

  const ModelEntry* entry(std::string_view name) const;
  // What trains: `step`, else `steps`, which has the same ports and takes whole batches only.
  const ModelEntry* update() const;
};

// What a step gives.
std::vector<std::string> losses_of(const ModelFace& face);
// What evaluation gives: losses and metrics, those that join batches by a formula of their own last.
std::vector<std::string> metrics_of(const ModelFace& face);
// A number that is another one for models whose headers differ.
std::uint64_t contract_of(const ModelFace& face);

// -- data ------------------------------------------------------------------------------------------------------------

// A field of a constant struct.
struct Whole {  // an integer
  std::int64_t value = 0;
  int bytes = 8;
};
struct TextPointer {
  std::string text;
};
struct TablePointer {  // at a row of another table; null when that has no rows
  std::string table;
  std::size_t row = 0;
};
struct EntryPointer {  // null: no such entry
  std::string entry;
};
using Field = std::variant<Whole, double, TextPointer, TablePointer, EntryPointer>;

// An array of constants, one per row, of a type in runtime/model.h or a number.
struct Table {
  std::string name, type;
  std::vector<std::vector<Field>> rows;
  std::string symbol = {};  // what headers call it; empty: nothing outside refers to it
};
// In an order in which each refers to earlier ones; the last is the DescentModel.
std::vector<Table> tables_of(const ModelFace& face);
std::int64_t memory_bytes_of(const ModelFace& face);

// -- functions -------------------------------------------------------------------------------------------------------

// `result NAME(parameters)`, which calls a function of the core runtime.
struct Parameter {
  std::string type, name;  // C's
};
struct Door {
  std::string name;    // fashion_step
  std::string result;  // C's type
  std::string calls;   // descent_1_step
  std::vector<Parameter> parameters;
  // What it is called with, in order: a parameter, an array of the parameters from `first` to before `last`, a number,
  // or the model.
  struct Passed {
    std::size_t parameter = 0;
  };
  struct Pack {
    std::size_t first = 0, last = 0;
  };
  struct Constant {
    int value = 0;
  };
  struct Model {};
  std::vector<std::variant<Passed, Pack, Constant, Model>> arguments;
  std::string comment;  // what it does, for the header
};
std::vector<Door> doors_of(const ModelFace& face);

// NAME.h: C99, and for C++20 a class over it.
std::string header_of(const ModelFace& face);

}  // namespace descent::codegen
