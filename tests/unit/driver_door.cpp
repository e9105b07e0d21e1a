// The public door as an embedding program sees it: ports, feeds, printed programs, diagnostics.
#include <cstdio>
#include <filesystem>

#include "descent/prediction.h"
#include "descent/tools.h"
#include "ir/graph.h"
#include "ir/loop.h"
#include "tests/support/text_file.h"
#include "tests/support/training.h"

namespace descent::test {
namespace {

const std::string scaled = R"(descent graph 1
model scaled
state factor : f32[3] parameter

entry predict {
  %x = input x : f32[5, batch]
  %k = input kind : i32[batch] in 0 ..< 3
  %w = state factor : f32[3]
  %y = sweep [t < 5, b < batch] { %x[t, b] * %w[%k[b]] } : f32[5, batch]
  output y = %y
}
)";

Trainer scaled_trainer() {
  CompileOptions options;
  options.largest_batch = 4;
  Trainer trainer = value_of(Trainer::create(value_of(compile_text("scaled", scaled, options))));
  data::Array factor = data::zeros(data::DType::f32, {3});
  for (std::size_t i = 0; i < 3; ++i) factor.as<float>()[i] = static_cast<float>(i + 1);
  REQUIRE(trainer.set_parameter("factor", factor).empty());
  return trainer;
}

std::string error_of(Trainer& trainer, std::int64_t rows, const std::vector<Feed>& feeds) {
  return errors_of(trainer.predict(rows, feeds));
}

}  // namespace

TEST_CASE("a printed Graph runs, with fewer rows than it was compiled for, whatever axis batch is") {
  Trainer trainer = scaled_trainer();
  const std::vector<std::int32_t> kind{2, 0, 1};
  std::vector<float> x(15);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  for (const std::int64_t rows : {3, 2, 1}) {
    const auto n = static_cast<std::size_t>(rows);
    const std::vector<Feed> feeds{{"x", std::span(x).first(5 * n)}, {"kind", std::span(kind).first(n)}};
    const std::vector<data::Array> y = value_of(trainer.predict(rows, feeds));
    REQUIRE(y[0].shape == data::Shape{5, rows});
    for (std::size_t i = 0; i < 5 * n; ++i) CHECK(y[0].as<float>()[i] == x[i] * static_cast<float>(kind[i % n] + 1));
  }
}

TEST_CASE("what is fed is checked at the door") {
  Trainer trainer = scaled_trainer();
  const std::vector<float> x(10);
  const std::vector<double> wide(10);
  const std::vector<std::int32_t> kind{2, 0}, beyond{2, 3};
  CHECK(error_of(trainer, 2, {{"x", x}, {"kind", kind}}) == "no error");
  CHECK(error_of(trainer, 2, {{"x", x}}) == "error: input 'kind' : i32[batch] in 0 ..< 3 is not given\n");
  CHECK(error_of(trainer, 2, {{"x", x}, {"kind", beyond}}) ==
        "error: row 1 of input 'kind' holds 3, expected a value in 0 ..< 3\n");
  CHECK(error_of(trainer, 2, {{"x", wide}, {"kind", kind}}) ==
        "error: input 'x' expects f32[5, batch] with 2 rows, 10 elements; found 10 elements of f64\n");
  CHECK(error_of(trainer, 1, {{"x", x}, {"kind", kind}}) ==
        "error: input 'x' expects f32[5, batch] with 1 rows, 5 elements; found 10 elements of f32\n");
  CHECK(error_of(trainer, 2, {{"x", x}, {"kind", kind}, {"kin", kind}}) ==
        "error: model 'scaled' has no input 'kin'\nnote: did you mean 'kind'?\n");
  CHECK(error_of(trainer, 0, {}) == "error: expected 1 to 4 rows, the batch this program was compiled for, found 0\n");
  CHECK(error_of(trainer, 5, {}) == "error: expected 1 to 4 rows, the batch this program was compiled for, found 5\n");
}

TEST_CASE("without an entry `init` states begin as zeros") {
  Trainer trainer = scaled_trainer();
  REQUIRE(trainer.init(1).empty());
  CHECK(value_of(trainer.parameter("factor")) == data::zeros(data::DType::f32, {3}));
}

TEST_CASE("an entry or parameter that is not there is a diagnostic") {
  Trainer trainer = scaled_trainer();
  CHECK(errors_of(trainer.step(1, {})) == "error: model 'scaled' has no entry 'step': it needs a train block\n");
  CHECK(errors_of(trainer.parameter("facto")) ==
        "error: model 'scaled' has no parameter 'facto'\nnote: did you mean 'factor'?\n");
  CHECK(render(trainer.set_parameter("factor", data::zeros(data::DType::f32, {4}))) ==
        "error: parameter 'factor' is f32[3], found f32[4]\n");
  CHECK(render(trainer.init(-1)) == "error: a seed is between 0 and 2147483647, found -1\n");
}

TEST_CASE("weights of another model are refused, tensor by tensor") {
  const std::string xor_weights = source_folder + "/tests/fixtures/xor.weights.safetensors";
  Trainer trainer = value_of(Trainer::create(example("02_linear_bce")));
  const std::string text = render(trainer.load(xor_weights));
  CHECK(text.find("error: 'hidden.linear.weight' is f32[10, 10] in model 'binary' but f32[2, 3] in '" + xor_weights) !=
        std::string::npos);
  CHECK(text.find("holds no 'probability.linear.weight'") != std::string::npos);
  CHECK(text.find("holds 'prediction.linear.bias', which model 'binary' does not have") != std::string::npos);
  CHECK(render(trainer.load("no.safetensors")).find("no.safetensors: cannot open") != std::string::npos);
}

TEST_CASE("printed at every stage, the program goes on from there and computes the same bits") {
  const Program model = example("03_digits");
  const std::vector<float> pixels(3 * 64, 5.0F);
  const std::vector<std::int32_t> labels{1, 2, 3};
  const std::vector<Feed> feeds{{"pixel", pixels}, {"label", labels}};
  const auto logits = [&](const Program& program) {
    Trainer trainer = value_of(Trainer::create(program));
    REQUIRE(trainer.init(7).empty());
    return value_of(trainer.predict(3, feeds));
  };
  const std::vector<data::Array> expected = logits(model);
  for (const char* stage : {"graph", "step", "loop"}) {
    INFO(stage);
    CompileOptions options;
    options.largest_batch = model.largest_batch();
    const std::string text = value_of(inspect(model, {stage, "", "", ""}));
    CHECK(logits(value_of(compile_text(stage, "# a comment first\n\n" + text, options))) == expected);
  }
}

TEST_CASE("the kind of a text is told by its first line, never by its name") {
  CHECK(compile_text("model.descent", scaled).ok());
  CHECK(errors_of(compile_text("x", "descent graph 1\nnonsense\n")).find("x:2:1: error") != std::string::npos);
  CHECK(errors_of(compile_text("x", "descent loop 1\nnonsense\n")).find("x:2:1: error") != std::string::npos);
  CompileOptions options;
  options.set = {{"units", "3"}};
  CHECK(errors_of(compile_text("s.graph", scaled, options)) ==
        "error: 's.graph' is a printed Graph without sizes, settings or train blocks: nothing to choose or set\n");
}

TEST_CASE("a program that can't be trained says why") {
  CHECK(errors_of(Training::prepare(value_of(compile_text("s.graph", scaled)))) ==
        "error: 's.graph' has no train block: training needs a model file that says on which data and how\n");
}

TEST_CASE("every stage and every pass can be looked at") {
  const Program program = example("03_digits");
  for (const std::string& stage : stages()) {
    INFO(stage);
    CHECK(!value_of(inspect(program, {stage, "", "", ""})).empty());
  }
  const std::string one = value_of(inspect(program, {"loop", "", "", "predict"}));
  CHECK(one.find("entry predict") != std::string::npos);
  CHECK(one.find("entry step") == std::string::npos);
  CHECK(loop::parse_program(std::make_shared<Source>(Source{"predict", one})).ok());
  const std::string pass = value_of(inspect(program, {"graph", "differentiate", "", "step"}));
  const std::size_t after = pass.find("# after differentiate");
  REQUIRE(after != std::string::npos);
  CHECK(pass.substr(0, after).find("gradient of") != std::string::npos);
  CHECK(pass.substr(after).find("gradient of") == std::string::npos);
}

TEST_CASE("a kernel can be looked at alone") {
  const Program program = example("03_digits");
  const std::string name = program.loop().kernels.front().name;
  CHECK(value_of(inspect(program, {"loop", "", name, ""})).find("kernel " + name) != std::string::npos);
  const std::string part = value_of(inspect(program, {"llvm", "", name, ""}));
  CHECK(part.size() < value_of(inspect(program, {"llvm", "", "", ""})).size() / 2);
  CHECK(value_of(inspect(program, {"asm", "", name, ""})).find(name) != std::string::npos);
}

TEST_CASE("the fused stage is a Graph that can be compiled, by itself") {
  const Program program = example("03_digits");
  const std::string text = value_of(inspect(program, {"fused", "", "", ""}));
  CHECK(text.find("  # kernel d_hidden.linear\n") != std::string::npos);  // whatever the machine
  const Program again = value_of(compile_text("fused", text));
  CHECK(again.inputs("step").size() == program.inputs("step").size());
  const std::string one = value_of(inspect(program, {"fused", "", "", "predict"}));
  CHECK(one.find("entry predict") != std::string::npos);
  CHECK(one.find("entry step") == std::string::npos);
}

TEST_CASE("what can't be inspected is a diagnostic with a suggestion") {
  const Program program = example("03_digits");
  CHECK(errors_of(inspect(program, {"grph", "", "", ""})) ==
        "error: there is no stage 'grph'\nnote: did you mean 'graph'?\n");
  CHECK(errors_of(inspect(program, {"graph", "gathr", "", ""})) ==
        "error: there is no pass 'gathr'\nnote: did you mean 'gather'?\n");
  CHECK(errors_of(inspect(program, {"graph", "", "", "stop"})) ==
        "error: there is no entry 'stop'\nnote: did you mean 'step'?\n");
  CHECK(errors_of(inspect(program, {"graph", "", program.loop().kernels.front().name, ""})) ==
        "error: stage 'graph' is printed entry by entry; loop, llvm, cpp and asm can show one kernel\n");
}

TEST_CASE("gradients of all examples agree with differences") {
  int checked = 0;
  for (const auto& file : std::filesystem::directory_iterator(source_folder + "/examples")) {
    if (file.path().extension() != ".descent") continue;
    INFO(file.path());
    std::string text = read_text(file.path());
    // The widest layers, narrower: the oracle takes its time.
    const std::vector<std::pair<std::string, std::string>> narrower = {
        {", 512)", ", 12)"}, {", 256)", ", 12)"}, {" = 128)", " = 12)"}, {" = 512", " = 12"}};
    // Its first layers' gradients vanish: differences of the loss are then nothing but its rounding.
    const double most = file.path().stem() == "20_vanishing_gradients" ? gradient_tolerance : 1e-6;
    for (const auto& [wide, narrow] : narrower) {
      const std::size_t at = text.find(wide);
      if (at != std::string::npos) text.replace(at, wide.size(), narrow);
    }
    const std::vector<GradientCheck> checks =
        value_of(check_gradients(value_of(compile_text(file.path().string(), text))));
    CHECK(!checks.empty());
    for (const GradientCheck& check : checks) {
      INFO(check.by << " at " << check.place << ": " << check.deviation);
      CHECK(check.passed);
      CHECK(check.deviation < most);
      ++checked;
    }
  }
  CHECK(checked >= 36);
}

TEST_CASE("a gradient that differences contradict is found") {
  // So steep a sine that a difference of 2e-5 can't follow it: whoever compares must see the disagreement.
  const std::vector<GradientCheck> checks = value_of(check_gradients(value_of(compile_text("steep", R"(descent graph 1
model steep
entry step {
  %x = input x : f64[4]
  %l = sweep [i < 4] sum at [] { sin(%x[i] * 1e6_f64) } : f64[]
  %d = gradient of %l by %x : f64[4]
  loss l = %l
  output d = %d
}
)"))));
  REQUIRE(checks.size() == 1);
  CHECK(!checks[0].passed);
  CHECK(checks[0].by == "x");
  CHECK(checks[0].deviation > gradient_tolerance);
}

TEST_CASE("artifacts for this machine and another") {
  const std::string path = source_folder + "/examples/01_xor.descent";
  CompileOptions options;
  const auto built = [&](Artifact kind) {
    ArtifactOptions artifact;
    artifact.kind = kind;
    return value_of(build(value_of(compile_file(path, options)), artifact)).artifact;
  };
  CHECK(built(Artifact::object).substr(0, 4) == "\177ELF");
  options.triple = "aarch64-linux-gnu";
  const std::string there = built(Artifact::object);
  CHECK(there.substr(0, 4) == "\177ELF");
  CHECK(there.substr(18, 2) == std::string("\xB7\0", 2));  // e_machine: AArch64
  CHECK(built(Artifact::assembly).find("xor_step") != std::string::npos);
  options.triple = "";
  options.cpu = "nonsense";  // of this machine
  CHECK(errors_of(compile_file(path, options)).find("', found 'nonsense'\n") != std::string::npos);
  options.cpu = "";
  options.triple = "nonsense";
  CHECK(errors_of(compile_file(path, options)) ==
        "error: expected a target that LLVM can compile for, found 'nonsense'\n");
}

}  // namespace descent::test
