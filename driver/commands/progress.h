// How a training shows itself: a bar on a terminal, lines everywhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "descent/training.h"

namespace descent::command {

// How much of a training is shown: `quiet` nothing; `brief` a bar on a terminal, for one of many runs; `full` a bar
// and a line per evaluated epoch.
enum class Detail : std::uint8_t { quiet, brief, full };

class Progress {
 public:
  Progress(const Training& training, std::string name, Detail detail);
  ~Progress() { clear(); }

  void begin(const Program& program, const Trainer& trainer) const;
  void step(std::int64_t step, double loss);
  void epoch(const EpochReport& report);
  void end();  // all epochs are done
  // The table of what is watched, where it is shown, and the warnings.
  void watch(const WatchReport& report, bool shown);

 private:
  void clear();

  const Training& training_;
  std::string name_;
  Detail detail_;
  bool bar_ = false, shown_ = false;
  double seconds_ = 0;  // since the last line
  std::chrono::steady_clock::time_point drawn_{};
};

}  // namespace descent::command
