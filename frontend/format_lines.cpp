#include "frontend/format_lines.h"

#include <algorithm>

namespace descent::frontend {

namespace {

// What lies between two tokens: the comments, each with the number of line ends before it.
struct Comment {
  std::string_view text;
  int line_ends = 0;
};
struct Gap {
  std::vector<Comment> comments;
  int line_ends = 0;  // after the last comment

  bool breaks() const { return line_ends > 0 || !comments.empty(); }
};

Gap gap_of(std::string_view text) {
  Gap gap;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\n') ++gap.line_ends;
    if (text[at] != '#') continue;
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view comment = text.substr(at, end - at);
    gap.comments.push_back({comment.substr(0, comment.find_last_not_of(" \t\r") + 1), gap.line_ends});
    gap.line_ends = 0;
    at = end - 1;
  }
  return gap;
}

// A token without line ends, and what lies before it.
struct Spaced {
  Piece piece;
  Gap before;
  std::size_t partner = 0;  // of a brace
};

bool is_sign(const Piece& piece, std::string_view sign) {
  return piece.kind == Token::Kind::sign && piece.text == sign;
}

// The last one is the end of the file.
std::vector<Spaced> spaced_tokens(std::string_view text, const std::vector<Token>& tokens) {
  std::vector<Spaced> spaced;
  std::uint32_t end = 0;
  bool statement = true;
  for (const Token& token : tokens) {
    if (token.kind == Token::Kind::newline) {
      statement = true;
      continue;
    }
    const std::string_view written = text.substr(token.begin, token.end - token.begin);
    spaced.push_back({{token.kind, written, statement}, gap_of(text.substr(end, token.begin - end)), 0});
    end = token.end;
    statement = is_sign(spaced.back().piece, "{");
  }
  return spaced;
}

// Partners of braces, and where settings begin: in a train block a comma that stands in no bracket ends one.
void mark_blocks(std::vector<Spaced>& tokens) {
  std::vector<std::size_t> open;  // braces
  int brackets = 0;
  bool settings = false;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    Piece& piece = tokens[i].piece;
    if (is_sign(piece, "{")) piece.statement = false;  // even on a line of its own it belongs to what stands above
    if (open.empty() && piece.statement) settings = piece.text == "train";
    if (settings && !open.empty() && brackets == 0 && is_sign(tokens[i - 1].piece, ",")) piece.statement = true;
    if (piece.kind != Token::Kind::sign) continue;
    if (piece.text == "(" || piece.text == "[") ++brackets;
    if (piece.text == ")" || piece.text == "]") --brackets;
    if (piece.text == "{") open.push_back(i);
    if (piece.text != "}" || open.empty()) continue;
    tokens[i].partner = open.back();
    tokens[open.back()].partner = i;
    open.pop_back();
  }
}

class LineBuilder {
 public:
  explicit LineBuilder(std::vector<Spaced> tokens) : tokens_(std::move(tokens)), breaks_before_(tokens_.size() + 1, 0) {
    for (std::size_t i = 0; i < tokens_.size(); ++i)
      breaks_before_[i + 1] = breaks_before_[i] + tokens_[i].before.breaks();
  }

  std::vector<Line> run() {
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      const Spaced& token = tokens_[i];
      add_comments(token.before);
      if (token.piece.kind == Token::Kind::end) break;
      const bool begins = lines_.empty() || !lines_.back().comment.empty() || breaks_at(i);
      if (begins) begin_line(token.before.line_ends > 1);
      lines_.back().pieces.push_back(token.piece);
    }
    settle_empty_lines();
    return std::move(lines_);
  }

 private:
  // The first of a gap may end the line of the token before it.
  void add_comments(const Gap& gap) {
    for (const Comment& comment : gap.comments) {
      const bool trailing = comment.line_ends == 0 && !lines_.empty() && lines_.back().comment.empty();
      if (!trailing) begin_line(comment.line_ends > 1);
      lines_.back().comment = comment.text;
    }
  }

  void begin_line(bool empty_above) { lines_.push_back({empty_above, {}, {}}); }

  // Between the brace at `i` and its partner, is there a line end?
  bool spans_lines(std::size_t i) const {
    const auto [first, last] = std::minmax(i, tokens_[i].partner);
    return breaks_before_[last + 1] > breaks_before_[first + 1];
  }

  bool breaks_at(std::size_t i) const {
    const Spaced& token = tokens_[i];
    const Spaced* before = i > 0 ? &tokens_[i - 1] : nullptr;
    if (is_sign(token.piece, "{") && before) return false;
    if (before && is_sign(before->piece, "{") && is_sign(token.piece, "}")) return false;
    if (before && is_sign(before->piece, "{") && spans_lines(i - 1)) return true;
    if (is_sign(token.piece, "}") && spans_lines(i)) return true;
    return token.before.breaks();
  }

  void settle_empty_lines() {
    int depth = 0;  // of braces before the line
    bool declared = false;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      Line& line = lines_[i];
      const bool closes = !line.pieces.empty() && is_sign(line.pieces[0], "}");
      const bool opened = i > 0 && !lines_[i - 1].pieces.empty() && is_sign(lines_[i - 1].pieces.back(), "{");
      if (i == 0 || closes || opened) line.empty_above = false;
      if (declared) line.empty_above = true;
      for (const Piece& piece : line.pieces) depth += is_sign(piece, "{") - is_sign(piece, "}");
      declared = closes && depth == 0;
    }
  }

  std::vector<Spaced> tokens_;
  std::vector<std::size_t> breaks_before_;  // how many of the gaps before token i hold a line end
  std::vector<Line> lines_;
};

}  // namespace

std::vector<Line> lines_of(std::string_view text, const std::vector<Token>& tokens) {
  std::vector<Spaced> spaced = spaced_tokens(text, tokens);
  mark_blocks(spaced);
  return LineBuilder(std::move(spaced)).run();
}

std::vector<std::string_view> substance_of(std::string_view text, const std::vector<Token>& tokens) {
  std::vector<std::string_view> substance;
  for (const Spaced& token : spaced_tokens(text, tokens)) {
    for (const Comment& comment : token.before.comments) substance.push_back(comment.text);
    substance.push_back(token.piece.text);
  }
  return substance;
}

}  // namespace descent::frontend
