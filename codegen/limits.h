// What no back end compiles.
#pragma once

#include "ir/diagnostics.h"
#include "ir/loop.h"

namespace descent::codegen {

// Empty: every buffer has its place, and the locals fit a stack.
Diagnostics why_not_compiled(const loop::Program& program);

}  // namespace descent::codegen
