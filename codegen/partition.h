// Which kernels are compiled together, so that several threads have equal work.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/loop.h"

namespace descent::codegen {

// Instructions that a kernel becomes, roughly: unrolled copies counted, a vector as one.
std::int64_t code_size(const loop::Kernel& kernel, int vector_bytes);

// At most `most` lists of about equal size, the largest first; fewer when there is little code.
std::vector<std::vector<loop::KernelId>> partition(const loop::Program& program,
                                                   const std::vector<loop::KernelId>& kernels, std::size_t most,
                                                   int vector_bytes);

}  // namespace descent::codegen
