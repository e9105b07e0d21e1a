// Runs what a verifier accepted: the interpreter ends the process at an index that leaves its array.
#pragma once

#include <functional>

#include "ir/loop.h"

namespace descent::fuzz {

// Each entry of a small program that is itself small, twice: one row with the least integers that the inputs may hold,
// and the largest batch with the greatest. What calls a kernel that is not to be `trusted` does not run.
using Trust = std::function<bool(const loop::Kernel&)>;
void interpret_small(const loop::Program& program, const Trust& trusted = [](const loop::Kernel&) { return true; });

}  // namespace descent::fuzz
