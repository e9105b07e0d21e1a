// Models with scan and repeat from the language to machine code: the bits of the Loop interpreter at every vector width
// and on 1, 2 and 3 threads with every parallel loop forced into parts.
#include <catch2/catch.hpp>

#include "tests/support/fixture.h"
#include "tests/support/loop_run.h"
#include "tests/support/text_file.h"

namespace descent {
namespace {

using namespace test;

Memory memory_for(const loop::Program& program, const Graph& graph, std::int64_t batch) {
  Memory memory = tame_memory(program, graph.name, 5);
  Values values = random_inputs(graph, batch, 5);
  for (const char* name : {"step", "steps", "seed"}) {
    if (values.contains(name)) values.at(name).data = {3};
  }
  const loop::Entry& entry = *program.entry(graph.name);
  for (std::size_t i = 0; i < entry.inputs.size(); ++i) {
    const loop::Buffer& buffer = program.buffers[static_cast<std::size_t>(entry.inputs[i])];
    pack(values.at(buffer.name), memory.inputs[i], strides_of(buffer.type.shape, program.largest_batch));
  }
  return memory;
}

TEST_CASE("models with loops have the same bits everywhere") {
  for (const char* file : {"fixtures/lstm", "fixtures/gpt", "golden/graph/loops"}) {
    const std::string text = read_text(std::string(DESCENT_SOURCE_DIR) + "/tests/" + file + ".descent");
    const Model model = passes_or_fail(compile_or_fail(file, text).model);
    for (int lanes : {1, 8}) {
      const loop::Program program = lower_or_fail(model, lanes, 5);
      for (const char* name : {"step", "evaluate", "predict"}) {
        const Graph& graph = *model.entry(name);
        CAPTURE(file, lanes, graph.name);
        CHECK(compiled_difference(program, graph.name, 3, {memory_for(program, graph, 3)}) == "");
      }
    }
  }
}

}  // namespace
}  // namespace descent
