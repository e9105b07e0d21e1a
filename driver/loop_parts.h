// Parts of a Loop program as programs of their own, for looking at.
#pragma once

#include <string_view>
#include <vector>

#include "ir/loop.h"

namespace descent {

// One entry, with the kernels and buffers it uses.
loop::Program only_entry(const loop::Program& program, std::string_view entry);
// One kernel, called once, on the buffers of the first call to it; index parameters are 0.
loop::Program only_kernel(const loop::Program& program, std::string_view kernel);

// Every call of some steps, repeats entered.
std::vector<const loop::Call*> calls_of(const loop::Steps& steps);

}  // namespace descent
