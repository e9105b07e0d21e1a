// What people write who come from another language, and what this one writes instead. Each entry completes
// "expected …, found …".
#pragma once

#include <string>
#include <string_view>

namespace descent::frontend {

struct Habit {
  std::string_view found;
  std::string_view expected;
  std::string_view until = {};  // a quotation: up to this sign
};

// The longest one that the text begins with, null when it begins otherwise: signs that no token begins with.
const Habit* foreign_sign(std::string_view text);

// By the first word of a statement ("def", "for"): what stands there instead; empty for other words.
std::string_view instead_of_statement(std::string_view word);

// Of a number with letters behind it, "0.5f".
std::string instead_of_number(std::string_view text);

}  // namespace descent::frontend
