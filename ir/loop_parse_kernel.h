// The part of the Loop parser that reads one kernel, and the small forms that kernels and programs share.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ir/loop.h"
#include "ir/text_lexer.h"

namespace descent::loop {

// Numbers in index arithmetic stay far from overflow.
inline constexpr std::int64_t index_limit = std::int64_t{1} << 40;

// Names and ids of the variables in scope, the innermost last.
using OpenVariables = std::vector<std::pair<std::string, VariableId>>;

struct ElementType {
  DType dtype = DType::f32;
  Shape shape;
};

// The stream stands at 'kernel'; the comment lines right above it become the kernel's comment.
Kernel parse_kernel(TokenStream& stream);
ElementType parse_array_type(TokenStream& stream);
std::int64_t parse_panel(TokenStream& stream);  // 0: there is none
Affine parse_affine(TokenStream& stream, const OpenVariables& variables);

}  // namespace descent::loop
