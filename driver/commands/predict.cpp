// descent predict: a trained model on new rows.
#include <algorithm>
#include <cstdio>

#include "descent/prediction.h"
#include "driver/commands/command.h"
#include "fmt/format.h"

namespace descent::command {
namespace {

struct PredictOptions {
  ModelOptions model;
  std::string weights;
  std::vector<std::string> map;
  std::vector<std::string> inputs, outputs;  // NAME=FILE
  TrainerOptions trainer;
};

Result<std::vector<std::pair<std::string, std::string>>> pairs(const std::vector<std::string>& texts,
                                                               const char* option) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
      return Diagnostic{"command-line", {}, fmt::format("{} wants NAME=FILE, found '{}'", option, text), {}};
    }
    const std::string name = text.substr(0, equals);
    const bool known = std::any_of(pairs.begin(), pairs.end(), [&](const auto& pair) { return pair.first == name; });
    if (known) return Diagnostic{"command-line", {}, fmt::format("{} names '{}' twice", option, name), {}};
    pairs.emplace_back(name, text.substr(equals + 1));
  }
  return pairs;
}

// Where the outputs go.
struct Destinations {
  std::vector<std::string> printed;  // NAME=-, and all when there is no --output
  OutputFiles files;
};

Result<Destinations> destinations_of(const Program& program, const OutputFiles& outputs) {
  Destinations destinations;
  OutputFiles named;  // `-` is no file, but the output has to exist
  for (const auto& [name, path] : outputs) {
    if (path == "-") {
      destinations.printed.push_back(name);
      named.emplace_back(name, ".csv");
    } else {
      destinations.files.emplace_back(name, path);
      named.emplace_back(name, path);
    }
  }
  if (outputs.empty()) {
    for (const Port& port : program.outputs("predict")) destinations.printed.push_back(port.name);
  }
  if (Diagnostics wrong = check_outputs(program, named); !wrong.empty()) return wrong;
  return destinations;
}

// In the order of the model, with a heading where there are several.
void print_outputs(const NamedArrays& results, const std::vector<std::string>& wanted) {
  for (const auto& [name, array] : results) {
    if (std::find(wanted.begin(), wanted.end(), name) == wanted.end()) continue;
    if (wanted.size() > 1) fmt::print("# {}\n", name);
    fmt::print("{}", rows_text(array));
  }
}

int run(const PredictOptions& wanted) {
  auto inputs = pairs(wanted.inputs, "--input");
  if (!inputs) return fail(inputs.errors());
  auto outputs = pairs(wanted.outputs, "--output");
  if (!outputs) return fail(outputs.errors());
  Result<Program> program = wanted.model.compile();
  if (!program) return fail(program.errors());
  Result<Destinations> destinations = destinations_of(*program, *outputs);
  if (!destinations) return fail(destinations.errors());
  Result<Trainer> trainer = Trainer::create(*program, wanted.trainer);
  if (!trainer) return fail(trainer.errors());
  if (Diagnostics wrong = trainer->load_mapped(wanted.weights, wanted.map); !wrong.empty()) return fail(wrong);
  Result<NamedArrays> arrays = read_inputs(*trainer, *inputs);
  if (!arrays) return fail(arrays.errors());
  Result<NamedArrays> results = predict_all(*trainer, *arrays);
  if (!results) return fail(results.errors());
  if (Diagnostics wrong = write_outputs(*results, destinations->files); !wrong.empty()) return fail(wrong);
  print_outputs(*results, destinations->printed);
  return done;
}

}  // namespace

void add_predict(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("predict", "Run a trained model on new rows");
  auto options = std::make_shared<PredictOptions>();
  options->model.add_to(*command);
  add_weights(*command, options->weights, options->map);
  command
      ->add_option("--input", options->inputs,
                   "Rows for an input, from .csv, .idx, .npy or .npz (also .gz): --input image=x.npy")
      ->required()
      ->type_name("NAME=FILE")
      ->allow_extra_args(false);
  command
      ->add_option("--output", options->outputs,
                   "Write an output as .npy, .npz, .csv or, images, .png, or print its rows: logits=y.npy, logits=- "
                   "(default: print all)")
      ->type_name("NAME=FILE")
      ->allow_extra_args(false);
  command->add_option("--threads", options->trainer.threads, "Threads (default: one per processor)")
      ->type_name("N")
      ->check(whole_number(1, most_threads));
  command->footer(
      "Printed rows are lines of numbers separated by commas, an output's name as a comment above where there are "
      "several.\n\n"
      "Examples:\n"
      "  descent predict xor.descent --weights runs/truth_table/weights.safetensors --input x=rows.csv\n"
      "  descent predict digits.descent --weights runs/uci/weights.safetensors --input pixel=x.npy --output "
      "logits=y.npy\n"
      "  descent predict digits.descent --weights torch.safetensors --map names.txt --input pixel=x.npz\n\n"
      "Of several arrays in an .npz the one that is called like the input is taken.");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace descent::command
