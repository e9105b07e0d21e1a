// Several runs of one command: sweeps, several train blocks, the table and the file that compare them.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/command.h"

namespace descent::test {
namespace {

// A line through four points: enough to train, to diverge and to compare.
std::string line_model(const std::string& blocks) {
  return "model line(units : size = 2) {\n  input x : f32[batch, 2]\n  input y : f32[batch, 1]\n"
         "  hidden = linear(x, units)\n  output guess = linear(hidden, 1)\n"
         "  loss error = mean_squared_error(guess, y)\n"
         "  metric largest = mean[...](abs(guess[...] - y[...]))\n}\n" +
         blocks;
}
std::string block(const std::string& name, const std::string& rate) {
  return "train " + name + " = line() {\n  batch = 4, epochs = 3, seed = 1\n  optimizer = sgd(rate = " + rate +
         ")\n  data {\n    x = csv(\"xor.csv\", columns = \"a, b\")\n    y = csv(\"xor.csv\", columns = \"xor\")\n  "
         "}\n}\n";
}

Folder& with_models(Folder& folder) {
  folder.write("xor.csv", "a,b,xor\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n");
  folder.write("one.descent", line_model(block("fit", "0.1")));
  folder.write("scheduled.descent", line_model(block("fit", "cosine(0.1, warmup = 2)")));
  folder.write("three.descent", line_model(block("first", "0.1") + block("second", "0.2") + block("third", "0.3")));
  folder.write("steep.descent", line_model(block("good", "0.1") + block("steep", "1e30") + block("last", "0.2")));
  return folder;
}

std::vector<nlohmann::json> rows_of(const std::string& path) {
  std::vector<nlohmann::json> rows;
  std::istringstream lines(read_text(path));
  for (std::string line; std::getline(lines, line);) rows.push_back(nlohmann::json::parse(line));
  return rows;
}

// The lines of the table: from its headings to the last row.
std::vector<std::string> table_of(const std::string& out) {
  std::vector<std::string> lines;
  std::istringstream stream(out);
  bool inside = false;
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with("---")) {
      inside = true;
      continue;
    }
    if (inside && line.starts_with("best: ")) break;
    if (inside) lines.push_back(line);
  }
  return lines;
}

std::string best_folder(const std::vector<nlohmann::json>& rows) {
  std::string found;
  for (const auto& row : rows) {
    if (row.at("best").get<bool>()) found += row.at("folder").get<std::string>();
  }
  return found;
}

}  // namespace

TEST_CASE("a sweep trains every combination into a folder of its own and compares them") {
  Folder folder;
  const Outcome outcome =
      descent_in(with_models(folder), "train one.descent --sweep rate=0.01,0.1 --sweep units=2,3 --out here");
  INFO(outcome.out << outcome.error);
  REQUIRE(outcome.code == 0);
  CHECK(outcome.error == "");
  const std::vector<std::string> table = table_of(outcome.out);
  REQUIRE(table.size() == 4);
  CHECK(table[0].starts_with("0.01  2 "));
  CHECK(table[3].starts_with("0.1   3 "));
  CHECK(contains(outcome.out, "rate  units  epochs  training error  training largest  best epoch  seconds\n"));
  const auto rows = rows_of(folder.path("here/comparison.jsonl"));
  REQUIRE(rows.size() == 4);
  CHECK(rows[1].at("set") == nlohmann::json::parse(R"({"rate": 0.01, "units": 3})"));
  for (const auto& row : rows) {
    CHECK(row.at("run") == "fit");
    CHECK(row.at("epochs") == 3);
    CHECK(row.at("steps") == 3);
    CHECK(row.at("diverged").is_null());
    CHECK(row.at("test").empty());
    CHECK(std::filesystem::exists(folder.path(row.at("folder").get<std::string>() + "/weights.safetensors")));
    CHECK(std::filesystem::exists(folder.path(row.at("folder").get<std::string>() + "/log.jsonl")));
  }
  CHECK(std::filesystem::exists(folder.path("here/rate=0.1,units=2/weights.safetensors")));
  // Each is the training that --set gives.
  const Outcome alone = descent_in(folder, "train one.descent --set rate=0.1 --set units=3 --out alone --quiet");
  REQUIRE(alone.code == 0);
  CHECK(read_text(folder.path("alone/weights.safetensors")) ==
        read_text(folder.path("here/rate=0.1,units=3/weights.safetensors")));
}

TEST_CASE("the best run has the smallest loss, or what --best asks for") {
  Folder folder;
  with_models(folder);
  const auto value = [](const nlohmann::json& row, const char* name) {
    return row.at("training").at(name).get<double>();
  };
  const auto chosen = [&](const std::string& best) {
    const Outcome outcome = descent_in(folder, "train one.descent --sweep seed=1,2,3,4,5 --out here " + best);
    INFO(outcome.error);
    REQUIRE(outcome.code == 0);
    const auto rows = rows_of(folder.path("here/comparison.jsonl"));
    REQUIRE(rows.size() == 5);
    const auto at =
        std::find_if(rows.begin(), rows.end(), [](const auto& row) { return row.at("best").template get<bool>(); });
    REQUIRE(at != rows.end());
    CHECK(contains(table_of(outcome.out)[static_cast<std::size_t>(at - rows.begin())], "* best"));
    return std::make_pair(rows, static_cast<std::size_t>(at - rows.begin()));
  };
  for (const char* best : {"", "--best error", "--best min:largest", "--best max:largest"}) {
    INFO(best);
    const auto [rows, index] = chosen(best);
    const char* name = contains(best, "largest") ? "largest" : "error";
    for (const auto& row : rows) {
      const bool beaten = contains(best, "max:") ? value(row, name) > value(rows[index], name)
                                                 : value(row, name) < value(rows[index], name);
      CHECK(!beaten);
    }
  }
  CHECK(descent_in(folder, "train one.descent --best largest").error ==
        "error: --best largest: nothing says whether a large or a small 'largest' is good\n"
        "note: write --best max:largest or --best min:largest\n");
  CHECK(descent_in(folder, "train one.descent --best eror").error ==
        "error: --best: model 'line' has no loss or metric 'eror'\nnote: did you mean 'error'?\n");
}

TEST_CASE("a run that diverges is a row that says so; all of them, and the command fails") {
  Folder folder;
  with_models(folder);
  const Outcome some = descent_in(folder, "train one.descent --sweep rate=0.1,1e30,0.2 --out here");
  CHECK(some.code == 0);
  const std::vector<std::string> table = table_of(some.out);
  REQUIRE(table.size() == 3);
  CHECK(contains(table[1], "diverged: loss 'error' is "));
  CHECK(!contains(table[1], "best"));
  CHECK(!contains(table[0] + table[2], "diverged"));
  const auto rows = rows_of(folder.path("here/comparison.jsonl"));
  REQUIRE(rows.size() == 3);
  CHECK(rows[1].at("diverged").is_string());
  CHECK(rows[1].at("training").empty());
  CHECK(rows[2].at("diverged").is_null());

  const Outcome all = descent_in(folder, "train one.descent --sweep rate=1e30,1e31 --out there");
  CHECK(all.code == 1);
  CHECK(table_of(all.out).size() == 2);
  CHECK(all.error == "error: all runs diverged\nnote: smaller rates or smaller inputs may help\n");

  // Its folder may hold what an earlier training left; nobody is to take that for its own.
  const auto alone = [&](const std::string& rate) {
    return descent_in(folder, "train one.descent --out alone --set rate=" + rate);
  };
  CHECK(contains(alone("1e30").error, "note: 'alone' holds this training's log and no weights\n"));
  CHECK(alone("0.1").code == 0);
  const std::string weights = read_text(folder.path("alone/weights.safetensors"));
  CHECK(contains(alone("1e30").error,
                 "note: 'alone' holds this training's log; the weights in it are an earlier training's\n"));
  CHECK(read_text(folder.path("alone/weights.safetensors")) == weights);
  std::filesystem::create_directories(folder.path("there/rate=1e30"));
  std::ofstream(folder.path("there/rate=1e30/weights.safetensors")) << weights;
  const Outcome again = descent_in(folder, "train one.descent --sweep rate=1e30,1e31 --out there");
  CHECK(contains(again.out, "  | the weights in there/rate=1e30 are an earlier training's\n"));
  CHECK(!contains(again.out, "there/rate=1e31 are"));

  // The last step may be the one too far: no loss saw it.
  const Outcome late = descent_in(folder, "train one.descent --epochs 1 --sweep rate=0.1,1e30 --out late");
  CHECK(late.code == 0);
  CHECK(contains(table_of(late.out)[1], "diverged: loss 'error' is "));
  CHECK(contains(table_of(late.out)[1], " after step 1"));
}

TEST_CASE("the train blocks of a file are compared; --only picks some") {
  Folder folder;
  with_models(folder);
  const Outcome all = descent_in(folder, "train three.descent");
  INFO(all.error);
  REQUIRE(all.code == 0);
  const std::vector<std::string> table = table_of(all.out);
  REQUIRE(table.size() == 3);
  CHECK(table[0].starts_with("first "));
  CHECK(table[2].starts_with("third "));
  CHECK(rows_of(folder.path("runs/comparison.jsonl")).size() == 3);
  CHECK(std::filesystem::exists(folder.path("runs/second/weights.safetensors")));

  const Outcome two = descent_in(folder, "train three.descent --only third --only first --out two --quiet");
  REQUIRE(two.code == 0);
  CHECK(table_of(two.out).size() == 2);
  CHECK(table_of(two.out)[0].starts_with("first "));
  CHECK(two.out.starts_with("run  "));

  const Outcome both =
      descent_in(folder, "train three.descent --only third --only first --sweep rate=0.1,0.2 --out both");
  REQUIRE(both.code == 0);
  CHECK(table_of(both.out).size() == 4);
  CHECK(std::filesystem::exists(folder.path("both/third/rate=0.2/weights.safetensors")));
  CHECK(contains(both.out, "[3/4] third rate=0.1: data error "));

  // A block of the file that diverges is a training that failed, after the others had their turn.
  const Outcome steep = descent_in(folder, "train steep.descent --out steep");
  CHECK(steep.code == 1);
  CHECK(table_of(steep.out).size() == 3);
  CHECK(contains(steep.error, "error: a train block of the file diverged\n"));
}

TEST_CASE("a swept number of the optimizer compiles once; so do seeds and epochs, not sizes") {
  const std::string path = example_folder + "11_regression.descent";
  CompileOptions options;
  options.train = "some_rows";
  const auto codegen_of = [](const Program& program) {
    Trainer trainer = value_of(Trainer::create(program));
    REQUIRE(trainer.init(1).empty());
    return trainer.timings().codegen;
  };
  const Program first = value_of(compile_file(path, options));
  CHECK(codegen_of(first) > 0);
  CHECK(codegen_of(first) == 0);
  for (const Settings& settings : {Settings{{"rate", "0.5"}}, Settings{{"seed", "9"}}, Settings{{"epochs", "2"}}}) {
    options.set = settings;
    const Program other = value_of(compile_file(path, options, first));
    CHECK(other.timings().passes.empty());
    CHECK(codegen_of(other) == 0);
  }
  options.set = {{"rate", "0.5"}};
  CHECK(value_of(value_of(Trainer::create(value_of(compile_file(path, options, first)))).rate("rate")) == 0.5);
  CHECK(value_of(value_of(Trainer::create(first)).rate("rate")) == 0.02);
  for (const Settings& settings : {Settings{{"batch", "7"}}, Settings{{"rate", "cosine(0.1)"}}}) {
    options.set = settings;
    const Program other = value_of(compile_file(path, options, first));
    CHECK(codegen_of(other) > 0);
  }
}

TEST_CASE("schedules are values of a sweep, and their numbers names") {
  Folder folder;
  with_models(folder);
  const Outcome outcome =
      descent_in(folder, "train one.descent --sweep 'rate=cosine(0.1, warmup = 1), 0.05' --out here");
  INFO(outcome.error);
  REQUIRE(outcome.code == 0);
  CHECK(table_of(outcome.out)[0].starts_with("cosine(0.1, warmup = 1)  "));
  CHECK(std::filesystem::exists(folder.path("here/rate=cosine(0.1,warmup=1)/weights.safetensors")));
  const Outcome nested = descent_in(folder, "train scheduled.descent --sweep rate.warmup=0,1,2 --out there");
  INFO(nested.error);
  REQUIRE(nested.code == 0);
  const auto rows = rows_of(folder.path("there/comparison.jsonl"));
  CHECK(rows[0].at("training") != rows[2].at("training"));
}

TEST_CASE("what a sweep can't mean is said before anything is trained") {
  Folder folder;
  with_models(folder);
  std::string many = "seed=0";
  for (int i = 1; i < 40; ++i) many += "," + std::to_string(i);
  std::string too_many = "seed=0";
  for (int i = 1; i < 20'000; ++i) too_many += "," + std::to_string(i);
  const std::pair<std::string, const char*> cases[] = {
      {"rate", "--sweep wants NAME=VALUE,VALUE,…, found 'rate'\n"},
      {"rate=", "--sweep wants NAME=VALUE,VALUE,…, found 'rate='\n"},
      {"=1,2", "--sweep wants NAME=VALUE,VALUE,…, found '=1,2'\n"},
      {"rate=0.1,,0.2", "--sweep rate: value 2 of '0.1,,0.2' is empty\n"},
      {"rate=0.1,", "--sweep rate: value 2 of '0.1,' is empty\n"},
      {"rate=cosine(0.1", "--sweep rate: a bracket or quote is not closed in 'cosine(0.1'\n"},
      {"rate=0.1,0.2,0.1", "--sweep rate: the value 0.1 stands twice in '0.1,0.2,0.1'\n"},
      {"rate=1 --sweep rate=2",
       "--sweep names 'rate' twice\nnote: one list holds all values: --sweep NAME=VALUE,VALUE\n"},
      {"rate=1,2 --set rate=3", "'rate' is swept, and another option sets it\n"},
      {"epochs=1,2 --epochs 3", "'epochs' is swept, and another option sets it\n"},
      {too_many, "--sweep asks for more than 1000 runs\n"},
      {many + " --sweep rate" + many.substr(4), "--sweep asks for more than 1000 runs\n"},
      {"raet=0.1,0.2",
       "--sweep:1:1: error: no size, setting or argument of the optimizer is called 'raet' (did you mean 'rate'?)\n"},
      {"units=2,3.5", "--sweep units:1:1: error: expected an integer for size 'units'\n"},
      {"rate=0.1,frob", "'frob'"},
      {"rate=0.1,0.2 --epochs 3 --set raet=1", "--set:1:1: error: no size,"},
  };
  for (const auto& [sweep, message] : cases) {
    INFO(sweep);
    const bool quoted = contains(sweep, "(");
    const Outcome outcome =
        descent_in(folder, "train one.descent --out here --sweep " + (quoted ? "'" + sweep + "'" : sweep));
    CHECK(outcome.code == 1);
    CHECK(outcome.out == "");
    INFO(outcome.error);
    CHECK(contains(outcome.error, message));
    CHECK(!std::filesystem::exists(folder.path("here")));
  }
}

TEST_CASE("lesson 11: three ways down to the line of least squares, one table") {
  Folder folder;
  const Outcome outcome = descent_in(folder, "train " + example_folder + "11_regression.descent --out here");
  INFO(outcome.out << outcome.error);
  REQUIRE(outcome.code == 0);
  const auto rows = rows_of(folder.path("here/comparison.jsonl"));
  REQUIRE(rows.size() == 3);
  CHECK(table_of(outcome.out).size() == 3);
  const char* names[] = {"all_rows", "some_rows", "one_row"};
  const int steps[] = {500, 50 * 12, 50 * 353};
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(rows[i].at("run") == names[i]);
    CHECK(rows[i].at("steps") == steps[i]);
    const double test = rows[i].at("test").at("rmse");
    CHECK(test > 52);
    CHECK(test < 54);
    // Least squares leaves 53.783 on the training rows (examples/data/splits.py): nothing linear gets below.
    const double training = rows[i].at("training").at("rmse");
    CHECK(training > 53.783);
    CHECK(training < 54.5);
  }
  CHECK(rows[0].at("training").at("rmse") < 53.9);
}

TEST_CASE("lesson 12: the learning rate by trial") {
  Folder folder;
  const Outcome outcome =
      descent_in(folder, "train " + example_folder + "12_learning_rate.descent --sweep rate=1e-4,1e-3,1e-2,1e-1,1");
  INFO(outcome.out << outcome.error);
  REQUIRE(outcome.code == 0);
  const auto rows = rows_of(folder.path("runs/diabetes/comparison.jsonl"));
  REQUIRE(rows.size() == 5);
  CHECK(best_folder(rows) == "runs/diabetes/rate=1e-2");
  const auto test_error = [&](std::size_t row) { return rows[row].at("test").at("error").get<double>(); };
  CHECK(test_error(0) > 9000);
  CHECK(test_error(2) < 3300);
  CHECK(test_error(3) > 9000);
  CHECK(contains(rows[4].at("diverged").get<std::string>(), "(epoch 2)"));
  CHECK(contains(table_of(outcome.out)[2], "* best"));
  CHECK(contains(table_of(outcome.out)[4], "diverged: loss 'error' is inf"));
}

}  // namespace descent::test
