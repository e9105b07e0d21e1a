// The public door: compile a model, train it, predict with it, from C++.
//
//   auto program = descent::compile_file("digits.descent");
//   if (!program) std::cerr << descent::render(program.errors());
//   auto trainer = descent::Trainer::create(*program);
//   trainer->init(1);
//   auto losses = trainer->step(rows, {{{"pixel", pixels}, {"label", labels}}});
//
// What the user got wrong comes back as Diagnostics; a status without a value is a Diagnostics too, empty when all went
// well. Nothing throws but std::bad_alloc, where the memory for a value runs out: then the objects of the call may only
// be destroyed. `step`, `steps`, `evaluate` and `set` allocate nothing when all goes well, so they don't.
//
// Threads. Calls on different objects may run at once: any number of threads compile, train and predict, each its own,
// with the same bits as alone. A Program never changes and may be shared, also by the Trainers that several threads
// make of it. A Trainer (and a Training) is for one thread at a time, and brings its own pool of threads. The library
// keeps no state between calls but its parsed standard library and LLVM's list of processors, both made once.
//
// A model written in C++ instead of text is in descent/builder.h, training on the data that a model file names in
// descent/training.h; looking at stages, building object files and checking gradients in descent/tools.h.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "descent/array.h"
#include "descent/diagnostics.h"
#include "descent/type.h"

namespace descent {

struct Model;
namespace loop {
struct Program;
}
namespace frontend {
struct Compilation;
struct TrainBlock;
}  // namespace frontend

// A value for a size of the model, a setting of the train block, or an argument of its optimizer.
struct Setting {
  std::string name, value;
  std::string option = "--set";  // where diagnostics say that it stands
};

struct CompileOptions {
  std::string train;  // the name of the train block; empty: the first
  std::vector<Setting> set;
  std::int64_t largest_batch = 0;  // 0: the train block's batch, without one 64
  int lanes = 0;                   // f32 lanes of a vector loop; 0: the machine's widest unit, 1: no vector loops
  std::string triple, cpu;         // the machine to compile for, LLVM's names; empty: this one
  bool watch = false;              // the step also gives what descent/watch.h reports; it has the same bits
};

// What the road from text to machine code took, in seconds, and the size of the code. What was taken over from a
// program alike took none.
struct Timings {
  double parse = 0;      // text → tree; of a printed program: to the Graph or the Loop program
  double elaborate = 0;  // tree → Graph
  std::vector<std::pair<std::string, double>> passes;  // Graph → Graph, by pass
  double lower = 0;                                    // Graph → Loop
  // Filled by Trainer:
  double emit = 0;      // Loop → LLVM
  double optimise = 0;  // LLVM → LLVM
  double codegen = 0;   // LLVM → machine code
  std::int64_t code_bytes = 0;

  double all_passes() const;
  double machine_code() const { return emit + optimise + codegen; }
  double total() const { return parse + elaborate + all_passes() + lower + machine_code(); }
};

// A value that enters or leaves an entry.
struct Port {
  enum class Kind : std::uint8_t { data, clock, rate, output, loss, metric } kind = Kind::data;
  std::string name;
  TensorType type;
};

// A compiled model: a value, cheap to copy.
class Program {
 public:
  struct Parts;
  explicit Program(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}

  const std::string& name() const;
  std::int64_t largest_batch() const;
  std::int64_t arena_bytes() const;
  const Timings& timings() const;
  const std::vector<std::string>& files() const;  // that were read: the text's own, then what it imports

  bool has(std::string_view entry) const;  // init, step, accumulate, evaluate, report, predict, advance
  // In the order of the entry's pointers; empty when there is no such entry. Inputs of kind `clock` (seed, step,
  // steps) and `rate` are fed by the Trainer.
  const std::vector<Port>& inputs(std::string_view entry) const;
  const std::vector<Port>& outputs(std::string_view entry) const;

  const Model* graph() const;  // as the front end made it; null when the text was a Loop program
  const Model* step() const;   // after all Graph passes; null likewise
  const loop::Program& loop() const;
  const frontend::TrainBlock* train() const;  // null without one
  const Parts& parts() const { return *parts_; }

 private:
  std::shared_ptr<const Parts> parts_;
};

// A model file, or a printed Graph or Loop program (`descent graph 1`, `descent loop 1`): told apart by the first line
// that is neither blank nor a comment. Whatever the file is called.
Result<Program> compile_file(const std::string& path, const CompileOptions& options = {});
Result<Program> compile_text(std::string name, std::string text, const CompileOptions& options = {});

// Likewise. Where settings are all that differs from `like` — rates, seed, epochs — the passes and the machine code of
// `like` are taken over: a sweep over rates compiles once.
Result<Program> compile_file(const std::string& path, const CompileOptions& options, const Program& like);

// The names of a model file's train blocks, in order; none in a printed Graph or Loop program.
Result<std::vector<std::string>> train_blocks(const std::string& path);

// Values for one input, row-major, `rows` standing for batch. Booleans are bytes 0 and 1. Not owned.
struct Feed {
  using Values = std::variant<std::span<const float>, std::span<const double>, std::span<const std::int32_t>,
                              std::span<const std::uint8_t>>;
  std::string_view name;
  Values values;

  template <class Container>
  Feed(std::string_view name, const Container& container) : name(name), values(std::span(container)) {}
  Feed(std::string_view name, Values values) : name(name), values(values) {}
};

struct TrainerOptions {
  int threads = 0;           // 0: one per processor that this process may use
  bool force_parts = false;  // for tests: every parallel loop cut into as many parts as there are threads
  bool whole_loop = true;    // false: many steps one call each, for comparison; the same bits
};

// A model at work: machine code, one arena with all states, a pool of threads. Not for use by two threads at once. The
// code of an entry is made when it is first called, that of a step already by `init`.
class Trainer {
 public:
  static Result<Trainer> create(const Program& program, const TrainerOptions& options = {});
  Trainer(Trainer&&) noexcept;
  Trainer& operator=(Trainer&&) noexcept;
  ~Trainer();

  const Program& program() const;
  const Timings& timings() const;  // all of them, of the code that was made so far
  int threads() const;

  // States from their initialisers (zeros where there are none); the next step is step 1. 0 ≤ seed < 2^31.
  Diagnostics init(std::int64_t seed);
  // What `steps` tells schedules; 1 until set.
  void set_total_steps(std::int64_t steps);
  std::int64_t steps_taken() const;

  // One update. The losses, in the order of the step's outputs of that kind; they stay until the next call. Allocates
  // nothing. 1 ≤ rows ≤ program().largest_batch(). Values of the wrong type, number or range are diagnostics.
  Result<std::span<const double>> step(std::int64_t rows, std::span<const Feed> feeds);
  // `count` updates in one call, over batches that lie in memory: each feed holds as many batches, one after the other,
  // each as `step` takes it, and the update after n steps takes batch n modulo their number; of an input without a
  // batch axis one value may serve all. The same bits as `count` calls of `step`; values are checked once. The losses
  // of the last update. Allocates nothing.
  Result<std::span<const double>> steps(std::int64_t count, std::int64_t rows, std::span<const Feed> feeds);
  // Of a step that takes several batches (`accumulate = 4` in the train block) one before the last: adds rows ·
  // gradient to what the next `step` divides by all their rows, and changes running statistics, no parameter. The
  // losses of these rows, likewise. How many batches a step takes is the caller's choice.
  Result<std::span<const double>> accumulate(std::int64_t rows, std::span<const Feed> feeds);
  // Losses and metrics of these rows, in the order of outputs("evaluate"), likewise.
  Result<std::span<const double>> evaluate(std::int64_t rows, std::span<const Feed> feeds);
  // The outputs, in the order of outputs("predict").
  Result<std::vector<data::Array>> predict(std::int64_t rows, std::span<const Feed> feeds);
  // The next place of sequences, one per row, where `predict` carries on from place to place: its outputs that have a
  // value for each place, for this one, in the order of outputs("advance"). An input with places is fed one. What was
  // carried stays here until the next call. `fresh`, a byte per row: 1 where a new sequence begins; without it all rows
  // go on. All begin in the first call, behind `init` and `load`, and where the number of rows is another one.
  Result<std::vector<data::Array>> advance(std::int64_t rows, std::span<const Feed> feeds,
                                           std::span<const std::uint8_t> fresh = {});
  // The metrics that join batches by a formula of their own, from the joined parts NAME.0, NAME.1, …
  Result<std::span<const double>> report(std::span<const Feed> parts);

  // A rate is data: setting one recompiles nothing.
  Diagnostics set(std::string_view rate, double value);
  Result<double> rate(std::string_view name) const;

  // The names of the parameters and statistics, which is what `save` writes, in the model's order.
  std::vector<std::string> parameters() const;
  // A state by name, in its logical shape.
  Result<data::Array> parameter(std::string_view name) const;
  Diagnostics set_parameter(std::string_view name, const data::Array& value);

  // All states but the optimizer's, which is what prediction needs, as safetensors, or as .npz where the path ends so.
  // Written whole or not at all. Loading takes either format by what the file holds, and wants every state with its
  // shape and nothing else; the elements' type may be another one. `at`: where the file is named, for diagnostics.
  Diagnostics save(const std::string& path) const;
  Diagnostics load(const std::string& path, const Span& at = {});
  // The same from a file that keeps other names, or matrices transposed, as PyTorch does ([out, in]): rules like
  // "hidden.linear.weight=fc1.weight^T", "encoder.*=enc.*", "-=*.num_batches_tracked", or names of files of such lines.
  Diagnostics load_mapped(const std::string& path, std::span<const std::string> map, const Span& at = {});

  // All that survives a step, as one safetensors file: the weights, the optimizer's states (their names behind
  // "optimizer/"), seed, steps taken and total steps ("clock/…"), and the rates as they are set ("rate/…"). Written
  // beside `path`, flushed to the disk and renamed: `path` holds the old file or the new one whenever the process or
  // the machine stops. A Trainer of the same program that loads it takes the very steps that this one would have
  // taken, bit for bit; what to feed it is the caller's (descent/training.h keeps the position in the data too).
  // Loading checks format, version, names, types and shapes of everything before it changes anything. `load` reads the
  // weights of a checkpoint too.
  Diagnostics save_checkpoint(const std::string& path) const;
  Diagnostics load_checkpoint(const std::string& path);

  struct Parts;
  Parts& parts() { return *parts_; }
  const Parts& parts() const { return *parts_; }

 private:
  explicit Trainer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace descent
