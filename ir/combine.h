// What the combiners of a sweep start from.
#pragma once

#include "ir/graph.h"

namespace descent {

// The value that changes nothing: of a place without a point, and of every accumulator before its first. For max and
// min the type's own least and greatest value, infinite for floats.
double identity_of(Combiner combiner, DType type);

}  // namespace descent
