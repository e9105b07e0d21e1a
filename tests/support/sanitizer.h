// What changes where the tests run under a sanitizer (./dev sanitize), several times slower: fewer repetitions of what
// repeats itself. Whatever is left out says so.
#pragma once

#include <catch2/catch.hpp>
#include <cstdio>

namespace descent::test {

#ifdef __has_feature  // clang, with which ./dev sanitize builds
inline constexpr bool is_sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool is_sanitized = false;
#endif

// How often to repeat what a test repeats `whole` times: a tenth of it under a sanitizer, at least once.
inline int repetitions(int whole) {
  if (!is_sanitized) return whole;
  const int part = whole < 10 ? 1 : whole / 10;
  std::printf("under a sanitizer %d of %d repetitions: %s\n", part, whole,
              Catch::getResultCapture().getCurrentTestName().c_str());
  return part;
}

}  // namespace descent::test
