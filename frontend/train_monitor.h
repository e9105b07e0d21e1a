// The settings of a train block that say what it is judged by, and when it ends early.
#pragma once

#include <string>

#include "frontend/elaborator.h"
#include "frontend/frontend.h"

namespace descent::frontend {

// An expression as it stands in the text.
std::string written(const ast::Expression& value);

// `nll`, `max(accuracy)`, `min(distance)`: a loss is good when it is small, of a metric the setting says it.
Monitor read_monitor(const ast::Expression& value, const ModelReading& reading, Reporter& reporter);
// `early(patience = 5, threshold = 0, delta = 0)`, all numbers from 0.
EarlyStop read_early_stop(const ast::Expression& value, Elaborator& values, Reporter& reporter);

}  // namespace descent::frontend
