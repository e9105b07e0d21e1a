// Predicting from files to files, any number of rows.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "descent/descent.h"

namespace descent {

using NamedArrays = std::vector<std::pair<std::string, data::Array>>;

// Reads a file per input (name, path) by the reader its ending names, as values of that input of `predict`. Lines of a
// .txt file become tokens as the train block makes them of its own lines, with the lengths and masks that it makes
// beside them; without such a train block by the input's vocabulary, where the weights that were loaded keep one.
Result<NamedArrays> read_inputs(const Trainer& trainer, const std::vector<std::pair<std::string, std::string>>& files);

// What is odd about the inputs, but no mistake: numbers that are none or infinite. As descent/warnings.h shows it.
Diagnostics warnings_of(const Program& program, const NamedArrays& inputs);

// The outputs for all rows, batch by batch.
Result<NamedArrays> predict_all(Trainer& trainer, const NamedArrays& inputs);

// One line per row. As it stands: elements separated by commas, digits that read back as the same numbers.
struct RowStyle {
  std::string_view separator = ",";
  std::optional<int> decimals;  // of floating elements
  bool numbered = false;        // "  row 0: " before them
};
std::string rows_text(const data::Array& array, const RowStyle& style = {});

// An output and the input whose vocabulary names its integers.
using OutputVocabularies = std::vector<std::pair<std::string, std::string>>;
using NamedTexts = std::map<std::string, std::string>;
// Empty when `predict` has these outputs, of integers with one axis beside the batch, and the program those inputs.
Diagnostics check_texts(const Program& program, const OutputVocabularies& wanted);
// A line per row: its tokens up to <end>. The vocabularies are those of the weights that were loaded.
Result<NamedTexts> texts_of(const Trainer& trainer, const NamedArrays& outputs, const OutputVocabularies& wanted);

// A file for an output (name, path), by the path's ending: .npy, .csv for rows as numbers, .txt for rows as text, .png
// for images, or .npz, where several outputs may share one.
using OutputFiles = std::vector<std::pair<std::string, std::string>>;
// Empty when `predict` has these outputs and the endings are known: to be asked before the work is done.
Diagnostics check_outputs(const Program& program, const OutputFiles& files, const OutputVocabularies& texts = {});
// Each whole or not at all.
Diagnostics write_outputs(const NamedArrays& outputs, const OutputFiles& files, const NamedTexts& texts = {});

}  // namespace descent
