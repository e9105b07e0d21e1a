// How a training shows itself: a bar on a terminal, lines everywhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "descent/training.h"

namespace descent::command {

// "nll 0.12  accuracy 0.97"
std::string values_text(const NamedValues& values);

class Progress {
 public:
  // `quiet`: neither bar nor lines.
  Progress(const Training& training, std::string name, bool quiet);
  ~Progress() { clear(); }

  void begin(const Program& program, const Trainer& trainer) const;
  void step(std::int64_t step, double loss);
  void epoch(const EpochReport& report);

 private:
  void clear();

  const Training& training_;
  std::string name_;
  bool quiet_ = false, bar_ = false, shown_ = false;
  double seconds_ = 0;  // since the last line
  std::chrono::steady_clock::time_point drawn_{};
};

}  // namespace descent::command
