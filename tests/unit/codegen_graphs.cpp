// The Graph texts of tests/graphs, lowered and compiled: the bits of the Loop interpreter at every vector width and on
// 1, 2 and 3 threads with every parallel loop forced into parts.
#include <catch2/catch.hpp>
#include <memory>

#include "ir/loop_layout.h"
#include "runtime/core/float_mode.h"
#include "runtime/core/threads.h"
#include "tests/support/graph_run.h"
#include "tests/support/loop_run.h"

namespace descent {
namespace {

using namespace test;

const std::filesystem::path graphs = std::filesystem::path(DESCENT_SOURCE_DIR) / "tests/graphs";

// Floats of this tensor type in memory as `random_inputs` draws them.
Memory memory_for(const loop::Program& program, const Graph& graph, std::int64_t batch, std::uint64_t seed) {
  Memory memory = tame_memory(program, graph.name, seed);
  Values values = random_inputs(graph, batch, seed);
  const loop::Entry& entry = *program.entry(graph.name);
  for (std::size_t i = 0; i < entry.inputs.size(); ++i) {
    const loop::Buffer& buffer = program.buffers[static_cast<std::size_t>(entry.inputs[i])];
    pack(values.at(buffer.name), memory.inputs[i], strides_of(buffer.type.shape, program.largest_batch));
  }
  return memory;
}

TEST_CASE("compiled gradients equal the interpreter's bits") {
  for (const std::string& name : names_in(graphs / "gradients")) {
    DYNAMIC_SECTION(name) {
      Model model = passes_or_fail(parse_or_fail(name, in_single(read_text(graphs / "gradients" / (name + ".graph")))));
      for (int lanes : {1, 4, 8, 16}) {
        loop::Program program = lower_or_fail(model, lanes, 5);
        for (std::int64_t batch : {1, 5}) {
          CAPTURE(lanes, batch);
          Memory memory = memory_for(program, model.entries[0], batch, 3);
          CHECK(compiled_difference(program, model.entries[0].name, batch, {memory}) == "");
        }
      }
    }
  }
}

Bytes states_in(const loop::Program& program, const std::byte* arena) {
  std::int64_t end = 0;
  for (const loop::Buffer& buffer : program.buffers) {
    if (buffer.storage != loop::Buffer::Storage::state) continue;
    end = std::max(end, buffer.offset + loop::stored_bytes(buffer, 1));
  }
  return Bytes(arena, arena + end);
}

// The four rows of the truth table through `steps` steps from the seed's weights.
void train_xor(const Runner& run, int steps) {
  const std::int32_t seed = 3;
  const double rate = 0.5;
  const float x[8] = {0, 0, 0, 1, 1, 0, 1, 1}, y[4] = {0, 1, 1, 0};
  float loss = 0;
  run("init", 1, {&seed}, {});
  for (int step = 0; step < steps; ++step) run("step", 4, {x, y, &rate}, {&loss});
  CHECK(loss < 0.01f);
}

Bytes train_xor_compiled(const loop::Program& program, int threads, int steps) {
  auto jit = codegen::Jit::compile(program, codegen::host_machine());
  REQUIRE(jit.ok());
  Bytes storage(static_cast<std::size_t>(program.arena_bytes) + 64);
  std::size_t space = storage.size();
  void* base = storage.data();
  std::align(64, static_cast<std::size_t>(program.arena_bytes), base, space);
  runtime::ThreadPool* pool = runtime::create_threads({threads, true});
  const DescentThreads view = runtime::threads_of(pool);
  Bytes arena;
  Runner run = [&](const std::string& entry, std::int64_t batch, const auto& in, const auto& out) {
    DescentCall call{static_cast<unsigned char*>(base), in.data(), out.data(), batch, &view, nullptr};
    descent_run((*jit)->entry(entry), &call);
  };
  train_xor(run, steps);
  runtime::destroy_threads(pool);
  return states_in(program, static_cast<std::byte*>(base));
}

TEST_CASE("XOR trains to the same bits everywhere on this machine") {
  constexpr int steps = 2500;
  Model model = passes_or_fail(parse_or_fail("xor", read_text(graphs / "training/xor.graph")));
  std::optional<Bytes> expected;
  for (int lanes : {1, 4, 8, 16}) {
    loop::Program program = lower_or_fail(model, lanes, 4);
    if (!expected) {
      loop::Interpreter interpreter(program);
      Runner run = [&](const std::string& entry, std::int64_t batch, const auto& in, const auto& out) {
        interpreter.run(entry, batch, in, out);
      };
      train_xor(run, steps);
      expected = states_in(program, interpreter.arena().data());
    }
    for (int threads : {1, 2, 3}) {
      CAPTURE(lanes, threads);
      CHECK(train_xor_compiled(program, threads, steps) == *expected);
    }
  }
}

}  // namespace
}  // namespace descent
