// A square of memory, loaded line by line and turned in registers: for loads that stride from lane to lane but step
// through neighbours with the loop around.
//
//   unrolled k in 0 ..< 8 { vector j in 0 ..< 8 { panel[k, j] = w[j, k] } }
//   → 8 vectors w[j, 0 … 7], turned, in place of 64 loads of one element
#pragma once

#include <vector>

#include "codegen/llvm/access.h"

namespace descent::codegen {

// `place`: lane l begins at lane_stride · l and has `count` elements one behind another; `count` is a power of two, not
// below the lanes. Returns the elements 0, 1 … of all lanes, a vector each.
std::vector<llvm::Value*> load_turned(llvm::IRBuilder<>& builder, const Place& place, int count);

}  // namespace descent::codegen
