// Whole Graphs on another processor: training XOR and gradients of every kind leave the interpreter's bits.
#include <catch2/catch.hpp>

#include "tests/support/cross_run.h"
#include "tests/support/graph_run.h"
#include "tests/support/sanitizer.h"

namespace descent::test {
namespace {

const std::filesystem::path graphs = std::filesystem::path(DESCENT_SOURCE_DIR) / "tests/graphs";

template <class T, std::size_t n>
Bytes bytes_of(const T (&values)[n]) {
  const auto* begin = reinterpret_cast<const std::byte*>(values);
  return Bytes(begin, begin + sizeof values);
}

bool runs_here(const CrossTarget& target) {
  const std::string reason = why_not_here(target);
  if (!reason.empty()) WARN(target.triple + " is not tested: " + reason);
  return reason.empty();
}

TEST_CASE("XOR trains on aarch64 to the bits of the interpreter here") {
  const CrossTarget target = aarch64_linux();
  if (!runs_here(target)) return;
  const std::int32_t seed[1] = {3};
  const double rate[1] = {0.5};
  const float x[8] = {0, 0, 0, 1, 1, 0, 1, 1}, y[4] = {0, 1, 1, 0}, loss[1] = {0};
  std::vector<CrossCall> calls{{"init", 1, 0, {bytes_of(seed)}, {}}};
  const int steps = repetitions(1500);
  for (int step = 0; step < steps; ++step) {
    calls.push_back({"step", 4, step % 3, {bytes_of(x), bytes_of(y), bytes_of(rate)}, {bytes_of(loss)}});
  }

  const Model model = passes_or_fail(parse_or_fail("xor", read_text(graphs / "training/xor.graph")));
  for (int lanes : {1, 4}) {
    CAPTURE(lanes);
    const loop::Program program = lower_or_fail(model, lanes, 4);
    const Bytes arena(static_cast<std::size_t>(program.arena_bytes));
    const CrossResult found = run_on(target, program, arena, calls);
    REQUIRE(found.error == "");
    Memory expected{arena, {}, {}};
    for (const CrossCall& call : calls) {
      expected.inputs = call.inputs;
      expected.outputs = call.outputs;
      expected = interpret(program, call.entry, call.batch, expected);
    }
    CHECK(difference(program, "step", expected, {found.arena, calls.back().inputs, found.outputs.back()}) == "");
  }
}

TEST_CASE("gradients on aarch64 have the interpreter's bits") {
  const CrossTarget target = aarch64_linux();
  if (!runs_here(target)) return;
  // One text of each kind: linking and emulating takes seconds.
  for (const std::string name :
       {"attention", "batch_statistics", "convolution_strided", "lookup", "max_pool", "scan"}) {
    CAPTURE(name);
    const Model model =
        passes_or_fail(parse_or_fail(name, in_single(read_text(graphs / "gradients" / (name + ".graph")))));
    const loop::Program program = lower_or_fail(model, 4, 5);
    const Graph& graph = model.entries[0];
    Memory memory = tame_memory(program, graph.name, 3);
    const Values values = random_inputs(graph, 4, 3);
    const loop::Entry& entry = *program.entry(graph.name);
    for (std::size_t i = 0; i < entry.inputs.size(); ++i) {
      const loop::Buffer& buffer = program.buffers[static_cast<std::size_t>(entry.inputs[i])];
      pack(values.at(buffer.name), memory.inputs[i], strides_of(buffer.type.shape, program.largest_batch));
    }
    const CrossResult found =
        run_on(target, program, memory.arena, {{graph.name, 4, 0, memory.inputs, memory.outputs}});
    REQUIRE(found.error == "");
    const Memory expected = interpret(program, graph.name, 4, memory);
    CHECK(difference(program, graph.name, expected, {found.arena, memory.inputs, found.outputs.back()}) == "");
  }
}

}  // namespace
}  // namespace descent::test
