// What training is judged by: schedules that fall at plateaus, early stopping with the best weights, and both behind a
// pause, bit for bit.
#include "driver/patience.h"
#include "tests/support/command.h"

namespace descent::test {
namespace {

// The parameter follows a given course: w grows by `rate` in each epoch, and the loss is what `loss` makes of it.
std::string course(const std::string& loss, const std::string& settings, const std::string& more = "") {
  return "optimizer grow(w, g, rate = 1) {\n  w := w + rate + 0 * g\n}\n"
         "model m() {\n  input x : f32[batch]\n  param w : f32[] ~ zeros\n" +
         more + "  output at[b] = w + 0 * x[b]\n  loss e = mean[b](" + loss +
         " + 0 * x[b])\n}\ntrain t = m() {\n  batch = 2, epochs = 12, seed = 1\n" + settings +
         "  data { x = csv(\"x.csv\") }\n}\n";
}

Program program_of(const Folder& folder, const std::string& text) {
  folder.write("x.csv", "x\n1\n2\n");
  folder.write("m.descent", text);
  return value_of(compile_file(folder.path("m.descent")));
}

float weight(Training& training) { return value_of(training.trainer().parameter("w")).as<float>()[0]; }

// After which of these values there was a plateau.
std::vector<std::size_t> plateaus_of(const std::vector<double>& values, const PatienceRule& rule,
                                     bool largest = false) {
  Patience patience;
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (patience.take(values[i], rule, largest).is_plateau) found.push_back(i + 1);
  }
  return found;
}

// All that a training leaves, paused before every `every`-th step and gone on with in another process.
struct Left {
  std::vector<EpochReport> reports;
  std::map<std::string, data::Array> weights;
  std::optional<BestEpoch> best;
  bool stopped = false;
};
Left left_by(const Program& program, int every, const std::string& path) {
  Left left;
  TrainingOptions options;
  while (true) {
    Training training = training_of(program, options);
    int calls = 0;
    while (!training.done()) {
      auto report = value_of(training.run_epoch({}, [&] { return every > 0 && calls++ == every; }));
      if (!report) break;
      left.reports.push_back(*report);
    }
    REQUIRE(training.save_checkpoint(path).empty());
    options.checkpoint = path;
    if (!training.done()) continue;
    for (const std::string& name : training.trainer().parameters()) {
      left.weights.emplace(name, value_of(training.trainer().parameter(name)));
    }
    left.best = training.best();
    left.stopped = training.stopped();
    return left;
  }
}

}  // namespace

TEST_CASE("a plateau is more than `patience` reports without a better one, as PyTorch's scheduler counts them") {
  using Found = std::vector<std::size_t>;
  const std::vector<double> flat(10, 1.0);
  CHECK(plateaus_of(flat, {.patience = 0}) == Found{2, 3, 4, 5, 6, 7, 8, 9, 10});
  CHECK(plateaus_of(flat, {.patience = 2}) == Found{4, 7, 10});
  CHECK(plateaus_of(flat, {.patience = 2, .cooldown = 1}) == Found{4, 8});
  CHECK(plateaus_of(flat, {.patience = 0, .cooldown = 2}) == Found{2, 5, 8});
  // Better by less than the threshold is not better.
  const std::vector<double> slow{1, 0.99995, 0.9999, 0.99985, 0.9998, 0.9};
  CHECK(plateaus_of(slow, {.patience = 1}) == Found{});
  CHECK(plateaus_of(slow, {.patience = 1, .threshold = 1e-4}) == Found{3});  // 0.99985 is better than 1 by enough
  CHECK(plateaus_of(slow, {.patience = 1, .threshold = 1e-3}) == Found{3, 5});
  CHECK(plateaus_of(slow, {.patience = 1, .delta = 1e-3}) == Found{3, 5});
  const std::vector<double> rising{0.5, 0.6, 0.6, 0.6, 0.7, NAN, INFINITY};
  CHECK(plateaus_of(rising, {.patience = 1}, true) == Found{4, 7});
  CHECK(plateaus_of(rising, {.patience = 1}, false) == Found{3, 5, 7});
  CHECK(plateaus_of({-1, -2, -2.1, -2.15}, {.patience = 0, .threshold = 0.1}) == Found{3, 4});  // by 10 % of its size
}

TEST_CASE("plateaus come where PyTorch's ReduceLROnPlateau lowers its rate") {
  struct Case {
    PatienceRule rule;
    double factor = 0.5, minimum = 0;
    bool largest = false;
  };
  const Case cases[] = {{.rule = {.patience = 2, .threshold = 1e-4}},
                        {.rule = {.patience = 0, .threshold = 1e-4, .cooldown = 3}},
                        {.rule = {.patience = 1, .threshold = 0.05}, .factor = 0.1, .minimum = 1e-3},
                        {.rule = {.patience = 3, .delta = 0.02}},
                        {.rule = {.patience = 1, .threshold = 0.1, .cooldown = 1}, .largest = true}};
  const data::Tensors expected = fixture("plateau");
  const std::span<const double> values = expected.arrays.at("values").as<double>();
  for (std::size_t i = 0; i < std::size(cases); ++i) {
    INFO("case " << i);
    const Case& one = cases[i];
    Patience patience;
    std::vector<double> rates;
    double rate = 1;
    for (const double value : values) {
      if (patience.take(value, one.rule, one.largest).is_plateau) rate = std::max(rate * one.factor, one.minimum);
      rates.push_back(rate);
    }
    CHECK(relative_error(rates, expected.arrays.at("rates." + std::to_string(i)).as<double>()) < 1e-12);
  }
}

TEST_CASE("a schedule falls at plateaus, to its minimum, and the report says so") {
  const Folder folder;
  const Program program = program_of(
      folder,
      course("0 * w + 1.0", "  optimizer = grow(rate = plateau(1.0, factor = 0.5, patience = 2, minimum = 0.2))\n"));
  Training training = training_of(program);
  std::vector<double> grown;
  std::map<std::int64_t, double> changed;
  float before = weight(training);
  while (!training.done()) {
    const EpochReport report = value_of(training.run_epoch());
    grown.push_back(std::round(1000 * static_cast<double>(weight(training) - before)) / 1000);
    before = weight(training);
    for (const auto& [name, value] : report.changed) {
      CHECK(name == "rate");
      changed[report.epoch] = value;
    }
  }
  // Reports 4, 7 and 10 are plateaus: the steps behind them are shorter.
  CHECK(grown == std::vector<double>{1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2});
  CHECK(changed == std::map<std::int64_t, double>{{4, 0.5}, {7, 0.25}, {10, 0.2}});
  CHECK(value_of(training.trainer().rate("plateaus")) == 3);
}

TEST_CASE(
    "what a schedule counts is a number like its others: set by name, by the host, and once for equal questions") {
  const Folder folder;
  folder.write("x.csv", "x\n1\n2\n");
  folder.write("m.descent", course("0 * w + 1.0", "  optimizer = grow(rate = plateau(2.0) + plateau(1.0))\n"));
  CompileOptions options;
  const Program once = value_of(compile_file(folder.path("m.descent"), options));
  CHECK(once.inputs("step").back().name == "plateaus");
  Trainer trainer = value_of(Trainer::create(once));
  REQUIRE(trainer.init(1).empty());
  REQUIRE(trainer.set("plateaus", 2).empty());
  const std::vector<float> x{1, 2};
  value_of(trainer.step(2, {{{"x", x}}}));
  CHECK(value_of(trainer.parameter("w")).as<float>()[0] == Approx(0.03));
  options.set = {{"rate", "warm(plateau(1.0, patience = 7), 2)"}, {"rate.rate.patience", "1"}};
  const Program patient = value_of(compile_file(folder.path("m.descent"), options));
  Training training = training_of(patient);
  std::vector<std::int64_t> changed;
  while (!training.done()) {
    const EpochReport report = value_of(training.run_epoch());
    if (!report.changed.empty()) changed.push_back(report.epoch);
  }
  CHECK(changed == std::vector<std::int64_t>{3, 5, 7, 9, 11});
}

TEST_CASE("a plateau is of what the monitor names, whichever end of it is good") {
  const Folder folder;
  const auto falls = [&](const std::string& monitor) {
    const Program program = program_of(
        folder, course("0 * w + 1.0",
                       monitor + "  optimizer = grow(rate = plateau(1.0, factor = 0.5, patience = 1, minimum = 0.5))\n",
                       "  metric height = w\n  metric depth = -over_epoch(w)\n"));
    Training training = training_of(program);
    std::int64_t count = 0;
    while (!training.done()) count += std::ssize(value_of(training.run_epoch()).changed);
    return count;
  };
  CHECK(falls("") == 1);  // by the loss; from 1 to 0.5, and 0.5 it stays
  CHECK(falls("  monitor = e\n") == 1);
  CHECK(falls("  monitor = max(height)\n") == 0);
  CHECK(falls("  monitor = min(height)\n") == 1);
  CHECK(falls("  monitor = min(depth)\n") == 0);
  CHECK(falls("  monitor = max(depth)\n") == 1);
}

TEST_CASE("early stopping ends with the weights of the best report") {
  const Folder folder;
  const std::string early = course("(w - 3.2)^2", "  stop = early(patience = 2)\n  optimizer = grow()\n");
  Training training = training_of(program_of(folder, early));
  while (!training.done()) value_of(training.run_epoch());
  CHECK(training.stopped());
  CHECK(training.epochs_done() == 6);  // 3 was the best; 4 and 5 are let pass
  REQUIRE(training.best());
  CHECK(training.best()->epoch == 3);
  CHECK(training.best()->value == Approx(0.04).epsilon(1e-4));
  CHECK(weight(training) == 3);
  CHECK(value_named(value_of(training.evaluate()), "e") == Approx(0.04).epsilon(1e-4));

  // The checkpoint holds what was trained last and what is best; a training that has stopped stays so.
  REQUIRE(training.save_checkpoint(folder.path("c")).empty());
  CHECK(weight(training) == 3);
  const auto saved = data::read_safetensors(folder.path("c"));
  REQUIRE(saved.ok());
  CHECK(saved->arrays.at("w").as<float>()[0] == 6);
  CHECK(saved->arrays.at("best/w").as<float>()[0] == 3);
  TrainingOptions options;
  options.checkpoint = folder.path("c");
  Training again = training_of(program_of(folder, early), options);
  CHECK(again.done());
  CHECK(weight(again) == 3);
  REQUIRE(again.save_checkpoint(folder.path("d")).empty());
  CHECK(read_text(folder.path("d")) == read_text(folder.path("c")));
}

TEST_CASE("a training that runs out of epochs ends with its best weights too, and more epochs go on from the last") {
  const Folder folder;
  const auto with_epochs = [&](const std::string& epochs) {
    folder.write("x.csv", "x\n1\n2\n");
    folder.write("m.descent", course("(w - 3.2)^2", "  stop = early(patience = 5)\n  optimizer = grow()\n"));
    CompileOptions options;
    options.set = {{"epochs", epochs}};
    return value_of(compile_file(folder.path("m.descent"), options));
  };
  Training first = training_of(with_epochs("5"));
  while (!first.done()) value_of(first.run_epoch());
  CHECK(!first.stopped());
  CHECK(weight(first) == 3);
  REQUIRE(first.save_checkpoint(folder.path("c")).empty());
  TrainingOptions options;
  options.checkpoint = folder.path("c");
  Training second = training_of(with_epochs("7"), options);
  CHECK(weight(second) == 5);
  while (!second.done()) value_of(second.run_epoch());
  CHECK(second.epochs_done() == 7);
  CHECK(weight(second) == 3);
  Training whole = training_of(with_epochs("40"));
  while (!whole.done()) value_of(whole.run_epoch());
  CHECK(whole.epochs_done() == 9);
}

TEST_CASE("what is judged goes on behind a pause as if there had been none") {
  const Folder folder;
  for (const std::string stop : {"early(patience = 1)", "early(patience = 9)"}) {
    INFO(stop);
    const Program program = example("03_digits", {{"units", "4"},
                                                  {"epochs", "9"},
                                                  {"batch", "256"},
                                                  {"rate", "plateau(0.3, factor = 0.3, patience = 1, cooldown = 1)"},
                                                  {"monitor", "max(accuracy)"},
                                                  {"stop", stop}});
    const Left expected = left_by(program, 0, folder.path("whole"));
    CHECK(expected.stopped == (stop == "early(patience = 1)"));
    std::size_t changes = 0;
    for (const EpochReport& report : expected.reports) changes += report.changed.size();
    CHECK(changes > 0);
    for (const int every : {3, 6, 10}) {
      INFO(every);
      const Left found = left_by(program, every, folder.path("parts"));
      REQUIRE(found.reports.size() == expected.reports.size());
      for (std::size_t i = 0; i < expected.reports.size(); ++i) {
        CHECK(found.reports[i].evaluation == expected.reports[i].evaluation);
        CHECK(found.reports[i].losses == expected.reports[i].losses);
        CHECK(found.reports[i].changed == expected.reports[i].changed);
      }
      CHECK(found.weights == expected.weights);
      CHECK(found.stopped == expected.stopped);
      REQUIRE(found.best);
      CHECK(found.best->epoch == expected.best->epoch);
    }
  }
}

TEST_CASE("the command says when a rate falls, when training stops, and whose weights it keeps") {
  const Folder folder;
  folder.write("x.csv", "x\n1\n2\n");
  folder.write(
      "m.descent",
      course("(w - 3.2)^2",
             "  stop = early(patience = 4)\n  optimizer = grow(rate = plateau(1.0, factor = 0.5, patience = 1))\n"));
  const Outcome trained = descent_in(folder, "train m.descent");
  CHECK(trained.code == 0);
  CHECK(contains(trained.out, "  e has not got better: rate is 0.5 from here on\n"));
  CHECK(contains(trained.out,
                 "stopped early: e has not got better since epoch 3\n"
                 "the weights are those of epoch 3, e 0.04\n"));
  CHECK(contains(trained.out, "t: data e 0.04"));
  CHECK(contains(read_text(folder.path("runs/t/log.jsonl")), "\"changed\": {\"rate\": 0.5}"));
  const auto weights = data::read_safetensors(folder.path("runs/t/weights.safetensors"));
  REQUIRE(weights.ok());
  CHECK(weights->arrays.at("w").as<float>()[0] == 3);
  CHECK(weights->arrays.size() == 1);
  const Outcome again = descent_in(folder, "train m.descent --resume --epochs 50");
  CHECK(again.code == 0);
  CHECK(contains(again.out, "finished before: stopped early after epoch 8\n"));
  const Outcome other = descent_in(folder, "train m.descent --resume --set 'stop=early(patience = 9)'");
  CHECK(other.code == 1);
  CHECK(contains(other.error, "stop was early(patience = 4, threshold = 0, delta = 0), is early(patience = 9"));
}

}  // namespace descent::test
