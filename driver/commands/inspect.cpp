// descent inspect: a stage as text on standard output.
#include <cstdio>

#include "descent/tools.h"
#include "driver/commands/command.h"

namespace descent::command {

void add_inspect(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("inspect", "Show any stage between the text and the machine code");
  auto model = std::make_shared<ModelOptions>();
  auto options = std::make_shared<InspectOptions>();
  model->add_to(*command);
  command->add_option("--stage", options->stage, "ast, graph, step, loop, llvm or asm (default: graph)")
      ->type_name("STAGE")
      ->check(one_of(stages()));
  command->add_option("--pass", options->pass, "The Graph before and after this pass")->type_name("NAME");
  command->add_option("--entry", options->entry, "Only this entry: init, step, evaluate, report or predict")
      ->type_name("NAME");
  command->add_option("--kernel", options->kernel, "Only this kernel (stages loop, llvm, asm)")->type_name("NAME");
  command->footer(
      "Examples:\n"
      "  descent inspect digits.descent --stage step --entry step      the gradients, as the compiler made them\n"
      "  descent inspect digits.descent --pass gather                  before and after one pass\n"
      "  descent inspect digits.descent --stage asm --kernel hidden    one kernel's machine code");
  command->callback([model, options, &exit_code] {
    Result<Program> program = model->compile();
    if (!program) return void(exit_code = fail(program.errors()));
    Result<std::string> text = inspect(*program, *options);
    if (!text) return void(exit_code = fail(text.errors()));
    std::fwrite(text->data(), 1, text->size(), stdout);
  });
}

}  // namespace descent::command
