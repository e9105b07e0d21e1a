// A model's text → AST → Graph → Loop. What the front end accepts is well-formed, prints, and goes all the way down.
#include "frontend/frontend.h"
#include "tests/fuzz/road.h"

namespace descent::fuzz {

void run(std::string_view input) {
  const SourceRef source = source_of(input);
  if (const auto file = frontend::parse(source); !file) check_refusal(file.errors());
  const auto compiled = frontend::compile(source, {});
  if (!compiled) return check_refusal(compiled.errors());
  const Diagnostics wrong = verify(compiled->model);
  DESCENT_CHECK(wrong.empty(), "the front end made a malformed Graph:\n" + render(wrong));
  check_prints(compiled->model);
  go_down(compiled->model);
}

}  // namespace descent::fuzz
