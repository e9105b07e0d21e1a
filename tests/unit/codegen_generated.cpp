// Random Graphs down the whole road: the oracle's mathematics, the Loop interpreter's bits at every width, and compiled
// code on 1, 2 and 3 forced threads.
#include <catch2/catch.hpp>

#include "ir/loop_layout.h"
#include "tests/support/graph_generator.h"
#include "tests/support/graph_run.h"
#include "tests/support/loop_run.h"
#include "tests/support/sanitizer.h"

namespace descent {
namespace {

using namespace test;

constexpr std::int64_t batch = 5, largest = 7;

void put(const Tensor& tensor, const TensorType& type, Bytes& bytes, std::int64_t offset) {
  Bytes packed(static_cast<std::size_t>(count(type.shape, largest) * size_of(type.dtype)));
  pack(tensor, packed, strides_of(type.shape, largest));
  std::copy(packed.begin(), packed.end(), bytes.begin() + offset);
}

Memory memory_for(const loop::Program& program, const GeneratedValues& values) {
  Memory memory = tame_memory(program, "step", 1);
  const loop::Entry& entry = *program.entry("step");
  for (std::size_t i = 0; i < entry.inputs.size(); ++i) {
    const loop::Buffer& buffer = program.buffers[static_cast<std::size_t>(entry.inputs[i])];
    put(values.inputs.at(buffer.name), buffer.type, memory.inputs[i], 0);
  }
  for (const loop::Buffer& buffer : program.buffers) {
    if (buffer.storage != loop::Buffer::Storage::state || !values.states.count(buffer.name)) continue;
    Bytes dense(static_cast<std::size_t>(count(buffer.type.shape, largest) * size_of(buffer.type.dtype)));
    put(values.states.at(buffer.name), buffer.type, dense, 0);
    loop::store_dense(buffer, largest, dense.data(), memory.arena.data());
  }
  // Rows beyond the batch keep what was there, whatever the arena's size made of it.
  for (Bytes& output : memory.outputs) std::fill(output.begin(), output.end(), std::byte{0x5a});
  return memory;
}

// |error| ≤ 1e-5 · max(1, max |value|), the bound the generator is made for.
bool near(const Tensor& found, const Tensor& expected) {
  double largest_value = 1;
  for (double value : expected.data) {
    if (std::isfinite(value)) largest_value = std::max(largest_value, std::fabs(value));
  }
  for (std::size_t i = 0; i < expected.data.size(); ++i) {
    const double a = found.data[i], b = expected.data[i];
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    if (!(std::fabs(a - b) <= 1e-5 * largest_value)) return false;
  }
  return true;
}

void check_model(std::uint64_t seed, int size, const GeneratorOptions& options) {
  const Model model = passes_or_fail(generate_model(seed, size, options));
  const Graph& graph = *model.entry("step");
  const GeneratedValues values = generate_values(graph, batch, seed);
  const Result<Evaluation> oracle = evaluate(graph, batch, values.inputs, values.states);
  REQUIRE(oracle.ok());
  std::optional<std::vector<Bytes>> first;
  for (const auto& [lanes, small_code] : {std::pair(1, false), {4, false}, {8, false}, {16, false}, {8, true}}) {
    CAPTURE(seed, lanes, small_code, print(model));
    const loop::Program program = lower_or_fail(model, lanes, largest, small_code);
    REQUIRE(render(loop::verify(program)) == "");
    const Memory start = memory_for(program, values);
    const Memory end = interpret(program, "step", batch, start);
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
      const Tensor found = unpack(end.outputs[i], graph.type(graph.outputs[i].value), batch, largest);
      CAPTURE(graph.outputs[i].name);
      CHECK(near(found, oracle->outputs[i]));
    }
    if (!first) first = end.outputs;
    CHECK(end.outputs == *first);
    CHECK(compiled_difference(program, "step", batch, {start}) == "");
  }
}

TEST_CASE("random Graphs agree from the oracle to machine code") {
  const auto seeds = static_cast<std::uint64_t>(repetitions(40));
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) check_model(seed, 6, {});
}

TEST_CASE("gradients of random Graphs agree from the oracle to machine code") {
  GeneratorOptions options;
  options.gradients = true;
  const auto seeds = static_cast<std::uint64_t>(repetitions(15));
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) check_model(seed, 5, options);
}

}  // namespace
}  // namespace descent
