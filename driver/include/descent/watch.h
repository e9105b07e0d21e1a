// What a training that is watched tells: CompileOptions::watch, `descent train --watch`.
//
// Norms are Euclidean, the root of the sum of the squares of all elements, in f64; over several steps the root of the
// mean of their squares. The gradient is the one that differentiation gives, before any clip, where a step takes
// several batches the mean over all of their rows; the update is what the optimizer made of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "descent/diagnostics.h"

namespace descent {

enum class Trouble : std::uint8_t {
  none,
  not_finite,  // in some step an element of the gradient is infinite or NaN
  vanishing,   // the gradient's root mean square is below `vanishing_below`, and below `vanishing_share` of the largest
               // of all parameters: where all are small alike, the network has learnt what it can
  exploding,   // the updates are longer than `exploding_above` times the weights that they change
};
std::string to_string(Trouble trouble);  // "not finite"; of none empty

// 1e-7, 10 and one half are where rules of Amazon's SageMaker Debugger begin: VanishingGradient, WeightUpdateRatio,
// DeadRelu. An update should be about a thousandth of its weight (Karpathy, Stanford's CS231n, Neural Networks 3); a
// bias that began at 0 is for some steps no longer than its updates.
inline constexpr double vanishing_below = 1e-7, vanishing_share = 1e-3, exploding_above = 10, dead_from = 0.5;

// A parameter; of a repeat's the one of one turn.
struct ParameterWatch {
  std::string name;
  std::vector<std::int64_t> shape;
  double gradient = 0, largest_gradient = 0;  // norm over all steps, of one step
  double update = 0, weight = 0;              // norms
  Trouble trouble = Trouble::none;

  double relative_update() const { return update / weight; }  // of a weight of zeros inf or NaN
  std::int64_t count() const;
};

// What an activation's values are made of; a unit is dead when the local derivative is 0 for every row.
struct ActivationWatch {
  std::string name;
  std::int64_t units = 0, dead = 0;
};

// Of the steps first_step … last_step, which are an epoch's, or what there was of it.
struct WatchReport {
  std::int64_t first_step = 0, last_step = 0;
  std::vector<ParameterWatch> parameters;
  std::vector<ActivationWatch> activations;
  Diagnostics warnings;  // of trouble that the report before did not have, where the model makes what has it
};

}  // namespace descent
