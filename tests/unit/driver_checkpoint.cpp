// Checkpoints through the library: what goes on from one is what would have gone on without it, bit for bit; what does
// not fit is refused before anything changes.
#include "descent/run_folder.h"
#include "tests/support/command.h"
#include "tests/support/training.h"

namespace descent::test {
namespace {

// Three epochs of 23 steps, the last one short, so that a pause falls anywhere in an epoch.
Program small_digits(Settings settings = {}) {
  settings.insert(settings.begin(), {{"units", "4"}, {"epochs", "3"}, {"batch", "64"}});
  return example("03_digits", settings);
}

struct Course {
  std::vector<EpochReport> reports;
  std::map<std::string, data::Array> weights;
};

void keep_weights(Training& training, Course& course) {
  for (const std::string& name : training.trainer().parameters()) {
    course.weights.emplace(name, value_of(training.trainer().parameter(name)));
  }
}

Course undisturbed(const Program& program) {
  Course course;
  Training training = training_of(program);
  while (!training.done()) course.reports.push_back(value_of(training.run_epoch()));
  keep_weights(training, course);
  return course;
}

// Stops before every `every`-th call of steps and goes on in a new Training.
Course stopped(const Program& program, int every, const std::string& path) {
  Course course;
  TrainingOptions options;
  for (bool done = false; !done;) {
    Training training = training_of(program, options);
    int calls = 0;
    while (!training.done()) {
      auto report = value_of(training.run_epoch({}, [&] { return calls++ == every; }));
      if (!report) break;
      course.reports.push_back(*report);
    }
    done = training.done();
    REQUIRE(training.save_checkpoint(path).empty());
    options.checkpoint = path;
    if (done) keep_weights(training, course);
  }
  return course;
}

void check_same(const Course& a, const Course& b) {
  REQUIRE(a.reports.size() == b.reports.size());
  for (std::size_t i = 0; i < a.reports.size(); ++i) {
    CHECK(a.reports[i].epoch == b.reports[i].epoch);
    CHECK(a.reports[i].step == b.reports[i].step);
    CHECK(a.reports[i].losses == b.reports[i].losses);
    CHECK(a.reports[i].evaluation == b.reports[i].evaluation);
  }
  CHECK(a.weights == b.weights);
}

// A training of `program` that has just begun its second epoch, saved.
std::string saved_in_the_midst(const Program& program, const Folder& folder) {
  Training training = training_of(program);
  value_of(training.run_epoch());
  int calls = 0;
  REQUIRE(!value_of(training.run_epoch({}, [&] { return calls++ == 3; })));
  REQUIRE(training.save_checkpoint(folder.path("c")).empty());
  return folder.path("c");
}

data::Tensors tensors_in(const std::string& path) {
  auto tensors = data::read_safetensors(path);
  REQUIRE(tensors.ok());
  return *tensors;
}

}  // namespace

TEST_CASE("a training that goes on from a checkpoint is the one that never stopped, wherever it stopped") {
  const Folder folder;
  for (const Settings& settings : {Settings{}, Settings{{"rate", "cosine(1e-2, warmup = 20)"}, {"report", "2"}},
                                   Settings{{"batch", "32"}, {"accumulate", "4"}}}) {
    const Program program = small_digits(settings);
    const Course expected = undisturbed(program);
    for (const int every : {7, 23, 30}) {
      INFO(every);
      check_same(stopped(program, every, folder.path("c")), expected);
    }
  }
}

TEST_CASE("a Trainer goes on from its checkpoint with the same steps, rates as they were set") {
  const Folder folder;
  const Program program = small_digits();
  const std::vector<float> pixels(64 * 64, 2.0F);
  const std::vector<std::int32_t> labels(64, 3);
  const std::vector<Feed> feeds{{"pixel", pixels}, {"label", labels}};
  Trainer trainer = value_of(Trainer::create(program));
  REQUIRE(trainer.init(5).empty());
  trainer.set_total_steps(9);
  REQUIRE(trainer.set("rate", 0.5).empty());
  value_of(trainer.steps(4, 64, feeds));
  REQUIRE(trainer.save_checkpoint(folder.path("c")).empty());
  Trainer other = value_of(Trainer::create(program));
  REQUIRE(other.load_checkpoint(folder.path("c")).empty());
  CHECK(other.steps_taken() == 4);
  CHECK(value_of(other.rate("rate")) == 0.5);
  value_of(trainer.steps(3, 64, feeds));
  value_of(other.steps(3, 64, feeds));
  REQUIRE(trainer.save_checkpoint(folder.path("a")).empty());
  REQUIRE(other.save_checkpoint(folder.path("b")).empty());
  CHECK(read_text(folder.path("a")) == read_text(folder.path("b")));

  Trainer reader = value_of(Trainer::create(program));
  REQUIRE(reader.load(folder.path("c")).empty());  // its weights
  CHECK(reader.steps_taken() == 0);
}

TEST_CASE("a checkpoint gives the weights of a repeat's turns under their own names") {
  const Folder folder;
  const Program program = value_of(compile_text(folder.path("m.descent"),
                                                "model m() {\n input x : f32[batch, 3]\n"
                                                " repeat 3 as block carry h = x {\n  next h = tanh(linear(h, 3))\n }\n"
                                                " loss e = mean[b, i](h[b, i]^2)\n}\n"
                                                "train t = m() {\n optimizer = momentum()\n}\n"));
  Trainer trainer = value_of(Trainer::create(program));
  REQUIRE(trainer.init(5).empty());
  REQUIRE(trainer.save_checkpoint(folder.path("c")).empty());
  Trainer reader = value_of(Trainer::create(program));
  REQUIRE(reader.load(folder.path("c")).empty());
  for (const std::string& name : trainer.parameters()) {
    CHECK(value_of(reader.parameter(name)).bytes == value_of(trainer.parameter(name)).bytes);
  }
  data::Tensors hostile = tensors_in(folder.path("c"));
  hostile.arrays["block.*.h.linear.bias"].shape = {20000, 0};
  hostile.arrays["block.*.h.linear.bias"].bytes.clear();
  REQUIRE(data::write_safetensors(folder.path("d"), hostile).ok());
  const std::string wrong = render(reader.load(folder.path("d")));
  INFO(wrong);
  CHECK(contains(wrong, "holds no 'block.0.h.linear.bias'"));
}

TEST_CASE("a checkpoint that does not fit changes nothing") {
  const Folder folder;
  const Program program = small_digits();
  Trainer trainer = value_of(Trainer::create(program));
  REQUIRE(trainer.init(1).empty());
  REQUIRE(trainer.save_checkpoint(folder.path("before")).empty());
  Trainer wide = value_of(Trainer::create(small_digits({{"units", "5"}})));
  REQUIRE(wide.init(1).empty());
  REQUIRE(wide.save_checkpoint(folder.path("wide")).empty());
  CHECK(contains(render(trainer.load_checkpoint(folder.path("wide"))),
                 "error: 'hidden.linear.weight' is f32[64, 4] in model 'digits' but f32[64, 5] in '"));
  data::Tensors changed = tensors_in(folder.path("before"));
  for (auto& [name, array] : changed.arrays) array.bytes.assign(array.bytes.size(), std::byte{1});
  changed.arrays["clock/step"].as<std::int64_t>()[0] = -1;
  REQUIRE(data::write_safetensors(folder.path("changed"), changed).ok());
  CHECK(contains(render(trainer.load_checkpoint(folder.path("changed"))),
                 "expected 'clock/seed' from 0 to 2147483647, found 72340172838076673"));
  REQUIRE(trainer.save(folder.path("weights")).empty());
  CHECK(contains(render(trainer.load_checkpoint(folder.path("weights"))), "is no checkpoint"));
  REQUIRE(trainer.save_checkpoint(folder.path("after")).empty());
  CHECK(read_text(folder.path("before")) == read_text(folder.path("after")));
}

TEST_CASE("a checkpoint that was cut anywhere is refused") {
  const Folder folder;
  const Program program = small_digits();
  const std::string whole = read_text(saved_in_the_midst(program, folder));
  Trainer trainer = value_of(Trainer::create(program));
  for (std::size_t size = 0; size < whole.size(); size += 1 + size / 4) {
    INFO(size);
    const std::string path = folder.write("cut", std::string_view(whole).substr(0, size));
    CHECK(!trainer.load_checkpoint(path).empty());
  }
  CHECK(trainer.load_checkpoint(folder.write("cut", whole)).empty());
}

TEST_CASE("positions that no training comes to are refused") {
  const Folder folder;
  const Program program = small_digits();
  const data::Tensors good = tensors_in(saved_in_the_midst(program, folder));
  struct Row {
    const char* name;
    std::int64_t value;
    const char* message;
  };
  const Row rows[] = {
      {"epoch/done", -1, "expected 'epoch/done' from 0 to 2147483647, found -1"},
      {"epoch/done", 4, "stands behind epoch 4, beyond the 3 that are asked for"},
      {"epoch/done", 2, "after 2 epochs and 192 rows expected 49 steps, found 26"},
      {"epoch/rows", 1437, "expected 'epoch/rows' from 0 to 1436, found 1437"},
      {"epoch/rows", 193, "after 1 epochs and 193 rows expected 26 steps, found 26"},
      {"clock/step", 1LL << 40, "expected 'clock/step' from 0 to 2147483647, found 1099511627776"},
      {"clock/steps", 0, "expected 'clock/steps' from 1 to 2147483647, found 0"},
  };
  for (const Row& row : rows) {
    data::Tensors tensors = good;
    tensors.arrays.at(row.name).as<std::int64_t>()[0] = row.value;
    REQUIRE(data::write_safetensors(folder.path("bad"), tensors).ok());
    TrainingOptions options;
    options.checkpoint = folder.path("bad");
    CHECK(contains(errors_of(Training::prepare(program, options)), row.message));
  }
}

TEST_CASE("the log goes on behind the epochs that the checkpoint counts") {
  const Folder folder;
  EpochReport report{1, 10, {{"nll", 0.5}, {"two", 1}}, {{"nll", 0.25}, {"accuracy", NAN}}, 0.5};
  {
    RunFolder run = value_of(RunFolder::create(folder.path("run")));
    REQUIRE(run.log(report, true).empty());
    for (const std::int64_t epoch : {2, 3}) {
      report.epoch = epoch;
      REQUIRE(run.log(report, true).empty());
    }
  }
  const std::string three = read_text(folder.path("run/log.jsonl"));
  {
    const RunFolder run = value_of(RunFolder::reopen(folder.path("run"), 2));
    REQUIRE(run.logged().size() == 2);
    CHECK(run.logged()[1].epoch == 2);
    CHECK(run.logged()[1].step == 10);
    CHECK(run.logged()[1].losses == report.losses);
    CHECK(run.logged()[1].evaluation[0] == report.evaluation[0]);
    CHECK(std::isnan(run.logged()[1].evaluation[1].second));  // JSON has no such number
    CHECK(errors_of(RunFolder::reopen(folder.path("run"), 2)) ==
          "error: another training is writing into '" + folder.path("run") +
              "'\nnote: --out gives this one a folder of its own\n");
  }
  CHECK(read_text(folder.path("run/log.jsonl")) == three.substr(0, three.find('\n', three.find('\n') + 1) + 1));
  for (const char* text :
       {"", "{\"epoch\": 1}", "{\"epoch\": 2}\n", "1\n", "\n", "[[[[[[[[\n", "{\"epoch\": \"1\"}\n"}) {
    INFO(text);
    folder.write("run/log.jsonl", text);
    CHECK(contains(errors_of(RunFolder::reopen(folder.path("run"), 1)), "line 1 is not that of epoch 1"));
    CHECK(read_text(folder.path("run/log.jsonl")) == text);
  }
}

}  // namespace descent::test
