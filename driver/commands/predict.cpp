// descent predict: a trained model on new rows.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>

#include "descent/prediction.h"
#include "driver/commands/command.h"
#include "fmt/format.h"

namespace descent::command {
namespace {

struct PredictOptions {
  ModelOptions model;
  std::string weights;
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

std::string element_text(const data::Array& array, std::size_t i) {
  switch (array.dtype) {
    case data::DType::f32:
      return fmt::format("{}", array.as<float>()[i]);
    case data::DType::f64:
      return fmt::format("{}", array.as<double>()[i]);
    case data::DType::i32:
      return fmt::format("{}", array.as<std::int32_t>()[i]);
    case data::DType::i64:
      return fmt::format("{}", array.as<std::int64_t>()[i]);
    case data::DType::u8:
    case data::DType::boolean:
      return fmt::format("{}", array.as<std::uint8_t>()[i]);
  }
  return {};
}

// One line per row, elements separated by commas; a heading when there are several outputs.
void print_array(const std::string& name, const data::Array& array, bool heading) {
  if (heading) fmt::print("# {}\n", name);
  const std::int64_t rows = array.rows();
  const std::int64_t width = rows == 0 ? 0 : array.count() / rows;
  std::string line;
  for (std::int64_t row = 0; row < rows; ++row) {
    line.clear();
    for (std::int64_t i = 0; i < width; ++i) {
      if (i > 0) line += ',';
      line += element_text(array, static_cast<std::size_t>(row * width + i));
    }
    fmt::print("{}\n", line);
  }
}

int run(const PredictOptions& wanted) {
  auto inputs = pairs(wanted.inputs, "--input");
  if (!inputs) return fail(inputs.errors());
  auto outputs = pairs(wanted.outputs, "--output");
  if (!outputs) return fail(outputs.errors());
  Result<Program> program = wanted.model.compile();
  if (!program) return fail(program.errors());
  Result<Trainer> trainer = Trainer::create(*program, wanted.trainer);
  if (!trainer) return fail(trainer.errors());
  if (Diagnostics wrong = trainer->load(wanted.weights); !wrong.empty()) return fail(wrong);
  Result<NamedArrays> arrays = read_inputs(*program, *inputs);
  if (!arrays) return fail(arrays.errors());
  Result<NamedArrays> results = predict_all(*trainer, *arrays);
  if (!results) return fail(results.errors());
  if (Diagnostics wrong = write_outputs(*results, *outputs); !wrong.empty()) return fail(wrong);
  if (!outputs->empty()) return done;
  for (const auto& [name, array] : *results) print_array(name, array, results->size() > 1);
  return done;
}

}  // namespace

void add_predict(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("predict", "Run a trained model on new rows");
  auto options = std::make_shared<PredictOptions>();
  options->model.add_to(*command);
  command->add_option("--weights", options->weights, "What `train` wrote: runs/NAME/weights.safetensors")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--input", options->inputs,
                   "Rows for an input, from .csv, .idx or .npy (also .gz): --input image=x.npy")
      ->required()
      ->type_name("NAME=FILE")
      ->allow_extra_args(false);
  command
      ->add_option("--output", options->outputs, "Write an output as .npy: --output logits=y.npy (default: print all)")
      ->type_name("NAME=FILE")
      ->allow_extra_args(false);
  command->add_option("--threads", options->trainer.threads, "Threads (default: one per processor)")
      ->type_name("N")
      ->check(whole_number(1, most_threads));
  command->footer(
      "Example:\n"
      "  descent predict xor.descent --weights runs/truth_table/weights.safetensors --input x=rows.csv");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace descent::command
