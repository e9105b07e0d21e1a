// What a loop must be so that its iterations can be computed side by side.
#pragma once

#include <string>

#include "ir/loop.h"

namespace descent::codegen {

// The number of iterations of a loop whose bounds are constants (vector and unrolled loops).
std::int64_t constant_trips(const loop::For& loop);

// Why the iterations of a vector loop cannot be lanes of vectors ("an inner loop's bounds depend on 'j'"); empty when
// they can. Such a loop is emitted one iteration after another, which has the same meaning.
std::string why_not_vector(const loop::For& loop);

// The stack that the kernel's locals take in bytes (saturating); a local declared in a vector loop counts once per
// lane.
std::int64_t local_bytes(const loop::Kernel& kernel, std::int64_t batch);

}  // namespace descent::codegen
