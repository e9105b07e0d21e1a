// The bench: what it counts is what `inspect --cost` counts, its roofline is the work by hand, and timing an entry call
// by call runs the entry.
#include <cmath>
#include <nlohmann/json.hpp>

#include "descent/bench.h"
#include "driver/loop_parts.h"
#include "driver/roofline.h"
#include "ir/graph.h"
#include "passes/pipeline.h"
#include "tests/support/command.h"
#include "tests/support/training.h"

namespace descent::test {
namespace {

using nlohmann::json;

// Inputs of every type, no train block.
const std::string user_made = R"(model own() {
  input image : u8[batch, 4, 4]
  input mask : bool[batch, 4]
  input pick : i32[batch] in 0 ..< 4
  input scale : f32[batch]
  param w : f32[4, 3] ~ uniform(-1, 1)
  row[b, i] = scale[b] * f32(image[b, pick[b], i]) * (if mask[b, i] then 1.0 else 0.5)
  sum_of[b, j] = sum[i](row[b, i] * w[i, j])
  output y = tanh(sum_of)
}
)";

const std::string line = R"(model line() {
  input x : f32[batch, 3]
  input y : f32[batch, 2]
  param w : f32[3, 2] ~ zeros
  guess[b, j] = sum[i](x[b, i] * w[i, j])
  loss l = sum[...]((guess[...] - y[...])^2)
}
train it = line() { batch = 5, optimizer = momentum(rate = 0.1) }
)";

Program program_of(const std::string& text, std::int64_t batch = 0) {
  CompileOptions options;
  options.largest_batch = batch;
  return value_of(compile_text("m.descent", text, options));
}

BenchReport report_of(const Program& program, const std::string& entry = {}) {
  return value_of(bench(program, {.entry = entry, .threads = 1, .seconds = 0.01}));
}

void check_counts(const Program& program, const BenchReport& report) {
  const std::vector<EntryCost> costs = value_of(cost(program, report.entry));
  REQUIRE(costs.size() == 1);
  REQUIRE(costs[0].kernels.size() == report.kernels.size());
  double flops = 0, bytes = 0;
  for (std::size_t i = 0; i < report.kernels.size(); ++i) {
    const KernelCost &expected = costs[0].kernels[i], &found = report.kernels[i].cost;
    INFO(expected.kernel);
    CHECK(found.kernel == expected.kernel);
    CHECK(found.calls == expected.calls);
    CHECK(found.flops == expected.flops);
    CHECK(found.bytes_read == expected.bytes_read);
    CHECK(found.bytes_written == expected.bytes_written);
    CHECK(report.kernels[i].time.least <= report.kernels[i].time.median);
    flops += found.flops;
    bytes += found.bytes_read + found.bytes_written;
  }
  CHECK(report.cost.flops == flops);
  CHECK(report.cost.bytes_read + report.cost.bytes_written == bytes);
  CHECK(report.time.least > 0);
  CHECK(report.time.least <= report.time.median);
}

}  // namespace

TEST_CASE("a measured step: counts are those of inspect --cost, limits and times are there") {
  const Program program = value_of(compile_file(source_folder + "/tests/bench/models/xor.descent"));
  const BenchReport report = report_of(program);
  CHECK(report.program == "xor");
  CHECK(report.entry == "step");
  CHECK(report.rows == 4);
  CHECK(report.threads == 1);
  CHECK(report.limits.flops_per_second > 0);
  CHECK(report.limits.bytes_per_second > 0);
  CHECK(report.limits.span >= program.arena_bytes());
  REQUIRE(report.roofline);
  CHECK(*report.roofline > 0);
  CHECK(report.timings.total() > 0);
  CHECK(report.timings.code_bytes > 0);
  check_counts(program, report);
}

TEST_CASE("any model can be measured: every input type, with or without a train block, printed or not") {
  const Program own = program_of(user_made, 7);
  const BenchReport report = report_of(own);
  CHECK(report.entry == "predict");
  CHECK(report.rows == 7);
  check_counts(own, report);
  check_counts(own, report_of(own, "init"));
  const Program printed = program_of(value_of(inspect(own, {"loop", "", "", ""})));
  const BenchReport of_loops = report_of(printed);
  CHECK(!of_loops.roofline);
  check_counts(printed, of_loops);
  check_counts(program_of(line), report_of(program_of(line), "evaluate"));
}

TEST_CASE("every lesson's step can be measured on two threads") {
  for (const char* name : {"03_digits", "04_iris"}) {
    const Program program = example(name);
    check_counts(program, value_of(bench(program, {.entry = "step", .threads = 2, .seconds = 0.01})));
  }
}

TEST_CASE("the roofline is the work by hand") {
  const double b = 5, k = 3, n = 2;
  const Program program = program_of(line);
  // Without memory: two contractions; of each element its difference, square and sum, for the gradient difference and
  // double; of each weight two operations for the momentum and two for the step. A few numbers of rank 0 come on top.
  const double expected = 2 * (2 * b * k * n) + 5 * b * n + 4 * k * n;
  const std::optional<double> operations = roofline_of(program, "step", {1, INFINITY, 0});
  REQUIRE(operations);
  CHECK(*operations >= expected);
  CHECK(*operations <= expected + 8);
  // Without arithmetic: x, y and w come once, w goes once, v does both; the rate, an f64.
  const std::optional<double> bytes = roofline_of(program, "step", {INFINITY, 1, 0});
  REQUIRE(bytes);
  CHECK(*bytes == 4 * (b * k + b * n + 2 * k * n + 2 * k * n) + 8 + 8);
  // Each contraction or pass takes the larger of the two, so both at once lie between.
  const std::optional<double> both = roofline_of(program, "step", {1, 1, 0});
  REQUIRE(both);
  CHECK(*both >= std::max(*operations, *bytes));
  CHECK(*both <= *operations + *bytes);
}

TEST_CASE("the roofline counts the points that guards let through, and what a value depends on") {
  const Program program = program_of(R"(descent graph 1
model m
entry predict {
  %x = input x : f32[3]
  %w = input w : f32[100]
  %y = sweep [i < 3, r < 2 where i - r >= 0] sum at [i] { sqrt(%w[r]) * %x[i] } : f32[3]
  output y = %y
}
)");
  // Of 6 points 5 are let through, each a product and a term; of two roots five sixths. Of w two elements are read.
  CHECK(*roofline_of(program, "predict", {1, INFINITY, 0}) == Approx(5 + 5 + 2 * 5.0 / 6));
  CHECK(*roofline_of(program, "predict", {INFINITY, 1, 0}) == Approx(4 * (3 + 2) * 5.0 / 6));
}

TEST_CASE("fusion and layout do not move the roofline") {
  const Program program = value_of(compile_file(source_folder + "/tests/bench/models/seed.descent"));
  CompileOptions scalar;
  scalar.lanes = 1;
  const Program slow = value_of(compile_file(source_folder + "/tests/bench/models/seed.descent", scalar));
  const MachineLimits limits{1e9, 1e9, 0};
  CHECK(roofline_of(program, "step", limits) == roofline_of(slow, "step", limits));
}

TEST_CASE("the figures are JSON whose kernels add up to the total") {
  const Program program = example("04_iris");
  const json figures = json::parse(to_json(report_of(program)));
  CHECK(figures["entry"] == "step");
  double flops = 0;
  for (const json& kernel : figures["kernels"]) {
    flops += kernel["flops"].get<double>();
    const double seconds = kernel["min_seconds"].get<double>();
    if (seconds > 0) CHECK(kernel["flops_per_second"].get<double>() == Approx(kernel["flops"].get<double>() / seconds));
  }
  CHECK(figures["total"]["flops"] == flops);
  const double least = figures["total"]["min_seconds"].get<double>();
  CHECK(figures["total"]["share"].get<double>() == Approx(figures["total"]["roofline_seconds"].get<double>() / least));
  double compiling = 0;
  for (const char* phase : {"parse", "elaborate", "lower", "emit", "optimise", "codegen"})
    compiling += figures["compile_seconds"][phase].get<double>();
  for (const json& pass : figures["compile_seconds"]["passes"]) compiling += pass.get<double>();
  CHECK(figures["compile_seconds"]["total"].get<double>() == Approx(compiling));
}

TEST_CASE("an entry in pieces is the entry: the same bits, repeats and their indices included") {
  const Program program = program_of(R"(descent graph 1
model sums
state total : f32[3] statistic
entry predict {
  %x = input x : f32[5, 3]
  %t = state total : f32[3]
  %last, %all = scan [t < 5] reversed {
    carry %c = %t : f32[3]
    capture %x = %x : f32[5, 3]
    %n = sweep [i < 3] { 0.5 * %c[i] + %x[t, i] } : f32[3]
    next %c = %n
    yield %n
  } : f32[3], f32[5, 3]
  update total = %last
  output all = %all
}
)");
  const loop::Entry& whole = *program.loop().entry("predict");
  const std::size_t calls = calls_of(whole.steps).size();
  const auto run = [&](const loop::Steps& steps) {
    loop::Program changed = program.loop();
    changed.entries = {{"predict", whole.inputs, whole.outputs, steps}};
    loop::Interpreter interpreter(changed);
    std::vector<float> x(15), all(15);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i + 1);
    for (int i = 0; i < 2; ++i) interpreter.run("predict", 1, {x.data()}, {all.data()});
    return std::pair(all, interpreter.arena());
  };
  for (const std::size_t most : {std::size_t{1000}, std::size_t{0}}) {
    const Pieces pieces = pieces_of(program.loop(), whole, most);
    CHECK(pieces.of_calls.size() == calls);
    loop::Steps steps;
    for (const Piece& piece : pieces.pieces) steps.push_back(piece.step);
    CHECK((most > 0) == (steps.size() > whole.steps.size()));
    CHECK(run(steps) == run(whole.steps));
  }
  check_counts(program, report_of(program));
}

TEST_CASE("the comparison fails where a program trains to other losses, or not at all") {
  if (std::system("python3 --version >/dev/null 2>&1") != 0) {
    WARN("skipped: there is no python3 to run it");
    return;
  }
  Folder folder;
  // Speaks the protocol of tests/bench/protocol.h with the losses of xor, the last of them as it is told.
  folder.write("fake.py", R"(import json, sys
losses = {"1": 0.252099, "10": 0.251467, "100": 0.250083, "1000": 0.249967, "10000": float(sys.argv[1])}
print(json.dumps(dict(event="ready", import_s=0, first_step_s=0, second_step_s=0, chunk=1, losses=losses)), flush=True)
for line in sys.stdin:
    print(json.dumps(dict(event="slice", us=[2.0, 1.0, 4.0])), flush=True)
print(json.dumps(dict(event="done", peak_rss_mb=1)))
)");
  const auto compare = [&](const std::string& programs) {
    const std::string command = "cd '" + folder.path("") + "' && python3 '" + source_folder +
                                "/tests/bench/compare.py' --workloads xor --threads 1 --rounds 2 --turn 0.01 "
                                "--programs " +
                                programs + " --out table.md >out.txt 2>error.txt";
    const int status = std::system(command.c_str());
    return Outcome{WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_text(folder.path("out.txt")),
                   read_text(folder.path("error.txt"))};
  };
  const Outcome right = compare("--add 'right=python3 fake.py 0.125582'");
  INFO(right.error);
  CHECK(right.code == 0);
  CHECK(right.error.empty());
  CHECK(read_text(folder.path("table.md")).find("| right | 1 µs | 2 µs | 1.00 | 1.00 |") != std::string::npos);
  const Outcome wrong = compare("--add 'right=python3 fake.py 0.125582' --add 'planted=python3 fake.py 0.126582'");
  CHECK(wrong.code == 1);
  CHECK(wrong.error == "error: planted: xor: the loss at step 10000 is 0.126582, expected 0.125582\n");
  const Outcome gone = compare("--add gone=false");
  CHECK(gone.code == 1);
  CHECK(gone.error.starts_with("error: xor, gone: it did not get ready\n"));
}

TEST_CASE("descent bench prints a row for each kernel, and writes the figures where it is told to") {
  Folder folder;
  folder.write("line.descent", line);
  const Outcome outcome = descent_in(folder, "bench line.descent --threads 1 --seconds 0.01 --batch 9 --json out.json");
  INFO(outcome.error);
  REQUIRE(outcome.code == 0);
  const json figures = json::parse(read_text(folder.path("out.json")));
  CHECK(figures["rows"] == 9);
  for (const json& kernel : figures["kernels"])
    CHECK(outcome.out.find("\n" + kernel["kernel"].get<std::string>() + " ") != std::string::npos);
  for (const char* part : {"measured peak", "compiled in", "differentiate", "roofline", "\ntotal "})
    CHECK(outcome.out.find(part) != std::string::npos);
}

}  // namespace descent::test
