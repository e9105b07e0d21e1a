// What descent.h promises of threads: whole models side by side, each on a thread of its own, are the same bits as
// alone. ./dev sanitize thread runs this too.
#include <thread>

#include "descent/builder.h"
#include "tests/support/training.h"

namespace descent::test {
namespace {

using namespace descent::builder;
using descent::builder::Value;

// A model of its own for every number: width, depth of the sums and optimizer differ.
Result<Program> model_number(int number) {
  Builder model("m" + std::to_string(number));
  Value x = model.input("x", f32[{batch, 6}]);
  Value y = model.input("y", f32[{batch, 1}]);
  Value weight = model.param("weight", f32[{6, 5 + number}], call("normal", 0.5));
  auto [b, i, j] = indices("b", "i", "j");
  Value drive = model.let("drive");
  drive(b, j) = sum(i, x(b, i) * weight(i, j));
  Value guess = model.let("guess", call("linear", tanh(drive), 1));
  model.output("answer", guess);
  model.loss("error", call("mean_squared_error", guess, y));
  const Expression optimizer = number % 2 ? call("sgd", {"rate", 0.1}) : call("adam", {"rate", 1e-2});
  model.train("fit").batch(8).optimizer(optimizer);
  return compile(model);
}

struct Trained {
  std::string error;
  double loss = 0;
  data::Array weight;
  bool operator==(const Trained&) const = default;
};

// Catch2's macros are for one thread, so this only tells what happened.
Trained train(int number) {
  const Result<Program> program = model_number(number);
  if (!program) return {render(program.errors()), 0, {}};
  Result<Trainer> trainer = Trainer::create(*program, {.threads = 2, .force_parts = true});
  if (!trainer) return {render(trainer.errors()), 0, {}};
  if (const Diagnostics wrong = trainer->init(number + 1); !wrong.empty()) return {render(wrong), 0, {}};
  std::vector<float> x(48), y(8);
  for (std::size_t n = 0; n < x.size(); ++n)
    x[n] = static_cast<float>((n * 7 + static_cast<std::size_t>(number)) % 11) / 5 - 1;
  for (std::size_t n = 0; n < y.size(); ++n) y[n] = x[6 * n] * x[6 * n + 1];
  Trained trained;
  for (int step = 0; step < 20; ++step) {
    const auto losses = trainer->step(8, std::vector<Feed>{{"x", x}, {"y", y}});
    if (!losses) return {render(losses.errors()), 0, {}};
    trained.loss = (*losses)[0];
  }
  trained.weight = std::move(*trainer->parameter("weight"));
  return trained;
}

}  // namespace

TEST_CASE("threads that compile and train models of their own get the same bits as one alone") {
  constexpr int models = 4;
  std::vector<Trained> together(models);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 2; ++thread) {
    threads.emplace_back([&together, thread] {
      for (int n = thread; n < models; n += 2) together[static_cast<std::size_t>(n)] = train(n);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int n = 0; n < models; ++n) {
    const Trained alone = train(n);
    INFO(n << ": " << alone.error << together[static_cast<std::size_t>(n)].error);
    CHECK(alone.error.empty());
    CHECK((alone == together[static_cast<std::size_t>(n)]));
  }
  CHECK(!(together[0] == together[1]));
}

TEST_CASE("one program serves trainers on several threads") {
  const Program program = value_of(model_number(1));
  std::vector<double> losses(3);
  const auto run = [&](std::size_t n) {
    Result<Trainer> trainer = Trainer::create(program, {.threads = 1});
    if (!trainer || !trainer->init(5).empty()) return;
    const std::vector<float> x(48, 0.5f), y(8, 1.0f);
    for (int step = 0; step < 10; ++step) {
      const auto found = trainer->step(8, std::vector<Feed>{{"x", x}, {"y", y}});
      losses[n] = found ? (*found)[0] : -1;
    }
  };
  std::thread first(run, 0), second(run, 1);
  first.join();
  second.join();
  run(2);
  CHECK(losses[2] > 0);
  CHECK(losses[0] == losses[2]);
  CHECK(losses[1] == losses[2]);
}

}  // namespace descent::test
