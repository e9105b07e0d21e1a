// What is odd about data, but no mistake: to be told before a training begins, or beside a prediction.
#pragma once

#include "driver/dataset.h"

namespace descent {

// Numbers in memory that are none or infinite; classes that no row of the training data has.
Diagnostics data_warnings(const Program& program, const Dataset& data, const std::optional<Dataset>& test);

// The first number that is none or infinite, of data in memory.
Diagnostics warn_of_numbers(const Dataset& dataset);

}  // namespace descent
