// descent inspect: a stage as text, or what the kernels cost, on standard output.
#include <cstdio>

#include "descent/tools.h"
#include "driver/commands/command.h"
#include "driver/commands/table.h"
#include "fmt/format.h"
#include "ir/loop.h"
#include "ir/loop_layout.h"

namespace descent::command {
namespace {

struct InspectCommand {
  ModelOptions model;
  InspectOptions options;
  bool cost = false;
};

std::vector<std::string> cost_cells(const KernelCost& cost) {
  const double bytes = cost.bytes_read + cost.bytes_written;
  const std::string intensity = bytes > 0 ? fmt::format("{:.2f}", cost.flops / bytes) : "-";
  return {cost.kernel,
          count_text(cost.calls),
          (cost.exact ? "" : "~") + count_text(cost.flops),
          count_text(cost.bytes_read),
          count_text(cost.bytes_written),
          intensity};
}

std::string cost_table(const EntryCost& entry) {
  using enum Table::Align;
  Table table;
  table.column("kernel", left);
  for (const char* heading : {"calls", "FLOPs", "bytes read", "bytes written", "FLOPs/byte"}) {
    table.column(heading, right);
  }
  KernelCost total{"total", 0, 0, 0, 0, true};
  for (const KernelCost& cost : entry.kernels) {
    table.row(cost_cells(cost));
    total.calls += cost.calls;
    total.flops += cost.flops;
    total.bytes_read += cost.bytes_read;
    total.bytes_written += cost.bytes_written;
    total.exact = total.exact && cost.exact;
  }
  table.row(cost_cells(total));
  return table.text();
}

// Of the arena, what lives from call to call.
std::int64_t state_bytes(const Program& program) {
  std::int64_t bytes = 0;
  for (const loop::Buffer& buffer : program.loop().buffers) {
    if (buffer.storage != loop::Buffer::Storage::state) continue;
    bytes += loop::stored_bytes(buffer, program.largest_batch());
  }
  return bytes;
}

int print_cost(const Program& program, const InspectOptions& options) {
  Result<std::vector<EntryCost>> costs = cost(program, options.entry, options.kernel);
  if (!costs) return fail(costs.errors());
  fmt::print("{}: batch {}; arena {} bytes, {} of them states\n", program.name(), program.largest_batch(),
             count_text(static_cast<double>(program.arena_bytes())),
             count_text(static_cast<double>(state_bytes(program))));
  for (const EntryCost& entry : *costs) fmt::print("\nentry {}\n{}", entry.entry, cost_table(entry));
  return done;
}

int run(const InspectCommand& wanted) {
  Result<Program> program = wanted.model.compile();
  if (!program) return fail(program.errors());
  if (wanted.cost) return print_cost(*program, wanted.options);
  Result<std::string> text = inspect(*program, wanted.options);
  if (!text) return fail(text.errors());
  std::fwrite(text->data(), 1, text->size(), stdout);
  return done;
}

}  // namespace

void add_inspect(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("inspect", "Show any stage between the text and the machine code");
  auto wanted = std::make_shared<InspectCommand>();
  InspectOptions& options = wanted->options;
  wanted->model.add_to(*command);
  CLI::Option* stage =
      command->add_option("--stage", options.stage, "ast, graph, step, fused, loop, llvm, cpp or asm (default: graph)")
          ->type_name("STAGE")
          ->check(one_of(stages()));
  CLI::Option* pass =
      command->add_option("--pass", options.pass, "The Graph before and after this pass")->type_name("NAME");
  command
      ->add_option("--entry", options.entry,
                   "Only this entry: init, step, steps, accumulate, evaluate, report, predict or advance")
      ->type_name("NAME");
  command->add_option("--kernel", options.kernel, "Only this kernel (stages loop, llvm, cpp, asm; --cost)")
      ->type_name("NAME");
  command->add_flag("--cost", wanted->cost, "FLOPs and bytes of every kernel at the batch, in place of a stage")
      ->excludes(stage)
      ->excludes(pass);
  command->footer(
      "--cost counts the Loop program (--stage loop) at the batch of the train block or --batch. FLOPs: every "
      "operation\n"
      "on floats is one, a fused multiply-add two; exp, log, tanh … are the operations of their expansions (an f32 exp "
      "is\n"
      "29); indices and random integers are none; a branch counts as taken. Bytes are the least that a call must "
      "move:\n"
      "each element that it can touch once, wherever it lies. `~` marks a count that is near, or at most that much.\n\n"
      "Examples:\n"
      "  descent inspect digits.descent --stage step --entry step      the gradients, as the compiler made them\n"
      "  descent inspect digits.descent --stage fused --entry step     which of them share a kernel, and why not more\n"
      "  descent inspect digits.descent --pass gather                  before and after one pass\n"
      "  descent inspect digits.descent --cost --entry step            where the work of a step is\n"
      "  descent inspect digits.descent --stage asm --kernel hidden    one kernel's machine code");
  command->callback([wanted, &exit_code] { exit_code = run(*wanted); });
}

}  // namespace descent::command
