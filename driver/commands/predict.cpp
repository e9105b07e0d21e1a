// descent predict: a trained model on new rows.
#include <algorithm>
#include <cstdio>

#include "descent/sampling.h"
#include "driver/commands/command.h"
#include "fmt/format.h"

namespace descent::command {
namespace {

struct PredictOptions {
  ModelOptions model;
  std::string weights;
  std::vector<std::string> map;
  std::vector<std::string> inputs, outputs;  // NAME=FILE
  std::vector<std::string> texts;            // OUTPUT=INPUT
  SampleOptions sample;                      // its tokens 0: predict rows
  TrainerOptions trainer;
};

Result<std::vector<std::pair<std::string, std::string>>> pairs(const std::vector<std::string>& texts,
                                                               const char* option, const char* form = "NAME=FILE") {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
      return Diagnostic{"command-line", {}, fmt::format("{} wants {}, found '{}'", option, form, text), {}};
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

Result<Destinations> destinations_of(const Program& program, const OutputFiles& outputs,
                                     const OutputVocabularies& texts) {
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
  if (Diagnostics wrong = check_outputs(program, named, texts); !wrong.empty()) return wrong;
  return destinations;
}

// In the order of the model, with a heading where there are several.
void print_outputs(const NamedArrays& results, const NamedTexts& texts, const std::vector<std::string>& wanted) {
  for (const auto& [name, array] : results) {
    if (std::find(wanted.begin(), wanted.end(), name) == wanted.end()) continue;
    if (wanted.size() > 1) fmt::print("# {}\n", name);
    const auto text = texts.find(name);
    fmt::print("{}", text == texts.end() ? rows_text(array) : text->second);
  }
}

// Texts, each with a heading where there are several that may have lines of their own.
void print_texts(const std::vector<std::string>& texts) {
  const bool has_lines =
      std::any_of(texts.begin(), texts.end(), [](const std::string& text) { return text.find('\n') != text.npos; });
  for (std::size_t row = 0; row < texts.size(); ++row) {
    if (texts.size() > 1 && has_lines) fmt::print("# row {}\n", row);
    fmt::print("{}\n", texts[row]);
  }
}

int run_sample(const PredictOptions& wanted, Trainer& trainer, const NamedArrays& inputs) {
  const Result<Sampled> sampled = sample(trainer, inputs, wanted.sample);
  if (!sampled) return fail(sampled.errors());
  for (const Note& note : sampled->notes) fmt::print(stderr, "note: {}\n", note.message);
  print_texts(sampled->texts);
  return done;
}

int run(const PredictOptions& wanted) {
  if (wanted.inputs.empty() && wanted.sample.tokens == 0) {
    return fail("--input is required", "`descent predict --help` shows its options");
  }
  auto inputs = pairs(wanted.inputs, "--input");
  if (!inputs) return fail(inputs.errors());
  auto outputs = pairs(wanted.outputs, "--output");
  if (!outputs) return fail(outputs.errors());
  auto vocabularies = pairs(wanted.texts, "--text", "OUTPUT=INPUT");
  if (!vocabularies) return fail(vocabularies.errors());
  Result<Program> program = wanted.model.compile();
  if (!program) return fail(program.errors());
  if (Diagnostics wrong = check_texts(*program, *vocabularies); !wrong.empty()) return fail(wrong);
  Result<Destinations> destinations = destinations_of(*program, *outputs, *vocabularies);
  if (!destinations) return fail(destinations.errors());
  Result<Trainer> trainer = Trainer::create(*program, wanted.trainer);
  if (!trainer) return fail(trainer.errors());
  if (Diagnostics wrong = trainer->load_mapped(wanted.weights, wanted.map); !wrong.empty()) return fail(wrong);
  Result<NamedArrays> arrays = read_inputs(*trainer, *inputs);
  if (!arrays) return fail(arrays.errors());
  if (wanted.sample.tokens > 0) return run_sample(wanted, *trainer, *arrays);
  warn(warnings_of(*program, *arrays));
  Result<NamedArrays> results = predict_all(*trainer, *arrays);
  if (!results) return fail(results.errors());
  Result<NamedTexts> texts = texts_of(*trainer, *results, *vocabularies);
  if (!texts) return fail(texts.errors());
  if (Diagnostics wrong = write_outputs(*results, destinations->files, *texts); !wrong.empty()) return fail(wrong);
  print_outputs(*results, *texts, destinations->printed);
  return done;
}

void add_sample(CLI::App& command, CLI::Option& output, SampleOptions& options) {
  CLI::Option* const sample =
      command.add_option("--sample", options.tokens, "Continue a text by at most so many tokens")
          ->type_name("N")
          ->check(whole_number(1, INT32_MAX))
          ->excludes(&output);
  const auto with_sample = [&](CLI::Option* option) { option->needs(sample)->allow_extra_args(false); };
  with_sample(command.add_option("--prompt", options.prompts, "What the text begins with (default: <begin>)")
                  ->type_name("TEXT"));
  with_sample(command
                  .add_option("--temperature", options.temperature,
                              "Below 1: likely tokens more often; 0: the likeliest only (default: 1)")
                  ->type_name("X"));
  with_sample(command.add_option("--top", options.top, "Only so many of the likeliest tokens (default: all)")
                  ->type_name("N")
                  ->check(whole_number(1, INT32_MAX)));
  with_sample(command.add_option("--seed", options.seed, "Of what is drawn (default: 1)")
                  ->type_name("N")
                  ->check(whole_number(0, INT32_MAX)));
}

}  // namespace

void add_predict(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("predict", "Run a trained model on new rows");
  auto options = std::make_shared<PredictOptions>();
  options->model.add_to(*command);
  add_weights(*command, options->weights, options->map);
  command
      ->add_option("--input", options->inputs,
                   "Rows for an input, from .csv, .idx, .npy or .npz (also .gz), an image from .png, or lines of text "
                   "from .txt: --input "
                   "image=x.npy")
      ->type_name("NAME=FILE")
      ->allow_extra_args(false);
  CLI::Option* const output =
      command
          ->add_option("--output", options->outputs,
                       "Write an output as .npy, .npz, .csv, images as .png, text as .txt, or print its rows: "
                       "logits=y.npy, logits=- (default: print all)")
          ->type_name("NAME=FILE")
          ->allow_extra_args(false);
  command
      ->add_option("--text", options->texts,
                   "Write the integers of an output as text, by the vocabulary of an input: --text translation=spoken")
      ->type_name("OUTPUT=INPUT")
      ->allow_extra_args(false);
  add_sample(*command, *output, options->sample);
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
      "  descent predict chars.descent --weights runs/plays/weights.safetensors --sample 400 --prompt ROMEO: "
      "--temperature 0.8 --seed 3\n\n"
      "Of several arrays in an .npz the one that is called like the input is taken. Lines of a .txt file become tokens "
      "as the train block makes them of its own, with their lengths and masks.\n\n"
      "--sample prints text in place of outputs, from a model with an input of tokens, i32[batch, places], that says "
      "for each place how likely each token comes next, f32[batch, places, tokens]. The vocabulary lies in the "
      "weights. A token costs one place where scans alone carry the past (the entry `advance`), else a window of all "
      "places, and a note says why. Each --prompt, and each row of the model's other inputs, is a text of its own; "
      "<end> ends it. The same seed gives the same text.");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace descent::command
