// One run of `descent train`: from its data to its weights and what they reached.
#pragma once

#include <string>

#include "descent/training.h"
#include "driver/commands/comparison.h"
#include "driver/commands/progress.h"

namespace descent::command {

struct RunRequest {
  std::string name;  // in what is printed
  std::string folder;
  Detail detail = Detail::full;
  bool compared = false;  // the training data is judged too, when there is test data
  TrainingOptions training;
};

// Trains, writes the folder, fills `result`. A loss that is not finite is among the errors; `result` then says how far
// it came.
Diagnostics run_training(const Program& program, const RunRequest& request, const Criterion& criterion,
                         RunResult& result);

}  // namespace descent::command
