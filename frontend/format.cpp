// A model file as it should look: `descent fmt`. Only blanks, line ends around braces and empty lines change; the
// tokens, the comments and the tree are the same before and after, which is checked.
//
//   Lines stay where the author ended them. A line in an open bracket begins behind that bracket, or two further than
//   the line that ends with it; one that continues a statement by an operator begins four further than the statement.
//   One blank around operators and words, none around '.' and '^', after a minus before its operand, inside ( ) and [
//   ]. Consecutive lines of one kind are tables (format_tables.h); comments that end consecutive lines stand in a
//   column.
#include <algorithm>

#include "frontend/format_lines.h"
#include "frontend/format_tables.h"
#include "frontend/frontend.h"
#include "frontend/parser.h"

namespace descent::frontend {

namespace {

// Beyond these nothing is lined up: a far column helps nobody, and a hostile text shall not grow a thousandfold.
constexpr std::size_t widest_indent = 80;
constexpr std::size_t widest_cell = 60;
constexpr std::size_t widest_commented = 100;

// In characters: bytes that continue one of UTF-8 do not count.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

bool is_sign(const Piece& piece, std::string_view sign) {
  return piece.kind == Token::Kind::sign && piece.text == sign;
}

template <class... Signs>
bool is_one_of(const Piece& piece, const Signs&... signs) {
  return (is_sign(piece, signs) || ...);
}

// A keyword that stands before an operand, never for one.
bool is_keyword(const Piece& piece) {
  if (piece.kind != Token::Kind::name || !is_reserved(piece.text)) return false;
  return piece.text != "inf" && piece.text != "true" && piece.text != "false" && piece.text != "batch";
}

// After one of these a minus stands between two operands.
bool ends_operand(const Piece& piece) {
  if (piece.kind == Token::Kind::sign) return is_one_of(piece, ")", "]");
  return !is_keyword(piece);
}

// `unary`: the left one is a minus before its operand.
std::size_t blanks_between(const Piece& left, bool unary, const Piece& right) {
  if (unary || is_one_of(left, "(", "[", ".", "^") || is_one_of(right, ")", "]", ",", ".", "^")) return 0;
  if (is_sign(left, "{") && is_sign(right, "}")) return 0;
  if (is_sign(right, "(") || is_sign(right, "[")) {
    const bool applied = left.kind == Token::Kind::name ? !is_keyword(left) : is_one_of(left, ")", "]");
    return applied ? 0 : 1;
  }
  return 1;
}

class Layout {
 public:
  explicit Layout(std::vector<Line> lines) : lines_(std::move(lines)), placed_(lines_.size()) {}

  std::string run(std::string_view line_end) {
    set_blanks();
    find_following();
    set_tables();
    indent();
    set_comments();
    return text(line_end);
  }

 private:
  struct Placed {
    std::vector<std::size_t> blanks;   // before each piece but the first
    const Piece* following = nullptr;  // the first piece of the next line that has any
    std::size_t indent = 0;
    std::size_t before_comment = 0;  // blanks
  };
  struct Open {
    bool brace = false;
    bool hanging = false;  // the last piece of its line
    std::size_t column = 0;
    std::size_t indent = 0;  // of its line
  };

  void set_blanks() {
    const Piece* left = nullptr;
    bool unary = false;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      for (const Piece& piece : lines_[i].pieces) {
        placed_[i].blanks.push_back(left && &piece != &lines_[i].pieces[0] ? blanks_between(*left, unary, piece) : 0);
        unary = is_sign(piece, "-") && (!left || !ends_operand(*left));
        left = &piece;
      }
    }
  }

  void find_following() {
    const Piece* following = nullptr;
    for (std::size_t i = lines_.size(); i-- > 0;) {
      placed_[i].following = following;
      if (!lines_[i].pieces.empty()) following = &lines_[i].pieces[0];
    }
  }

  // Of the pieces first ≤ i < last, without blanks before the first.
  std::size_t width(std::size_t line, std::size_t first, std::size_t last) const {
    std::size_t sum = 0;
    for (std::size_t i = first; i < last; ++i) {
      sum += width_of(lines_[line].pieces[i].text) + (i > first ? placed_[line].blanks[i] : 0);
    }
    return sum;
  }

  // -- tables

  std::optional<Row> row(std::size_t line) const {
    std::optional<Row> row = row_of(lines_[line], placed_[line].following);
    if (row && width(line, 0, row->columns.back()) > widest_cell) row.reset();
    return row;
  }

  void set_tables() {
    std::vector<Row> table;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      std::optional<Row> row = this->row(i);
      const bool continues = row && !table.empty() && table[0].kind == row->kind && !lines_[i].empty_above;
      if (!continues) {
        set_table(i, table);
        table.clear();
      }
      if (row) table.push_back(std::move(*row));
    }
    set_table(lines_.size(), table);
  }

  // The table whose last row is the line before `end`.
  void set_table(std::size_t end, const std::vector<Row>& table) {
    const std::size_t columns = table.empty() ? 0 : table[0].columns.size();
    for (std::size_t column = 0; column < columns; ++column) {
      const auto cell = [&](std::size_t row) {
        const std::vector<std::size_t>& at = table[row].columns;
        return width(end - table.size() + row, column == 0 ? 0 : at[column - 1], at[column]);
      };
      std::size_t widest = 0;
      for (std::size_t i = 0; i < table.size(); ++i) widest = std::max(widest, cell(i));
      for (std::size_t i = 0; i < table.size(); ++i) {
        placed_[end - table.size() + i].blanks[table[i].columns[column]] += widest - cell(i);
      }
    }
  }

  // -- where lines begin

  void indent() {
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      const std::vector<Piece>& pieces = lines_[i].pieces;
      placed_[i].indent = std::min(pieces.empty() ? beside(placed_[i].following) : begin(pieces[0]), widest_indent);
      if (!pieces.empty() && pieces[0].statement && open_.empty()) declaration_ = pieces[0].text;
      std::size_t column = placed_[i].indent;
      for (std::size_t k = 0; k < pieces.size(); ++k) {
        column += placed_[i].blanks[k];
        follow(pieces[k], {false, k + 1 == pieces.size() || column >= widest_indent, column, placed_[i].indent});
        column += width_of(pieces[k].text);
      }
    }
  }

  void follow(const Piece& piece, Open open) {
    open.brace = is_sign(piece, "{");
    if (is_one_of(piece, "(", "[", "{")) open_.push_back(open);
    if (is_one_of(piece, ")", "]", "}") && !open_.empty()) open_.pop_back();
  }

  std::size_t begin(const Piece& first) const {
    if (open_.empty() || !is_one_of(first, ")", "]", "}")) return beside(&first);
    if (open_.back().brace) return 2 * (braces() - 1);
    return open_.back().hanging ? open_.back().indent : open_.back().column;
  }

  // Where a comment stands before a line that begins with `first`: a closing bracket belongs to what it ends.
  std::size_t beside(const Piece* first) const {
    const bool continues = first && !first->statement && !is_one_of(*first, ")", "]", "{", "}");
    if (open_.empty()) return !continues ? 0 : is_sign(*first, "->") ? 3 : declaration_ == "fn" ? 6 : 4;
    if (open_.back().brace) return 2 * braces() + (continues ? 4 : 0);
    return open_.back().hanging ? open_.back().indent + 2 : open_.back().column + 1;
  }

  std::size_t braces() const {
    return static_cast<std::size_t>(std::count_if(open_.begin(), open_.end(), [](const Open& o) { return o.brace; }));
  }

  // -- comments at the ends of lines

  std::size_t end_column(std::size_t line) const {
    return placed_[line].indent + width(line, 0, lines_[line].pieces.size());
  }

  bool ends_with_comment(std::size_t line) const {
    return !lines_[line].pieces.empty() && !lines_[line].comment.empty() && end_column(line) <= widest_commented;
  }

  // A block's first line stands apart from the line that opens it, and its last from the one that closes it.
  bool joins_above(std::size_t line) const {
    return line > 0 && !lines_[line].empty_above && ends_with_comment(line - 1) && ends_with_comment(line) &&
           !is_sign(lines_[line - 1].pieces.back(), "{") && !is_sign(lines_[line].pieces[0], "}");
  }

  void set_comments() {
    for (std::size_t first = 0, end = 0; first < lines_.size(); first = end) {
      for (end = first + 1; end < lines_.size() && joins_above(end);) ++end;
      std::size_t widest = 0;
      for (std::size_t i = first; i < end; ++i) widest = std::max(widest, end_column(i));
      for (std::size_t i = first; i < end; ++i) {
        if (!lines_[i].pieces.empty()) placed_[i].before_comment = widest - end_column(i) + 2;
      }
    }
  }

  std::string text(std::string_view line_end) const {
    std::string text;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      const Line& line = lines_[i];
      if (line.empty_above) text += line_end;
      text.append(placed_[i].indent, ' ');
      for (std::size_t k = 0; k < line.pieces.size(); ++k) {
        text.append(placed_[i].blanks[k], ' ').append(line.pieces[k].text);
      }
      if (!line.comment.empty()) text.append(placed_[i].before_comment, ' ').append(line.comment);
      text += line_end;
    }
    return text;
  }

  std::vector<Line> lines_;
  std::vector<Placed> placed_;
  std::vector<Open> open_;
  std::string_view declaration_;  // the word that begins the declaration being placed
};

// That of the first line.
std::string_view line_end_of(std::string_view text) {
  const std::size_t end = text.find('\n');
  return end != std::string_view::npos && end > 0 && text[end - 1] == '\r' ? "\r\n" : "\n";
}

// Is nothing lost, and does the parser see the same?
bool same_meaning(const SourceRef& before, const SourceRef& after) {
  Reporter reporter;
  const auto substance = [&](const SourceRef& source) {
    return substance_of(source->text, tokenize(source, reporter));
  };
  if (substance(before) != substance(after)) return false;
  const std::string tree = ast::print(parse_file(before, reporter));
  return tree == ast::print(parse_file(after, reporter)) && reporter.empty();
}

}  // namespace

Result<std::string> format(const SourceRef& source) {
  Reporter reporter;
  parse_file(source, reporter);
  if (!reporter.empty()) return reporter.diagnostics();
  std::string formatted = Layout(lines_of(source->text, tokenize(source, reporter))).run(line_end_of(source->text));
  const bool same = same_meaning(source, std::make_shared<const Source>(Source{source->name, formatted}));
  DESCENT_CHECK(same, "the formatter changed what " + source->name + " says");
  return formatted;
}

}  // namespace descent::frontend
