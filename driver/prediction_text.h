// Text in and out of a prediction: lines become tokens as training read them, an output's tokens become lines.
#pragma once

#include <string>

#include "descent/prediction.h"
#include "driver/readers.h"

namespace descent {

// The lines of a .txt file as the train block reads those that feed `input`, with all that the same reader makes of
// them (lengths, masks); without such a reader in the block, by the input's vocabulary alone, `length` tokens a line.
// `vocabularies` are those of the weights.
Result<data::Stream> read_lines_as_trained(const Program& program, const std::string& input, std::int64_t length,
                                           const std::string& path, Vocabularies& vocabularies);
// Whether that can be done.
bool reads_lines(const Program& program, const std::string& input, const Vocabularies& vocabularies);

}  // namespace descent
