// The parts of the Loop verifier.
#pragma once

#include <string>
#include <vector>

#include "ir/loop.h"
#include "ir/loop_ranges.h"

namespace descent::loop {

// What a kernel may rely on: structure, scopes, types, roles and index bounds. `indices`: what the calls pass for each
// index parameter.
void verify_kernel(const Kernel& kernel, const std::vector<Range>& indices, std::int64_t largest_batch,
                   Diagnostics& diagnostics);

// Why iterations of the parallel or vector loop might touch the same place, one reason per array; the loop's own
// variable and the outer ones are open in `ranges`.
std::vector<std::string> why_dependent(const Kernel& kernel, const For& loop, Ranges& ranges);
// Of any loop: why one of the first statements of its body might touch in some iteration what one of the others touches
// in another. Nothing: as two loops, one behind the other, they would do the same.
std::vector<std::string> why_dependent_between(const Kernel& kernel, const For& loop, std::size_t first,
                                               Ranges& ranges);

// "y[@… + 2*i - 1, b]" for messages.
std::string spell(const Kernel& kernel, ArrayId array, const std::vector<Subscript>& at);
std::string spell(const Kernel& kernel, const Affine& form);
// "parallel b in 0 ..< batch step 8".
std::string spell(const Kernel& kernel, const For& loop);

}  // namespace descent::loop
