// Collects the diagnostics of one run: several, each once, up to a number that still helps.
#pragma once

#include <string>
#include <vector>

#include "ir/diagnostics.h"

namespace descent::frontend {

class Reporter {
 public:
  static constexpr std::size_t most = 40;

  // An equal one (id, place, message) is dropped: a function may be read more than once.
  void error(DiagnosticId id, Span at, std::string message, std::vector<Note> notes = {});

  // Those since the first `from` in the order of their places: a file's words are looked at before its statements.
  void order_by_place(std::size_t from);

  // What comes now would be dropped.
  bool full() const { return diagnostics_.size() >= most; }
  bool empty() const { return diagnostics_.empty(); }
  std::size_t size() const { return diagnostics_.size(); }
  const Diagnostics& diagnostics() const { return diagnostics_; }

 private:
  Diagnostics diagnostics_;
};

// " (did you mean 'x'?)", or nothing when no candidate is near.
std::string suggestion(std::string_view name, const std::vector<std::string>& candidates);
// "; there are 'x', 'y'"
std::string listed(const std::vector<std::string>& candidates);
// "1 index", "2 indices"
std::string counted(std::size_t number, const std::string& one, const std::string& many);
// "'x'"
std::string quoted(std::string_view text);

}  // namespace descent::frontend
