// The door of the front end: a model's text → its Graphs, its train block and what that asks for.
//
//   auto compiled = frontend::compile(source, {});
//   if (!compiled) std::cerr << render(compiled.errors());
//   run(compiled->model.entry("step"), …);
//
// Entries of the Model; each holds only the inputs that it needs, in the order given here:
//   init      seed : i32[]. Updates every state from its initialiser; a draw's site is the state's path.
//   step      the inputs that the losses depend on; step, steps, seed : i32[]; one f64[] per rate (below).
//             Outputs the losses; updates parameters and optimizer states. Present when there is a train block.
//   accumulate  where a step takes several batches (TrainBlock::accumulate): one of them before the last. The inputs
//             that the losses depend on; seed. Outputs the losses; updates running statistics and, for each parameter,
//             NAME.accumulated, Σ rows·gradient; `step` adds its own rows and divides by all.
//   evaluate  inputs. Outputs losses and metrics, each the mean over the rows of this batch; the host joins batches:
//             Σ rows·e / Σ rows. A metric NAME with explicit over_epoch(e) gives its e's as NAME.0, NAME.1, …
//   report    NAME.0, … : f64[]. For such metrics alone: NAME from the joined e's.
//   predict   the inputs that the outputs depend on. Outputs the outputs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "frontend/ast.h"
#include "ir/diagnostics.h"
#include "ir/graph.h"

namespace descent::frontend {

// `--set NAME=VALUE`: a size of the model, a setting of the train block, or an argument of its optimizer, whose whole
// expression it replaces; or a rate that stands inside an argument (`rate.warmup`), which stays a number.
struct Override {
  std::string name;
  std::string value;
  std::string option = "--set";  // under which whoever calls has been given it: where mistakes are reported
};

// Where data comes from, as a plain tree: the front end knows the names of sizes and inputs, not of readers.
struct DataExpression;
struct DataArgument {
  std::string name;                   // empty: positional
  std::vector<DataExpression> value;  // exactly one
};
struct DataCall {
  std::string function;
  std::vector<DataArgument> arguments;
};
struct DataText {
  std::string value;
};
struct DataNumber {
  double value = 0;
};
struct DataFlag {
  bool value = false;
};
struct DataInput {  // the name of an input of the model
  std::string name;
};
struct DataExpression {
  std::variant<DataCall, DataText, DataNumber, DataFlag, DataInput> node;
  Span at;
};
// `image = idx("…")`; without inputs the value feeds by itself (`data = …`).
struct DataBinding {
  std::vector<std::string> inputs;
  DataExpression value;
};

// What a training is judged by: a loss or metric of the test data, without it of the training data.
struct Monitor {
  std::string name;  // empty: the sum of the losses
  bool largest = false;
};
// `stop = early(patience = 5)`: the training ends at the first plateau (driver/patience.h) with its best weights.
struct EarlyStop {
  double patience = 10, threshold = 0, delta = 0;
};

struct TrainBlock {
  std::string name;
  std::string model;
  std::int64_t batch = 32;
  std::int64_t epochs = 1;
  std::int64_t seed = 1;
  std::int64_t report = 1;      // epochs per report
  std::int64_t accumulate = 1;  // batches whose rows make one step of the optimizer
  bool shuffle = true;
  Monitor monitor;
  std::optional<EarlyStop> stop;
  std::string weights;  // a file to start from; empty: none
  Span weights_at;
  std::vector<DataBinding> data;
  std::vector<DataBinding> test;
  std::optional<DataExpression> data_and_test;  // `data, test = …`
  Span at;
};

// A rank-0 f64 input of `step` and the value the text gives it.
struct Rate {
  std::string name;
  double value = 0;
};

// plateaus(patience, threshold, delta, cooldown) in a schedule: a rate, 0 at first, that the host raises by 1 at each
// plateau of what the training is judged by (driver/patience.h). Its arguments are numbers, or rates.
using RateOrNumber = std::variant<double, std::string>;
struct Plateaus {
  std::string rate;
  RateOrNumber patience, threshold, delta, cooldown;
};

struct Compilation {
  Model model;
  std::optional<TrainBlock> train;
  std::vector<Rate> rates;
  std::vector<Plateaus> plateaus;
  // The arguments of optimizers that plateaus are in, by step, steps and rates: for who wants to know them. No entry.
  std::optional<Graph> plateau_numbers;
  double parse_seconds = 0;  // of the text, its imports and, in a process once, the library
};

// Reads the file that `import "path"` names; the path is relative to the importing file, as written.
using ReadImport = std::function<Result<SourceRef>(const std::string& path)>;

struct Options {
  std::string only;  // the train block; empty: the first
  std::vector<Override> set;
  ReadImport read_import;
};

Result<ast::File> parse(const SourceRef& source);
Result<Compilation> compile(const SourceRef& source, const Options& options);

// The text in its one layout: format.cpp says what that is. Only blanks and line ends differ.
Result<std::string> format(const SourceRef& source);

// The names of the file's train blocks, in order.
std::vector<std::string> train_blocks(const ast::File& file);
// The standard library, one source per file; for listings and tests.
std::vector<SourceRef> standard_library();

// Markdown from docstrings (documentation.h): of a file, of the library, of what the library calls `name` (empty when
// it has nothing of that name).
Result<std::string> documentation(const SourceRef& source);
std::string library_documentation();
std::string library_documentation(std::string_view name);
std::vector<std::string> library_names();

}  // namespace descent::frontend
