// The command line as a process: exit codes, what goes to which stream, the files that are left.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "descent/tools.h"
#include "runtime/data/npy.h"
#include "tests/support/command.h"
#include "tests/support/training.h"

namespace descent::test {

TEST_CASE("wrong usage: exit code 1, the reason on stderr, nothing on stdout") {
  Folder folder;
  folder.write("m.descent", "model m() {\n  input x : f32[batch]\n  output y = x + z\n}\n");
  folder.write("binary.descent", std::string("model m() {\0\1\2", 14));
  folder.write("terminal.descent", "model m() {\n  \x1b[31mx\n");
  folder.write("good.descent", "model m() {\n  input x : f32[batch]\n  output y = x\n}\n");
  folder.write("two.descent",
               "model m() {\n  input x : f32[batch]\n  loss y = mean[b](x[b])\n}\n"
               "train first = m() {\n  optimizer = sgd()\n}\ntrain second = m() {\n  optimizer = sgd()\n}\n");
  folder.write("m.loop", value_of(inspect(value_of(compile_text("m",
                                                                "model m() {\n  input x : f32[batch]\n"
                                                                "  output y = x\n}\n")),
                                          {"loop", "", "", ""})));
  const std::pair<const char*, const char*> cases[] = {
      {"trian x.descent", "error: there is no command 'trian'\nnote: did you mean 'train'?\n"},
      {"m.descent", "error: there is no command 'm.descent'\nnote: to train it: descent train m.descent\n"},
      {"frobnicate",
       "error: there is no command 'frobnicate'\nnote: the commands are train, predict, convert, inspect, check, "
       "bench, build, runtime, fmt, doc; `descent --help` says more\n"},
      {"train", "error: FILE is required\nnote: `descent train --help` shows its options\n"},
      {"train m.descent --epoch 3", "error: descent train has no option '--epoch'\nnote: did you mean '--epochs'?\n"},
      {"train m.descent --epochs=0",
       "error: --epochs: expected a whole number from 1 to 2147483647, found '0'\nnote: `descent train --help` shows "
       "its "
       "options\n"},
      {"train m.descent --threads two",
       "error: --threads: expected a whole number from 1 to 1024, found 'two'\nnote: `descent train --help` shows its "
       "options\n"},
      {"train m.descent n.descent",
       "error: too many arguments for descent train\nnote: `descent train --help` shows its options\n"},
      {"train none.descent", "error: none.descent: cannot open: no such file or folder\n"},
      {"train m.descent --set units",
       "error: 'm.descent' has no train block: it says neither on which data to train nor how\nnote: training needs a "
       "model "
       "file; inspect, check and build take printed programs too\n"},
      {"inspect m.descent --set units", "error: --set wants NAME=VALUE, found 'units'\n"},
      {"check binary.descent", "error: binary.descent: expected a text, found the byte 0x00 at offset 11\n"},
      {"check terminal.descent", "error: terminal.descent: expected a text, found the byte 0x1b at offset 14\n"},
      {"build m.loop -o m.o --batch 7",
       "error: 'm.loop' is a printed Loop program for at most 64 rows, found --batch 7; give --batch where it is "
       "printed\n"},
      {"predict good.descent --weights w --input x=a.csv --input x=b.csv", "error: --input names 'x' twice\n"},
      {"train m.descent --seed 2147483648",
       "error: --seed: expected a whole number from 0 to 2147483647, found '2147483648'\nnote: `descent train --help` "
       "shows its options\n"},
      {"build m.descent -o m.o --emit ojb",
       "error: --emit: expected one of obj, static, shared, llvm, asm, cpp, found 'ojb' (did you mean 'obj'?)\nnote: "
       "`descent build "
       "--help` "
       "shows its options\n"},
      {"inspect m.descent --stage grph",
       "error: --stage: expected one of ast, graph, step, fused, loop, llvm, cpp, asm, found 'grph' (did you mean "
       "'graph'?)\n"
       "note: `descent inspect --help` shows its options\n"},
      {"inspect good.descent --color sometimes",
       "error: --color: expected one of auto, always, never, found 'sometimes'\nnote: `descent inspect --help` shows "
       "its "
       "options\n"},
      {"inspect good.descent --colr never",
       "error: descent inspect has no option '--colr'\nnote: did you mean '--color'?\n"},
      {"check good.descent -q",
       "error: descent check has no option '-q'\nnote: `descent check --help` shows its options\n"},
      {"help inspct", "error: there is no command 'inspct'\nnote: did you mean 'inspect'?\n"},
      {"inspect two.descent --only secnd", "error: there is no train block 'secnd'\nnote: did you mean 'second'?\n"},
      {"check two.descent --only third", "error: there is no train block 'third'\nnote: there are first, second\n"},
      {"build two.descent -o m.o --only frist",
       "error: there is no train block 'frist'\nnote: did you mean 'first'?\n"},
      {"predict two.descent --weights w --input x=a.csv --only frist",
       "error: there is no train block 'frist'\nnote: did you mean 'first'?\n"},
      {"train two.descent --only first --only secnd",
       "error: there is no train block 'secnd'\nnote: did you mean 'second'?\n"},
      {"inspect two.descent --only first --only second",
       "error: --only picks one train block here; `descent train` takes several\n"},
  };
  for (const auto& [arguments, expected] : cases) {
    INFO(arguments);
    const Outcome outcome = descent_in(folder, arguments);
    CHECK(outcome.code == 1);
    CHECK(outcome.out == "");
    CHECK(outcome.error == expected);
  }
}

TEST_CASE("a mistake in the model is shown in its line") {
  Folder folder;
  folder.write("m.descent", "model m() {\n  input x : f32[batch]\n  output y = x + xx\n}\n");
  for (const char* command : {"inspect", "check", "build -o m.o"}) {
    const Outcome outcome = descent_in(folder, std::string(command) + " m.descent");
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.error, "m.descent:3:18: error: "));
    CHECK(contains(outcome.error, "  3 |   output y = x + xx\n"));
    CHECK(!contains(outcome.error, "\x1b"));  // no colours but on a terminal
  }
  CHECK(!std::filesystem::exists(folder.path("m.o")));
}

TEST_CASE("output that does not reach its file is an error") {
  if (!std::filesystem::exists("/dev/full")) return;
  Folder folder;
  folder.write("m.descent", "model m() {\n  input x : f32[batch]\n  output y = x\n}\n");
  // The shell leaves before the redirections that descent_in appends.
  const Outcome outcome = descent_in(folder, "inspect m.descent --stage llvm >/dev/full 2>error.txt; exit $?; true");
  CHECK(outcome.code == 1);
  CHECK(outcome.error == "error: cannot write all of the output: the disk is full or the pipe is gone\n");
}

TEST_CASE("no epochs: the initial weights are judged") {
  Folder folder;
  const Outcome outcome = descent_in(
      folder, "train '" + example_folder + "01_xor.descent' --set epochs=0 --set weights='\"none\"' --out a");
  CHECK(outcome.code == 1);
  CHECK(contains(outcome.error, "there is no weights file 'none'"));
  const Outcome judged = descent_in(folder, "train '" + example_folder + "01_xor.descent' --set epochs=0 --out a");
  CHECK(judged.code == 0);
  CHECK(contains(judged.out, "truth_table: data half_squares "));
}

TEST_CASE("help and version") {
  Folder folder;
  const Outcome help = descent_in(folder, "--help");
  CHECK(help.code == 0);
  for (const char* part : {"train", "predict", "inspect", "check", "build", "Examples:", "Exit codes:"}) {
    INFO(part);
    CHECK(contains(help.out, part));
  }
  for (const char* command : {"train", "predict", "inspect", "check", "build"}) {
    INFO(command);
    const Outcome own = descent_in(folder, std::string(command) + " --help");
    CHECK(own.code == 0);
    CHECK(contains(own.out, "Example"));
    CHECK(contains(own.out, "FILE"));
  }
  CHECK(contains(descent_in(folder, "--version").out, "descent 0."));
  CHECK(descent_in(folder, "help").out == help.out);
  for (const char* command : {"train", "predict", "inspect", "check", "build"}) {
    const Outcome own = descent_in(folder, std::string("help ") + command);
    CHECK(own.code == 0);
    CHECK(own.out == descent_in(folder, std::string(command) + " --help").out);
  }
  const Outcome nothing = descent_in(folder, "");
  CHECK(nothing.code == 1);
  CHECK(nothing.out == help.out);
}

TEST_CASE("train writes weights and log; a pipe gets one line per report") {
  Folder folder;
  const Outcome outcome = descent_in(folder, "train " + example_folder + "01_xor.descent --epochs 3000");
  INFO(outcome.error);
  REQUIRE(outcome.code == 0);
  CHECK(outcome.error == "");
  CHECK(!contains(outcome.out, "\x1b"));
  CHECK(contains(outcome.out, "epoch 1000/3000  half_squares "));
  CHECK(contains(outcome.out, "epoch 3000/3000  half_squares "));
  CHECK(!contains(outcome.out, "epoch 1500/3000"));
  CHECK(contains(outcome.out, "weights in runs/truth_table/weights.safetensors"));
  const auto weights = data::read_safetensors(folder.path("runs/truth_table/weights.safetensors"));
  REQUIRE(weights.ok());
  CHECK(weights->arrays.size() == 4);

  std::istringstream log(read_text(folder.path("runs/truth_table/log.jsonl")));
  std::int64_t epochs = 0;
  for (std::string line; std::getline(log, line);) {
    const auto entry = nlohmann::json::parse(line);
    ++epochs;
    CHECK(entry.at("epoch") == epochs);
    CHECK(entry.at("step") == epochs);
    CHECK(entry.at("loss").is_number());
    CHECK(entry.at("seconds").is_number());
    CHECK(entry.contains("metrics") == (epochs % 1000 == 0));
  }
  CHECK(epochs == 3000);

  const Outcome again = descent_in(folder, "train " + example_folder +
                                               "01_xor.descent --epochs 1 --out b "
                                               "--set weights=runs/truth_table/weights.safetensors");
  INFO(again.error);
  CHECK(again.code == 0);
  const Outcome gone = descent_in(folder, "train " + example_folder + "01_xor.descent --set weights=gone.safetensors");
  CHECK(gone.code == 1);
  CHECK(gone.error == "error: there is no weights file 'gone.safetensors'\nnote: looked for '" + example_folder +
                          "gone.safetensors'\nnote: looked for 'gone.safetensors'\n");

  const Outcome quiet = descent_in(folder, "train " + example_folder + "01_xor.descent --epochs 10 --quiet --out q");
  CHECK(std::count(quiet.out.begin(), quiet.out.end(), '\n') == 1);
  CHECK(std::filesystem::exists(folder.path("q/weights.safetensors")));
}

TEST_CASE("several train blocks run in order, each in its own folder") {
  Folder folder;
  folder.write("xor.csv", "a,b,xor\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n");
  const std::string block =
      " = m() {\n  batch = 4, epochs = 2, seed = 1\n  optimizer = sgd(rate = 0.1)\n  data {\n"
      "    x = csv(\"xor.csv\", columns = \"a, b\")\n    y = csv(\"xor.csv\", columns = \"xor\")\n  }\n}\n";
  folder.write("m.descent",
               "model m() {\n  input x : f32[batch, 2]\n  input y : f32[batch, 1]\n"
               "  output guess = sigmoid(linear(x, 1))\n  loss error = mean_squared_error(guess, y)\n}\n"
               "train first" +
                   block + "train second" + block);
  const Outcome both = descent_in(folder, "train m.descent --out here");
  INFO(both.error);
  CHECK(both.code == 0);
  CHECK(both.out.find("first:") < both.out.find("second:"));
  CHECK(std::filesystem::exists(folder.path("here/first/weights.safetensors")));
  CHECK(std::filesystem::exists(folder.path("here/second/weights.safetensors")));
  const Outcome one = descent_in(folder, "train m.descent --only second --out there");
  CHECK(one.code == 0);
  CHECK(std::filesystem::exists(folder.path("there/weights.safetensors")));
  CHECK(descent_in(folder, "train m.descent --only secnd").error ==
        "error: there is no train block 'secnd'\nnote: did you mean 'second'?\n");
}

TEST_CASE("a folder that can't be written is known before training starts") {
  Folder folder;
  folder.write("file", "");
  const Outcome outcome = descent_in(folder, "train " + example_folder + "01_xor.descent --out file/run");
  CHECK(outcome.code == 1);
  CHECK(outcome.out == "");
  CHECK(contains(outcome.error, "error: cannot make the folder 'file/run': "));
}

TEST_CASE("predict prints rows or writes .npy") {
  Folder folder;
  folder.write("rows.csv", "0,0\n0,1\n1,0\n1,1\n0,1\n1,1\n");  // more rows than the batch of four
  REQUIRE(descent_in(folder, "train " + example_folder + "01_xor.descent --quiet").code == 0);
  const std::string predict =
      "predict " + example_folder + "01_xor.descent --weights runs/truth_table/weights.safetensors ";
  const Outcome printed = descent_in(folder, predict + "--input x=rows.csv");
  INFO(printed.error);
  REQUIRE(printed.code == 0);
  std::istringstream lines(printed.out);
  const double expected[] = {0, 1, 1, 0, 1, 0};
  std::size_t row = 0;
  for (std::string line; std::getline(lines, line); ++row) CHECK(std::abs(std::stod(line) - expected[row]) < 0.2);
  CHECK(row == 6);

  CHECK(descent_in(folder, predict + "--input x=rows.csv --output prediction=y.npy").out == "");
  const auto array = data::read_npy(folder.path("y.npy"));
  REQUIRE(array.ok());
  CHECK(array->shape == data::Shape{6, 1});

  CHECK(descent_in(folder, predict + "--input x=rows.csv --output prediction=-").out == printed.out);
  CHECK(descent_in(folder, predict + "--input x=rows.csv --output prediction=y.csv").out == "");
  CHECK(read_text(folder.path("y.csv")) == printed.out);
  CHECK(descent_in(folder, predict + "--input x=rows.csv --output prediction=y.json").error ==
        "error: output 'prediction': expected a file that ends in .npy, .npz, .csv, .png or .txt, found 'y.json'\n");
  CHECK(descent_in(folder, predict + "--input x=rows.csv --output prediction=y.txt").error ==
        "error: output 'prediction': a .txt file holds tokens as text; say of which input's vocabulary with --text "
        "prediction=INPUT, or write a .csv file\n");
  CHECK(descent_in(folder, predict + "--input x=rows.csv --text prediction=x").error ==
        "error: output 'prediction': expected i32[batch, tokens] to write as text, found f32[batch, 1]\n");
  CHECK(descent_in(folder, predict + "--input x=rows.csv --text guess=x")
            .error.starts_with("error: `predict` has no output 'guess'"));
  CHECK(descent_in(folder, predict + "--input x=rows.csv --output predicton=-").error ==
        "error: `predict` has no output 'predicton'\nnote: did you mean 'prediction'?\n");

  // An array as NumPy writes it: the same rows in Fortran order, of double.
  data::Array rows = data::zeros(data::DType::f64, {2, 6});
  const double columns[] = {0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1};
  std::copy(std::begin(columns), std::end(columns), rows.as<double>().begin());
  const std::vector<std::byte> bytes = data::format_npy(rows);
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  text.replace(text.find("False, 'shape': (2, 6)"), 22, "True,  'shape': (6, 2)");
  folder.write("rows.npy", text);
  CHECK(descent_in(folder, predict + "--input x=rows.npy").out == printed.out);

  CHECK(descent_in(folder, predict + "--input z=rows.csv").error ==
        "error: `predict` has no input 'z'\nnote: it has x\n");
  CHECK(descent_in(folder, predict + "--input x=rows.bin").error ==
        "error: 'rows.bin' has an ending that no reader knows; expected one of .csv, .idx, .npy, .npz, .png\n");
  CHECK(descent_in(folder, predict + "--input x=none.csv").error ==
        "error: none.csv: cannot open: no such file or folder\n");
  folder.write("wide.csv", "1,2,3\n");
  CHECK(descent_in(folder, predict + "--input x=wide.csv").error ==
        "error: input 'x' expects f32[batch, 2], found f32[1, 3]\n");
}

TEST_CASE("inspect prints a stage that is accepted again") {
  Folder folder;
  const Outcome graph = descent_in(folder, "inspect " + example_folder + "03_digits.descent --stage graph");
  REQUIRE(graph.code == 0);
  CHECK(graph.out.starts_with("descent graph 1\n"));
  folder.write("digits.txt", graph.out);
  const Outcome loop = descent_in(folder, "inspect digits.txt --stage loop --batch 32");
  REQUIRE(loop.code == 0);
  CHECK(loop.out.starts_with("descent loop 1\n"));
  folder.write("loop.txt", loop.out);
  CHECK(descent_in(folder, "inspect loop.txt --stage llvm").code == 0);
  CHECK(descent_in(folder, "inspect loop.txt --stage graph").error ==
        "error: 'loop.txt' is a printed Loop program: it has no stage 'graph', only loop, llvm, cpp and asm\n");
  CHECK(descent_in(folder, "train digits.txt").code == 1);
  const Outcome build = descent_in(folder, "build loop.txt -o digits.o");
  CHECK(build.code == 0);
  CHECK(contains(build.out, " bytes, declared in digits.h; "));
  CHECK(read_text(folder.path("digits.o")).starts_with("\177ELF"));
}

TEST_CASE("check names every parameter, and fails when a gradient deviates") {
  Folder folder;
  const Outcome good = descent_in(folder, "check " + example_folder + "01_xor.descent");
  CHECK(good.code == 0);
  for (const char* name :
       {"hidden.linear.weight", "hidden.linear.bias", "prediction.linear.weight", "prediction.linear.bias"}) {
    INFO(name);
    CHECK(contains(good.out, std::string("ok     d half_squares / d ") + name + ": largest deviation "));
  }
  folder.write("steep.graph",
               "descent graph 1\nmodel steep\nentry step {\n  %x = input x : f64[4]\n"
               "  %l = sweep [i < 4] sum at [] { sin(%x[i] * 1e6_f64) } : f64[]\n"
               "  %d = gradient of %l by %x : f64[4]\n  loss l = %l\n  output d = %d\n}\n");
  const Outcome bad = descent_in(folder, "check steep.graph");
  CHECK(bad.code == 1);
  CHECK(contains(bad.out, "WRONG  d l / d x: largest deviation "));
  CHECK(bad.error == "error: a gradient deviates from its central difference by more than 1e-04\n");
}

}  // namespace descent::test
