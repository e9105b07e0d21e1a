// The formatter's first half: a text → its lines of tokens, each with the comment that ends it. Blanks are gone; where
// the author ended a line or left one empty is kept, but for what is settled here:
//
//   a brace that opens a block stands at the end of a line:        model m()          model m() {
//                                                                  {             →
//   a block of several lines ends the lines of its braces:         data { x = a       data {
//                                                                    y = b }       →    x = a
//                                                                                       y = b
//                                                                                     }
//   at most one empty line, none at the edges of a block, one below a declaration of several lines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "frontend/lexer.h"

namespace descent::frontend {

struct Piece {
  Token::Kind kind = Token::Kind::end;
  std::string_view text;   // as written, quotes included
  bool statement = false;  // the parser begins a statement, a declaration or a setting here
};

struct Line {
  bool empty_above = false;
  std::vector<Piece> pieces;  // none: the comment stands alone
  std::string_view comment;   // from its '#', without blanks at its end; empty: none
};

// `tokens` are those of `text`.
std::vector<Line> lines_of(std::string_view text, const std::vector<Token>& tokens);

// What must survive: the tokens without line ends, and the comments, in order.
std::vector<std::string_view> substance_of(std::string_view text, const std::vector<Token>& tokens);

}  // namespace descent::frontend
