#include "tests/support/allocations.h"

#ifdef DESCENT_SANITIZE  // which brings an allocator of its own

#include <cstdio>

namespace descent::test {

std::int64_t allocations() {
  std::puts("under a sanitizer allocations are not counted; the plain run does");
  return 0;
}

}  // namespace descent::test

#else

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::int64_t> count{0};
}

void* operator new(std::size_t size) {
  ++count;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  std::abort();
}
// The plain delete also ends what these begin, so that they are replaced with it.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return operator new(size); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace descent::test {

std::int64_t allocations() { return count; }

}  // namespace descent::test

#endif
