// Draws the bar at most ten times a second and clears it before a line is printed.
#include "driver/commands/progress.h"

#include <unistd.h>

#include <cstdio>

#include "driver/commands/command.h"
#include "driver/commands/table.h"
#include "fmt/format.h"

namespace descent::command {
namespace {

constexpr int bar_width = 30;
constexpr std::chrono::milliseconds redraw_after{100};

}  // namespace

Progress::Progress(const Training& training, std::string name, Detail detail)
    : training_(training),
      name_(std::move(name)),
      detail_(detail),
      bar_(detail != Detail::quiet && is_capable_terminal(STDERR_FILENO)) {}

void Progress::begin(const Program& program, const Trainer& trainer) const {
  if (detail_ != Detail::full) return;
  const Timings& took = trainer.timings();
  const std::string test = training_.test_rows() > 0 ? fmt::format(", {} to test", training_.test_rows()) : "";
  fmt::print("{}: {} rows{}; {} epochs of {} steps; batch {}; {} threads; arena {}\n", name_, training_.rows(), test,
             training_.epochs(), training_.steps_per_epoch(), program.largest_batch(), trainer.threads(),
             bytes_text(program.arena_bytes()));
  fmt::print("compiled in {:.0f} ms: parse {:.1f}, passes {:.1f}, lower {:.1f}, machine code {:.1f}\n",
             1e3 * took.total(), 1e3 * (took.parse + took.elaborate), 1e3 * took.all_passes(), 1e3 * took.lower,
             1e3 * took.machine_code());
  if (training_.done() && training_.epochs() > 0) {
    const std::int64_t epochs = training_.epochs_done();
    fmt::print("finished before: {}\n", training_.stopped() ? fmt::format("stopped early after epoch {}", epochs)
                                                            : fmt::format("all {} epochs are done", epochs));
  } else if (trainer.steps_taken() > 0) {
    fmt::print("goes on in epoch {}/{} after step {}\n", training_.epochs_done() + 1, training_.epochs(),
               trainer.steps_taken());
  }
  std::fflush(stdout);
}

void Progress::step(std::int64_t step, double loss) {
  if (!bar_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - drawn_ < redraw_after) return;
  drawn_ = now;
  shown_ = true;
  const double share = static_cast<double>(step) / static_cast<double>(training_.steps_per_epoch());
  const int filled = static_cast<int>(share * bar_width);
  fmt::print(stderr, "\r\x1b[K{}epoch {}/{} [{:=<{}}{: <{}}] {:3.0f} %  loss {:.4g}",
             detail_ == Detail::brief ? name_ + "  " : "", training_.epochs_done() + 1, training_.epochs(), "", filled,
             "", bar_width - filled, 100 * share, loss);
  std::fflush(stderr);
}

void Progress::epoch(const EpochReport& report) {
  seconds_ += report.seconds;
  if (report.watch) watch(*report.watch, !report.evaluation.empty());
  if (!report.warnings.empty() && detail_ != Detail::brief) {  // of many runs each is a row that says what became of it
    clear();
    warn(report.warnings);
  }
  if (detail_ != Detail::full || report.evaluation.empty()) return;
  clear();
  fmt::print("epoch {}/{}  {}  | {}: {}  | {:.3f} s\n", report.epoch, training_.epochs(), values_text(report.losses),
             training_.test_rows() > 0 ? "test" : "data", values_text(report.evaluation), seconds_);
  for (const auto& [name, value] : report.changed) {
    fmt::print("  {} has not got better: {} is {:.4g} from here on\n", training_.monitor(), name, value);
  }
  std::fflush(stdout);
  seconds_ = 0;
}

void Progress::end() {
  const std::optional<BestEpoch> best = training_.best();
  if (detail_ != Detail::full || !best) return;
  clear();
  if (training_.stopped()) {
    fmt::print("stopped early: {} has not got better since epoch {}\n", training_.monitor(), best->epoch);
  }
  fmt::print("the weights are those of epoch {}, {} {:.4g}\n", best->epoch, training_.monitor(), best->value);
}

void Progress::watch(const WatchReport& report, bool shown) {
  if (detail_ == Detail::quiet) return;
  clear();
  if (shown && detail_ == Detail::full) {
    fmt::print("{}", watch_text(report));
    std::fflush(stdout);
  }
  warn(report.warnings);
}

void Progress::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace descent::command
