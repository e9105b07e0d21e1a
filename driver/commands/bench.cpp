// descent bench: how fast an entry runs, kernel by kernel, against what the machine could do.
#include "descent/bench.h"

#include <cstdio>

#include "driver/commands/command.h"
#include "driver/commands/table.h"
#include "fmt/format.h"
#include "runtime/data/file.h"

namespace descent::command {
namespace {

struct BenchCommand {
  ModelOptions model;
  BenchOptions options;
  std::string json;
};

// "1.23 ms": four digits, in a unit that fits.
std::string time_text(double seconds) {
  if (seconds <= 0) return "-";
  if (seconds < 1e-6) return fmt::format("{:.4g} ns", 1e9 * seconds);
  if (seconds < 1e-3) return fmt::format("{:.4g} us", 1e6 * seconds);
  if (seconds < 1) return fmt::format("{:.4g} ms", 1e3 * seconds);
  return fmt::format("{:.4g} s", seconds);
}

std::string rate_text(double amount, double seconds) {
  return seconds > 0 ? fmt::format("{:.1f}", 1e-9 * amount / seconds) : "-";
}

std::string share_text(std::optional<double> least, double seconds) {
  return least && seconds > 0 ? fmt::format("{:.1f} %", 100 * *least / seconds) : "-";
}

std::vector<std::string> cells(const KernelCost& cost, const BenchTime& time, double whole,
                               std::optional<double> roofline) {
  return {cost.kernel,
          count_text(cost.calls),
          time_text(time.least),
          time_text(time.median),
          share_text(time.median, whole),
          (cost.exact ? "" : "~") + rate_text(cost.flops, time.least),
          rate_text(cost.bytes_read + cost.bytes_written, time.least),
          roofline ? time_text(*roofline) : "-",
          share_text(roofline, time.least)};
}

std::string kernel_table(const BenchReport& report) {
  using enum Table::Align;
  Table table;
  table.column("kernel", left);
  for (const char* heading : {"calls", "min", "median", "of all", "GFLOP/s", "GB/s", "roofline", "share"}) {
    table.column(heading, right);
  }
  for (const KernelBench& kernel : report.kernels) {
    table.row(cells(kernel.cost, kernel.time, report.time.median, kernel.roofline));
  }
  table.row(cells(report.cost, report.time, report.time.median, report.roofline));
  return table.text();
}

std::string compile_line(const Timings& took) {
  std::string passes;
  for (const auto& [pass, seconds] : took.passes) passes += fmt::format("{} {:.1f}, ", pass, 1e3 * seconds);
  return fmt::format(
      "compiled in {:.1f} ms: parse {:.1f}, elaborate {:.1f}, {}lower {:.1f}, emit {:.1f}, LLVM's passes {:.1f}, code "
      "generation {:.1f}; code {}\n",
      1e3 * took.total(), 1e3 * took.parse, 1e3 * took.elaborate, passes, 1e3 * took.lower, 1e3 * took.emit,
      1e3 * took.optimise, 1e3 * took.codegen, bytes_text(took.code_bytes));
}

void print(const BenchReport& report) {
  fmt::print("{}, entry {}: batch {}; {} thread{} of {}; arena {}\n", report.program, report.entry, report.rows,
             report.threads, report.threads == 1 ? "" : "s", report.cpu, bytes_text(report.arena_bytes));
  fmt::print("measured peak {:.1f} GFLOP/s; bandwidth {:.1f} GB/s over {}\n", 1e-9 * report.limits.flops_per_second,
             1e-9 * report.limits.bytes_per_second, bytes_text(report.limits.span));
  fmt::print("{}\n{}", compile_line(report.timings), kernel_table(report));
}

int run(const BenchCommand& wanted) {
  Result<Program> program = wanted.model.compile();
  if (!program) return fail(program.errors());
  Result<BenchReport> report = bench(*program, wanted.options);
  if (!report) return fail(report.errors());
  print(*report);
  if (wanted.json.empty()) return done;
  const auto written = data::write_file(wanted.json, data::bytes_of_text(to_json(*report)));
  return written ? done : fail({Diagnostic{"unwritable-file", {}, data::to_string(written.error()), {}}});
}

}  // namespace

void add_bench(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("bench", "Time an entry, kernel by kernel, against the machine's roofline");
  auto wanted = std::make_shared<BenchCommand>();
  BenchOptions& options = wanted->options;
  wanted->model.add_to(*command);
  command
      ->add_option("--entry", options.entry,
                   "init, step, accumulate, evaluate, report, predict or advance (default: step; without a train "
                   "block evaluate or predict)")
      ->type_name("NAME");
  command->add_option("--threads", options.threads, "How many (default: one per processor)")
      ->type_name("N")
      ->check(whole_number(1, most_threads));
  command->add_option("--seconds", options.seconds, "How long to measure (default: 1)")
      ->type_name("S")
      ->check(CLI::Range(0.0, 3600.0));
  command->add_option("--batches", options.batches, "Batches of random inputs, taken in turn (default: 8)")
      ->type_name("N")
      ->check(whole_number(1, 1 << 20));
  command->add_option("--json", wanted->json, "Write the figures to this file too, as one JSON object")
      ->type_name("FILE");
  command->footer(
      "Inputs are random, of the declared types and ranges; no data is read. Rates and shares are by the least time.\n"
      "A kernel is timed on its own, in its place among the others; the last row is the entry as it runs. Its "
      "roofline\n"
      "is the least that its contractions and passes could take before any optimisation: for each, its operations at\n"
      "the measured peak, or its weights, moments and inputs at the measured bandwidth, each fetched once and stored\n"
      "once. A kernel's roofline counts what that kernel computes, and the weights, moments and inputs it touches.\n\n"
      "Examples:\n"
      "  descent bench digits.descent --threads 1\n"
      "  descent bench digits.descent --entry predict --batch 1 --json predict.json");
  command->callback([wanted, &exit_code] { exit_code = run(*wanted); });
}

}  // namespace descent::command
