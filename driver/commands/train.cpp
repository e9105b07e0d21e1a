// descent train: the train blocks of a file with the values that are swept, one run after the other, each into a folder
// of its own; of several runs one table.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <set>

#include "descent/run_folder.h"
#include "driver/commands/command.h"
#include "driver/commands/comparison.h"
#include "driver/commands/interruption.h"
#include "driver/commands/table.h"
#include "driver/commands/training_run.h"
#include "fmt/format.h"

namespace descent::command {
namespace {

struct TrainOptions {
  ModelOptions model;
  std::int64_t epochs = 0, seed = -1;  // as the file says
  std::string out;
  std::vector<std::string> sweep;  // NAME=VALUE,VALUE,…
  std::string best;
  TrainingOptions training;
  std::string checkpoint_every = "1m";
  CheckpointInterval interval;
  bool resume = false;
  bool quiet = false;
  bool watch = false;
  std::vector<std::string> words;  // the command line

  RunRequest request(std::string name, std::string folder, Detail detail, bool compared) const {
    return {std::move(name), std::move(folder), detail, compared, training, interval, resume};
  }
};

// One run: a train block with one value of everything that is swept.
struct Plan {
  std::string block;
  Assignment swept;
  std::string folder;
};

// The names and values that options of the command line set in every run.
Assignment fixed_settings(const TrainOptions& wanted) {
  Assignment fixed;
  if (wanted.model.batch > 0) fixed.emplace_back("batch", fmt::format("{}", wanted.model.batch));
  if (wanted.epochs > 0) fixed.emplace_back("epochs", fmt::format("{}", wanted.epochs));
  if (wanted.seed >= 0) fixed.emplace_back("seed", fmt::format("{}", wanted.seed));
  return fixed;
}

// What the command line says replaces what the block says.
Result<CompileOptions> options_for(const TrainOptions& wanted, const std::string& block, const Assignment& swept) {
  Result<CompileOptions> options = wanted.model.settings();
  if (!options) return options;
  options->train = block;
  options->watch = wanted.watch;
  for (const auto& [name, value] : fixed_settings(wanted)) options->set.push_back({name, value, "--" + name});
  for (const auto& [name, value] : swept) options->set.push_back({name, value, "--sweep"});
  return options;
}

Result<Program> compile(const TrainOptions& wanted, const std::string& block, const Assignment& swept,
                        const Program* like) {
  Result<CompileOptions> options = options_for(wanted, block, swept);
  if (!options) return options.errors();
  return like ? compile_file(wanted.model.file, *options, *like) : compile_file(wanted.model.file, *options);
}

// -- going on --------------------------------------------------------------------------------------------------------

// A word as a shell reads it back.
std::string quoted(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char sign) {
    return std::isalnum(static_cast<unsigned char>(sign)) ||
           std::string_view("_./=,:+@%-").find(sign) != std::string_view::npos;
  });
  if (plain) return word;
  std::string text = "'";
  for (const char sign : word) text += sign == '\'' ? "'\\''" : std::string(1, sign);
  return text + "'";
}

// Says how to go on, and ends like a process that the signal ended.
[[noreturn]] void end_interrupted(const TrainOptions& wanted) {
  std::string line;
  for (const std::string& word : wanted.words) line += quoted(word) + " ";
  fmt::print(stderr, "to go on: {}{}\n", line, wanted.resume ? "" : "--resume");
  end_by(interruption());
}

Diagnostics nothing_to_resume(const std::vector<std::string>& folders) {
  Diagnostic missing{"missing-checkpoint",
                     {},
                     fmt::format("there is no checkpoint to go on from: '{}' is not there",
                                 RunFolder::checkpoint_path(folders.front())),
                     {}};
  if (folders.size() > 1) missing.notes.push_back({{}, "nor has any other of the runs one"});
  missing.notes.push_back({{}, "without --resume training begins"});
  return {std::move(missing)};
}

// Where --resume is asked for, at least one of the runs must have been saved; else what an earlier training saved is
// of no use any more.
Diagnostics check_checkpoints(const TrainOptions& wanted, const std::vector<std::string>& folders) {
  if (!wanted.resume) {
    for (const std::string& folder : folders) RunFolder::remove_checkpoint(folder);
    return {};
  }
  if (std::any_of(folders.begin(), folders.end(), RunFolder::has_checkpoint)) return {};
  return nothing_to_resume(folders);
}

// "500": steps; "30s", "5m", "2h": time; "0": never.
Result<CheckpointInterval> parse_interval(const std::string& text) {
  constexpr std::int64_t most = 1'000'000'000;
  constexpr std::pair<std::string_view, std::int64_t> units[] = {
      {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error == std::errc() && value >= 0 && value <= most) {
    if (unit.empty()) return CheckpointInterval{value, {}};
    for (const auto& [name, milliseconds] : units) {
      if (unit == name) return CheckpointInterval{0, std::chrono::milliseconds(value * milliseconds)};
    }
  }
  return Diagnostic{
      "command-line",
      {},
      fmt::format("--checkpoint-every wants a number of steps, or a time like 30s, 5m or 2h, found '{}'", text),
      {}};
}

// -- one run ---------------------------------------------------------------------------------------------------------

int train_alone(const TrainOptions& wanted, const std::string& block, const std::string& folder) {
  Result<Program> program = compile(wanted, block, {}, nullptr);
  if (!program) return fail(program.errors());
  Result<Criterion> criterion = parse_criterion(wanted.best, *program);
  if (!criterion) return fail(criterion.errors());
  if (Diagnostics wrong = check_checkpoints(wanted, {folder}); !wrong.empty()) return fail(wrong);
  RunResult result;
  const RunRequest request = wanted.request(block, folder, wanted.quiet ? Detail::quiet : Detail::full, false);
  const Diagnostics wrong = run_training(*program, request, *criterion, result);
  if (!wrong.empty()) return fail(wrong);
  if (result.interrupted) end_interrupted(wanted);
  return done;
}

// -- several ---------------------------------------------------------------------------------------------------------

// Several runs of a file, compared.
class Runs {
 public:
  Runs(const TrainOptions& wanted, std::vector<std::string> blocks, std::vector<Sweep> sweeps, std::string out)
      : wanted_(wanted), blocks_(std::move(blocks)), sweeps_(std::move(sweeps)), out_(std::move(out)) {}

  int run() {
    if (Diagnostics wrong = check_values(); !wrong.empty()) return fail(wrong);
    Result<Criterion> criterion = parse_criterion(wanted_.best, *program_);
    if (!criterion) return fail(criterion.errors());
    Comparison comparison(*program_, *criterion, (out_ / "comparison.jsonl").string());
    const std::vector<Plan> plans = all_plans();
    std::vector<std::string> folders;
    for (const Plan& plan : plans) folders.push_back(plan.folder);
    if (Diagnostics wrong = check_checkpoints(wanted_, folders); !wrong.empty()) return fail(wrong);
    for (std::size_t i = 0; i < plans.size(); ++i) {
      if (Diagnostics wrong = run(plans[i], i + 1, plans.size(), *criterion, comparison); !wrong.empty()) {
        if (!comparison.empty()) fmt::print("\n{}", comparison.table());
        std::fflush(stdout);
        return fail(wrong);
      }
    }
    fmt::print("{}{}", wanted_.quiet ? "" : "\n", comparison.table());
    std::fflush(stdout);
    return outcome(comparison);
  }

 private:
  // Every value that is swept, in every block, before the first run: a mistake in the last one shows at once.
  Diagnostics check_values() {
    for (const std::string& block : blocks_) {
      const Assignment first = combinations(sweeps_).front();
      if (Diagnostics wrong = check_value(block, first); !wrong.empty()) return wrong;
      for (std::size_t i = 0; i < sweeps_.size(); ++i) {
        for (const std::string& value : sweeps_[i].values) {
          Assignment other = first;
          other[i].second = value;
          if (Diagnostics wrong = check_value(block, other); !wrong.empty()) return wrong;
        }
      }
    }
    return {};
  }

  Diagnostics check_value(const std::string& block, const Assignment& swept) {
    Result<Program> program = compile(wanted_, block, swept, program_ ? &*program_ : nullptr);
    if (!program) return program.errors();
    program_ = std::move(*program);
    return {};
  }

  std::vector<Plan> all_plans() const {
    std::vector<Plan> plans;
    std::set<std::string> folders;
    for (const std::string& block : blocks_) {
      for (Assignment& swept : combinations(sweeps_)) {
        std::filesystem::path folder = out_;
        if (blocks_.size() > 1) folder /= block;
        if (!swept.empty()) folder /= folder_name(swept);
        std::string name = folder.string();
        for (int n = 2; !folders.insert(name).second; ++n) name = fmt::format("{}~{}", folder.string(), n);
        plans.push_back({block, std::move(swept), std::move(name)});
      }
    }
    return plans;
  }

  std::string name_of(const Plan& plan) const {
    if (plan.swept.empty()) return plan.block;
    return (blocks_.size() > 1 ? plan.block + " " : "") + assignment_text(plan.swept);
  }

  // Many runs show a line each; blocks of a file all of their epochs.
  Detail detail() const { return wanted_.quiet ? Detail::quiet : sweeps_.empty() ? Detail::full : Detail::brief; }

  Diagnostics run(const Plan& plan, std::size_t number, std::size_t count, const Criterion& criterion,
                  Comparison& comparison) {
    Result<Program> program = compile(wanted_, plan.block, plan.swept, &*program_);
    if (!program) return program.errors();
    program_ = std::move(*program);
    const std::string title = fmt::format("[{}/{}] {}", number, count, name_of(plan));
    const std::string& shown = detail() == Detail::full ? plan.block : title;
    RunResult result{plan.block, plan.swept, plan.folder, 0, 0, {}, {}, 0, 0, {}};
    const RunRequest request = wanted_.request(shown, plan.folder, detail(), true);
    const Diagnostics wrong = run_training(*program_, request, criterion, result);
    if (!wrong.empty() && !is_divergence(wrong)) return wrong;
    if (result.interrupted) end_interrupted(wanted_);
    if (!wrong.empty()) result.diverged = wrong.front().message;
    print_line(title, comparison.add(std::move(result)));
    if (Diagnostics unwritten = comparison.write(); !unwritten.empty()) return unwritten;
    if (interruption() != 0 && number < count) end_interrupted(wanted_);
    return {};
  }

  void print_line(const std::string& title, const RunResult& result) const {
    if (detail() == Detail::quiet || (detail() == Detail::full && result.diverged.empty())) return;
    if (!result.diverged.empty()) {
      fmt::print("{}: diverged: {}{}\n", title, result.diverged,
                 result.has_earlier_weights
                     ? fmt::format("  | the weights in {} are an earlier training's", result.folder)
                     : "");
    } else {
      fmt::print("{}: {} {}  | {} epochs, {:.3f} s\n", title, result.test.empty() ? "data" : "test",
                 values_text(result.judged()), result.epochs, result.seconds);
    }
    std::fflush(stdout);
  }

  // In a sweep a value that diverges is an answer; a block of the file that diverges is a training that failed.
  int outcome(const Comparison& comparison) const {
    if (comparison.all_diverged()) return fail("all runs diverged", "smaller rates or smaller inputs may help");
    if (sweeps_.empty() && comparison.any_diverged()) return fail("a train block of the file diverged");
    return done;
  }

  const TrainOptions& wanted_;
  std::vector<std::string> blocks_;
  std::vector<Sweep> sweeps_;
  std::filesystem::path out_;
  std::optional<Program> program_;  // the last one: what comes next may share its machine code
};

// Names that --set and options of their own give a value.
std::vector<std::string> fixed_names(const TrainOptions& wanted, const CompileOptions& settings) {
  std::vector<std::string> names;
  for (const Setting& setting : settings.set) names.push_back(setting.name);
  for (const auto& [name, value] : fixed_settings(wanted)) names.push_back(name);
  return names;
}

int run(TrainOptions& wanted) {
  Result<CheckpointInterval> interval = parse_interval(wanted.checkpoint_every);
  if (!interval) return fail(interval.errors());
  wanted.interval = *interval;
  Result<std::vector<std::string>> blocks = wanted.model.blocks();
  if (!blocks) return fail(blocks.errors());
  if (blocks->empty()) {
    return fail(
        fmt::format("'{}' has no train block: it says neither on which data to train nor how", wanted.model.file),
        "training needs a model file; inspect, check and build take printed programs too");
  }
  Result<CompileOptions> settings = wanted.model.settings();
  if (!settings) return fail(settings.errors());
  Result<std::vector<Sweep>> sweeps = parse_sweeps(wanted.sweep, fixed_names(wanted, *settings));
  if (!sweeps) return fail(sweeps.errors());
  std::filesystem::path out = wanted.out.empty() ? "runs" : wanted.out;
  if (wanted.out.empty() && blocks->size() == 1) out /= blocks->front();
  if (blocks->size() == 1 && sweeps->empty()) return train_alone(wanted, blocks->front(), out.string());
  return Runs(wanted, std::move(*blocks), std::move(*sweeps), out.string()).run();
}

}  // namespace

void add_train(CLI::App& app, std::span<char* const> words, int& exit_code) {
  CLI::App* command = app.add_subcommand("train", "Train a model on the data its train blocks name");
  auto options = std::make_shared<TrainOptions>();
  options->words.assign(words.begin(), words.end());
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
  command->add_option("--out", options->out, "Write weights, checkpoint and log here (default: runs/NAME)")
      ->type_name("DIR");
  command->add_flag("--resume", options->resume,
                    "Go on from OUT/checkpoint.safetensors, bit for bit as if training had never stopped");
  command
      ->add_option("--checkpoint-every", options->checkpoint_every,
                   "Save after so much time, 30s, 5m, 2h, or so many steps; 0: only at the end and when interrupted "
                   "(default: 1m)")
      ->type_name("TIME|N");
  command
      ->add_option("--sweep", options->sweep,
                   "Train with each of these values of what --set may name; several --sweep: with every combination")
      ->type_name("NAME=V,V,V")
      ->allow_extra_args(false);
  command
      ->add_option("--best", options->best,
                   "Compare runs by this loss, or metric as max:NAME or min:NAME (default: the losses)")
      ->type_name("NAME");
  command->add_flag("--watch", options->watch,
                    "Show gradients and updates of each parameter and dead units, and warn of trouble with them");
  command->add_flag("--quiet", options->quiet, "Print the last line only, or the table that compares several runs");
  command->footer(
      "Data files are looked for beside the model file, then in --data, then in $DESCENT_DATA.\n\n"
      "Several runs (a file with several train blocks, --sweep) go one after the other, each into a folder of its "
      "own:\n"
      "OUT/BLOCK/NAME=VALUE. A table compares them at the end; OUT/comparison.jsonl holds it, one object per run. A "
      "run\n"
      "whose loss stops being finite is a row that says so; the exit code is 1 when all runs of a sweep end so, or "
      "when a\n"
      "train block does without --sweep.\n\n"
      "SIGINT (Ctrl-C) and SIGTERM finish the step under way, save, and print the command that goes on; the process\n"
      "ends by the signal, which shells show as exit code 130 or 143. A second one stops at once; every file is the\n"
      "old one or the new one. --resume takes the same command line: the train block, its settings and the data must\n"
      "be as they were; --epochs may be more where no schedule reads the number of steps. Of several runs those that\n"
      "are done are not repeated. Without --resume training begins anew.\n\n"
      "--watch shows at every report, for the epoch before it, of each parameter the length of the gradient (before a\n"
      "clip; over all steps, and the largest), of the weight, and of the update in lengths of the weight, about 1e-3 "
      "of\n"
      "a healthy one; and the units that are dead: their activation's derivative is 0 for every row. After each epoch\n"
      "it warns, at the model's line, of gradients that are not finite, that vanish (root mean square below 1e-7 and\n"
      "below 1e-3 of another parameter's), of updates ten times as long as the weight, and where half of the units "
      "are\n"
      "dead; again only when more has it. The training has the same bits. OUT/log.jsonl holds the numbers.\n\n"
      "Examples:\n"
      "  descent train digits.descent\n"
      "  descent train digits.descent --set units=256 --set rate=1e-3 --epochs 10 --out runs/wide\n"
      "  descent train digits.descent --epochs 60 --resume\n"
      "  descent train digits.descent --sweep rate=1e-1,1e-2,1e-3 --sweep units=32,128 --best max:accuracy\n"
      "  descent train fashion.descent --data ~/fashion-mnist --threads 4");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace descent::command
