// The main of test_cross: without a cross compiler and an emulator there is nothing to run here, and it says so.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#include <cstdio>

#include "tests/support/cross_run.h"

int main(int count, char** arguments) {
  if (descent::test::targets_here().empty()) return 77;
  return Catch::Session().run(count, arguments);
}
