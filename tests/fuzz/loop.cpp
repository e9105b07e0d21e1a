// A Loop program's text → program → text, and when it is well-formed and small, the interpreter runs it: bounds that
// the verifier proved must hold.
#include <algorithm>

#include "ir/loop_walk.h"
#include "tests/fuzz/interpret.h"
#include "tests/fuzz/road.h"

namespace descent::fuzz {
namespace {

using namespace loop;

// Indices under a condition, under a guard or through memory are the program's own affair: the verifier proves nothing
// about them and the interpreter ends the process.
bool is_proved(const Kernel& kernel) {
  bool proved = true;
  const auto through = [](const std::vector<Subscript>& at) {
    return std::any_of(at.begin(), at.end(), [](const Subscript& subscript) { return subscript.through != no_temp; });
  };
  for_each_statement(kernel.body, [&](const Statement& statement) {
    if (std::holds_alternative<If>(statement.node)) proved = false;
    if (const auto* store = std::get_if<Store>(&statement.node)) proved &= !through(store->at);
    if (const auto* let = std::get_if<Let>(&statement.node)) {
      if (const auto* load = std::get_if<Load>(&let->value)) proved &= load->guard == no_temp && !through(load->at);
    }
  });
  return proved;
}

}  // namespace

void run(std::string_view input) {
  const Result<Program> program = parse_program(source_of(input));
  if (!program) return check_refusal(program.errors());
  check_prints(*program);
  if (const Diagnostics wrong = verify(*program); !wrong.empty()) return check_refusal(wrong);
  interpret_small(*program, is_proved);
}

}  // namespace descent::fuzz
