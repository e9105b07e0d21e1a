// A Graph's text → Graph → text, and when it is well-formed, all passes and lowering.
#include "tests/fuzz/road.h"

namespace descent::fuzz {

void run(std::string_view input) {
  const Result<Model> model = parse_model(source_of(input));
  if (!model) return check_refusal(model.errors());
  check_prints(*model);
  if (const Diagnostics wrong = verify(*model); !wrong.empty()) return check_refusal(wrong);
  go_down(*model);
}

}  // namespace descent::fuzz
