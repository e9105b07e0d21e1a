// Times an entry as a whole and call by call, in turns, and puts counts and limits beside the times.
#include "descent/bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <map>

#include "driver/bench_data.h"
#include "driver/json.h"
#include "driver/loop_parts.h"
#include "driver/roofline.h"
#include "driver/trainer.h"
#include "fmt/format.h"
#include "ir/loop_cost.h"

namespace descent {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t most_calls = 4096;        // compiled one by one
constexpr double whole_sample = 1e-4;           // seconds that a sample of the whole entry lasts at least
constexpr std::int64_t runs_from_states = 512;  // until states go back to what `init` gave
constexpr int fewest_samples = 3;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

class Samples {
 public:
  void add(double seconds) { seconds_.push_back(seconds); }
  std::size_t size() const { return seconds_.size(); }
  BenchTime time() {
    std::sort(seconds_.begin(), seconds_.end());
    return {seconds_.front(), seconds_[seconds_.size() / 2]};
  }

 private:
  std::vector<double> seconds_;
};

// An entry at work on random data, whole or in pieces.
class Workbench {
 public:
  Workbench(Trainer& trainer, EntryCall& call, std::int64_t rows)
      : parts_(trainer.parts()),
        call_(call),
        rows_(rows),
        states_(parts_.arena.get(), parts_.arena.get() + parts_.arena_bytes()) {}

  // Seconds of a run, the mean of as many as a sample needs.
  double sample_whole() {
    const auto start = Clock::now();
    for (std::int64_t i = 0; i < runs_; ++i) {
      next();
      call_.run(rows_, parts_.arena.get(), &parts_.threads);
    }
    const double seconds = seconds_since(start) / static_cast<double>(runs_);
    if (seconds * static_cast<double>(runs_) < whole_sample && runs_ < runs_from_states) runs_ *= 2;
    return seconds;
  }

  // Seconds of each piece, one round of all; `round[i]` belongs to pieces[i].
  void sample_pieces(const std::vector<DescentEntry>& pieces, std::vector<double>& round) {
    next();
    for (std::size_t i = 0; i < pieces.size(); ++i) round[i] = time_of(pieces[i]);
  }

  double time_of(DescentEntry piece) {
    const auto start = Clock::now();
    call_.run_part(piece, rows_, parts_.arena.get(), &parts_.threads);
    return seconds_since(start);
  }

 private:
  // Another batch; states as they were, when it is time.
  void next() {
    if (++since_states_ > runs_from_states) {
      std::copy(states_.begin(), states_.end(), parts_.arena.get());
      since_states_ = 0;
      parts_.step = 0;
    }
    call_.select(parts_.step % call_.batches());
    ++parts_.step;
  }

  Trainer::Parts& parts_;
  EntryCall& call_;
  std::int64_t rows_;
  std::vector<unsigned char> states_;  // the arena when all began
  std::int64_t since_states_ = 0;
  std::int64_t runs_ = 1;
};

// The calls of an entry as entries of their own, and one that does nothing.
struct CompiledPieces {
  std::unique_ptr<codegen::Jit> code;
  Pieces parts;
  std::vector<DescentEntry> entries;
  DescentEntry nothing = nullptr;
};

Result<CompiledPieces> compile_pieces(const Program& program, const std::string& entry) {
  loop::Program apart = only_entry(program.loop(), entry);
  const loop::Entry whole = apart.entries.front();
  apart.entries = {{"nothing", whole.inputs, whole.outputs, {}}};
  CompiledPieces compiled;
  compiled.parts = pieces_of(apart, whole, most_calls);
  const auto name_of = [](std::size_t number) { return fmt::format("piece{}", number); };
  for (std::size_t i = 0; i < compiled.parts.pieces.size(); ++i) {
    apart.entries.push_back({name_of(i), whole.inputs, whole.outputs, {compiled.parts.pieces[i].step}});
  }
  auto code = codegen::Jit::compile(apart, program.parts().machine);
  if (!code) return code.errors();
  compiled.code = std::move(*code);
  compiled.nothing = compiled.code->entry("nothing");
  for (std::size_t i = 0; i < compiled.parts.pieces.size(); ++i) {
    compiled.entries.push_back(compiled.code->entry(name_of(i)));
  }
  return compiled;
}

struct Measured {
  BenchTime whole;
  std::map<std::string, BenchTime> pieces;  // by name
};

// Whole runs and rounds of pieces in turns, for the given time.
Measured measure(Workbench& bench, const CompiledPieces& pieces, double seconds) {
  double clock = INFINITY;
  for (int i = 0; i < 1000; ++i) clock = std::min(clock, bench.time_of(pieces.nothing));
  Samples whole;
  std::map<std::string, Samples> parts;
  std::vector<double> round(pieces.entries.size());
  bench.sample_whole();
  const auto start = Clock::now();
  while (whole.size() < fewest_samples || seconds_since(start) < seconds) {
    whole.add(bench.sample_whole());
    bench.sample_pieces(pieces.entries, round);
    std::map<std::string_view, double> sums;
    for (std::size_t i = 0; i < round.size(); ++i) sums[pieces.parts.pieces[i].name] += std::max(0.0, round[i] - clock);
    for (const auto& [name, sum] : sums) parts[std::string(name)].add(sum);
  }
  Measured measured{whole.time(), {}};
  for (auto& [name, samples] : parts) measured.pieces[name] = samples.time();
  return measured;
}

void add(KernelCost& sum, double times, const loop::CallCost& call) {
  sum.calls += times;
  sum.flops += times * call.flops;
  for (const loop::Traffic& moved : call.traffic) {
    sum.bytes_read += times * moved.read;
    sum.bytes_written += times * moved.written;
  }
  sum.exact = sum.exact && call.exact;
}

// What is counted: by kernel, in the order of first calls, and of all.
void count_costs(BenchReport& report, const Program& program, const std::vector<std::string>& of_calls) {
  const loop::Entry& entry = *program.loop().entry(report.entry);
  const std::vector<loop::CallCost> costs = cost_of_calls(program.loop(), entry, report.rows);
  const std::vector<double> rooflines = rooflines_of_calls(program.loop(), entry, report.limits);
  DESCENT_CHECK(of_calls.size() == costs.size(), "calls that were counted are not those that were timed");
  std::map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    const auto [place, fresh] = places.try_emplace(of_calls[i], report.kernels.size());
    if (fresh) report.kernels.push_back({{of_calls[i]}, {}, 0});
    KernelBench& kernel = report.kernels[place->second];
    add(kernel.cost, costs[i].times, costs[i]);
    kernel.roofline += rooflines[i];
    add(report.cost, costs[i].times, costs[i]);
  }
}

// The better of two measurements of the machine, one before and one after.
MachineLimits best_of(const MachineLimits& a, const MachineLimits& b) {
  return {std::max(a.flops_per_second, b.flops_per_second), std::max(a.bytes_per_second, b.bytes_per_second), a.span};
}

std::string chosen_entry(const Program& program, const std::string& asked) {
  if (!asked.empty()) return asked;
  for (const char* entry : {"step", "evaluate"}) {
    if (program.has(entry)) return entry;
  }
  return "predict";
}

}  // namespace

Result<BenchReport> bench(const Program& program, const BenchOptions& options) {
  const std::string entry = chosen_entry(program, options.entry);
  if (Result<std::vector<EntryCost>> known = cost(program, entry); !known) return known.errors();
  Result<Trainer> trainer = Trainer::create(program, {.threads = options.threads});
  if (!trainer) return trainer.errors();
  if (Diagnostics wrong = trainer->init(1); !wrong.empty()) return wrong;
  Result<EntryCall*> call = trainer->parts().find(entry);
  if (!call) return call.errors();
  const std::int64_t rows = program.largest_batch();
  const BenchData data = random_data(program.inputs(entry), rows, std::max(1, options.batches));
  if (Diagnostics wrong = (*call)->feed_batches(rows, data.feeds); !wrong.empty()) return wrong;
  trainer->set_total_steps(runs_from_states);
  Result<CompiledPieces> pieces = compile_pieces(program, entry);
  if (!pieces) return pieces.errors();

  const std::int64_t span = program.arena_bytes() + data.bytes;
  Result<MachineLimits> before = measure_limits(trainer->threads(), span);
  if (!before) return before.errors();
  Workbench bench(*trainer, **call, rows);
  const Measured measured = measure(bench, *pieces, options.seconds);
  Result<MachineLimits> after = measure_limits(trainer->threads(), span);
  if (!after) return after.errors();

  BenchReport report;
  report.program = program.name();
  report.entry = entry;
  report.cpu = program.parts().machine.cpu;
  report.rows = rows;
  report.threads = trainer->threads();
  report.limits = best_of(*before, *after);
  report.cost.kernel = "total";
  report.time = measured.whole;
  count_costs(report, program, pieces->parts.of_calls);
  for (KernelBench& kernel : report.kernels) kernel.time = measured.pieces.at(kernel.cost.kernel);
  report.roofline = roofline_of(program, entry, report.limits);
  report.arena_bytes = program.arena_bytes();
  report.timings = trainer->timings();
  return report;
}

namespace {

// Rates by the least time; null where it is 0.
std::string rates_json(const KernelCost& cost, const BenchTime& time, std::optional<double> roofline) {
  const double bytes = cost.bytes_read + cost.bytes_written;
  const auto rate = [&](double amount) { return json::number(time.least > 0 ? amount / time.least : NAN); };
  return fmt::format(
      "\"calls\": {}, \"flops\": {}, \"bytes_read\": {}, \"bytes_written\": {}, \"exact\": {}, "
      "\"min_seconds\": {}, \"median_seconds\": {}, \"flops_per_second\": {}, \"bytes_per_second\": {}, "
      "\"roofline_seconds\": {}, \"share\": {}",
      json::number(cost.calls), json::number(cost.flops), json::number(cost.bytes_read),
      json::number(cost.bytes_written), cost.exact, json::number(time.least), json::number(time.median),
      rate(cost.flops), rate(bytes), json::number(roofline.value_or(NAN)), rate(roofline.value_or(NAN)));
}

std::string timings_json(const Timings& took) {
  return fmt::format(
      "{{\"parse\": {}, \"elaborate\": {}, \"passes\": {}, \"lower\": {}, \"emit\": {}, \"optimise\": {}, "
      "\"codegen\": {}, \"total\": {}}}",
      json::number(took.parse), json::number(took.elaborate), json::object(took.passes), json::number(took.lower),
      json::number(took.emit), json::number(took.optimise), json::number(took.codegen), json::number(took.total()));
}

}  // namespace

std::string to_json(const BenchReport& report) {
  std::string kernels;
  for (const KernelBench& kernel : report.kernels) {
    kernels += fmt::format("{}{{\"kernel\": {}, {}}}", kernels.empty() ? "" : ", ", json::text(kernel.cost.kernel),
                           rates_json(kernel.cost, kernel.time, kernel.roofline));
  }
  return fmt::format(
      "{{\"program\": {}, \"entry\": {}, \"cpu\": {}, \"rows\": {}, \"threads\": {}, \"peak_flops_per_second\": {}, "
      "\"bandwidth_bytes_per_second\": {}, \"bandwidth_span\": {}, \"arena_bytes\": {}, \"code_bytes\": {}, "
      "\"compile_seconds\": {}, \"total\": {{{}}}, \"kernels\": [{}]}}\n",
      json::text(report.program), json::text(report.entry), json::text(report.cpu), report.rows, report.threads,
      json::number(report.limits.flops_per_second), json::number(report.limits.bytes_per_second), report.limits.span,
      report.arena_bytes, report.timings.code_bytes, timings_json(report.timings),
      rates_json(report.cost, report.time, report.roofline), kernels);
}

}  // namespace descent
