// A model's text → AST → Graph → Loop. What the front end accepts is well-formed, prints, and goes all the way down.
// What the parser accepts the formatter lays out, once and for all.
#include "frontend/frontend.h"
#include "tests/fuzz/road.h"

namespace descent::fuzz {

namespace {

// The Graph that a text means, or nothing.
std::string meaning_of(const std::string& text) {
  const auto compiled = frontend::compile(source_of(text), {});
  return compiled ? print_bare(compiled->model) : "";
}

// Both ways of writing a text anew keep what it means.
void check_meaning(const SourceRef& source, const Model& model) {
  const std::string meaning = print_bare(model);
  DESCENT_CHECK(meaning_of(*frontend::format(source)) == meaning, "formatting changed what a text means");
  const std::string printed = frontend::ast::print(*frontend::parse(source));
  DESCENT_CHECK(meaning_of(printed) == meaning, "printing the tree changed what a text means:\n" + printed);
}

void check_format(const SourceRef& source) {
  const auto formatted = frontend::format(source);
  DESCENT_CHECK(formatted.ok(), "the formatter refuses what the parser accepts");
  const auto again = frontend::format(source_of(*formatted));
  DESCENT_CHECK(again.ok(), "the formatter refuses its own text:\n" + *formatted);
  DESCENT_CHECK(*again == *formatted, "formatting twice differs:\n" + *formatted + "\nand\n" + *again);
}

}  // namespace

void run(std::string_view input) {
  const SourceRef source = source_of(input);
  if (const auto file = frontend::parse(source); file) {
    check_format(source);
  } else {
    check_refusal(file.errors());
  }
  const auto compiled = frontend::compile(source, {});
  if (!compiled) return check_refusal(compiled.errors());
  const Diagnostics wrong = verify(compiled->model);
  DESCENT_CHECK(wrong.empty(), "the front end made a malformed Graph:\n" + render(wrong));
  check_prints(compiled->model);
  if (is_small(compiled->model, 500)) check_meaning(source, compiled->model);
  go_down(compiled->model);
}

}  // namespace descent::fuzz
