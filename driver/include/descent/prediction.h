// Predicting from files to files, any number of rows.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "descent/descent.h"

namespace descent {

using NamedArrays = std::vector<std::pair<std::string, data::Array>>;

// Reads a file per input (name, path) by the reader its ending names, as values of that input of `predict`. Lines of a
// .txt file become tokens where the weights that were loaded keep the input's vocabulary.
Result<NamedArrays> read_inputs(const Trainer& trainer, const std::vector<std::pair<std::string, std::string>>& files);

// The outputs for all rows, batch by batch.
Result<NamedArrays> predict_all(Trainer& trainer, const NamedArrays& inputs);

// One line per row. As it stands: elements separated by commas, digits that read back as the same numbers.
struct RowStyle {
  std::string_view separator = ",";
  std::optional<int> decimals;  // of floating elements
  bool numbered = false;        // "  row 0: " before them
};
std::string rows_text(const data::Array& array, const RowStyle& style = {});

// A file for an output (name, path), by the path's ending: .npy, .csv for rows as text, or .npz, where several outputs
// may share one.
using OutputFiles = std::vector<std::pair<std::string, std::string>>;
// Empty when `predict` has these outputs and the endings are known: to be asked before the work is done.
Diagnostics check_outputs(const Program& program, const OutputFiles& files);
// Each whole or not at all.
Diagnostics write_outputs(const NamedArrays& outputs, const OutputFiles& files);

}  // namespace descent
