// The C++ back end: a Loop program as the C++ a careful engineer would write, for g++ and clang++.
#pragma once

#include <string>
#include <string_view>

#include "ir/diagnostics.h"
#include "ir/loop.h"

namespace descent::codegen {

// One file with the functions `PROGRAM_ENTRY` (DescentEntry of runtime/abi.h) and the constant `PROGRAM_arena_bytes`
// (int64), as an object file of the LLVM back end has them. It includes "descent_simd.h", whose text is below.
Result<std::string> emit_cpp(const loop::Program& program);

// Vectors, the fused multiply-add and the ABI: what every such file needs, and all that it needs.
inline constexpr std::string_view cpp_header_name = "descent_simd.h";
std::string cpp_header();

}  // namespace descent::codegen
