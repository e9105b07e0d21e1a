// Averages of weights: what is trained is what would be trained without them; tests, predictions and saved weights see
// the averages; a training that goes on from a checkpoint keeps them bit for bit.
#include "tests/support/command.h"

namespace descent::test {
namespace {

std::string model_text(const std::string& average) {
  return "model m() {\n"
         "  input x : f32[batch, 3]\n"
         "  input y : f32[batch, 1]\n"
         "  repeat 2 as layer carry h = x {\n    next h = tanh(linear(h, 3))\n  }\n"
         "  output out = linear(h, 1)\n"
         "  loss error = mean_squared_error(out, y)\n"
         "}\n"
         "train t = m() {\n"
         "  batch = 4, epochs = 5\n"
         "  optimizer = adam(rate = 1e-2)\n"
         "  clip = global_norm(1)\n" +
         average +
         "  data { x = csv(\"xy.csv\", columns = \"a, b, c\"), y = csv(\"xy.csv\", columns = \"y\") }\n"
         "}\n";
}

Program program_in(const Folder& folder, const std::string& average) {
  std::string rows = "a,b,c,y\n";
  for (int i = 0; i < 11; ++i) {
    rows += std::to_string(i % 3) + "," + std::to_string(i % 5) + ",1," + std::to_string(i % 2) + "\n";
  }
  folder.write("xy.csv", rows);
  return value_of(compile_text(folder.path("m.descent"), model_text(average)));
}

std::vector<std::byte> bits(const Training& training, const std::string& name) {
  return value_of(const_cast<Training&>(training).trainer().parameter(name)).bytes;
}

const std::vector<std::string> weights{"layer.0.h.linear.weight", "layer.1.h.linear.weight", "layer.0.h.linear.bias",
                                       "layer.1.h.linear.bias",   "out.linear.weight",       "out.linear.bias"};
// Of a stacked parameter the turn's number stays where it is.
std::string trained(const std::string& name) { return name + ".trained"; }

}  // namespace

TEST_CASE("averages change nothing of what is trained, and are what is judged") {
  Folder folder;
  Training plain = training_of(program_in(folder, ""));
  Training averaged = training_of(program_in(folder, "  average = ema(0.9)\n"));
  CHECK(averaged.trainer().parameters().size() == 2 * weights.size());
  for (const std::string& name : weights) CHECK(bits(averaged, name) == bits(averaged, trained(name)));
  const std::vector<double> losses = losses_of(plain, 5);
  CHECK(losses_of(averaged, 5) == losses);
  for (const std::string& name : weights) {
    CAPTURE(name);
    CHECK(bits(averaged, trained(name)) == bits(plain, name));
    CHECK(bits(averaged, name) != bits(plain, name));
  }
  // The average in place of the weights gives what the averaged training predicts.
  for (const std::string& name : weights) {
    REQUIRE(plain.trainer().set_parameter(name, value_of(averaged.trainer().parameter(name))).empty());
  }
  CHECK(value_of(plain.predict(4))[0].bytes == value_of(averaged.predict(4))[0].bytes);
  CHECK(value_of(plain.evaluate()) == value_of(averaged.evaluate()));
}

TEST_CASE("averages go on from a checkpoint bit for bit") {
  Folder folder;
  const Program program = program_in(folder, "  average = mean_from(4)\n");
  Training whole = training_of(program);
  losses_of(whole, 5);
  Training first = training_of(program);
  losses_of(first, 2);
  REQUIRE(first.save_checkpoint(folder.path("half.safetensors")).empty());
  TrainingOptions options;
  options.checkpoint = folder.path("half.safetensors");
  Training second = training_of(program, options);
  losses_of(second, 3);
  for (const std::string& name : weights) {
    CHECK(bits(second, name) == bits(whole, name));
    CHECK(bits(second, trained(name)) == bits(whole, trained(name)));
  }
}

}  // namespace descent::test
