// The least time that an entry could take on a machine; descent/bench.h says what is counted.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "descent/bench.h"
#include "ir/loop.h"

namespace descent {

// Of the entry's Graph before order, layout and fusion, in seconds; nothing for a printed Loop program.
std::optional<double> roofline_of(const Program& program, const std::string& entry, const MachineLimits& limits);

// What each call of an entry of the Loop program could take at least, in the order of the calls, all turns together.
std::vector<double> rooflines_of_calls(const loop::Program& program, const loop::Entry& entry,
                                       const MachineLimits& limits);

}  // namespace descent
