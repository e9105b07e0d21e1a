// The examples against numbers from outside, and what training promises: reproducible, exact at the last batch,
// rates that are data, nothing allocated.
#include <algorithm>
#include <cmath>

#include "tests/support/allocations.h"
#include "tests/support/training.h"

namespace descent::test {

TEST_CASE("XOR follows the NumPy program from the same weights") {
  const data::Tensors expected = fixture("xor.expected");
  Training training = training_of(example("01_xor"));
  REQUIRE(training.trainer().load(source_folder + "/tests/fixtures/xor.weights.safetensors").empty());
  std::vector<double> losses = losses_of(training, 1000);
  for (double& loss : losses) loss /= 2;  // ½ Σ over four rows → the mean
  CHECK(relative_error(losses, expected.arrays.at("loss").as<double>()) < 1e-4);
}

TEST_CASE("XOR is solved from its stated seed") {
  Training training = training_of(example("01_xor"));
  losses_of(training, training.epochs());
  CHECK(value_named(value_of(training.evaluate()), "error") < 0.01);
  const std::vector<data::Array> prediction = value_of(training.predict(4));
  const float expected[] = {0, 1, 1, 0};
  for (std::size_t row = 0; row < 4; ++row) {
    CHECK(std::fabs(prediction[0].as<float>()[row] - expected[row]) < 0.2F);
  }
}

TEST_CASE("a binary classifier follows PyTorch step by step") {
  const std::string weights = source_folder + "/tests/fixtures/bce.weights.safetensors";
  Training training = training_of(example("02_linear_bce", {{"weights", weights}}));
  const std::vector<double> losses = losses_of(training, training.epochs());
  const data::Tensors expected = fixture("bce.expected");
  REQUIRE(losses.size() == 200);
  CHECK(relative_error(losses, expected.arrays.at("loss.f64").as<double>()) < 1e-4);
  CHECK(relative_error(losses, expected.arrays.at("loss.f32").as<double>()) < 1e-4);
}

TEST_CASE("digits follow PyTorch, the short last batch included") {
  const Settings settings{{"units", "32"}, {"batch", "64"}, {"shuffle", "false"}, {"rate", "1e-2"}, {"epochs", "2"}};
  Training training = training_of(example("03_digits", settings));
  REQUIRE(training.trainer().load(source_folder + "/tests/fixtures/digits.weights.safetensors").empty());
  const std::vector<double> losses = losses_of(training, 2);
  REQUIRE(losses.size() == 46);
  const data::Tensors expected = fixture("digits.expected");
  CHECK(relative_error(losses, expected.arrays.at("loss.f64").as<double>()) < 1e-4);
  const auto correct = static_cast<double>(expected.arrays.at("correct.f64").as<std::int64_t>()[0]);
  CHECK(value_named(value_of(training.evaluate()), "accuracy") == Approx(correct / 360).margin(1e-9));
}

TEST_CASE("digits reach their accuracy: the median of five seeds") {
  std::vector<double> accuracies;
  for (const char* seed : {"1", "2", "3", "4", "5"}) {
    Training training = training_of(example("03_digits", {{"seed", seed}}));
    losses_of(training, training.epochs());
    accuracies.push_back(value_named(value_of(training.evaluate()), "accuracy"));
  }
  std::sort(accuracies.begin(), accuracies.end());
  CHECK(accuracies[2] >= 0.97);
  CHECK(accuracies[0] != accuracies[4]);  // the seed matters
}

TEST_CASE("iris reaches its accuracy") {
  Training training = training_of(example("04_iris"));
  losses_of(training, training.epochs());
  CHECK(value_named(value_of(training.evaluate()), "accuracy") >= 0.95);
}

TEST_CASE("any number of threads gives the same bits") {
  std::vector<data::Array> weights;
  for (const int threads : {1, 2, 3}) {
    TrainingOptions options;
    options.trainer = {threads, true};
    Training training = training_of(example("03_digits"), options);
    losses_of(training, 1);
    weights.push_back(value_of(training.trainer().parameter("hidden.linear.weight")));
  }
  CHECK(weights[0] == weights[1]);
  CHECK(weights[0] == weights[2]);
}

TEST_CASE("the losses of an epoch weigh batches by their rows") {
  Training training = training_of(example("03_digits", {{"rate", "0"}, {"batch", "1000"}, {"shuffle", "false"}}));
  std::vector<double> steps;
  const EpochReport report = value_of(training.run_epoch([&](std::int64_t, double loss) { steps.push_back(loss); }));
  REQUIRE(steps.size() == 2);
  CHECK(report.step == 2);
  CHECK(report.losses[0].second == Approx((1000 * steps[0] + 437 * steps[1]) / 1437).epsilon(1e-12));
  CHECK(report.losses[0].second != Approx((steps[0] + steps[1]) / 2).epsilon(1e-6));
}

TEST_CASE("an evaluation does not depend on how rows fall into batches") {
  double first = 0;
  for (const char* batch : {"7", "32", "360", "999"}) {
    Training training = training_of(example("03_digits", {{"batch", batch}}));
    const double nll = value_named(value_of(training.evaluate()), "nll");
    if (first == 0) first = nll;
    CHECK(nll == Approx(first).epsilon(1e-6));
  }
}

TEST_CASE("a metric with a formula around its batches runs the formula once, on the joined parts") {
  const auto perplexity_at = [](const char* batch) {
    CompileOptions options;
    options.set = {{"batch", batch}};
    const Program program = value_of(compile_text(source_folder + "/examples/iris.descent", R"(model iris() {
  input centimetres : f32[batch, 4]
  input species     : i32[batch] in 0 ..< 3
  output logits = linear(centimetres, 3)
  loss   nll        = cross_entropy(logits, species)
  metric perplexity = exp(over_epoch(nll))
}
train t = iris() {
  batch = 150, epochs = 1, seed = 1
  optimizer = sgd(rate = 0.01)
  data {
    centimetres = csv("data/iris.csv", skip = 1, columns = "0 ..< 4")
    species     = csv("data/iris.csv", skip = 1, label = 4)
  }
}
)",
                                                  options));
    Training training = training_of(program);
    const NamedValues values = value_of(training.evaluate());
    REQUIRE(values.size() == 2);  // the parts are not shown
    CHECK(value_named(values, "perplexity") == Approx(std::exp(value_named(values, "nll"))).epsilon(1e-5));
    return value_named(values, "perplexity");
  };
  const double whole = perplexity_at("150");
  CHECK(perplexity_at("40") == Approx(whole).epsilon(1e-5));
  CHECK(perplexity_at("7") == Approx(whole).epsilon(1e-5));
}

TEST_CASE("a rate is data: set between steps, nothing is compiled again") {
  Training training = training_of(example("03_digits"));
  Trainer& trainer = training.trainer();
  CHECK(value_of(trainer.rate("rate")) == 2e-3);
  const data::Array before = value_of(trainer.parameter("hidden.linear.weight"));
  REQUIRE(trainer.set("rate", 0).empty());
  losses_of(training, 1);
  CHECK(value_of(trainer.parameter("hidden.linear.weight")) == before);
  REQUIRE(trainer.set("rate", 1e-3).empty());
  losses_of(training, 1);
  CHECK(!(value_of(trainer.parameter("hidden.linear.weight")) == before));
  CHECK(render(trainer.set("rat", 1)) == "error: model 'digits' has no rate 'rat'\nnote: did you mean 'rate'?\n");
}

TEST_CASE("seed, and only seed, decides the weights; shuffling follows seed and epoch") {
  const auto weights_after = [](const Settings& settings) {
    Training training = training_of(example("04_iris", settings));
    losses_of(training, 2);
    return value_of(training.trainer().parameter("hidden.linear.weight"));
  };
  CHECK(weights_after({}) == weights_after({}));
  CHECK(!(weights_after({}) == weights_after({{"seed", "2"}})));
  CHECK(!(weights_after({}) == weights_after({{"shuffle", "false"}})));
}

TEST_CASE("schedules know how many steps there will be, whatever the batch") {
  const auto weights_after_one_epoch = [](const char* epochs, const char* rate) {
    Training training = training_of(example("04_iris", {{"epochs", epochs}, {"rate", rate}}));
    losses_of(training, 1);
    return value_of(training.trainer().parameter("hidden.linear.weight"));
  };
  CHECK(!(weights_after_one_epoch("2", "cosine(0.01)") == weights_after_one_epoch("4", "cosine(0.01)")));
  CHECK(weights_after_one_epoch("2", "0.01") == weights_after_one_epoch("4", "0.01"));
}

TEST_CASE("init begins anew: weights, moments and the count of steps") {
  const auto first_epoch = [](Training& training) {
    losses_of(training, 1);
    return value_of(training.trainer().parameter("hidden.linear.weight"));
  };
  Training training = training_of(example("04_iris", {{"shuffle", "false"}}));
  const data::Array once = first_epoch(training);
  REQUIRE(training.trainer().init(1).empty());
  CHECK(training.trainer().steps_taken() == 0);
  CHECK(first_epoch(training) == once);
}

TEST_CASE("a step allocates nothing") {
  Training training = training_of(example("03_digits"));
  Trainer& trainer = training.trainer();
  const std::vector<float> pixels(32 * 64, 1.0F);
  const std::vector<std::int32_t> labels(32, 3);
  const std::vector<Feed> feeds{{"pixel", pixels}, {"label", labels}};
  for (int step = 0; step < 3; ++step) REQUIRE(trainer.step(32, feeds).ok());
  REQUIRE(trainer.evaluate(32, feeds).ok());
  const std::int64_t before = allocations();
  bool good = true;
  for (int step = 0; step < 100; ++step)
    good = good && trainer.step(32, feeds).ok() && trainer.evaluate(32, feeds).ok();
  CHECK(allocations() == before);
  CHECK(good);
}

TEST_CASE("steps over resident batches give the bits of single steps, and allocate nothing") {
  const Program program = example("03_digits");
  std::vector<float> pixels(3 * 32 * 64);
  std::vector<std::int32_t> labels(3 * 32);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i * 7 % 16);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int32_t>(i * 3 % 10);
  const auto ready = [&] {
    Trainer trainer = value_of(Trainer::create(program));
    REQUIRE(trainer.init(5).empty());
    return trainer;
  };
  Trainer one_by_one = ready();
  double expected = 0;
  for (std::size_t step = 0; step < 7; ++step) {
    const std::size_t batch = step % 3;
    const std::vector<Feed> feeds{{"pixel", std::span(pixels).subspan(batch * 32 * 64, 32 * 64)},
                                  {"label", std::span(labels).subspan(batch * 32, 32)}};
    expected = value_of(one_by_one.step(32, feeds))[0];
  }
  Trainer at_once = ready();
  const std::vector<Feed> feeds{{"pixel", pixels}, {"label", labels}};
  value_of(at_once.steps(2, 32, feeds));  // goes on from where it is, not from the first batch
  const std::int64_t before = allocations();
  const auto losses = at_once.steps(5, 32, feeds);
  CHECK(allocations() == before);
  CHECK(value_of(losses)[0] == expected);
  CHECK(at_once.steps_taken() == 7);
  for (const char* name : {"hidden.linear.weight", "logits.linear.bias"})
    CHECK(value_of(at_once.parameter(name)) == value_of(one_by_one.parameter(name)));
}

TEST_CASE("resident batches whose memory can't be used as it is are packed, each for its step") {
  // Bytes, three a batch, so that the second batch is not aligned; and batch as the second axis.
  const Program program = value_of(compile_text("packed", R"(model packed() {
  input a : u8[batch, 3]
  input b : f32[2, batch]
  param w : f32[3] ~ zeros
  loss l = sum[i](w[i] * mean[k](f32(a[k, i]) * (b[0, k] - 2 * b[1, k])))
}
train it = packed() { batch = 2, optimizer = sgd(rate = 1) }
)"));
  const std::vector<std::uint8_t> a{1, 2, 3, 4, 5, 6, 7, 8, 9};
  const std::vector<float> b{1, 2, 3, 4, 5, 6};
  Trainer trainer = value_of(Trainer::create(program));
  REQUIRE(trainer.init(1).empty());
  value_of(trainer.steps(3, 1, {{{"a", a}, {"b", b}}}));
  const auto w = value_of(trainer.parameter("w"));
  Trainer same_batch = value_of(Trainer::create(program));
  REQUIRE(same_batch.init(1).empty());
  value_of(same_batch.steps(2, 1, {{{"a", std::span(a).first(3)}, {"b", std::span(b).first(2)}}}));
  CHECK(value_of(same_batch.parameter("w")).as<float>()[2] == 2 * 3 * static_cast<float>(a[2]));
  // w = -Σ over batches of a · (b0 - 2 b1), with (b0 - 2 b1) = -3, -5, -7
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(w.as<float>()[i] ==
          3 * static_cast<float>(a[i]) + 5 * static_cast<float>(a[3 + i]) + 7 * static_cast<float>(a[6 + i]));
}

TEST_CASE("saved weights load to the same bits") {
  const std::string path = "driver_training_weights.safetensors";
  Training training = training_of(example("04_iris"));
  losses_of(training, 3);
  REQUIRE(training.trainer().save(path).empty());
  Training other = training_of(example("04_iris", {{"seed", "9"}}));
  REQUIRE(other.trainer().load(path).empty());
  CHECK(value_of(other.evaluate()) == value_of(training.evaluate()));
  const auto tensors = data::read_safetensors(path);
  REQUIRE(tensors.ok());
  CHECK(tensors->arrays.size() == 4);  // parameters, no moments
  for (const std::string& name : other.trainer().parameters()) CHECK(tensors->arrays.contains(name));
  CHECK(other.trainer().parameters().size() == 4);
  std::remove(path.c_str());
}

TEST_CASE("a loss that is not finite ends the training and says where") {
  Program program = value_of(compile_text(source_folder + "/examples/diverging.descent", R"(model line() {
  input x : f32[batch, 2]
  input y : f32[batch, 1]
  output guess = linear(x, 1)
  loss error = mean_squared_error(guess, y)
}
train steep = line() {
  batch = 4, epochs = 1000, seed = 1, shuffle = false
  optimizer = sgd(rate = 100)
  data {
    x = csv("data/xor.csv", columns = "a, b")
    y = csv("data/xor.csv", columns = "xor")
  }
}
)"));
  Training training = training_of(program);
  Result<EpochReport> report = training.run_epoch();
  while (report.ok() && !training.done()) report = training.run_epoch();
  const std::string text = errors_of(report);
  INFO(text);
  const std::string step = std::to_string(training.trainer().steps_taken());
  const bool infinite = text.find("loss 'error' is inf at step " + step + " (epoch " + step + ")") != std::string::npos;
  const bool no_number =
      text.find("loss 'error' is nan at step " + step + " (epoch " + step + ")") != std::string::npos;
  CHECK((infinite || no_number));
}

}  // namespace descent::test
