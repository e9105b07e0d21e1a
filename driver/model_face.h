// A Program as its artifact shows it.
#pragma once

#include <string>
#include <vector>

#include "codegen/artifact.h"
#include "descent/tools.h"

namespace descent {

// `loop`: the program's, or a part of it with fewer entries.
codegen::ModelFace face_of(const Program& program, const loop::Program& loop, bool bare);

}  // namespace descent
