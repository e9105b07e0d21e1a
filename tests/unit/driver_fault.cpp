// A loss that is not finite though the data are: the row that makes it so is found, whoever wrote the loss, whatever
// runs the steps, and however long ago the weight broke.
#include "runtime/data/npy.h"
#include "tests/support/command.h"

namespace descent::test {
namespace {

// Rows of `columns` columns, each number by a formula, but for what `odd` puts in place of a row.
void write_rows(const Folder& folder, int rows, const std::map<int, std::string>& odd) {
  std::string text = "a,b,k\n";
  for (int i = 0; i < rows; ++i) {
    const auto found = odd.find(i);
    text += found != odd.end() ? found->second
                               : std::to_string(0.1 + (i * 7 % 11) / 11.0) + "," +
                                     std::to_string(0.1 + (i * 5 % 13) / 13.0) + "," + std::to_string(i % 2);
    text += "\n";
  }
  folder.write("rows.csv", text);
}

const std::string data_of_k = "k = csv(\"rows.csv\", label = \"k\", classes = \"0, 1, 2, 3\")";

// A model of these lines, line 4 on.
std::string model_text(const std::string& lines, const std::string& settings, const std::string& rate) {
  return "model m() {\n  input x : f32[batch, 2]\n  input k : i32[batch] in 0 ..< 4\n" + lines +
         "  metric kinds = mean[b](f32(k[b]))\n}\ntrain t = m() {\n  epochs = 4, " + settings +
         "\n  optimizer = sgd(rate = " + rate + ")\n  data { x = csv(\"rows.csv\", columns = \"a, b\"), " + data_of_k +
         " }\n}\n";
}

Program program_of(const Folder& folder, const std::string& lines, const std::string& settings,
                   const std::string& rate = "0.01") {
  return value_of(compile_text(folder.path("m.descent"), model_text(lines, settings, rate)));
}

// The first epoch that fails.
Diagnostic failure_of(Training& training) {
  Result<EpochReport> report = training.run_epoch();
  while (report && !training.done()) report = training.run_epoch();
  REQUIRE_FALSE(report);
  REQUIRE(is_divergence(report.errors()));
  return report.errors()[0];
}

Diagnostic failure_of(const Program& program, const TrainerOptions& by = {}) {
  Training training = training_of(program, {.data_folder = {}, .trainer = by, .checkpoint = {}});
  return failure_of(training);
}

std::string notes_of(const Diagnostic& diagnostic) {
  std::string text;
  for (const Note& note : diagnostic.notes) text += note.message + "\n";
  return text;
}

const std::string logarithm =
    "  output out = linear(x, 1)\n  loss error = mean[...](out^2)\n  loss odd = -0.01 * mean[b](log(x[b, 0]))\n";

}  // namespace

TEST_CASE("a log of 0 is told by its row, in any order and however the steps run") {
  Folder folder;
  write_rows(folder, 30, {{23, "0,0.5,1"}});
  for (const std::string settings : {"batch = 4", "batch = 4, shuffle = false", "batch = 30", "batch = 1",
                                     "batch = 4, accumulate = 3", "batch = 7, accumulate = 2, seed = 5"}) {
    const Program program = program_of(folder, logarithm, settings);
    for (const bool whole_loop : {true, false}) {
      CAPTURE(settings, whole_loop);
      const Diagnostic wrong = failure_of(program, {.threads = 2, .whole_loop = whole_loop});
      CHECK(contains(wrong.message, "loss 'odd' is inf at step "));
      CHECK(contains(wrong.message, " (epoch 1), by row 23 of the data"));
      CHECK(origin_of(wrong.at).line == 6);
      CHECK(contains(notes_of(wrong), "row 23: x = [0, 0.5], k = 1\n"));
    }
  }
}

TEST_CASE("rows that do so are listed up to the eighth") {
  Folder folder;
  write_rows(folder, 30, {{3, "0,0.5,1"}, {9, "0,0.5,1"}, {12, "0,1,0"}});
  const Diagnostic three = failure_of(program_of(folder, logarithm, "batch = 30, shuffle = false"));
  CHECK(contains(three.message, "at step 1 (epoch 1), by rows 3, 9 and 12 of the data"));
  std::map<int, std::string> many;
  for (int i = 2; i < 20; ++i) many[i] = "0,1,0";
  write_rows(folder, 30, many);
  const Diagnostic eight = failure_of(program_of(folder, logarithm, "batch = 30, shuffle = false"));
  CHECK(contains(notes_of(eight), "each of rows 2, 3, 4, 5, 6, 7, 8 and 9 of the data, and perhaps others, does so"));
}

TEST_CASE("a target without a path through CTC is told by its row") {
  Folder folder;
  data::Array x = data::zeros(data::DType::f32, {18, 8}), goal = data::zeros(data::DType::i32, {18, 3});
  for (std::size_t i = 0; i < 18 * 8; ++i) x.as<float>()[i] = static_cast<float>(i % 13) / 13;
  for (std::size_t i = 0; i < 18 * 3; ++i) goal.as<std::int32_t>()[i] = 1 + static_cast<std::int32_t>(i % 4);
  // Four places hold 2, silence, 2, silence, but no third 2.
  for (std::size_t k = 0; k < 3; ++k) goal.as<std::int32_t>()[11 * 3 + k] = 2;
  REQUIRE(data::write_npy(folder.path("x.npy"), x).ok());
  REQUIRE(data::write_npy(folder.path("goal.npy"), goal).ok());
  const std::string text =
      "model m() {\n  input x : f32[batch, 8]\n  input goal : i32[batch, 3] in 0 ..< 5\n  lifted = linear(x, 24)\n"
      "  logits[b, t < 4, c < 6] = lifted[b, 6 * t + c]\n  places[b < batch] = i32(4)\n  letters[b < batch] = i32(3)\n"
      "  loss nll = ctc(logits, goal, places, letters)\n}\ntrain t = m() {\n  batch = 4, epochs = 2\n"
      "  optimizer = adam(rate = 0.01)\n  data { x = npy(\"x.npy\"), goal = npy(\"goal.npy\") }\n}\n";
  const Diagnostic wrong = failure_of(value_of(compile_text(folder.path("m.descent"), text)));
  CHECK(contains(wrong.message, "loss 'nll' is inf at step "));
  CHECK(contains(wrong.message, ", by row 11 of the data"));
  CHECK(origin_of(wrong.at).line == 8);
  CHECK(contains(notes_of(wrong), "goal = [2, 2, 2]\n"));
}

TEST_CASE("a weight that breaks long before it is read again is told by the step and the row that broke it") {
  Folder folder;
  // Row 5 stands where its own number of the table begins, and 0 / 0 is its slope; row 27 is the next to read it.
  write_rows(folder, 30, {{5, "0.5,0.5,3"}, {27, "0.2,0.5,3"}});
  const std::string lines =
      "  param table : f32[4] ~ constant(0.5)\n  away[b] = table[k[b]] - x[b, 0]\n  loss error = "
      "mean[b](sqrt(away[b]^2))\n";
  for (const std::string settings : {"batch = 2, shuffle = false", "batch = 1, accumulate = 2, shuffle = false"}) {
    CAPTURE(settings);
    for (const bool whole_loop : {true, false}) {
      const Diagnostic wrong =
          failure_of(program_of(folder, lines, settings), {.threads = 1, .whole_loop = whole_loop});
      CHECK(contains(wrong.message, "loss 'error' is nan at step 14 (epoch 1)"));
      CHECK(contains(notes_of(wrong), "step 3 left 'table' not finite, by row 5 of the data\n"));
      CHECK(contains(notes_of(wrong), "row 5: x = [0.5, 0.5], k = 3\n"));
    }
  }
}

TEST_CASE("what all rows do, or none alone, is no single row's fault") {
  Folder folder;
  write_rows(folder, 30, {{14, "0.5,0.5,1"}, {15, "-0.5,0.5,1"}});
  const std::string error = "  output out = linear(x, 1)\n  loss error = mean[...]((out - 1)^2)\n";
  const Diagnostic diverged = failure_of(program_of(folder, error, "batch = 5", "100"));
  CHECK(contains(diverged.message, "loss 'error' is inf at step"));
  CHECK_FALSE(contains(diverged.message, "row"));
  CHECK(contains(notes_of(diverged), "each of the batch's 5 rows does so alone\na smaller rate"));
  // The mean of rows 14 and 15 is 0, neither is.
  const Diagnostic together =
      failure_of(program_of(folder, error + "  loss odd = 1e-9 / mean[b](x[b, 0])\n", "batch = 2, shuffle = false"));
  CHECK(contains(together.message, "loss 'odd' is inf at step 8 (epoch 1)"));
  CHECK_FALSE(contains(together.message, "row"));
  CHECK_FALSE(contains(notes_of(together), "row"));
}

TEST_CASE("a loss of the test data that is not finite is a warning that names the row, once") {
  Folder folder;
  write_rows(folder, 12, {});
  folder.write("more.csv", "a,b,k\n0.5,0.5,1\n0.25,0.5,0\n0,0.5,1\n");
  std::string text = model_text(logarithm, "batch = 2", "0.01");
  std::string test = "  test { x = csv(\"rows.csv\", columns = \"a, b\"), " + data_of_k + " }\n";
  for (std::size_t at = 0; (at = test.find("rows.csv", at)) != std::string::npos;) test.replace(at, 8, "more.csv");
  text.insert(text.size() - 2, test);
  Training training = training_of(value_of(compile_text(folder.path("m.descent"), text)));
  const EpochReport report = value_of(training.run_epoch());
  REQUIRE(report.warnings.size() == 1);
  CHECK(report.warnings[0].message == "expected a finite loss 'odd' of the test data, found inf, by row 2 of it");
  CHECK(notes_of(report.warnings[0]) == "row 2: x = [0, 0.5], k = 1\n");
  CHECK(origin_of(report.warnings[0].at).line == 6);
  CHECK(value_of(training.run_epoch()).warnings.empty());
}

}  // namespace descent::test
