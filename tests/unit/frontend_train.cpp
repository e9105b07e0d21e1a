// What a compilation says besides its Graphs: train blocks, data expressions, rates, overrides, imports.
#include <catch2/catch.hpp>

#include "frontend/frontend.h"

using namespace descent;
using namespace descent::frontend;

namespace {

const std::string model =
    "model m(n : size = 4, wide : size = 2 * n) {\n input x : f32[batch, n]\n input y : f32[batch, wide]\n"
    " output p = linear(x, wide)\n loss e = mean_squared_error(p, y)\n}\n";

Result<Compilation> compiled(const std::string& text, Options options = {}) {
  return compile(std::make_shared<const Source>(Source{"test.descent", text}), options);
}

Compilation ok(const std::string& text, Options options = {}) {
  auto result = compiled(text, std::move(options));
  if (!result) FAIL(render(result.errors()));
  return *result;
}

std::string shown(const DataExpression& expression) {
  if (const auto* call = std::get_if<DataCall>(&expression.node)) {
    std::string text;
    for (const DataArgument& argument : call->arguments) {
      text +=
          (text.empty() ? "" : ", ") + (argument.name.empty() ? "" : argument.name + "=") + shown(argument.value[0]);
    }
    return call->function + "(" + text + ")";
  }
  if (const auto* text = std::get_if<DataText>(&expression.node)) return '"' + text->value + '"';
  if (const auto* flag = std::get_if<DataFlag>(&expression.node)) return flag->value ? "true" : "false";
  if (const auto* input = std::get_if<DataInput>(&expression.node)) return "@" + input->name;
  const double number = std::get<DataNumber>(expression.node).value;
  return number == static_cast<int>(number) ? std::to_string(static_cast<int>(number)) : std::to_string(number);
}

std::vector<std::pair<std::string, double>> rates(const Compilation& compilation) {
  std::vector<std::pair<std::string, double>> list;
  for (const Rate& rate : compilation.rates) list.emplace_back(rate.name, rate.value);
  return list;
}

}  // namespace

TEST_CASE("a train block's settings are read with the model's sizes in scope") {
  const Compilation result = ok(model +
                                "train t = m(n = 3) {\n batch = 2 * n, epochs = 5\n seed = 7, report = 2\n"
                                " shuffle = false, weights = \"w.safetensors\"\n optimizer = sgd()\n"
                                " data { x = csv(\"x.csv\", columns = n), y = idx(\"y\") }\n"
                                " test = both(x, lines = true, share = 0.25)\n}\n");
  const TrainBlock& train = *result.train;
  CHECK(train.name == "t");
  CHECK(train.model == "m");
  CHECK(train.batch == 6);
  CHECK(train.epochs == 5);
  CHECK(train.seed == 7);
  CHECK(train.report == 2);
  CHECK(!train.shuffle);
  CHECK(train.weights == "w.safetensors");
  REQUIRE(train.data.size() == 2);
  CHECK(train.data[0].inputs == std::vector<std::string>{"x"});
  CHECK(shown(train.data[0].value) == "csv(\"x.csv\", columns=3)");
  CHECK(shown(train.data[1].value) == "idx(\"y\")");
  REQUIRE(train.test.size() == 1);
  CHECK(train.test[0].inputs.empty());
  CHECK(shown(train.test[0].value) == "both(@x, lines=true, share=0.250000)");
  CHECK(!train.data_and_test);
  CHECK(to_string(result.model.state("p.linear.weight")->type) == "f32[3, 6]");
}

TEST_CASE("data and test may come from one expression, several inputs from one value") {
  const Compilation joint =
      ok(model + "train t = m() {\n optimizer = sgd()\n data, test = split(csv(\"a\"), 0.9)\n}\n");
  REQUIRE(joint.train->data_and_test);
  CHECK(shown(*joint.train->data_and_test) == "split(csv(\"a\"), 0.900000)");
  const Compilation pair = ok(model + "train t = m() {\n optimizer = sgd()\n data { x, y = csv(\"a\") }\n}\n");
  CHECK(pair.train->data[0].inputs == std::vector<std::string>{"x", "y"});
}

TEST_CASE("literals of the optimizer are inputs of the step, named after their place") {
  const auto of = [](const std::string& optimizer) {
    return rates(ok(model + "train t = m() {\n optimizer = " + optimizer + "\n}\n"));
  };
  using Rates = std::vector<std::pair<std::string, double>>;
  CHECK(of("sgd()") == Rates{{"rate", 0.01}});
  CHECK(of("sgd(-0.5)") == Rates{{"rate", -0.5}});
  CHECK(of("momentum(momentum = 0.5, rate = 1)") == Rates{{"rate", 1}, {"momentum", 0.5}});
  CHECK(of("sgd(cosine(1e-3, warmup = 200))") == Rates{{"rate.peak", 1e-3}, {"rate.warmup", 200}});
  CHECK(of("sgd(2 * n + 3)") == Rates{{"rate.1", 2}, {"rate.2", 3}});
  CHECK(of("sgd(cosine(1) + cosine(2))") == Rates{{"rate.peak", 1}, {"rate.peak.2", 2}});
  CHECK(of("sgd(cosine(2 * 3))") == Rates{{"rate.peak.1", 2}, {"rate.peak.2", 3}});
  CHECK(of("sgd(sqrt(4))") == Rates{{"rate.1", 4}});
  CHECK(of("sgd(0.5^2)") == Rates{{"rate.1", 0.5}});
}

TEST_CASE("the inputs of the step come in the promised order") {
  const Compilation result = ok(model + "train t = m() {\n optimizer = adam(rate = cosine(0.1))\n}\n");
  std::vector<std::string> names;
  for (const Node& node : result.model.entry("step")->nodes) {
    if (const auto* input = std::get_if<Input>(&node.op)) names.push_back(input->name);
  }
  CHECK(names == std::vector<std::string>{"x", "y", "step", "steps", "seed", "rate.peak", "beta1", "beta2", "eps"});
}

TEST_CASE("--set replaces a size, a setting, or an argument of the optimizer with its whole expression") {
  Options options;
  options.set = {
      {"n", "5"}, {"epochs", "2 * n"}, {"rate", "cosine(0.5)"}, {"shuffle", "false"}, {"weights", "a b.bin"}};
  const Compilation result =
      ok(model + "train t = m(n = 3) {\n epochs = 1\n optimizer = sgd(rate = 0.1)\n}\n", options);
  CHECK(to_string(result.model.state("p.linear.weight")->type) == "f32[5, 10]");
  CHECK(result.train->epochs == 10);
  CHECK(rates(result) == std::vector<std::pair<std::string, double>>{{"rate.peak", 0.5}});
  CHECK(!result.train->shuffle);
  CHECK(result.train->weights == "a b.bin");
}

TEST_CASE("a model takes numbers and truths beside sizes, and they are constants of its Graph") {
  const std::string text =
      "model m(n : size = 2, keep = 1 / 4.0, more = false, twice = 2 * n) {\n input x : f32[batch, n]\n"
      " param w : f32[n] ~ zeros\n y[b, i] = x[b, i] * w[i] * keep\n z = if more then y + twice else y\n"
      " loss e = mean[b, i](z[b, i]^2)\n}\ntrain t = m(keep = 0.1) {\n optimizer = sgd()\n}\n";
  const auto graph = [&](decltype(Options::set) set) {
    Options options;
    options.set = std::move(set);
    return print(ok(text, options).model);
  };
  CHECK(graph({}).find("* 0.1 }") != std::string::npos);
  CHECK(graph({{"keep", "1 / 4.0"}}).find("* 0.25 }") != std::string::npos);
  CHECK(graph({}).find("4.0 +") == std::string::npos);
  CHECK(graph({{"more", "true"}}).find("+ 4.0") != std::string::npos);
  const auto message = [&](const std::string& parameters, const std::string& keep) {
    std::string changed = text;
    changed.replace(changed.find("keep = 1 / 4.0"), 14, parameters);
    Options options;
    options.set = {{"keep", keep}};
    const auto wrong = compiled(changed, options);
    REQUIRE(!wrong.ok());
    return wrong.errors()[0].message;
  };
  CHECK(message("keep : f32 = 1", "1") ==
        "a model takes sizes and numbers: write keep : size, or keep = 0.5 without a type");
  CHECK(message("keep : size = 1", "0.5") == "expected an integer for size 'keep'");
}

TEST_CASE("--set reaches a number inside an argument by the name of its rate") {
  const std::string text = model + "train t = m() {\n optimizer = adam(rate = cosine(0.1, warmup = 20))\n}\n";
  Options options;
  options.set = {{"rate.warmup", "2 * 5"}};
  const Compilation result = ok(text, options);
  CHECK(rates(result)[0] == std::pair<std::string, double>{"rate.peak", 0.1});
  CHECK(rates(result)[1] == std::pair<std::string, double>{"rate.warmup", 10});
  CHECK(print(result.model) == print(ok(text).model));  // data: nothing to compile anew
  const auto message = [&](const std::string& name, const std::string& value) {
    options.set = {{name, value}};
    const auto wrong = compiled(text, options);
    REQUIRE(!wrong.ok());
    return wrong.errors()[0].message;
  };
  CHECK(message("rate.wamrup", "3") ==
        "no size, setting or argument of the optimizer is called 'rate.wamrup' (did you mean 'rate.warmup'?)");
  CHECK(message("rate.warmup", "nobody") != "");
}

TEST_CASE("of several train blocks the first is taken, or the one that is named") {
  const std::string text =
      model + "train a = m(n = 1) {\n optimizer = sgd()\n}\ntrain b = m(n = 2) {\n optimizer = adam()\n}\n";
  CHECK(ok(text).train->name == "a");
  Options options;
  options.only = "b";
  CHECK(ok(text, options).train->name == "b");
  CHECK(ok(text, options).model.states.size() == 6);
  const auto file = parse(std::make_shared<const Source>(Source{"test.descent", text}));
  CHECK(train_blocks(*file) == std::vector<std::string>{"a", "b"});
}

TEST_CASE("entries are there when they have something to give") {
  const auto entries = [](const Compilation& compilation) {
    std::string names;
    for (const Graph& entry : compilation.model.entries) names += entry.name + " ";
    return names;
  };
  CHECK(entries(ok(model)) == "init evaluate predict ");
  CHECK(entries(ok(model + "train t = m() {\n optimizer = sgd()\n}\n")) == "init step evaluate predict ");
  CHECK(entries(ok("model m() {\n}\n")) == "init ");
}

TEST_CASE("files are imported once, found by the reader they are given") {
  std::vector<std::string> asked;
  Options options;
  options.read_import = [&](const std::string& path) -> Result<SourceRef> {
    asked.push_back(path);
    const std::string text = path == "a" ? "import \"b\"\nfn f(x : f32[...]) -> f32[...] {\n return g(x)\n}\n"
                                         : "import \"a\"\nfn g(x : f32[...]) -> f32[...] {\n return -x\n}\n";
    return std::make_shared<const Source>(Source{path, text});
  };
  const std::string text = "import \"a\"\nmodel m() {\n input x : f32[batch]\n output y = f(x)\n}\n";
  CHECK(print(ok(text, options).model).find("{ -%x[i] }") != std::string::npos);
  CHECK(asked == std::vector<std::string>{"a", "b", "a"});
}

TEST_CASE("a step that takes several batches has an entry for those before the last, and sums beside the weights") {
  const std::string text = model + "train t = m() {\n optimizer = adam()\n accumulate = 3\n}\n";
  const Compilation result = ok(text);
  CHECK(result.train->accumulate == 3);
  std::vector<std::string> inputs, outputs;
  for (const Node& node : result.model.entry("accumulate")->nodes) {
    if (const auto* input = std::get_if<Input>(&node.op)) inputs.push_back(input->name);
  }
  for (const Output& output : result.model.entry("accumulate")->outputs) outputs.push_back(output.name);
  CHECK(inputs == std::vector<std::string>{"x", "y", "seed"});
  CHECK(outputs == std::vector<std::string>{"e"});
  CHECK(to_string(result.model.state("p.linear.weight.accumulated")->type) == "f32[4, 8]");
  Options options;
  options.set = {{"accumulate", "5"}};
  CHECK(print(ok(text, options).model) == print(result.model));  // how many is the host's to count
  options.set = {{"accumulate", "1"}};
  const Compilation alone = ok(text, options);
  CHECK(!alone.model.entry("accumulate"));
  CHECK(!alone.model.state("accumulated.rows"));
  for (const char* nonsense : {"0", "-4", "2.5", "true", "2147483648"}) {
    INFO(nonsense);
    options.set = {{"accumulate", nonsense}};
    const auto wrong = compiled(text, options);
    REQUIRE(!wrong.ok());
    CHECK(wrong.errors()[0].message ==
          "expected an integer from 1 to 2^31 - 1 for 'accumulate', found " + std::string(nonsense));
  }
}

TEST_CASE("stop_gradient hides a parameter from its loss") {
  const std::string text =
      "model m() {\n param w : f32[3] ~ ones\n input x : f32[batch, 3]\n"
      " loss e = mean[b](sum[i](x[b, i] * WEIGHT))\n}\ntrain t = m() {\n optimizer = sgd()\n}\n";
  std::string seen = text;
  seen.replace(seen.find("WEIGHT"), 6, "w[i]");
  CHECK(compiled(seen).ok());
  std::string hidden = text;
  hidden.replace(hidden.find("WEIGHT"), 6, "stop_gradient(w[i])");
  REQUIRE(!compiled(hidden));
  CHECK(compiled(hidden).errors()[0].id == "no-gradient");
}

TEST_CASE("a plain literal is rounded once, arithmetic on numbers is f64") {
  const auto body = [](const std::string& expression) {
    const std::string text = print(
        *ok("model m() {\n input x : f32[batch]\n output y = x * " + expression + "\n}\n").model.entry("predict"));
    const std::size_t begin = text.find("%x[i] * ") + 8;
    return text.substr(begin, text.find(" }", begin) - begin);
  };
  CHECK(body("0.1") == "0.1");
  CHECK(body("(0.1 + 0.2)") == "0.3");
  // Halfway between two f32 after rounding to f64, above it before: rounding twice would give 1.
  CHECK(body("1.00000005960464477540") == "1.0000001");
  CHECK(body("(16777219 - 16777216.0)") == "3.0");
}
