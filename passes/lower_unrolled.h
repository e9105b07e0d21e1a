// A sweep of few points, every one of them spelled out (Schedule::unrolled).
#pragma once

#include "passes/lower_sweep.h"

namespace descent {

LoweredKernel lower_unrolled(const SweepJob& job, const Schedule& schedule);

}  // namespace descent
