// Lesson 5 on its real data, to the bar in its header.
#include "tests/support/shared_data.h"
#include "tests/support/training.h"

namespace descent::test {

TEST_CASE("Fashion-MNIST reaches 0.88 in five epochs") {
  TrainingOptions options;
  options.data_folder = fashion_folder();
  Training training = training_of(example("05_fashion_mlp"), options);
  CHECK(training.rows() == 60000);
  CHECK(training.test_rows() == 10000);
  losses_of(training, 5);
  CHECK(value_named(value_of(training.evaluate()), "accuracy") >= 0.88);
}

}  // namespace descent::test
