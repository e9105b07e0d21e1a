// The calls of tests/support/library_cases.h: values and gradients against PyTorch's (tests/fixtures/layers_torch.py)
// by the oracle in double and by the Loop interpreter in f32, gradients against finite differences, and every entry on
// the whole road to machine code.
#include <catch2/catch.hpp>

#include "ir/loop_layout.h"
#include "tests/support/finite_difference.h"
#include "tests/support/fixture.h"
#include "tests/support/library_cases.h"
#include "tests/support/loop_run.h"
#include "tests/support/program_check.h"
#include "tests/support/sanitizer.h"

namespace descent::test {
namespace {

constexpr std::int64_t rows = 2, largest = 3;

Evaluation evaluate_or_fail(const Graph& graph, const Values& inputs, const Values& states) {
  Result<Evaluation> result = evaluate(graph, rows, inputs, states);
  if (!result) FAIL(render(result.errors()));
  return std::move(*result);
}

// max |error| / max |value|. Some gradients are 0 by nature, those by biases of keys: roundings count against 0.01
// there.
double error_of(const Tensor& found, const Tensor& expected) {
  double error = 0, largest = 0.1;
  for (std::size_t i = 0; i < expected.data.size(); ++i) {
    const double apart = std::fabs(found.data[i] - expected.data[i]);
    error = std::max(error, std::isnan(apart) ? INFINITY : apart);
    largest = std::max(largest, std::fabs(expected.data[i]));
  }
  return error / largest;
}

// The outputs of `predict` in f32, from the interpreter.
std::vector<Tensor> interpreted(const Model& model, const LibraryModel& one) {
  const loop::Program program = lower_or_fail(model, 8, largest);
  const Graph& graph = *model.entry("predict");
  const loop::Entry& entry = *program.entry("predict");
  Memory memory;
  memory.arena.resize(static_cast<std::size_t>(program.arena_bytes));
  const auto block = [&](const loop::Buffer& buffer) {
    return Bytes(static_cast<std::size_t>(count(buffer.type.shape, largest) * size_of(buffer.type.dtype)));
  };
  for (const loop::BufferId id : entry.inputs) {
    const loop::Buffer& buffer = program.buffers[static_cast<std::size_t>(id)];
    pack(one.inputs.at(buffer.name), memory.inputs.emplace_back(block(buffer)), strides_of(buffer.type.shape, largest));
  }
  for (const loop::BufferId id : entry.outputs)
    memory.outputs.push_back(block(program.buffers[static_cast<std::size_t>(id)]));
  for (const loop::Buffer& buffer : program.buffers) {
    if (buffer.storage != loop::Buffer::Storage::state || !one.parameters.count(buffer.name)) continue;
    Bytes dense = block(buffer);
    pack(one.parameters.at(buffer.name), dense, strides_of(buffer.type.shape, largest));
    loop::store_dense(buffer, largest, dense.data(), memory.arena.data());
  }
  const Memory end = interpret(program, "predict", rows, memory);
  std::vector<Tensor> outputs;
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    outputs.push_back(unpack(end.outputs[i], graph.type(graph.outputs[i].value), rows, largest));
  }
  return outputs;
}

// Outputs of `predict`: value, weighted, the gradients.
TEST_CASE("layers: values and gradients equal PyTorch's") {
  const Fixture expected("layers");
  for (const LibraryCase& one : library_cases()) {
    CAPTURE(one.name);
    const LibraryModel built = library_model(one);
    const Model model = passes_or_fail(built.model);
    const std::vector<Tensor> exact = evaluate_or_fail(*model.entry("predict"), built.inputs, built.parameters).outputs;
    const std::vector<Tensor> rounded = interpreted(model, built);
    REQUIRE(exact.size() == built.gradients.size() + 2);
    for (std::size_t i = 0; i < exact.size(); ++i) {
      if (i == 1) continue;
      const std::string name = one.name + "." + (i == 0 ? "value" : built.gradients[i - 2]);
      CAPTURE(name);
      const Tensor reference = expected.tensor(name, exact[i].type);
      CHECK(reference.shape == exact[i].shape);
      // One short gradient, that of a bias before a norm, differs by 2.8e-7; the others keep 2e-7.
      CHECK(error_of(exact[i], reference) < (name.ends_with("short.fit.bias") ? 5e-7 : 2e-7));
      CHECK(error_of(rounded[i], reference) < 1e-5);
    }
  }
}

TEST_CASE("layers: gradients equal central differences in double") {
  for (const LibraryCase& one : library_cases()) {
    CAPTURE(one.name);
    const LibraryModel built = library_model(one);
    const Model model = passes_or_fail(built.model);
    const Graph& graph = *model.entry("predict");
    Values all = built.inputs;
    all.insert(built.parameters.begin(), built.parameters.end());
    const auto weighted = [&](const Values& values) {
      return evaluate_or_fail(graph, values, values).outputs[1].data[0];
    };
    const Evaluation found = evaluate_or_fail(graph, all, all);
    for (std::size_t i = 0; i < built.gradients.size(); ++i) {
      CAPTURE(built.gradients[i]);
      const std::string by = built.gradients[i].substr(2);
      const auto varied = std::find_if(all.begin(), all.end(), [&](const auto& named) {
        return named.first == by || named.first.ends_with("." + by);  // a parameter's path begins with its statement
      });
      REQUIRE(varied != all.end());
      const Tensor expected = central_difference(weighted, all, varied->first, found.outputs[i + 2], 7);
      CHECK(error_of(found.outputs[i + 2], expected) < 1e-6);
    }
  }
}

void check_road(std::size_t every) {
  for (std::size_t i = 0; i < library_cases().size(); i += every) {
    CAPTURE(library_cases()[i].name);
    CHECK(check_program(library_model(library_cases()[i]).text, 1).failure == "");
  }
}

TEST_CASE("layers: a third of them has the same bits down to machine code") {
  check_road(library_cases().size() / static_cast<std::size_t>(repetitions(20)) + 1);
}
TEST_CASE("layers: all have the same bits down to machine code", "[.][long]") { check_road(1); }

}  // namespace
}  // namespace descent::test
