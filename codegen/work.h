// How much a piece of a kernel costs, so that a thread pool can tell whether threads pay.
#pragma once

#include <cstdint>

#include "ir/loop.h"

namespace descent::codegen {

// Floating-point operations of one iteration of `loop`, a load or a store counting as one; an estimate (a loop whose
// bounds depend on outer variables counts as in the middle of their ranges, and both sides of nothing are guessed: the
// body of an If counts whole), at least 1.
std::int64_t work_per_iteration(const loop::Kernel& kernel, const loop::For& loop, std::int64_t batch);
// Of all of it.
std::int64_t work_of(const loop::Kernel& kernel, std::int64_t batch);

}  // namespace descent::codegen
