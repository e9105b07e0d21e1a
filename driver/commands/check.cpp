// descent check: types and shapes, then gradients against central differences.
#include <cstdio>

#include "descent/tools.h"
#include "driver/commands/command.h"
#include "fmt/format.h"

namespace descent::command {
namespace {

int report(const std::vector<GradientCheck>& checks) {
  if (checks.empty()) {
    fmt::print("types and shapes are right; there is no gradient by a parameter or input to check\n");
    return done;
  }
  bool passed = true;
  for (const GradientCheck& check : checks) {
    const std::string_view at = check.place.starts_with('[') ? "at " : "";
    fmt::print("{}  d {} / d {}: largest deviation {:.1e} {}{} (gradient {:.8g}, difference {:.8g})\n",
               check.passed ? "ok   " : "WRONG", check.of, check.by, check.deviation, at, check.place, check.gradient,
               check.difference);
    passed = passed && check.passed;
  }
  if (passed) return done;
  std::fflush(stdout);
  return fail(fmt::format("a gradient deviates from its central difference by more than {:.0e}", gradient_tolerance));
}

}  // namespace

void add_check(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("check", "Check types and shapes, and all gradients against differences");
  auto model = std::make_shared<ModelOptions>();
  model->add_to(*command);
  command->footer(
      "Gradients are compared in double, on small random data, for single elements of each parameter and along two\n"
      "directions. A deviation is relative to the largest gradient of the parameter; above 1e-4 the exit code is 1.\n\n"
      "Example:\n"
      "  descent check digits.descent");
  command->callback([model, &exit_code] {
    Result<Program> program = model->compile();
    if (!program) return void(exit_code = fail(program.errors()));
    Result<std::vector<GradientCheck>> checks = check_gradients(*program);
    if (!checks) return void(exit_code = fail(checks.errors()));
    exit_code = report(*checks);
  });
}

}  // namespace descent::command
