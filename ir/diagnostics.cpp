// Renders diagnostics the way compilers do: header, source line, caret and tildes; notes follow likewise.
#include "ir/diagnostics.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "descent/warnings.h"
#include "fmt/format.h"

namespace descent {

namespace {

constexpr std::size_t widest_line = 160;  // columns; a longer source line is shown as a window around the caret
constexpr std::size_t tab_stop = 4;       // tabs are shown as blanks up to the next stop
constexpr std::size_t longest_compared_name = 256;

// One character of a text: the bytes it takes and whether a terminal may be shown them as they are.
struct Character {
  std::size_t bytes = 1;
  bool printable = false;
};

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// Control characters, and those that reorder text on a screen, would make the shown line lie about its content.
bool is_printable(std::uint32_t code) {
  if (code < 0x20 || (code >= 0x7F && code < 0xA0)) return false;
  if (code == 0x200E || code == 0x200F || code == 0x2028 || code == 0x2029) return false;
  return !(code >= 0x202A && code <= 0x202E) && !(code >= 0x2066 && code <= 0x2069);
}

// Decodes the UTF-8 character at `at`; an invalid byte is a character of its own that can't be printed.
Character character_at(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) return {1, is_printable(first)};
  const std::size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || at + bytes > text.size()) return {};
  std::uint32_t code = first & (0xFFu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!is_continuation(text[at + i])) return {};
    code = code << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3Fu);
  }
  const bool overlong = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
  if (overlong || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
  return {bytes, is_printable(code)};
}

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const Character character = character_at(text, at);
    if (character.printable || text[at] == '\n') {
      out.append(text, at, character.bytes);
    } else {
      out += '?';
    }
    at += character.bytes;
  }
  return out;
}

// A column of the shown line and the byte of the source it stands for.
struct Cell {
  std::string glyph;
  std::size_t offset = 0;
};

std::vector<Cell> cells_of(std::string_view text, std::size_t begin, std::size_t end) {
  std::vector<Cell> cells;
  const std::string_view line = text.substr(0, end);
  for (std::size_t at = begin; at < end;) {
    const Character character = character_at(line, at);
    if (text[at] == '\t') {
      do {
        cells.push_back({" ", at});
      } while (cells.size() % tab_stop != 0);
    } else {
      cells.push_back({character.printable ? std::string(text.substr(at, character.bytes)) : "?", at});
    }
    at += character.bytes;
  }
  return cells;
}

// The line around a span as two texts: what is written there and the marks below it.
struct Excerpt {
  std::string line;
  std::string marks;
};

Excerpt excerpt_of(std::string_view text, std::size_t begin, std::size_t end) {
  std::size_t line_begin = begin == 0 ? 0 : text.rfind('\n', begin - 1) + 1;  // npos + 1 is 0
  std::size_t line_end = std::min(text.find('\n', begin), text.size());
  if (line_end > line_begin && text[line_end - 1] == '\r') --line_end;
  begin = std::min(begin, line_end);
  end = std::clamp(end, begin, line_end);

  // A line may be megabytes long: only the bytes that can reach the window are decoded.
  constexpr std::size_t reach = 4 * widest_line;
  bool cut_before = begin - line_begin > reach;
  if (cut_before) line_begin = begin - reach;
  while (cut_before && line_begin < begin && is_continuation(text[line_begin])) ++line_begin;
  bool cut_after = line_end - begin > reach;
  if (cut_after) line_end = begin + reach;
  while (cut_after && line_end > begin && is_continuation(text[line_end])) --line_end;

  const std::vector<Cell> cells = cells_of(text, line_begin, line_end);
  const auto column_of = [&](std::size_t offset) {
    const auto cell = std::find_if(cells.begin(), cells.end(), [&](const Cell& c) { return c.offset >= offset; });
    return static_cast<std::size_t>(cell - cells.begin());
  };
  const std::size_t caret = column_of(begin);
  const std::size_t stop = std::max(column_of(end), caret + 1);

  std::size_t first = 0;
  std::size_t last = cells.size();
  if (cut_before || cut_after || cells.size() > widest_line) {
    first = caret > widest_line / 2 ? caret - widest_line / 2 : 0;
    last = std::min(cells.size(), first + widest_line);
    if (last == cells.size()) first = last > widest_line ? last - widest_line : 0;
  }
  cut_before = cut_before || first > 0;
  cut_after = cut_after || last < cells.size();

  Excerpt out;
  if (cut_before) out.line += "...";
  out.marks.assign(out.line.size() + (caret - first), ' ');
  for (std::size_t i = first; i < last; ++i) out.line += cells[i].glyph;
  if (cut_after) out.line += "...";
  out.marks += '^';
  if (const std::size_t shown = std::min(stop, std::max(last, caret + 1)); shown > caret + 1) {
    out.marks.append(shown - caret - 1, '~');
  }
  return out;
}

// A kind of message, and how it is painted on a terminal.
struct Kind {
  std::string_view name, paint;
};
constexpr Kind error{"error", "\x1b[1;31m"}, warning{"warning", "\x1b[1;35m"}, note{"note", "\x1b[1;36m"};

struct Paint {
  std::string_view bold, kind, mark, off;
};
Paint paint_of(const Kind& kind, bool colour) {
  return colour ? Paint{"\x1b[1m", kind.paint, "\x1b[1;32m", "\x1b[0m"} : Paint{};
}

// A message may quote the user's text, which may be a line of megabytes.
std::string shortened(std::string_view message) {
  constexpr std::size_t longest = 2000;
  if (message.size() <= longest) return printable(message);
  std::size_t end = longest;
  while (end > 0 && is_continuation(message[end])) --end;
  return printable(message.substr(0, end)) + "...";
}

// Which line of the program wrote this line of the text; null when no program did.
const Origin* writer_of(const Source& source, Position position) {
  const auto line = static_cast<std::size_t>(position.line) - 1;
  return line < source.origins.size() ? &source.origins[line] : nullptr;
}

// "fashion.descent:9:12: "
std::string header_of(const Origin& place) {
  const std::string column = place.column > 0 ? fmt::format(":{}", place.column) : "";
  return fmt::format("{}:{}{}: ", printable(place.file), place.line, column);
}

void render_one(std::string& out, const Span& at, const Kind& kind, std::string_view message, bool colour) {
  const Paint paint = paint_of(kind, colour);
  const std::string place = at.source ? header_of(origin_of(at)) : "";
  out += fmt::format("{}{}{}{}{}:{} {}{}{}\n", paint.bold, place, paint.off, paint.kind, kind.name, paint.off,
                     paint.bold, shortened(message), paint.off);
  if (!at.source) return;
  const std::string& text = at.source->text;
  const Excerpt excerpt = excerpt_of(text, std::min<std::size_t>(at.begin, text.size()), at.end);
  const Position position = position_of(*at.source, at.begin);
  // The number of a written line says nothing to whoever wrote the program that wrote it.
  const std::string number = writer_of(*at.source, position) ? "" : fmt::format("{} ", position.line);
  out += fmt::format("  {}| {}\n", number, excerpt.line);
  out +=
      fmt::format("  {}| {}{}{}{}\n", std::string(number.size(), ' '), excerpt.marks.substr(0, excerpt.marks.find('^')),
                  paint.mark, excerpt.marks.substr(excerpt.marks.find('^')), paint.off);
}

// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours each cost one.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last;
  std::vector<std::size_t> last(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1, i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = std::move(last);
    last = std::move(row);
  }
  return last[b.size()];
}

}  // namespace

Position position_of(const Source& source, std::uint32_t offset) {
  const std::string_view before = std::string_view(source.text).substr(0, offset);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
  return {static_cast<int>(lines) + 1, static_cast<int>(before.size() - line_begin) + 1};
}

Origin origin_of(const Span& at) {
  const Position position = position_of(*at.source, at.begin);
  if (const Origin* writer = writer_of(*at.source, position)) return *writer;
  return {at.source->name, position.line, position.column};
}

static std::string render_as(const Kind& kind, const Diagnostic& diagnostic, bool colour) {
  std::string out;
  render_one(out, diagnostic.at, kind, diagnostic.message, colour);
  for (const Note& one : diagnostic.notes) render_one(out, one.at, note, one.message, colour);
  return out;
}

std::string render(const Diagnostic& diagnostic, bool colour) { return render_as(error, diagnostic, colour); }

std::string render_warnings(std::span<const Diagnostic> warnings, bool colour) {
  std::string out;
  for (const Diagnostic& one : warnings) out += render_as(warning, one, colour);
  return out;
}

std::string render(std::span<const Diagnostic> diagnostics, bool colour) {
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) out += render(diagnostic, colour);
  return out;
}

std::string nearest(std::string_view name, std::span<const std::string> candidates) {
  if (name.empty() || name.size() > longest_compared_name) return {};
  const std::size_t limit = std::max<std::size_t>(1, name.size() / 3);
  std::size_t best = limit + 1;
  std::string found;
  for (const std::string& candidate : candidates) {
    const std::size_t longer = std::max(candidate.size(), name.size());
    if (candidate.empty() || longer - std::min(candidate.size(), name.size()) > limit) continue;
    // Names of one letter are all one edit apart: none is near another.
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < best && distance < longer) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

void internal_error(const char* file, int line, const std::string& message) {
  // The path as the tree knows it: where the compiler was built is nobody's concern.
  std::string_view path = file;
  for (const std::string_view room : {"ir/", "frontend/", "passes/", "codegen/", "runtime/", "driver/", "tests/"}) {
    const std::size_t at = path.rfind(room);
    if (at != std::string_view::npos && (at == 0 || path[at - 1] == '/')) {
      path.remove_prefix(at);
      break;
    }
  }
  const std::string text = fmt::format(
      "internal error: {}\n  at {}:{}\nThis is a mistake in Descent, not in the model: please report it with these "
      "lines "
      "and the model file.\n",
      message, path, line);
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
  std::_Exit(2);
}

}  // namespace descent
