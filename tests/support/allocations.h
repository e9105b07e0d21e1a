// Counts what the test program allocates by `new`; link support/allocations.cpp.
#pragma once

#include <cstdint>

namespace descent::test {

std::int64_t allocations();

}  // namespace descent::test
