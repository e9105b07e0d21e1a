// Weights for an artifact's trainer, in memory: what is refused changes no state and says why; what is taken is packed
// and taken again as the same.
#include "tests/fuzz/target.h"
#include "tests/support/two_states.h"

namespace descent::fuzz {

void run(std::string_view input) {
  static test::TwoStates two;
  const std::vector<unsigned char> before = two.packed();
  const int status = two.unpack(std::vector<unsigned char>(input.begin(), input.end()));
  const std::vector<unsigned char> after = two.packed();
  if (status != DESCENT_DONE) {
    DESCENT_CHECK(status == DESCENT_BAD_FILE, "hostile bytes are called another mistake");
    DESCENT_CHECK(*descent_1_error(two.trainer) != '\0', "weights are refused without a word");
    DESCENT_CHECK(before == after, "weights that are refused changed the trainer");
    return;
  }
  DESCENT_CHECK(two.unpack(after) == DESCENT_DONE && two.packed() == after, "what was packed is not taken as the same");
}

}  // namespace descent::fuzz
