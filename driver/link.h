// Runs a linker on an object file and the core runtime.
#pragma once

#include <string>
#include <vector>

#include "codegen/archive.h"
#include "ir/diagnostics.h"

namespace descent {

// The bytes of a shared library. `linker`: the command of a compiler, and what it always is given.
Result<std::string> link_shared(const std::vector<codegen::ArchiveMember>& members, const std::string& linker);

}  // namespace descent
