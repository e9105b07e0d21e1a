// Small models take many steps in one call of compiled code, to the bits of as many calls.
#include <filesystem>
#include <numeric>

#include "ir/loop.h"
#include "tests/support/graph_run.h"
#include "tests/support/training.h"

namespace descent::test {
namespace {

// Everything that training leaves and reports.
struct Trace {
  std::vector<double> losses;
  std::vector<EpochReport> epochs;
  std::string stopped;  // the diagnostic of an epoch that ended early
  std::int64_t steps = 0;
  std::map<std::string, std::vector<std::byte>> states;
};

Trace trace_of(const Program& program, const TrainerOptions& options, std::int64_t epochs) {
  Training training = training_of(program, {.data_folder = {}, .trainer = options, .checkpoint = {}});
  Trace trace;
  std::int64_t expected = 0;
  for (std::int64_t epoch = 0; epoch < epochs && trace.stopped.empty(); ++epoch) {
    expected = 0;
    Result<EpochReport> report = training.run_epoch([&](std::int64_t step, double loss) {
      CHECK(step == ++expected);
      trace.losses.push_back(loss);
    });
    if (!report) {
      trace.stopped = render(report.errors());
    } else {
      trace.epochs.push_back(*report);
    }
  }
  trace.steps = training.trainer().steps_taken();
  for (const loop::Buffer& buffer : program.loop().buffers) {
    if (buffer.storage != loop::Buffer::Storage::state) continue;
    trace.states[buffer.name] = value_of(training.trainer().parameter(buffer.name)).bytes;
  }
  return trace;
}

void check_alike(const Trace& whole, const Trace& stepwise) {
  CHECK(whole.losses == stepwise.losses);
  CHECK(whole.stopped == stepwise.stopped);
  CHECK(whole.steps == stepwise.steps);
  CHECK(whole.states == stepwise.states);
  REQUIRE(whole.epochs.size() == stepwise.epochs.size());
  for (std::size_t i = 0; i < whole.epochs.size(); ++i) {
    CHECK(whole.epochs[i].step == stepwise.epochs[i].step);
    CHECK(whole.epochs[i].losses == stepwise.epochs[i].losses);
    CHECK(whole.epochs[i].evaluation == stepwise.epochs[i].evaluation);
  }
}

bool has_whole_loop(const Program& program) { return program.loop().entry("steps") != nullptr; }

std::vector<std::pair<std::string, Program>> programs_of_examples(const Settings& settings) {
  std::vector<std::pair<std::string, Program>> programs;
  for (const std::string& name : names_in(source_folder + "/examples")) {
    const std::string path = source_folder + "/examples/" + name + ".descent";
    if (!std::filesystem::exists(path)) continue;
    for (const std::string& block : value_of(train_blocks(path))) {
      CompileOptions options;
      options.train = block;
      options.set = settings;
      programs.emplace_back(name + ", " + block, value_of(compile_file(path, options)));
    }
  }
  return programs;
}

}  // namespace

TEST_CASE("examples train to the same bits in whole loops and step by step") {
  std::size_t small = 0;
  // A batch that leaves a rest of the rows, and one row at a time; in order of the rows and shuffled.
  for (const Settings& settings :
       {Settings{}, Settings{{"batch", "7"}}, Settings{{"batch", "1"}, {"shuffle", "true"}}}) {
    for (const auto& [name, program] : programs_of_examples(settings)) {
      if (!has_whole_loop(program)) continue;
      CAPTURE(name, settings.size());
      ++small;
      const Trace stepwise = trace_of(program, {.threads = 1, .whole_loop = false}, 3);
      for (int threads : {1, 3}) {
        check_alike(trace_of(program, {.threads = threads, .force_parts = threads > 1}, 3), stepwise);
      }
    }
  }
  CHECK(small >= 20);
}

TEST_CASE("a whole loop that diverges stops behind the step that did") {
  const Program program = example("12_learning_rate", {{"rate", "10"}, {"epochs", "100"}, {"batch", "64"}});
  REQUIRE(has_whole_loop(program));
  const Trace whole = trace_of(program, {.threads = 1}, 100);
  CHECK(whole.stopped != "");
  CHECK(whole.steps > 1);
  check_alike(whole, trace_of(program, {.threads = 1, .whole_loop = false}, 100));
}

TEST_CASE("many steps over resident batches go around and around") {
  const std::string text = R"(
model tiny() {
  input x : f32[batch, 3]
  input y : f32[batch, 1]
  input scale : f32[2]
  s = sum[i](scale[i])
  fc = linear(x, 1)
  guess[b, j] = s * tanh(fc[b, j])
  loss error = mean_squared_error(guess, y)
}
train it = tiny() { batch = 5, optimizer = adam(rate = 0.1) }
)";
  const Program program = value_of(compile_text("tiny.descent", text));
  REQUIRE(has_whole_loop(program));
  std::vector<float> x(3 * 4 * 5), y(4 * 5), scale{0.5F, 0.75F};
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * i % 17) / 9 - 1;
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = static_cast<float>(i % 3);
  const Feed feeds[] = {{"x", x}, {"y", y}, {"scale", scale}};
  const auto run = [&](bool whole_loop, std::vector<std::int64_t> counts, std::int64_t rows) {
    Trainer trainer = value_of(Trainer::create(program, {.threads = 1, .whole_loop = whole_loop}));
    REQUIRE(trainer.init(3).empty());
    std::vector<double> losses;
    for (std::int64_t count : counts) losses.push_back(value_of(trainer.steps(count, rows, feeds))[0]);
    CHECK(trainer.steps_taken() == std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
    for (const std::string& name : trainer.parameters()) {
      const data::Array values = value_of(trainer.parameter(name));
      for (const float value : values.as<float>()) losses.push_back(value);
    }
    return losses;
  };
  for (std::int64_t rows : {5, 4, 1}) {
    const std::vector<double> expected = run(false, {1, 3, 2, 3000}, rows);
    CHECK(run(true, {1, 3, 2, 3000}, rows) == expected);
    CHECK(run(true, {6, 3000}, rows).back() == expected.back());
  }
}

}  // namespace descent::test
