// One run of `descent train`: from its data to its weights and what they reached.
#pragma once

#include <chrono>
#include <string>

#include "descent/training.h"
#include "driver/commands/comparison.h"
#include "driver/commands/progress.h"

namespace descent::command {

// When a training is saved besides at its end and when it is interrupted: after so many steps, or so much time.
// Both 0: never.
struct CheckpointInterval {
  std::int64_t steps = 0;
  std::chrono::milliseconds time{0};
};

struct RunRequest {
  std::string name;  // in what is printed
  std::string folder;
  Detail detail = Detail::full;
  bool compared = false;  // the training data is judged too, when there is test data
  TrainingOptions training;
  CheckpointInterval interval;
  bool resume = false;  // go on from the folder's checkpoint where there is one
};

// Trains, writes the folder, fills `result`. A loss that is not finite is among the errors; `result` then says how far
// it came. A signal ends it early: `result.interrupted`, and the folder holds the checkpoint to go on from.
Diagnostics run_training(const Program& program, const RunRequest& request, const Criterion& criterion,
                         RunResult& result);

}  // namespace descent::command
