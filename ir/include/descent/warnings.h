// What went on all the same, but should be known: diagnostics that say `warning` where an error says `error`.
#pragma once

#include <span>
#include <string>

#include "descent/diagnostics.h"

namespace descent {

// Otherwise as `render`.
std::string render_warnings(std::span<const Diagnostic> warnings, bool colour = false);

}  // namespace descent
