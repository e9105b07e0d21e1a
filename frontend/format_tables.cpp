#include "frontend/format_tables.h"

#include <algorithm>
#include <string_view>

namespace descent::frontend {

namespace {

constexpr std::size_t none = static_cast<std::size_t>(-1);

bool is_sign(const Piece& piece, std::string_view sign) {
  return piece.kind == Token::Kind::sign && piece.text == sign;
}

bool is_word(const Piece& piece, std::string_view word) {
  return piece.kind == Token::Kind::name && piece.text == word;
}

// How far a piece opens (1) or closes (-1) a bracket.
int opening(const Piece& piece) {
  if (piece.kind != Token::Kind::sign) return 0;
  if (piece.text == "(" || piece.text == "[") return 1;
  return piece.text == ")" || piece.text == "]" ? -1 : 0;
}

// A soft keyword: a word before a name.
bool opens_with(const Line& line, std::string_view word) {
  return line.pieces.size() > 1 && is_word(line.pieces[0], word) && line.pieces[1].kind == Token::Kind::name;
}

// Does what stands on the line end with it?
bool ends(const Piece* next) {
  if (!next || next->statement) return true;
  constexpr std::string_view closing[] = {")", "]", "}", ","};
  return std::any_of(std::begin(closing), std::end(closing),
                     [&](std::string_view sign) { return is_sign(*next, sign); });
}

bool is_whole(const Line& line, const Piece* next) {
  int depth = 0;
  for (const Piece& piece : line.pieces) {
    depth += opening(piece);
    if (is_sign(piece, "{") || is_sign(piece, "}")) return false;
  }
  return depth == 0 && line.pieces[0].statement && ends(next);
}

// `param weight : f32[n] ~ zeros`, in a signature up to its comma or bracket.
std::optional<Row> parameter(const Line& line, const Piece* next, std::string kind) {
  Row row{std::move(kind), {}};
  int depth = 0;
  bool ended = false;
  for (std::size_t i = 0; i < line.pieces.size() && !ended; ++i) {
    const Piece& piece = line.pieces[i];
    depth += opening(piece);
    ended = depth < 0 || (depth == 0 && is_sign(piece, ","));
    if (depth != 0 || (!is_sign(piece, ":") && !is_sign(piece, "~"))) continue;
    row.columns.push_back(i);
    row.kind += piece.text;
  }
  if (row.columns.empty() || (!ended && (depth > 0 || !ends(next)))) return std::nullopt;
  return row;
}

// The place of the sign that follows `NAME { "," NAME }`; none when anything else does.
std::size_t after_names(const Line& line, std::size_t first) {
  for (std::size_t i = first; i < line.pieces.size(); ++i) {
    const Piece& piece = line.pieces[i];
    const bool word = is_word(piece, "next") || is_word(piece, "optimizer") || is_word(piece, "batch");
    const bool name = piece.kind == Token::Kind::name && (word || !is_reserved(piece.text));
    if (!name && !is_sign(piece, ",")) return piece.kind == Token::Kind::sign ? i : none;
  }
  return none;
}

std::optional<Row> definition(const Line& line) {
  const bool marked = opens_with(line, "output") || opens_with(line, "loss") || opens_with(line, "metric");
  const std::size_t sign = after_names(line, marked ? 1 : 0);
  if (sign == none || sign == 0) return std::nullopt;
  const bool settings = std::any_of(line.pieces.begin() + static_cast<std::ptrdiff_t>(sign), line.pieces.end(),
                                    [](const Piece& piece) { return piece.statement; });
  if (settings) return std::nullopt;
  if (is_sign(line.pieces[sign], ":=")) return Row{":=", {sign}};
  if (!is_sign(line.pieces[sign], "=")) return std::nullopt;
  return marked ? Row{"output", {1, sign}} : Row{"=", {sign}};
}

}  // namespace

std::optional<Row> row_of(const Line& line, const Piece* next) {
  if (line.pieces.empty()) return std::nullopt;
  const Piece& first = line.pieces[0];
  if (is_word(first, "param") || is_word(first, "frozen")) return parameter(line, next, "param");
  if (!is_whole(line, next)) return std::nullopt;
  if (opens_with(line, "state")) return parameter(line, next, "state");
  if (!opens_with(line, "input")) return definition(line);
  const std::size_t sign = after_names(line, 1);
  return sign != none && is_sign(line.pieces[sign], ":") ? std::optional(Row{"input", {sign}}) : std::nullopt;
}

}  // namespace descent::frontend
