// libFuzzer's door to a target.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  descent::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}

// internal_error leaves by _Exit, which libFuzzer does not notice; the linker sends it here (--wrap), so that the input
// is kept as a finding.
extern "C" [[noreturn]] void __wrap__Exit(int) { std::abort(); }
