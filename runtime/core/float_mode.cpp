// The door through which compiled entries are called.
#include "runtime/core/float_mode.h"

extern "C" void descent_run(DescentEntry entry, const DescentCall* call) {
  const descent::runtime::ExactFloats mode;
  entry(call);
}
