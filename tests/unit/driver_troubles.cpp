// Lessons 20 to 24: what goes wrong in training, derivatives of derivatives, and detection hold what their headers
// state.
#include "tests/support/training.h"

namespace descent::test {
namespace {

Training block_of(const std::string& lesson, const std::string& block, const Settings& settings = {}) {
  CompileOptions options;
  options.train = block;
  options.set = settings;
  return training_of(value_of(compile_file(source_folder + "/examples/" + lesson + ".descent", options)));
}

NamedValues trained(Training& training, std::int64_t epochs) {
  losses_of(training, epochs);
  return value_of(training.evaluate());
}

}  // namespace

TEST_CASE("twenty layers: sigmoid lets no gradient through, normalising does") {
  Training sigmoids = block_of("20_vanishing_gradients", "sigmoids");
  const NamedValues vanished = trained(sigmoids, 20);
  CHECK(value_named(vanished, "layer1") < 1e-10);
  CHECK(value_named(vanished, "layer20") > 0.05);
  CHECK(value_named(vanished, "accuracy") < 0.2);
  Training normalised = block_of("20_vanishing_gradients", "normalised");
  const NamedValues kept = trained(normalised, 20);
  CHECK(value_named(kept, "layer1") > value_named(kept, "layer20"));
  CHECK(value_named(kept, "accuracy") > 0.94);
}

TEST_CASE("twenty layers: what explodes is told by its loss, and clipping holds it") {
  Training exploding = block_of("20_vanishing_gradients", "exploding");
  CHECK(errors_of(exploding.run_epoch()).find("loss 'nll' is nan at step") != std::string::npos);
  Training clipped = block_of("20_vanishing_gradients", "clipped");
  CHECK(value_named(trained(clipped, 20), "accuracy") > 0.8);
}

TEST_CASE("ten starts end in three valleys") {
  int solved = 0, stuck = 0;
  for (int seed = 1; seed <= 10; ++seed) {
    Training training = block_of("21_local_minima", "plain", {{"seed", std::to_string(seed)}});
    const double error = value_named(trained(training, 4000), "error");
    solved += error < 1e-6;
    stuck += std::abs(error - 1.0 / 4) < 1e-3 || std::abs(error - 1.0 / 6) < 1e-3;
  }
  CHECK(solved == 3);
  CHECK(stuck == 7);
}

TEST_CASE("a hundred digits by heart: the test loss turns round") {
  Training training = block_of("22_overfitting", "free");
  const double early = value_named(trained(training, 20), "nll");
  const double late = value_named(trained(training, 180), "nll");
  CHECK(late > early);
  Training stopped = block_of("22_overfitting", "stopped");
  while (!stopped.done()) value_of(stopped.run_epoch());
  CHECK(stopped.stopped());
  CHECK(stopped.epochs_done() < 60);
  CHECK(value_named(value_of(stopped.evaluate()), "nll") < early);
  Training shifted = block_of("22_overfitting", "all_three", {{"epochs", "20"}});
  CHECK(value_named(trained(shifted, 20), "nll") < 1);
}

TEST_CASE("a network keeps a law of second derivatives and finds the motion") {
  Training training = block_of("23_differential_equation", "motion");
  CHECK(value_named(trained(training, 3000), "error") < 0.004);
}

TEST_CASE("a detector learns in its first epoch that most of a scene is empty") {
  Training training = block_of("images/24_detection", "scenes", {{"epochs", "1"}});
  const std::vector<double> losses = losses_of(training, 1);
  CHECK(losses.front() > 15);
  CHECK(losses.back() < losses.front() / 4);
}

}  // namespace descent::test
