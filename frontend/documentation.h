// Documentation from docstrings: the comment that stands directly above a function, in Markdown. Lines that begin with
// `Formula:`, `Shape:`, `Range:` or `Source:` become a list; every function of the library has all four.
//
//   # A dense layer over the last axis.
//   # Formula: y = x W + b
//   # Shape: f32[..., inputs] to f32[..., n]
//   fn linear(…)
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "frontend/ast.h"

namespace descent::frontend {

inline constexpr std::string_view documentation_labels[] = {"Formula", "Shape", "Range", "Source"};

// The lines directly above a function, without their '#'; empty without any.
std::vector<std::string> docstring_of(const ast::Function& function);

// A section of Markdown: name, signature, docstring, parameters and states with their initial values.
std::string document(const ast::Function& function);
// A section per function, below the comment that opens the file.
std::string document(const ast::File& file, const std::string& title);

}  // namespace descent::frontend
