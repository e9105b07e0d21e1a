// What models cost: layers against counts by hand, every example against the operations that really run.
#include <algorithm>
#include <filesystem>
#include <map>

#include "descent/tools.h"
#include "ir/loop_flat.h"
#include "ir/loop_layout.h"
#include "ir/match.h"
#include "tests/support/command.h"
#include "tests/support/training.h"

namespace descent::test {
namespace {

Program model_of(const std::string& text, std::int64_t batch) {
  CompileOptions options;
  options.largest_batch = batch;
  return value_of(compile_text("test.descent", text, options));
}

std::map<std::string, KernelCost> costs_of(const Program& program, const std::string& entry) {
  std::map<std::string, KernelCost> costs;
  for (const EntryCost& one : value_of(cost(program, entry))) {
    for (const KernelCost& kernel : one.kernels) costs[kernel.kernel] = kernel;
  }
  return costs;
}

double total_flops(const Program& program, const std::string& entry) {
  double sum = 0;
  for (const auto& [name, cost] : costs_of(program, entry)) sum += cost.flops;
  return sum;
}

KernelCost only_kernel(const Program& program) {
  const std::vector<EntryCost> costs = value_of(cost(program, "predict"));
  REQUIRE(costs.size() == 1);
  REQUIRE(costs[0].kernels.size() == 1);
  return costs[0].kernels[0];
}

// The floating-point operations that a call of a kernel executes, counted one by one while it runs on zeros.
double executed(const loop::Kernel& kernel, std::int64_t batch) {
  const loop::FlatKernel flat = loop::flatten(kernel, batch);
  std::vector<Word> registers = flat.registers;
  std::vector<std::int64_t> variables(kernel.variables.size(), 0), ends(flat.loops.size(), 0);
  std::vector<std::vector<std::byte>> memory;
  std::vector<std::byte*> arrays;
  for (std::size_t id = 0; id < kernel.arrays.size(); ++id) {
    const loop::Array& array = kernel.arrays[id];
    memory.emplace_back(
        static_cast<std::size_t>(loop::stored_count(array.shape, array.panel, batch) * size_of(array.dtype) + 8));
    arrays.push_back(memory.back().data());
  }
  loop::Frame frame{&flat, registers.data(), variables.data(), ends.data(), arrays.data(), batch};
  double flops = 0;
  for (const loop::Instruction* next = flat.code.data(); next != nullptr; next = next->run(frame, next)) {
    const bool operation = next->result >= 0 && next->operands[0] >= 0 && next->item < 0;
    if (operation && (is_float(next->type) || is_float(next->operand_type))) flops += row(next->op).flops;
  }
  return flops;
}

void add_calls(const loop::Steps& steps, double times, std::map<loop::KernelId, double>& calls) {
  for (const auto& step : steps) {
    match(
        step, [&](const loop::Call& call) { calls[call.kernel] += times; },
        [&](const loop::Repeat& repeat) { add_calls(repeat.steps, times * static_cast<double>(repeat.count), calls); });
  }
}

}  // namespace

TEST_CASE("a dense layer is 2·b·k·n operations, and moves each tensor once") {
  const double b = 5, k = 7, n = 32;  // whole vectors: lanes that are masked count too
  const KernelCost product = only_kernel(
      model_of("model m() {\n  input x : f32[batch, 7]\n  input w : f32[7, 32]\n  y[b, j] = sum[i](x[b, i] * w[i, j])\n"
               "  output z = y\n}\n",
               5));
  CHECK(product.flops == 2 * b * k * n);
  CHECK(product.bytes_read == 4 * (b * k + k * n));
  CHECK(product.bytes_written == 4 * b * n);
  // With its bias, however many kernels that takes.
  CHECK(total_flops(model_of("model m() {\n  input x : f32[batch, 7]\n  output y = linear(x, 32)\n}\n", 5),
                    "predict") == 2 * b * k * n + b * n);
}

TEST_CASE("a convolution is 2·b·o·h·w·c·r·s operations, its border included") {
  const double b = 2, c = 3, h = 6, w = 16, o = 16;  // rows of whole vectors: lanes that are masked count too
  const KernelCost product = only_kernel(
      model_of("model m() {\n  input x : f32[batch, 3, 6, 16]\n  input k : f32[16, 3, 3, 3]\n"
               "  y[b, o, i < 6, j < 16] = sum[c, r < 3, s < 3](x[b, c, i + r - 1, j + s - 1 else 0] * k[o, c, r, s])\n"
               "  output z = y\n}\n",
               2));
  CHECK(product.flops == 2 * b * o * h * w * c * 3 * 3);
  CHECK(product.bytes_read == 4 * (b * c * h * w + o * c * 3 * 3));
  CHECK(product.bytes_written == 4 * b * o * h * w);
}

TEST_CASE("softmax is a largest value, a difference, an exp, a sum and a quotient per element") {
  const double b = 4, n = 10;
  const Program program = model_of("model m() {\n  input x : f32[batch, 10]\n  output y = softmax(x)\n}\n", 4);
  const double exp = 29;  // of its expansion in f32
  CHECK(total_flops(program, "predict") == b * n * (1 + 1 + exp + 1 + 1));
}

TEST_CASE("the count of every example is what executes, kernel by kernel") {
  int kernels = 0;
  for (const auto& file : std::filesystem::directory_iterator(example_folder)) {
    if (file.path().extension() != ".descent") continue;
    CompileOptions options;
    options.largest_batch = 5;  // tiles and what they leave over
    options.set = {{"batch", "5"}};
    INFO(file.path());
    const Program program = value_of(compile_file(file.path().string(), options));
    for (const EntryCost& entry : value_of(cost(program))) {
      std::map<loop::KernelId, double> calls;
      add_calls(program.loop().entry(entry.entry)->steps, 1, calls);
      REQUIRE(calls.size() == entry.kernels.size());
      for (const auto& [id, times] : calls) {
        const loop::Kernel& kernel = program.loop().kernels[static_cast<std::size_t>(id)];
        const auto counted = std::find_if(entry.kernels.begin(), entry.kernels.end(),
                                          [&](const KernelCost& cost) { return cost.kernel == kernel.name; });
        REQUIRE(counted != entry.kernels.end());
        INFO(entry.entry << " " << kernel.name);
        CHECK(counted->calls == times);
        const double found = times * executed(kernel, program.largest_batch());
        CHECK((counted->exact ? counted->flops == found : counted->flops >= found));
        kernels += counted->exact ? 1 : 0;
      }
    }
  }
  CHECK(kernels > 100);
}

TEST_CASE("inspect --cost prints a table per entry with its total") {
  Folder folder;
  const Outcome outcome = descent_in(folder, "inspect " + example_folder + "03_digits.descent --cost --entry predict");
  INFO(outcome.error);
  REQUIRE(outcome.code == 0);
  CHECK(outcome.out.starts_with("digits: batch 32; arena "));
  CHECK(contains(outcome.out, "\nentry predict\nkernel "));
  CHECK(!contains(outcome.out, "entry step"));
  CHECK(contains(outcome.out, "\ntotal "));
  // A kernel by itself: the one with most to do.
  const Program program = example("03_digits");
  const std::vector<KernelCost> kernels = value_of(cost(program, "predict"))[0].kernels;
  const KernelCost largest = *std::max_element(
      kernels.begin(), kernels.end(), [](const KernelCost& a, const KernelCost& b) { return a.flops < b.flops; });
  CHECK(largest.flops >= 2 * 32 * 64 * 128);
  const Outcome one = descent_in(
      folder, "inspect " + example_folder + "03_digits.descent --cost --entry predict --kernel " + largest.kernel);
  const std::string line = "\n" + largest.kernel + "  ";
  CHECK(contains(outcome.out, line));
  CHECK(contains(one.out, line));
  CHECK(std::count(one.out.begin(), one.out.end(), '\n') ==
        7);  // the model, the entry, headings, the kernel, the total
  CHECK(descent_in(folder, "inspect " + example_folder + "03_digits.descent --cost --entry predct").error ==
        "error: there is no entry 'predct'\nnote: did you mean 'predict'?\n");
  const Outcome both = descent_in(folder, "inspect " + example_folder + "03_digits.descent --cost --stage loop");
  CHECK(both.code == 1);
  CHECK(contains(both.error, "--cost"));
}

}  // namespace descent::test
