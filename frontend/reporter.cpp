#include "frontend/reporter.h"

#include <algorithm>

namespace descent::frontend {

namespace {

bool same_place(const Span& a, const Span& b) { return a.source == b.source && a.begin == b.begin && a.end == b.end; }

}  // namespace

void Reporter::error(DiagnosticId id, Span at, std::string message, std::vector<Note> notes) {
  if (full()) return;
  for (const Diagnostic& known : diagnostics_) {
    if (known.id == std::string_view(id) && known.message == message && same_place(known.at, at)) return;
  }
  diagnostics_.push_back({id, std::move(at), std::move(message), std::move(notes)});
}

void Reporter::order_by_place(std::size_t from) {
  const auto earlier = [](const Diagnostic& a, const Diagnostic& b) { return a.at.begin < b.at.begin; };
  std::stable_sort(diagnostics_.begin() + static_cast<std::ptrdiff_t>(from), diagnostics_.end(), earlier);
}

std::string suggestion(std::string_view name, const std::vector<std::string>& candidates) {
  const std::string near = nearest(name, candidates);
  return near.empty() ? "" : " (did you mean " + quoted(near) + "?)";
}

std::string listed(const std::vector<std::string>& candidates) {
  std::string text;
  for (const std::string& candidate : candidates) text += (text.empty() ? "" : ", ") + quoted(candidate);
  return text.empty() ? "" : "; there " + std::string(candidates.size() == 1 ? "is " : "are ") + text;
}

std::string counted(std::size_t number, const std::string& one, const std::string& many) {
  return std::to_string(number) + " " + (number == 1 ? one : many);
}

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

}  // namespace descent::frontend
