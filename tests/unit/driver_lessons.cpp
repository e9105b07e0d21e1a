// Lessons 6 to 10 against NumPy, PyTorch and scikit-learn, from the same weights on the same rows: the fixtures are
// made by the scripts in tests/fixtures.
#include <algorithm>
#include <cmath>

#include "tests/support/training.h"

namespace descent::test {
namespace {

std::string weights_of(const std::string& name) {
  return source_folder + "/tests/fixtures/" + name + ".weights.safetensors";
}

std::vector<double> numbers(const data::Array& array) {
  const auto values = array.as<float>();
  return {values.begin(), values.end()};
}

double error_of(Training& training, const data::Tensors& expected, const std::string& parameter,
                const std::string& name) {
  return relative_error(numbers(value_of(training.trainer().parameter(parameter))),
                        expected.arrays.at(name).as<double>());
}

// Trains a lesson from the fixture's weights; losses of all steps and weights at the end must be the fixture's.
void follow(const std::string& lesson, const std::string& name, std::size_t steps) {
  CAPTURE(lesson);
  Training training = training_of(example(lesson, {{"weights", weights_of(name)}}));
  const std::vector<double> losses = losses_of(training, training.epochs());
  const data::Tensors expected = fixture(name + ".expected");
  REQUIRE(losses.size() == steps);
  CHECK(relative_error(losses, expected.arrays.at("loss").as<double>()) < 1e-4);
  for (const auto& [parameter, values] : fixture(name + ".weights").arrays) {
    CAPTURE(parameter);
    CHECK(error_of(training, expected, parameter, parameter) < 1e-4);
  }
}

}  // namespace

TEST_CASE("logistic regression from scratch ends at NumPy's weights") {
  follow("06_logistic_regression", "logistic", 200);
}

TEST_CASE("logistic regression from logits ends at NumPy's weights after 2,000 steps") {
  follow("07_logits", "linear_logits", 2000);
}

TEST_CASE("Keras's loss and optimizer, written in the model's file, end at its weights") {
  follow("08_keras", "keras", 100);
  follow("08_keras", "keras_clipped", 100);
}

TEST_CASE("the lessons in logistic regression reach what they state, from their own weights") {
  const auto reached = [](const std::string& lesson, const std::string& value) {
    Training training = training_of(example(lesson));
    losses_of(training, training.epochs());
    return value_named(value_of(training.evaluate()), value);
  };
  CHECK(reached("06_logistic_regression", "entropy") == Approx(0.279).margin(5e-4));
  CHECK(reached("06_logistic_regression", "accuracy") == Approx(0.87).margin(1e-6));
  CHECK(reached("07_logits", "entropy") == Approx(0.278).margin(5e-4));
  CHECK(reached("08_keras", "entropy") < 0.25);
}

TEST_CASE("six optimizers take PyTorch's steps along the same gradients") {
  const data::Tensors expected = fixture("optimizers");
  for (const char* block : {"sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"}) {
    CAPTURE(block);
    CompileOptions options;
    options.train = block;
    options.set = {{"weights", weights_of("optimizers")}};
    const std::string path = source_folder + "/examples/09_optimizers.descent";
    // Step by step: the weights are looked at after each.
    const TrainingOptions stepwise{.data_folder = {}, .trainer = {.whole_loop = false}, .checkpoint = {}};
    Training training = training_of(value_of(compile_file(path, options)), stepwise);
    const std::span<const double> all = expected.arrays.at(block).as<double>();  // f64[100, 4, 5]
    std::size_t step = 0;
    double worst = 0;
    value_of(training.run_epoch([&](std::int64_t, double) {
      const std::vector<double> w = numbers(value_of(training.trainer().parameter("w")));
      worst = std::max(worst, relative_error(w, all.subspan(20 * step++, 20)));
    }));
    CHECK(step == 100);
    CHECK(worst < 1e-6);
  }
}

TEST_CASE("an optimizer of matrix products, written in the model's file, trains a network") {
  Training training = training_of(example("19_muon", {{"epochs", "4"}}));
  losses_of(training, training.epochs());
  CHECK(value_named(value_of(training.evaluate()), "accuracy") > 0.96);
}

TEST_CASE("breast cancer: scikit-learn's coefficients and its number of right answers") {
  const data::Tensors expected = fixture("logistic_sklearn.expected");
  Training training = training_of(example("10_breast_cancer"));
  losses_of(training, training.epochs());
  const double right = expected.arrays.at("right").as<double>()[0];
  CHECK(std::fabs(114 * value_named(value_of(training.evaluate()), "accuracy") - right) < 1.5);
  CHECK(error_of(training, expected, "logits.regression.weight", "weight") < 5e-3);
  CHECK(error_of(training, expected, "logits.regression.bias", "bias") < 5e-3);
}

}  // namespace descent::test
