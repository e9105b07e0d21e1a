// What enters and leaves each entry of a program.
#pragma once

#include <vector>

#include "driver/program.h"

namespace descent {

std::vector<EntryPorts> ports_of(const Model& model, const std::vector<frontend::Rate>& rates);
std::vector<EntryPorts> ports_of(const loop::Program& program);

}  // namespace descent
