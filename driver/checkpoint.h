// A checkpoint as tensors. Parameters and statistics stand under their own names, as in a weights file; everything
// else has a '/' in its name, which no parameter's path has.
#pragma once

#include <string>
#include <vector>

#include "descent/descent.h"
#include "driver/weights.h"
#include "runtime/data/safetensors.h"

namespace descent {

// One whole number, one double.
data::Array number(std::int64_t value);
data::Array number(double value);

// Everything a Trainer has to remember, and what a file must hold for it.
Result<data::Tensors> checkpoint_of(const Trainer& trainer);
std::vector<WantedTensor> wanted_for(const Trainer& trainer);

// The file, when it is a checkpoint of this version. What its tensors are is not looked at.
Result<data::Tensors> read_checkpoint(const std::string& path);
Diagnostics write_checkpoint(const std::string& path, const data::Tensors& tensors);

// Whole numbers that must lie in a range. `wanted` must have been found in `tensors`.
Result<std::int64_t> whole_number(const data::Tensors& tensors, const std::string& name, std::int64_t least,
                                  std::int64_t most, const std::string& path);

// Makes the trainer what the file says; the file has everything that is wanted.
Diagnostics restore(Trainer& trainer, const data::Tensors& tensors, const std::string& path);

bool is_checkpoint(const data::Tensors& tensors);
// Of a checkpoint the weights; of anything else all of it.
data::Tensors weights_of(data::Tensors tensors);

}  // namespace descent
