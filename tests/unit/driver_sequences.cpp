// Recurrence and stacked layers against PyTorch: the networks of tests/fixtures/sequences_torch.py from the same
// weights.
#include <catch2/catch.hpp>

#include "descent/tools.h"
#include "tests/support/training.h"

using namespace descent;
using namespace descent::test;

namespace {

const std::string folder = source_folder + "/tests/fixtures/";

Program network(const std::string& name) {
  CompileOptions options;
  options.set = {{"weights", folder + name + ".weights.safetensors"}};
  return value_of(compile_file(folder + name + ".descent", options));
}

// Losses of all steps and the weights at the end, each layer of a repeat by its own name.
void follows_torch(const std::string& name) {
  Training training = training_of(network(name));
  const std::vector<double> losses = losses_of(training, training.epochs());
  const data::Tensors expected = fixture(name + ".expected");
  REQUIRE(losses.size() == 28);
  for (const char* type : {".f32", ".f64"}) {
    CHECK(relative_error(losses, expected.arrays.at(std::string("loss") + type).as<double>()) < 1e-5);
  }
  const data::Tensors initial = fixture(name + ".weights");
  CHECK(training.trainer().parameters().size() == initial.arrays.size());
  for (const auto& [parameter, first] : initial.arrays) {
    CAPTURE(parameter);
    const data::Array trained = value_of(training.trainer().parameter(parameter));
    CHECK(trained.shape == first.shape);
    const std::span<const float> found = trained.as<float>();
    const std::vector<double> values(found.begin(), found.end());
    CHECK(relative_error(values, expected.arrays.at(parameter + ".f64").as<double>()) < 2e-4);
  }
}

}  // namespace

TEST_CASE("an LSTM follows PyTorch's step by step") { follows_torch("lstm"); }

TEST_CASE("a transformer follows PyTorch's step by step") { follows_torch("gpt"); }

TEST_CASE("layers of a repeat are saved and loaded one by one") {
  Training training = training_of(network("gpt"));
  Trainer& trainer = training.trainer();
  data::Array second = value_of(trainer.parameter("block.1.x.up.bias"));
  const data::Array third = value_of(trainer.parameter("block.2.x.up.bias"));
  for (float& value : second.as<float>()) value = 7;
  REQUIRE(trainer.set_parameter("block.1.x.up.bias", second).empty());
  CHECK(value_of(trainer.parameter("block.1.x.up.bias")).bytes == second.bytes);
  CHECK(value_of(trainer.parameter("block.2.x.up.bias")).bytes == third.bytes);
  CHECK(value_of(trainer.parameter("block.*.x.up.bias")).shape == data::Shape{3, 32});
  CHECK(render(trainer.set_parameter("block.3.x.up.bias", second)).find("did you mean 'block.") != std::string::npos);
}

TEST_CASE("gradients through scans and repeats equal central differences") {
  for (const char* name : {"lstm", "gpt"}) {
    for (const GradientCheck& check : value_of(check_gradients(network(name), 1))) {
      CAPTURE(name, check.by, check.place, check.deviation);
      CHECK(check.passed);
    }
  }
}
