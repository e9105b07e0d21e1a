// The main of test_fashion: without Fashion-MNIST there is nothing to train on, and it says so.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#include <cstdio>

#include "tests/support/shared_data.h"

int main(int count, char** arguments) {
  if (descent::test::fashion_folder().empty()) {
    std::printf(
        "skipped: Fashion-MNIST (fashion-mnist/) is neither in DESCENT_DATA nor in ../shared/data beside the tree\n");
    return 77;
  }
  return Catch::Session().run(count, arguments);
}
