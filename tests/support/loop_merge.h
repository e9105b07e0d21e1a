// Several Loop programs as one, so that a back end starts once for all of them and makes equal kernels once.
#pragma once

#include <string>
#include <vector>

#include "ir/loop.h"

namespace descent::test {

// Entry `step` of program n becomes `step_n`; buffers are named alike, and the arenas stand one behind the other.
loop::Program merge(const std::vector<loop::Program>& programs);
inline std::string merged_name(const std::string& name, std::size_t program) {
  return name + "_" + std::to_string(program);
}

}  // namespace descent::test
