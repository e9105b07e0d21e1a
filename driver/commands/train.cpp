// descent train: every train block of a file, one after the other, each into a folder of its own.
#include <algorithm>
#include <filesystem>

#include "descent/run_folder.h"
#include "driver/commands/command.h"
#include "driver/commands/progress.h"
#include "fmt/format.h"

namespace descent::command {
namespace {

struct TrainOptions {
  ModelOptions model;
  std::int64_t epochs = 0, seed = -1;  // as the file says
  std::string out;
  TrainingOptions training;
  bool quiet = false;
};

// Settings on the command line replace the block's own.
Result<CompileOptions> options_for(const TrainOptions& wanted, const std::string& block) {
  Result<CompileOptions> options = wanted.model.compile_options();
  if (!options) return options;
  options->train = block;
  options->largest_batch = 0;
  if (wanted.model.batch > 0) options->set.emplace_back("batch", fmt::format("{}", wanted.model.batch));
  if (wanted.epochs > 0) options->set.emplace_back("epochs", fmt::format("{}", wanted.epochs));
  if (wanted.seed >= 0) options->set.emplace_back("seed", fmt::format("{}", wanted.seed));
  return options;
}

// What the model says about the rows of a data set so small that all can be read at a glance.
void print_predictions(Training& training) {
  constexpr std::int64_t most_rows = 8, most_elements = 10;
  const std::int64_t rows = training.test_rows() > 0 ? training.test_rows() : training.rows();
  if (rows > most_rows || !training.trainer().program().has("predict")) return;
  Result<std::vector<data::Array>> outputs = training.predict(rows);
  if (!outputs) return;
  const std::vector<Port>& ports = training.trainer().program().outputs("predict");
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const data::Array& array = (*outputs)[i];
    const std::int64_t width = array.rows() > 0 ? array.count() / array.rows() : 0;
    if (array.dtype != data::DType::f32 || array.rows() != rows || width > most_elements) continue;
    fmt::print("{}\n", ports[i].name);
    for (std::int64_t row = 0; row < rows; ++row) {
      fmt::print("  row {}:", row);
      for (std::int64_t k = 0; k < width; ++k)
        fmt::print(" {:.4f}", array.as<float>()[static_cast<std::size_t>(row * width + k)]);
      fmt::print("\n");
    }
  }
}

Diagnostics run_epochs(Training& training, RunFolder& folder, Progress& progress, NamedValues& last) {
  while (!training.done()) {
    Result<EpochReport> report = training.run_epoch([&](std::int64_t step, double loss) { progress.step(step, loss); });
    if (!report) return report.errors();
    progress.epoch(*report);
    if (Diagnostics wrong = folder.log(*report, training.test_rows() > 0); !wrong.empty()) return wrong;
    if (!report->evaluation.empty()) last = report->evaluation;
  }
  return folder.save(training.trainer());
}

int train_block(const TrainOptions& wanted, const std::string& block, const std::string& out) {
  Result<CompileOptions> options = options_for(wanted, block);
  if (!options) return fail(options.errors());
  Result<Program> program = compile_file(wanted.model.file, *options);
  if (!program) return fail(program.errors());
  Result<Training> training = Training::prepare(*program, wanted.training);
  if (!training) return fail(training.errors());
  Result<RunFolder> folder = RunFolder::create(out);
  if (!folder) return fail(folder.errors());

  NamedValues last;
  if (training->done()) {  // epochs = 0: what the initial weights are worth
    Result<NamedValues> values = training->evaluate();
    if (!values) return fail(values.errors());
    last = std::move(*values);
  }
  {
    Progress progress(*training, block, wanted.quiet);
    progress.begin(*program, training->trainer());
    if (Diagnostics wrong = run_epochs(*training, *folder, progress, last); !wrong.empty()) {
      std::fflush(stdout);
      return fail(wrong);
    }
  }
  if (!wanted.quiet) print_predictions(*training);
  fmt::print("{}: {} {}  | weights in {}\n", block, training->test_rows() > 0 ? "test" : "data", values_text(last),
             folder->weights_path());
  std::fflush(stdout);
  return done;
}

int no_such_block(const std::string& name, const std::vector<std::string>& blocks) {
  const std::string near = nearest(name, blocks);
  return fail(
      fmt::format("there is no train block '{}'", name),
      near.empty() ? fmt::format("there are {}", fmt::join(blocks, ", ")) : fmt::format("did you mean '{}'?", near));
}

int run(const TrainOptions& wanted) {
  Result<std::vector<std::string>> blocks = train_blocks(wanted.model.file);
  if (!blocks) return fail(blocks.errors());
  if (blocks->empty()) {
    return fail(
        fmt::format("'{}' has no train block: it says neither on which data to train nor how", wanted.model.file),
        "training needs a model file; inspect, check and build take printed programs too");
  }
  const std::string& only = wanted.model.only;
  if (!only.empty()) {
    const bool known = std::find(blocks->begin(), blocks->end(), only) != blocks->end();
    if (!known) return no_such_block(only, *blocks);
    blocks = std::vector<std::string>{only};
  }
  for (const std::string& block : *blocks) {
    std::filesystem::path out = wanted.out.empty() ? "runs" : wanted.out;
    if (wanted.out.empty() || blocks->size() > 1) out /= block;
    const int code = train_block(wanted, block, out.string());
    if (code != done) return code;
  }
  return done;
}

}  // namespace

void add_train(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("train", "Train a model on the data its train blocks name");
  auto options = std::make_shared<TrainOptions>();
  options->model.add_to(*command);
  command->add_option("--epochs", options->epochs, "Epochs")->type_name("N")->check(whole_number(1, INT32_MAX));
  command->add_option("--seed", options->seed, "Seed of weights, order and masks")
      ->type_name("N")
      ->check(whole_number(0, INT32_MAX));
  command
      ->add_option("--threads", options->training.trainer.threads,
                   "Threads (default: one per processor; any number gives the same bits)")
      ->type_name("N")
      ->check(whole_number(1, most_threads));
  command->add_option("--data", options->training.data_folder, "Look for data files here too")->type_name("DIR");
  command->add_option("--out", options->out, "Write weights.safetensors and log.jsonl here (default: runs/NAME)")
      ->type_name("DIR");
  command->add_flag("--quiet", options->quiet, "Print the last line only");
  command->footer(
      "Data files are looked for beside the model file, then in --data, then in $DESCENT_DATA.\n\n"
      "Examples:\n"
      "  descent train digits.descent\n"
      "  descent train digits.descent --set units=256 --set rate=1e-3 --epochs 10 --out runs/wide\n"
      "  descent train fashion.descent --data ~/fashion-mnist --threads 4");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace descent::command
