// What a Loop program does, without its numbering and names: the same before and after print and parse.
#pragma once

#include <string>

#include "ir/loop.h"

namespace descent::fuzz {

// Every store with the expression that it stores, every condition and loop, in order.
std::string shape_of(const loop::Program& program);

}  // namespace descent::fuzz
