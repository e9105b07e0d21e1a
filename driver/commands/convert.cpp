// descent convert: weights from one file into another, under the model's names.
#include "driver/commands/command.h"
#include "fmt/format.h"

namespace descent::command {
namespace {

struct ConvertOptions {
  ModelOptions model;
  std::string weights, out;
  std::vector<std::string> map;
};

int run(const ConvertOptions& wanted) {
  Result<Program> program = wanted.model.compile();
  if (!program) return fail(program.errors());
  Result<Trainer> trainer = Trainer::create(*program, {.threads = 1});
  if (!trainer) return fail(trainer.errors());
  if (Diagnostics wrong = trainer->load_mapped(wanted.weights, wanted.map); !wrong.empty()) return fail(wrong);
  if (Diagnostics wrong = trainer->save(wanted.out); !wrong.empty()) return fail(wrong);
  return done;
}

}  // namespace

void add_convert(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("convert", "Write a model's weights in another format, or from other names");
  auto options = std::make_shared<ConvertOptions>();
  options->model.add_to(*command);
  add_weights(*command, options->weights, options->map);
  command->add_option("-o,--out", options->out, "The file to write: .npz for NumPy, else safetensors")
      ->required()
      ->type_name("FILE");
  command->footer(
      "Weights are checked against the model and stored in its types.\n\n"
      "Examples:\n"
      "  descent convert digits.descent --weights runs/uci/weights.safetensors -o weights.npz\n"
      "  descent convert digits.descent --weights torch.safetensors -o start.safetensors \\\n"
      "    --map 'hidden.linear.weight=fc1.weight^T' --map 'hidden.linear.bias=fc1.bias'\n"
      "  descent convert digits.descent --weights torch.safetensors --map names.txt -o start.safetensors");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace descent::command
