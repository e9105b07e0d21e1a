// What --watch tells: true norms, units that are dead and no others, trouble once where it begins; and the training
// that is watched is the training that is not.
#include <algorithm>
#include <cmath>

#include "tests/support/command.h"

namespace descent::test {
namespace {

// Rows of three numbers, -1 to 1, and a fourth of 0 or 1.
void write_rows(const Folder& folder, int rows) {
  std::string text = "a,b,c,y\n";
  for (int i = 0; i < rows; ++i) {
    text += std::to_string((i * 7 % 11 - 5) / 5.0) + "," + std::to_string((i * 5 % 13 - 6) / 6.0) + "," +
            std::to_string((i * 3 % 7 - 3) / 3.0) + "," + std::to_string(i % 2) + "\n";
  }
  folder.write("xy.csv", text);
}

// A model of these lines over x : f32[batch, 3], trained towards y : f32[batch, 1] by `out`.
std::string model_text(const std::string& lines, const std::string& settings = "", const std::string& before = "") {
  return before + "model m() {\n  input x : f32[batch, 3]\n  input y : f32[batch, 1]\n" + lines +
         "  loss error = mean_squared_error(out, y)\n}\n"
         "train t = m() {\n  batch = 4, epochs = 6\n" +
         (settings.empty() ? "  optimizer = sgd(rate = 0.1)\n" : settings) +
         "  data { x = csv(\"xy.csv\", columns = \"a, b, c\"), y = csv(\"xy.csv\", columns = \"y\") }\n}\n";
}

Program program_of(const Folder& folder, const std::string& text, bool watch = true) {
  CompileOptions options;
  options.watch = watch;
  return value_of(compile_text(folder.path("m.descent"), text, options));
}

WatchReport next_report(Training& training) {
  EpochReport report = value_of(training.run_epoch());
  REQUIRE(report.watch);
  return *report.watch;
}

data::Array parameter(Training& training, const std::string& name) {
  return value_of(training.trainer().parameter(name));
}

void fill(Training& training, const std::string& name, const std::vector<float>& values) {
  data::Array array = parameter(training, name);
  REQUIRE(array.as<float>().size() == values.size());
  std::copy(values.begin(), values.end(), array.as<float>().begin());
  REQUIRE(training.trainer().set_parameter(name, array).empty());
}

double norm(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(sum);
}

const ParameterWatch& watched(const WatchReport& report, const std::string& name) {
  for (const ParameterWatch& one : report.parameters) {
    if (one.name == name) return one;
  }
  FAIL("no parameter '" << name << "'");
  return report.parameters[0];
}

// "hidden 2/4, out 0/1"
std::string units_text(const WatchReport& report) {
  std::string text;
  for (const ActivationWatch& one : report.activations) {
    text += (text.empty() ? "" : ", ") + one.name + " " + std::to_string(one.dead) + "/" + std::to_string(one.units);
  }
  return text;
}

std::string warnings_of(const WatchReport& report) {
  std::string text;
  for (const Diagnostic& warning : report.warnings) {
    text += std::string(warning.id) + " " + std::to_string(origin_of(warning.at).line) + "\n";
  }
  return text;
}

// Everything that has a body of its own: repeats, scans, chance, statistics, clips, averages, gradients of gradients.
const std::string many_things =
    "  repeat 2 as layer carry h = x {\n    next h = h + relu(linear(layer_norm(h), 3))\n  }\n"
    "  wide = dropout(relu(batch_norm(linear(h, 6))), 0.25)\n"
    "  time[b, t, j < 2] = if j == 0 then wide[b, t] else wide[b, t]^2\n"
    "  every, last = rnn(time, 4)\n"
    "  steep = grad(sum[...](tanh(linear(x, 2) as other)), x)\n"
    "  out = linear(relu(last), 1)\n"
    "  loss bend = 0.01 * mean[...](steep^2)\n";
const std::string many_settings = "  optimizer = adam(rate = 1e-2)\n  clip = global_norm(0.5)\n  average = ema(0.9)\n";

}  // namespace

TEST_CASE("a training that is watched has the bits of one that is not") {
  Folder folder;
  write_rows(folder, 11);
  for (const auto& [lines, settings] :
       {std::pair(many_things, many_settings),
        std::pair<std::string, std::string>("  out = linear(relu(linear(x, 5) as inner), 1)\n", "")}) {
    const std::string text = model_text(lines, settings);
    TrainingOptions three;
    three.trainer = {.threads = 3, .force_parts = true};
    Training plain = training_of(program_of(folder, text, false));
    Training seen = training_of(program_of(folder, text));
    Training parted = training_of(program_of(folder, text), three);
    const std::vector<double> losses = losses_of(plain, 6);
    CHECK(losses_of(seen, 6) == losses);
    CHECK(losses_of(parted, 6) == losses);
    for (const std::string& name : plain.trainer().parameters()) {
      CAPTURE(name);
      CHECK(parameter(seen, name) == parameter(plain, name));
      CHECK(parameter(parted, name) == parameter(plain, name));
    }
    CHECK_FALSE(plain.watched());
    CHECK_FALSE(plain.trainer().program().outputs("step").size() == seen.trainer().program().outputs("step").size());
  }
}

TEST_CASE("watched or not, a training goes on from the other's checkpoint") {
  Folder folder;
  write_rows(folder, 11);
  const std::string text = model_text(many_things, many_settings);
  Training whole = training_of(program_of(folder, text));
  losses_of(whole, 6);
  for (const bool first : {false, true}) {
    Training begun = training_of(program_of(folder, text, first));
    losses_of(begun, 3);
    REQUIRE(begun.save_checkpoint(folder.path("checkpoint.safetensors")).empty());
    TrainingOptions options;
    options.checkpoint = folder.path("checkpoint.safetensors");
    Training rest = training_of(program_of(folder, text, !first), options);
    losses_of(rest, 3);
    for (const std::string& name : whole.trainer().parameters()) CHECK(parameter(rest, name) == parameter(whole, name));
  }
}

TEST_CASE("norms are those of the gradient, the update and the weight") {
  Folder folder;
  write_rows(folder, 4);
  const std::string lines =
      "  repeat 2 as layer carry h = x {\n    next h = tanh(linear(h, 3))\n  }\n  out = linear(h, 1)\n";
  Training training = training_of(program_of(folder, model_text(lines)));
  // With gradient descent the update is 0.1 of the gradient.
  for (int epoch = 1; epoch <= 3; ++epoch) {
    std::map<std::string, data::Array> before;
    for (const std::string& name : training.trainer().parameters()) before[name] = parameter(training, name);
    const WatchReport report = next_report(training);
    CHECK(report.first_step == epoch);
    CHECK(report.last_step == epoch);
    REQUIRE(report.parameters.size() == before.size());
    for (const auto& [name, old] : before) {
      CAPTURE(name, epoch);
      std::vector<float> change;
      const data::Array now = parameter(training, name);
      for (std::size_t i = 0; i < now.as<float>().size(); ++i) {
        change.push_back(now.as<float>()[i] - old.as<float>()[i]);
      }
      const ParameterWatch& one = watched(report, name);
      CHECK(one.shape == old.shape);
      CHECK(one.weight == Approx(norm(old.as<float>())).epsilon(1e-9));
      CHECK(one.update == Approx(norm(change)).epsilon(1e-5));
      CHECK(one.gradient == Approx(norm(change) / 0.1).epsilon(1e-4));
      CHECK(one.largest_gradient == Approx(one.gradient).epsilon(1e-12));
    }
  }
  // The gradient is the one before the clip, the update the one behind it.
  const std::string clip = "  optimizer = sgd(rate = 0.1)\n  clip = global_norm(1e-3)\n";
  Training free = training_of(program_of(folder, model_text(lines)));
  Training clipped = training_of(program_of(folder, model_text(lines, clip)));
  const WatchReport unclipped = next_report(free), report = next_report(clipped);
  double together = 0;
  for (std::size_t i = 0; i < report.parameters.size(); ++i) {
    CHECK(report.parameters[i].gradient == unclipped.parameters[i].gradient);
    CHECK(report.parameters[i].update < unclipped.parameters[i].update);
    together += report.parameters[i].update * report.parameters[i].update;
  }
  CHECK(std::sqrt(together) == Approx(1e-4).epsilon(1e-3));
}

TEST_CASE("several steps join by the root of the mean square; the largest stays") {
  Folder folder;
  write_rows(folder, 12);
  const std::string text = model_text("  out = linear(x, 1)\n", "  optimizer = sgd(rate = 0.5)\n  shuffle = false\n");
  Training training = training_of(program_of(folder, text));
  const WatchReport report = next_report(training);
  CHECK(report.first_step == 1);
  CHECK(report.last_step == 3);
  const ParameterWatch& weight = watched(report, "out.linear.weight");
  CHECK(weight.largest_gradient > weight.gradient);
  CHECK(weight.largest_gradient < std::sqrt(3.0) * weight.gradient);
  CHECK(weight.update == Approx(0.5 * weight.gradient).epsilon(1e-4));
}

TEST_CASE("of a step of several batches the gradient is that of all rows, and each batch's rows bring units to life") {
  Folder folder;
  write_rows(folder, 31);
  const std::string lines = "  hidden = tanh(linear(x, 3))\n  out = linear(hidden, 1)\n";
  const auto settings = [](const std::string& batch) {
    return "  optimizer = momentum(rate = 0.1)\n  clip = global_norm(0.5)\n  " + batch + "\n";
  };
  const auto text = [&](const std::string& batch) {
    const std::string all = model_text(lines, settings(batch));
    return all.substr(0, all.find("batch = 4, ")) + all.substr(all.find("batch = 4, ") + 11);
  };
  Training large = training_of(program_of(folder, text("batch = 12")));
  Training small = training_of(program_of(folder, text("batch = 4, accumulate = 3")));
  for (int epoch = 0; epoch < 3; ++epoch) {  // steps of 12, 12 and 7 rows
    const WatchReport expected = next_report(large), found = next_report(small);
    REQUIRE(found.parameters.size() == expected.parameters.size());
    CHECK(found.last_step == expected.last_step);
    for (std::size_t i = 0; i < found.parameters.size(); ++i) {
      CAPTURE(epoch, found.parameters[i].name);
      CHECK(found.parameters[i].gradient == Approx(expected.parameters[i].gradient).epsilon(1e-4));
      CHECK(found.parameters[i].largest_gradient == Approx(expected.parameters[i].largest_gradient).epsilon(1e-4));
      CHECK(found.parameters[i].update == Approx(expected.parameters[i].update).epsilon(1e-4));
    }
  }
  // The first row alone makes the unit live; it is in the first of three batches.
  folder.write(
      "xy.csv", "a,b,c,y\n1,0,0,1\n" + [] {
        std::string rest;
        for (int i = 0; i < 11; ++i) rest += "0,0.5,0.5,0\n";
        return rest;
      }());
  const auto units = [&](const std::string& more) {
    const std::string relu = model_text("  hidden = relu(linear(x, 2))\n  out = linear(hidden, 1)\n",
                                        "  optimizer = sgd(rate = 1e-3)\n  shuffle = false" + more + "\n");
    Training training = training_of(program_of(folder, relu));
    fill(training, "hidden.linear.weight", {1, 0, 0, 0, 0, 0});
    fill(training, "hidden.linear.bias", {-0.5f, -0.5f});
    return units_text(next_report(training));
  };
  CHECK(units("") == "hidden 1/2");
  CHECK(units(", accumulate = 3") == "hidden 1/2");
}

TEST_CASE("dead units are those whose derivative is 0 for every row, whoever wrote the function") {
  Folder folder;
  write_rows(folder, 11);
  const std::string own =
      "fn mine(v : f32[...]) -> f32[...] {\n  return max(v, 0)\n}\n"
      "fn passing(v : f32[...]) -> f32[...] {\n  return if v <= 0 then 0 else v\n} gradient(g) {\n  return g\n}\n";
  const auto dead = [&](const std::string& lines, const std::string& bias, const std::vector<float>& values) {
    Training training = training_of(program_of(folder, model_text(lines, "", own)));
    fill(training, bias, values);
    return units_text(next_report(training));
  };
  const std::vector<float> two_of_four = {-90, 0.5f, -90, 0.5f};
  const auto by = [&](const std::string& function) {
    return dead("  hidden = " + function + "(linear(x, 4))\n  out = linear(hidden, 1)\n", "hidden.linear.bias",
                two_of_four);
  };
  CHECK(by("relu") == "hidden 2/4");
  CHECK(by("mine") == "hidden 2/4");
  CHECK(by("leaky_relu") == "hidden 0/4");
  CHECK(by("tanh") == "hidden 2/4");  // saturated: 1 - y² is 0 in f32
  CHECK(by("passing") == "");         // its gradient is another one
  CHECK(by("dropout") == "");         // no activation: its derivative does not depend on the element
  // Written into an expression.
  CHECK(dead("  sums = linear(x, 4)\n  hidden[b, j] = 2 * max(sums[b, j], 0) + 1\n  out = linear(hidden, 1)\n",
             "sums.linear.bias", two_of_four) == "hidden 2/4");
  // What stands between the last parameter and the loss has no units, nor has what no parameter stands before.
  CHECK(dead("  out = relu(linear(relu(x), 1))\n", "out.linear.bias", {1}) == "");
  // A row that brings a unit to life suffices.
  CHECK(dead("  hidden = relu(linear(x, 2))\n  out = linear(hidden, 1)\n", "hidden.linear.bias", {-90, -0.1f}) ==
        "hidden 1/2");
}

TEST_CASE("units are what parameters made: channels, turns, not places nor times") {
  Folder folder;
  write_rows(folder, 11);
  const auto report = [&](const std::string& lines, const std::string& bias, const std::vector<float>& values) {
    Training training = training_of(program_of(folder, model_text(lines)));
    fill(training, bias, values);
    return units_text(next_report(training));
  };
  const std::string image = "  image[b, c < 1, i, j < 3] = x[b, i] * f32(j + 1)\n";
  CHECK(report(image + "  found = relu(conv2d(image, 4))\n  out = linear(flatten(found), 1)\n", "found.conv2d.bias",
               {-90, 1, 1, -90}) == "found 2/4");
  // Grouped, pooled and normalised on the way.
  CHECK(report(image + "  found = relu(conv2d(conv2d(image, 2) as wide, 4, groups = 2) as deep)\n"
                       "  out = linear(global_mean_pool2d(found), 1)\n",
               "found.deep.bias", {-90, 1, 1, 1}) == "found 1/4");
  Training turns = training_of(
      program_of(folder, model_text("  repeat 3 as layer carry h = x {\n    next h = relu(linear(h, 3))\n  }\n"
                                    "  out = linear(h, 1)\n")));
  fill(turns, "layer.1.h.linear.bias", {-90, 9, -90});
  fill(turns, "layer.0.h.linear.bias", {9, 9, 9});
  fill(turns, "layer.2.h.linear.bias", {999, 999, 999});
  CHECK(units_text(next_report(turns)) == "layer.0.h 0/3, layer.1.h 2/3, layer.2.h 0/3");
  // Positions have parameters too, but the layer behind them makes its own units.
  CHECK(report("  place[b, t, j < 2] = x[b, t] * f32(j + 1)\n  set = learned_positions(place)\n"
               "  hidden = relu(linear(set, 4))\n  out = linear(merge(hidden), 1)\n",
               "hidden.linear.bias", {-90, 1, 1, 1}) == "hidden 1/4");
  CHECK(report("  scan t < 3 carry h : f32[batch, 4] = 0 {\n"
               "    column[b, j < 1] = x[b, t]\n"
               "    next h = relu(linear(column, 4) as enter + linear(h, 4) as again)\n  }\n  out = linear(h, 1)\n",
               "h.enter.bias", {-90, 1, -90, 1}) == "h 2/4");
}

TEST_CASE("trouble is told where the model makes what has it, once") {
  Folder folder;
  write_rows(folder, 11);
  const std::string sigmoids =
      model_text("  repeat 12 as layer carry h = x {\n    next h = sigmoid(linear(h, 3))\n  }\n  out = linear(h, 1)\n",
                 "  optimizer = sgd(rate = 1e-3)\n");
  Training vanishing = training_of(program_of(folder, sigmoids));
  const WatchReport first = next_report(vanishing);
  CHECK(warnings_of(first) == "vanishing-gradient 5\n");
  CHECK(watched(first, "layer.0.h.linear.weight").trouble == Trouble::vanishing);
  CHECK(watched(first, "layer.11.h.linear.weight").trouble == Trouble::none);
  CHECK(first.warnings[0].message.find("'layer.0.h.linear.weight'") != std::string::npos);
  CHECK(warnings_of(next_report(vanishing)).empty());
  // Another layer joins them: told anew.
  fill(vanishing, "layer.11.h.linear.weight", std::vector<float>(9, 1e-6f));
  CHECK(warnings_of(next_report(vanishing)) == "vanishing-gradient 5\n");

  const std::string relus = model_text("  hidden = relu(linear(x, 4))\n  out = linear(hidden, 1)\n");
  Training dead = training_of(program_of(folder, relus));
  fill(dead, "hidden.linear.bias", {-90, -90, 1, 1});
  const WatchReport half = next_report(dead);
  CHECK(warnings_of(half) == "dead-units 4\n");
  CHECK(warnings_of(next_report(dead)).empty());
  fill(dead, "hidden.linear.bias", {1, 1, 1, 1});
  CHECK(warnings_of(next_report(dead)).empty());
  fill(dead, "hidden.linear.bias", {-90, -90, 1, 1});
  CHECK(warnings_of(next_report(dead)) == "dead-units 4\n");  // it was gone, and is back

  // Where all gradients are small alike, nothing vanishes.
  Training done =
      training_of(program_of(folder, model_text("  hidden = linear(x, 2)\n  out = linear(hidden, 1) * 1e-9\n")));
  CHECK(warnings_of(next_report(done)).empty());
}

TEST_CASE("an epoch that a loss ends tells what came before") {
  Folder folder;
  write_rows(folder, 11);
  const std::string text =
      model_text("  repeat 6 as layer carry h = x {\n    next h = h + linear(h, 3)\n  }\n  out = linear(h, 1)\n",
                 "  optimizer = sgd(rate = 100)\n");
  Training training = training_of(program_of(folder, text));
  Result<EpochReport> report = training.run_epoch();
  while (report && report->epoch < 6) report = training.run_epoch();
  REQUIRE_FALSE(report);
  CHECK(is_divergence(report.errors()));
  const std::optional<WatchReport> last = training.watched();
  REQUIRE(last);
  CHECK(watched(*last, "layer.0.h.linear.weight").trouble != Trouble::none);
  CHECK_FALSE(last->warnings.empty());
  CHECK_FALSE(training.watched());  // told
}

}  // namespace descent::test
