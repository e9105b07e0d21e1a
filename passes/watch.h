// What `descent train --watch` sees: further outputs of the entry `step`, sweeps like any other.
//
// Of every parameter that a gradient is taken by, the sums of squares of three things, in f64, so that no f32 leaves
// its range: of the gradient as differentiation gives it (before a clip, before an optimizer; where a step takes
// several batches the mean over the rows of all), of the update (the state's next value minus the one on entry), of the
// weight on entry. A state of a repeat has a sum for each turn.
//
//   entry step {
//     …
//     %g = gradient of %loss by %w : f32[2, 3]
//     update hidden.weight = %w2
//     %a = sweep [i < 2, j < 3] sum at [] { x = f64(%g[i, j]); x * x } : f64[]
//     %b = sweep [i < 2, j < 3] sum at [] { x = f64(%w2[i, j]) - f64(%w[i, j]); x * x } : f64[]
//     %c = sweep [i < 2, j < 3] sum at [] { x = f64(%w[i, j]); x * x } : f64[]
//     output gradient.hidden.weight = %a   output update.hidden.weight = %b   output weight.hidden.weight = %c
//   }
//
// And of every activation which of its units live: 1 where the local derivative is not 0 for some row of the batch,
// else 0. An activation is known by what it computes, not by a name: a sweep of one element for each element of a
// tensor of its shape, whose derivative by that element depends on the element; the tensor comes from inputs and
// parameters, and a further parameter stands between the sweep and the loss. Its units are the axes that parameters
// gave the tensor (the last sum with a parameter in it, and what is done to each element behind it): the second of
// [batch, units], the channels of [batch, channels, height, width]. Rows, places and times are samples.
//
//   %h = sweep [b < batch, j < 3] { select(%s[b, j] <= 0.0, 0.0, %s[b, j]) } : f32[batch, 3]
// → %l = sweep [b < batch, j < 3] max at [j] { select(not_equal(select(%s[b, j] <= 0.0, 0.0, 1.0), 0.0), 1.0, 0.0) }
//   output units.0 = %l
//
// In the body of a scan that is a further yield; the turns of a repeat, which have parameters of their own, are units
// too, the steps of other scans are samples. The entry `accumulate`, which sees all batches of a step but the last,
// gives the units alone. Nothing reads what is added, and no node that was there changes: the step computes the same
// bits.
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace descent {

struct WatchedParameter {
  std::string name;  // of the state
  TensorType type;
  Span at;  // where the model makes it
};
struct WatchedUnits {
  std::string name;  // of the value, may be empty
  Shape shape;       // turns of repeats first, then the units
  std::size_t turns = 0;
  Span at;
};

// The model whose step has these outputs behind its own: three per parameter, as above, then one per activation, which
// `accumulate` has too.
struct Watched {
  Model model;
  std::vector<WatchedParameter> parameters;
  std::vector<WatchedUnits> units;
};

// Of a model as the front end makes it, before any pass.
Watched watch(const Model& model);

}  // namespace descent
