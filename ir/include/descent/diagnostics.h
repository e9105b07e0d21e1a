// Errors as values: a source text, a place in it, a diagnostic, and a result that is a value or diagnostics.
//
//   fashion.descent:9:12: error: axis 'k' is 784 in 'image' but 512 in 'weight'
//     9 |   hidden = linear(image, 512)
//       |            ^~~~~~
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace descent {

// A place in a file; lines and columns from 1, the column counts bytes.
struct Origin {
  std::string file;
  int line = 0;
  int column = 0;  // 0: unknown
};

// A text that diagnostics point into. `name` is what the user called it (a path, or "<string>").
struct Source {
  std::string name;
  std::string text;
  std::vector<Origin> origins = {};  // of a text that a program wrote: who wrote each of its lines
};
using SourceRef = std::shared_ptr<const Source>;

// Bytes begin ≤ i < end of a source. A span without a source has no place (a missing command-line argument, say).
struct Span {
  SourceRef source;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

struct Note {
  Span at;
  std::string message;
};

// The kind of a mistake, "unknown-name": stable, at least two words of lower case joined by '-', known while compiling.
// So every kind can be found in the source; tests/golden/errors holds the exact text of each.
class DiagnosticId {
 public:
  consteval DiagnosticId(const char* text) : text_(text) {
    if (!is_kebab_case(text_)) throw "a diagnostic's id is at least two words of lower case joined by '-'";
  }
  constexpr operator std::string_view() const { return text_; }
  friend constexpr bool operator==(DiagnosticId id, std::string_view text) { return id.text_ == text; }

 private:
  static constexpr bool is_kebab_case(std::string_view text) {
    bool joined = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool letter = text[i] >= 'a' && text[i] <= 'z';
      const bool joint = text[i] == '-' && i > 0 && i + 1 < text.size() && text[i - 1] != '-';
      if (!letter && !joint) return false;
      joined |= joint;
    }
    return joined;
  }

  std::string_view text_;
};

struct Diagnostic {
  DiagnosticId id;
  Span at;
  std::string message;      // lower case; expected, then found
  std::vector<Note> notes;  // other places involved, suggestions
};
using Diagnostics = std::vector<Diagnostic>;

// Line and column from 1; the column counts bytes.
struct Position {
  int line = 0;
  int column = 0;
};
Position position_of(const Source& source, std::uint32_t offset);

// Where whoever wrote what begins there finds it: in the text, or in the program that wrote the text.
Origin origin_of(const Span& at);  // wants a source

// The text a user reads: header, source line, caret, then the notes likewise. Ends with a newline.
std::string render(const Diagnostic& diagnostic, bool colour = false);
std::string render(std::span<const Diagnostic> diagnostics, bool colour = false);

// The candidate nearest to `name` by edit distance (at most a third of its length, at least one); empty if none is
// near.
std::string nearest(std::string_view name, std::span<const std::string> candidates);

// A T, or at least one diagnostic. Nothing throws across a public door.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}
  Result(Diagnostics errors) : state_(std::move(errors)) {}
  Result(Diagnostic error) : state_(Diagnostics{std::move(error)}) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Diagnostics& errors() const { return std::get<1>(state_); }

 private:
  std::variant<T, Diagnostics> state_;
};

// An internal check: our bug, never the user's. Prints what failed and ends the process with exit code 2.
[[noreturn]] void internal_error(const char* file, int line, const std::string& message);
#define DESCENT_CHECK(condition, message) \
  ((condition) ? void(0) : ::descent::internal_error(__FILE__, __LINE__, (message)))

}  // namespace descent
