// The C++ back end: a Loop program as the C++ a careful engineer would write, for g++ and clang++.
#pragma once

#include <string>
#include <string_view>

#include "ir/diagnostics.h"
#include "ir/loop.h"

namespace descent::codegen {

struct ModelFace;

// One file with the functions `PROGRAM_ENTRY` (DescentEntry of runtime/abi.h) and the constant `PROGRAM_arena_bytes`
// (int64), as an object file of the LLVM back end has them. It includes "descent_simd.h", whose text is below.
// With a face it is an artifact instead: its functions are those that the face's header declares, and it includes
// "descent_model.h" too.
Result<std::string> emit_cpp(const loop::Program& program, const ModelFace* face = nullptr);

// Vectors, the fused multiply-add and the ABI: what every such file needs, and all that it needs.
inline constexpr std::string_view cpp_header_name = "descent_simd.h";
std::string cpp_header();

// What artifacts need: a model as data, and the core runtime as one source, for other compilers and processors.
inline constexpr std::string_view cpp_model_header_name = "descent_model.h";
std::string cpp_model_header();
inline constexpr std::string_view runtime_source_name = "descent_runtime.cpp";
std::string runtime_source(bool bare);

}  // namespace descent::codegen
