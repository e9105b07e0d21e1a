// Predicting from files to files, any number of rows.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "descent/descent.h"

namespace descent {

using NamedArrays = std::vector<std::pair<std::string, data::Array>>;

// Reads a file per input (name, path) by the reader its ending names, as values of that input of `predict`.
Result<NamedArrays> read_inputs(const Program& program, const std::vector<std::pair<std::string, std::string>>& files);

// The outputs for all rows, batch by batch.
Result<NamedArrays> predict_all(Trainer& trainer, const NamedArrays& inputs);

// Writes outputs (name, path) as .npy, each whole or not at all.
Diagnostics write_outputs(const NamedArrays& outputs, const std::vector<std::pair<std::string, std::string>>& files);

}  // namespace descent
