// What a step takes through the JIT, on the data and in the form of tests/bench/artifacts.py:
//
//   descent_steps MODEL BATCHES CLASSES SECONDS    →    loss after 4 epochs, least microseconds of a step among many in
//                                                       one call of Trainer::steps, and of one call of Trainer::step;
//                                                       milliseconds from the model file to the end of the first step
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "descent/descent.h"

namespace {

using namespace descent;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// The least time of a step, where `run` takes `steps` of them.
template <class Run>
double least_step(double seconds, std::int64_t steps, const Run& run) {
  run();  // the first call of an entry makes its code
  double least = 1e9;
  for (const double end = now() + seconds; now() < end;) {
    const double begin = now();
    run();
    least = std::min(least, (now() - begin) / static_cast<double>(steps));
  }
  return 1e6 * least;
}

struct Data {
  std::vector<float> x, y;
  std::vector<std::int32_t> label;
};

// Rows first … last of what the artifacts' program makes.
Data data_of(const Program& program, std::int64_t first, std::int64_t last, unsigned classes) {
  const std::int64_t width = program.inputs("step")[0].type.shape[1].size;
  Data data;
  for (std::int64_t i = first * width; i < last * width; ++i) {
    data.x.push_back(static_cast<float>(static_cast<unsigned>(i) * 2654435761U % 1000) / 1000);
  }
  for (std::int64_t i = first; i < last; ++i) {
    data.label.push_back(static_cast<std::int32_t>(static_cast<unsigned>(i) * 7 % 11 % classes));
    data.y.push_back(static_cast<float>(data.label.back()));
  }
  return data;
}

std::vector<Feed> feeds_of(const Program& program, const Data& data) {
  const bool has_labels = program.inputs("step")[1].type.dtype == DType::i32;
  return {Feed("x", data.x), has_labels ? Feed("y", data.label) : Feed("y", data.y)};
}

}  // namespace

int main(int count, char** words) {
  if (count != 5) return 1;
  const std::int64_t batches = std::atoll(words[2]);
  const auto classes = static_cast<unsigned>(std::atoi(words[3]));
  const double seconds = std::atof(words[4]);
  const double start = now();
  const Result<Program> program = compile_file(words[1]);
  if (!program) return std::fprintf(stderr, "%s\n", render(program.errors()).c_str()), 1;
  const std::int64_t rows = program->largest_batch();
  const Data one = data_of(*program, 0, rows, classes);
  const std::vector<Feed> feed = feeds_of(*program, one);
  Result<Trainer> trainer = Trainer::create(*program, {.threads = 1});
  if (!trainer || !trainer->init(1).empty() || !trainer->step(rows, feed)) return 1;
  const double first = now() - start;
  if (!trainer->init(1).empty()) return 1;
  const Data all = data_of(*program, 0, batches * rows, classes);
  const std::vector<Feed> feeds = feeds_of(*program, all);

  double loss = 0;  // the mean over the last epoch, as NAME_train gives it
  for (std::int64_t step = 0; step < 4 * batches; ++step) {
    const Data batch = data_of(*program, step % batches * rows, (step % batches + 1) * rows, classes);
    const auto losses = trainer->step(rows, feeds_of(*program, batch));
    if (!losses) return 1;
    if (step >= 3 * batches) loss += losses->front() * static_cast<double>(rows);
  }
  std::printf("%.17g ", loss / static_cast<double>(batches * rows));
  const std::int64_t steps = (64 / batches + 1) * batches;
  const double train = least_step(seconds, steps, [&] { (void)trainer->steps(steps, rows, feeds); });
  const double step = least_step(seconds, steps, [&] {
    for (std::int64_t i = 0; i < steps; ++i) (void)trainer->step(rows, feed);
  });
  std::printf("%.6f %.6f %.6f\n", train, step, 1e3 * first);
}
