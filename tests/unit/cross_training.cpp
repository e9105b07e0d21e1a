// The digits lesson, from its text to its weights: the Loop interpreter, machine code of this processor at every vector
// width on 1, 2 and 3 threads, and that of other processors under emulation leave the same bits. XOR too, longer.
#include <catch2/catch.hpp>

#include "frontend/frontend.h"
#include "ir/loop_layout.h"
#include "runtime/core/threads.h"
#include "runtime/data/csv.h"
#include "tests/support/cross_run.h"
#include "tests/support/graph_run.h"
#include "tests/support/sanitizer.h"

namespace descent::test {
namespace {

const std::string examples = std::string(DESCENT_SOURCE_DIR) + "/examples/";
constexpr std::int64_t batch = 32;
constexpr std::size_t full_steps = 12, short_rows = 13;

frontend::Compilation digits() {
  const std::string path = examples + "03_digits.descent";
  Result<frontend::Compilation> compiled =
      frontend::compile(std::make_shared<Source>(Source{path, read_text(path)}), {});
  if (!compiled) throw std::runtime_error(render(compiled.errors()));
  return std::move(compiled).value();
}

template <class T>
Bytes bytes_of(const T* values, std::size_t n, std::size_t room) {
  Bytes bytes(room * sizeof(T));
  std::memcpy(bytes.data(), values, n * sizeof(T));
  return bytes;
}

// init, then steps over the first rows of the set in order, the last of them short.
std::vector<CrossCall> training(const loop::Program& program, const frontend::Compilation& compiled) {
  const auto pixels = data::read_csv(examples + "data/digits.csv.gz", {.drop_columns = "64"});
  const auto labels = data::read_csv_labels(examples + "data/digits.csv.gz", "64");
  if (!pixels || !labels) throw std::runtime_error("the digits can not be read");
  const auto* pixel = reinterpret_cast<const float*>(pixels->values.bytes.data());
  const auto* label = reinterpret_cast<const std::int32_t*>(labels->values.bytes.data());

  const std::int32_t seed = 1, steps = full_steps + 1;
  std::vector<CrossCall> calls{{"init", 1, 0, {bytes_of(&seed, 1, 1)}, {}}};
  for (std::size_t step = 0; step <= full_steps; ++step) {
    const std::size_t rows = step < full_steps ? batch : short_rows;
    CrossCall call{"step", static_cast<std::int64_t>(rows), static_cast<int>(step % 4), {}, {}};
    const std::int32_t number = static_cast<std::int32_t>(step) + 1;
    for (loop::BufferId id : program.entry("step")->inputs) {
      const std::string& name = program.buffers[static_cast<std::size_t>(id)].name;
      auto rate =
          std::find_if(compiled.rates.begin(), compiled.rates.end(), [&](const auto& r) { return r.name == name; });
      if (name == "pixel") {
        call.inputs.push_back(bytes_of(pixel + step * batch * 64, rows * 64, batch * 64));
      } else if (name == "label") {
        call.inputs.push_back(bytes_of(label + step * batch, rows, batch));
      } else if (rate != compiled.rates.end()) {
        call.inputs.push_back(bytes_of(&rate->value, 1, 1));
      } else {
        call.inputs.push_back(bytes_of(name == "step" ? &number : (name == "seed" ? &seed : &steps), 1, 1));
      }
    }
    call.outputs.assign(program.entry("step")->outputs.size(), Bytes(4));
    calls.push_back(std::move(call));
  }
  return calls;
}

// All states one behind the other, and the last loss.
struct Weights {
  Bytes states, loss;
  bool operator==(const Weights&) const = default;
};
Weights weights_in(const loop::Program& program, const Bytes& arena, const Bytes& loss) {
  const std::int64_t batch = program.largest_batch;
  Weights weights{{}, loss};
  for (const loop::Buffer& buffer : program.buffers) {
    if (buffer.storage != loop::Buffer::Storage::state) continue;
    Bytes dense(static_cast<std::size_t>(count(buffer.type.shape, batch) * size_of(buffer.type.dtype)));
    loop::load_dense(buffer, batch, arena.data(), dense.data());
    weights.states.insert(weights.states.end(), dense.begin(), dense.end());
  }
  return weights;
}

// `run` makes one call on one memory.
Weights train(const loop::Program& program, const std::vector<CrossCall>& calls,
              const std::function<Memory(const CrossCall&, Memory)>& run) {
  Memory memory{Bytes(static_cast<std::size_t>(program.arena_bytes)), {}, {}};
  for (const CrossCall& call : calls) {
    memory.inputs = call.inputs;
    memory.outputs = call.outputs;
    memory = run(call, std::move(memory));
  }
  return weights_in(program, memory.arena, memory.outputs[0]);
}

loop::Program lower_for(const Model& model, const Machine& machine, std::int64_t largest_batch) {
  LowerOptions options;
  options.machine = machine;
  options.largest_batch = largest_batch;
  Result<loop::Program> program = lower(model, options);
  if (!program) throw std::runtime_error(render(program.errors()));
  return std::move(program).value();
}

TEST_CASE("digits trains to the same bits everywhere") {
  const frontend::Compilation compiled = digits();
  const Model model = passes_or_fail(compiled.model);
  std::optional<Weights> expected;
  for (int lanes : {1, 4, 8, 16}) {
    CAPTURE(lanes);
    const loop::Program program = lower_or_fail(model, lanes, batch);
    REQUIRE(render(loop::verify(program)) == "");
    const std::vector<CrossCall> calls = training(program, compiled);
    if (!expected) {
      expected = train(program, calls, [&](const CrossCall& call, Memory memory) {
        return interpret(program, call.entry, call.batch, std::move(memory));
      });
      float loss = 0;
      std::memcpy(&loss, expected->loss.data(), sizeof loss);
      CHECK(loss < 2.0f);  // ln 10 before the first step
    }
    auto jit = codegen::Jit::compile(program, codegen::host_machine());
    REQUIRE(jit.ok());
    for (int threads : {0, 1, 2, 3}) {
      CAPTURE(threads);
      CHECK(train(program, calls, [&](const CrossCall& call, Memory memory) {
              return run((*jit)->entry(call.entry), call.batch, std::move(memory), threads);
            }) == *expected);
    }
  }

  for (const CrossTarget& target : targets_here()) {
    INFO(target.name);
    const Result<Machine> machine = codegen::named_machine(target.triple, target.cpu);
    REQUIRE(machine.ok());
    const loop::Program program = lower_for(model, *machine, batch);
    const std::vector<CrossCall> calls = training(program, compiled);
    const CrossResult found =
        CrossProgram(target, program).run(Bytes(static_cast<std::size_t>(program.arena_bytes)), calls);
    REQUIRE(found.error == "");
    CHECK(weights_in(program, found.arena, found.outputs.back()[0]) == *expected);
  }
}

TEST_CASE("XOR trains to the same bits everywhere") {
  const Model model = passes_or_fail(
      parse_or_fail("xor", read_text(std::string(DESCENT_SOURCE_DIR) + "/tests/graphs/training/xor.graph")));
  const std::int32_t seed[1] = {3};
  const double rate[1] = {0.5};
  const float x[8] = {0, 0, 0, 1, 1, 0, 1, 1}, y[4] = {0, 1, 1, 0}, loss[1] = {0};
  std::vector<CrossCall> calls{{"init", 1, 0, {bytes_of(seed, 1, 1)}, {}}};
  const int steps = repetitions(1500);
  for (int step = 0; step < steps; ++step) {
    calls.push_back(
        {"step", 4, step % 3, {bytes_of(x, 8, 8), bytes_of(y, 4, 4), bytes_of(rate, 1, 1)}, {bytes_of(loss, 1, 1)}});
  }
  const loop::Program here = lower_or_fail(model, 4, 4);
  const Weights expected = train(here, calls, [&](const CrossCall& call, Memory memory) {
    return interpret(here, call.entry, call.batch, std::move(memory));
  });
  for (const CrossTarget& target : targets_here()) {
    INFO(target.name);
    const Result<Machine> machine = codegen::named_machine(target.triple, target.cpu);
    REQUIRE(machine.ok());
    const loop::Program program = lower_for(model, *machine, 4);
    const CrossResult found =
        CrossProgram(target, program).run(Bytes(static_cast<std::size_t>(program.arena_bytes)), calls);
    REQUIRE(found.error == "");
    CHECK(weights_in(program, found.arena, found.outputs.back()[0]) == expected);
  }
}

}  // namespace
}  // namespace descent::test
