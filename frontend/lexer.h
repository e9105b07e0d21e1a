// Text → tokens. Line ends are tokens, because they separate statements; those that do not separate are dropped here:
// inside ( ) and [ ], after a sign or word that wants something to its right, and before `->`, `then` and `else`.
#pragma once

#include <string_view>
#include <vector>

#include "frontend/reporter.h"

namespace descent::frontend {

struct Token {
  // `bad`: reported already, whatever it breaks says nothing more.
  enum class Kind : std::uint8_t { name, number, text, sign, newline, bad, end } kind = Kind::end;
  std::string_view text;  // as written; of a `text` without its quotes
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

inline constexpr std::size_t largest_file = 16u << 20;

// Words that are never names of values.
bool is_reserved(std::string_view word);

// The last token is an `end`. What is no token is reported and becomes a bad one.
std::vector<Token> tokenize(const SourceRef& source, Reporter& reporter);

}  // namespace descent::frontend
