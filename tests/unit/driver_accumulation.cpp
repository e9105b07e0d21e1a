// Steps that take several batches: the mean gradient of all their rows is that of one large batch, schedules and
// reports count steps, and what a batch leaves besides gradients goes on at every one.
#include "descent/tools.h"
#include "ir/loop.h"
#include "tests/support/command.h"

namespace descent::test {
namespace {

std::string model_text(const std::string& settings) {
  return "model m() {\n"
         "  input x : f32[batch, 3]\n"
         "  input y : f32[batch, 1]\n"
         "  repeat 2 as layer carry h = x {\n    next h = tanh(linear(h, 3))\n  }\n"
         "  output out = linear(h, 1)\n"
         "  loss error = mean_squared_error(out, y)\n"
         "  loss decay = l2(layer.h.linear.weight, 1e-2)\n"
         "}\n"
         "train t = m() {\n"
         "  epochs = 4, seed = 3\n"
         "  optimizer = momentum(rate = cosine(0.1, warmup = 3), momentum = 0.9)\n"
         "  average = ema(0.9)\n" +
         settings +
         "  data { x = csv(\"xy.csv\", columns = \"a, b, c\"), y = csv(\"xy.csv\", columns = \"y\") }\n"
         "}\n";
}

// 31 rows.
void write_rows(const Folder& folder) {
  std::string rows = "a,b,c,y\n";
  for (int i = 0; i < 31; ++i) {
    rows += std::to_string(i % 3) + "," + std::to_string(i % 5 - 2) + ",1," + std::to_string(i * i % 7) + "\n";
  }
  folder.write("xy.csv", rows);
}

Program program_of(const Folder& folder, const std::string& settings) {
  return value_of(compile_text(folder.path("m.descent"), model_text(settings)));
}

std::vector<double> weights_of(Training& training) {
  std::vector<double> all;
  for (const std::string& name : training.trainer().parameters()) {
    const data::Array array = value_of(training.trainer().parameter(name));
    for (const float value : array.as<float>()) all.push_back(value);
  }
  return all;
}

// One parameter w = 0, no chance, a batch of at most two rows.
Trainer by_hand(const std::string& loss) {
  const Program program = value_of(compile_text("hand",
                                                "model m() {\n  input x : f32[batch]\n  param w : f32[] ~ zeros\n"
                                                "  loss e = " +
                                                    loss +
                                                    "\n}\ntrain t = m() {\n  batch = 2, accumulate = 2\n"
                                                    "  optimizer = sgd(rate = 1)\n}\n"));
  Trainer trainer = value_of(Trainer::create(program));
  REQUIRE(trainer.init(1).empty());
  return trainer;
}
float weight(const Trainer& trainer) { return value_of(trainer.parameter("w")).as<float>()[0]; }

}  // namespace

TEST_CASE("batches of four, three to a step, make the steps of batches of twelve, incomplete ones too") {
  const Folder folder;
  write_rows(folder);
  for (const std::string clip : {"", "  clip = global_norm(0.5)\n"}) {
    INFO(clip);
    Training large = training_of(program_of(folder, clip + "  batch = 12\n"));
    Training small = training_of(program_of(folder, clip + "  batch = 4, accumulate = 3\n"));
    CHECK(small.steps_per_epoch() == 3);
    const std::vector<double> expected = losses_of(large, 4), found = losses_of(small, 4);
    REQUIRE(found.size() == 12);  // twelve, twelve, and four and three rows
    REQUIRE(expected.size() == 12);
    CHECK(relative_error(found, expected) < 1e-5);
    CHECK(small.trainer().steps_taken() == 12);
    CHECK(relative_error(weights_of(small), weights_of(large)) < 1e-5);
    CHECK(small.trainer().parameters() == large.trainer().parameters());  // sums are no weights
  }
}

TEST_CASE("a report counts steps, and weighs batches by their rows") {
  const Folder folder;
  write_rows(folder);
  Training large = training_of(program_of(folder, "  batch = 12\n"));
  Training small = training_of(program_of(folder, "  batch = 4, accumulate = 3\n"));
  std::vector<std::int64_t> steps;
  const EpochReport expected = value_of(large.run_epoch());
  const EpochReport found = value_of(small.run_epoch([&](std::int64_t step, double) { steps.push_back(step); }));
  CHECK(steps == std::vector<std::int64_t>{1, 2, 3});
  CHECK(found.step == 3);
  CHECK(value_named(found.losses, "error") == Approx(value_named(expected.losses, "error")).epsilon(1e-6));
}

TEST_CASE("a step divides by the rows it has seen, however many batches they came in") {
  // The gradient of mean(w · x) is the mean of x; w becomes minus the mean of all rows.
  Trainer trainer = by_hand("mean[b](w * x[b])");
  const std::vector<float> first{2, 4}, second{9}, third{5, 6};
  value_of(trainer.accumulate(2, {{{"x", first}}}));
  value_of(trainer.accumulate(1, {{{"x", second}}}));
  CHECK(weight(trainer) == 0);
  CHECK(trainer.steps_taken() == 0);
  value_of(trainer.step(2, {{{"x", third}}}));
  CHECK(trainer.steps_taken() == 1);
  CHECK(weight(trainer) == Approx(-(2 + 4 + 9 + 5 + 6) / 5.0).epsilon(1e-6));
  // What was summed is gone: a step alone has its own rows only.
  value_of(trainer.step(1, {{{"x", second}}}));
  CHECK(weight(trainer) == Approx(-26 / 5.0 - 9).epsilon(1e-6));
  value_of(trainer.accumulate(2, {{{"x", first}}}));
  REQUIRE(trainer.init(1).empty());
  value_of(trainer.step(1, {{{"x", second}}}));
  CHECK(weight(trainer) == Approx(-9).epsilon(1e-6));
}

TEST_CASE("of a loss that is a sum over rows a step takes the mean of the batches' gradients") {
  // As PyTorch with (loss / 2).backward() on each of two batches.
  Trainer trainer = by_hand("sum[b](w * x[b])");
  const std::vector<float> first{2, 4}, second{5, 6};
  value_of(trainer.accumulate(2, {{{"x", first}}}));
  value_of(trainer.step(2, {{{"x", second}}}));
  CHECK(weight(trainer) == Approx(-(6 + 11) / 2.0).epsilon(1e-6));
}

TEST_CASE("chance and running statistics go on at every batch of a step") {
  const Program program = value_of(compile_text("chance", R"(model m() {
  input x : f32[batch, 8]
  state seen : f32[] ~ zeros
  seen := seen + 1
  param w : f32[8] ~ ones
  dropped = dropout(x, 0.5)
  loss e = mean[b](sum[i](dropped[b, i] * w[i] * w[i]))
  output count[b] = x[b, 0] + seen
}
train t = m() { batch = 4, accumulate = 3, optimizer = sgd(rate = 0) }
)"));
  Trainer trainer = value_of(Trainer::create(program));
  std::vector<float> x(32);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * i + 1);
  const Feed feeds[] = {{"x", x}};
  const auto losses = [&] {
    REQUIRE(trainer.init(5).empty());
    std::vector<double> all;
    for (int step = 0; step < 3; ++step) {
      for (int batch = 0; batch < 2; ++batch) all.push_back(value_of(trainer.accumulate(4, feeds))[0]);
      all.push_back(value_of(trainer.step(4, feeds))[0]);
    }
    return all;
  };
  std::vector<double> drawn = losses();
  CHECK(losses() == drawn);
  std::sort(drawn.begin(), drawn.end());
  CHECK(std::unique(drawn.begin(), drawn.end()) - drawn.begin() == 9);  // equal masks would give equal losses
  CHECK(value_of(trainer.predict(4, feeds))[0].as<float>()[0] == 1 + 9);
}

TEST_CASE("what takes one batch a step accumulates none") {
  Trainer trainer = value_of(Trainer::create(example("04_iris")));
  REQUIRE(trainer.init(1).empty());
  CHECK(errors_of(trainer.accumulate(1, {})) ==
        "error: model 'iris' has no entry 'accumulate': it needs a train block with accumulate = 2 or more\n");
}

TEST_CASE("a small step of several batches has no whole loop, one of one batch has") {
  CHECK(example("04_iris").loop().entry("steps") != nullptr);
  const Program program = example("04_iris", {{"accumulate", "2"}});
  CHECK(program.loop().entry("steps") == nullptr);
  CHECK(program.has("accumulate"));
  InspectOptions options;
  options.stage = "loop";
  options.entry = "steps";
  CHECK(errors_of(inspect(program, options)) ==
        "error: there is no entry 'steps'\nnote: a step of several batches has no whole loop: 'accumulate' and 'step' "
        "are "
        "called one by one\n");
}

TEST_CASE("a loss that is not finite is told with the step that its batch belongs to") {
  const Folder folder;
  folder.write("x.csv", "x\n1\n1\n1\n1\n1\n-1\n1\n");
  const Program program = value_of(compile_text(folder.path("m.descent"), R"(model m() {
  input x : f32[batch, 1]
  loss e = mean[...](log(exp(0 * linear(x, 1)) * x))
}
train t = m() {
  batch = 1, accumulate = 4, shuffle = false
  optimizer = sgd()
  data { x = csv("x.csv") }
}
)"));
  Training training = training_of(program);
  CHECK(contains(errors_of(training.run_epoch()), "loss 'e' is nan at step 2 (epoch 1)"));
}

TEST_CASE("what the batches of a step call has its code before the first of them") {
  const Folder folder;
  write_rows(folder);
  Training training = training_of(program_of(folder, "  batch = 4, accumulate = 3\n"));
  const double before = training.trainer().timings().codegen;
  CHECK(before > 0);
  int batches = 0;
  const auto paused = value_of(training.run_epoch({}, [&] { return batches++ == 4; }));
  CHECK_FALSE(paused);
  CHECK(training.trainer().steps_taken() == 1);
  CHECK(training.trainer().timings().codegen == before);
}

}  // namespace descent::test
