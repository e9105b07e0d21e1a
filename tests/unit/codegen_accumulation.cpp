// The entries of a step that takes several batches: in double they are the step on all rows at once, in f32 machine
// code has the interpreter's bits at every vector width, on any number of threads.
#include <catch2/catch.hpp>
#include <cstring>

#include "frontend/frontend.h"
#include "ir/loop_layout.h"
#include "tests/support/graph_run.h"
#include "tests/support/loop_run.h"

namespace descent::test {
namespace {

// A recurrence, a stack of layers, a number; two optimizers, a clip, averages.
frontend::Compilation compiled(const std::string& setting) {
  const std::string text = R"(model m() {
  input x : f32[batch, 4, 3]
  input y : f32[batch, 5]
  param scale : f32[] ~ ones
  scan t < 4 carry h : f32[batch, 20] = 0 {
    place[b, i] = x[b, t, i]
    next h = tanh(linear(place, 20) + h)
  }
  repeat 2 as layer carry z = h {
    next z = tanh(linear(z, 20)) + z
  }
  output out = scale * linear(z, 5)
  loss error = mean_squared_error(out, y)
  loss decay = l2(layer.z.linear.weight, 1e-2)
}
train t = m() {
  clip    = global_norm(0.3)
  average = ema(0.5)
  optimizer = momentum(rate = 0.1, momentum = 0.9)
  optimizer "*.bias" = adam(rate = 0.01)
  )";
  Result<frontend::Compilation> result =
      frontend::compile(std::make_shared<Source>(Source{"m.descent", text + setting + "\n}\n"}), {});
  if (!result) throw std::runtime_error(render(result.errors()));
  return std::move(result).value();
}

// A model in double: its states, and what its entries make of them.
class Oracle {
 public:
  explicit Oracle(const frontend::Compilation& compilation)
      : model_(passes_or_fail(compilation.model)), rates_(compilation.rates) {
    for (const StateDeclaration& state : model_.states) states[state.name] = zeros(state.type, 1);
    run("init", 1, {});
  }
  // Of the rows of these inputs `count` from `first` on.
  void run(const std::string& entry, const Values& all, std::int64_t first, std::int64_t count) {
    Values rows = all;
    for (auto& [name, tensor] : rows) {
      const std::int64_t width = std::ssize(tensor.data) / tensor.shape[0];
      tensor.data = {tensor.data.begin() + first * width, tensor.data.begin() + (first + count) * width};
      tensor.shape[0] = count;
    }
    if (entry == "step") ++step_;
    run(entry, count, std::move(rows));
  }
  Values states;

 private:
  void run(const std::string& entry, std::int64_t batch, Values inputs) {
    for (const Node& node : model_.entry(entry)->nodes) {
      const Input* input = std::get_if<Input>(&node.op);
      if (!input || inputs.contains(input->name)) continue;
      Tensor number = zeros(model_.entry(entry)->type(node.results[0]), 1);
      number.data[0] = input->name == "step" ? step_ : input->name == "steps" ? 8 : 1;
      for (const frontend::Rate& rate : rates_) {
        if (rate.name == input->name) number.data[0] = rate.value;
      }
      inputs[input->name] = std::move(number);
    }
    Result<Evaluation> after = evaluate(*model_.entry(entry), batch, inputs, states);
    if (!after) throw std::runtime_error(render(after.errors()));
    for (auto& [name, value] : after->updates) states[name] = std::move(value);
  }

  const Model model_;
  const std::vector<frontend::Rate> rates_;
  double step_ = 0;
};

Values rows_of(const Model& model, std::int64_t rows, std::uint64_t seed) {
  Values values = random_inputs(*model.entry("step"), rows, seed);
  std::erase_if(values, [](const auto& value) { return value.second.shape.empty(); });
  return values;
}

// All states, row by row.
Bytes states_in(const loop::Program& program, const Bytes& arena) {
  Bytes all;
  for (const loop::Buffer& buffer : program.buffers) {
    if (buffer.storage != loop::Buffer::Storage::state) continue;
    Bytes dense(static_cast<std::size_t>(count(buffer.type.shape, program.largest_batch) * size_of(buffer.type.dtype)));
    loop::load_dense(buffer, program.largest_batch, arena.data(), dense.data());
    all.insert(all.end(), dense.begin(), dense.end());
  }
  return all;
}

using Run = std::function<Memory(const std::string& entry, std::int64_t rows, Memory)>;

// Two steps, of three batches and of two, short ones among them.
Bytes trained(const loop::Program& program, const Run& run) {
  Bytes arena(static_cast<std::size_t>(program.arena_bytes));
  const std::pair<const char*, std::int64_t> calls[] = {{"init", 1},  {"accumulate", 12}, {"accumulate", 7},
                                                        {"step", 12}, {"accumulate", 12}, {"step", 5}};
  std::uint64_t seed = 0;
  for (const auto& [entry, rows] : calls) {
    Memory memory = tame_memory(program, entry, ++seed);
    // Alike whatever the layout is; clocks and rates such that no quotient is 0 / 0.
    for (std::size_t i = 0; i < memory.inputs.size(); ++i) {
      const TensorType& type = program.buffers[static_cast<std::size_t>(program.entry(entry)->inputs[i])].type;
      const std::size_t width = static_cast<std::size_t>(size_of(type.dtype));
      for (std::size_t k = 0; k < memory.inputs[i].size() / width; ++k) {
        const double number = is_float(type.dtype) ? 0.25 : 3;
        const double element = static_cast<double>((k * 37 + seed * 11) % 64) / 32 - 1;
        const Word word = word_of(type.shape.empty() ? number : element, type.dtype);
        std::memcpy(memory.inputs[i].data() + k * width, &word.bits, width);
      }
    }
    memory.arena = std::move(arena);
    arena = run(entry, rows, std::move(memory)).arena;
  }
  return states_in(program, arena);
}

}  // namespace

TEST_CASE("a step of several batches is the step on all their rows, in double") {
  const frontend::Compilation whole = compiled(""), parts = compiled("accumulate = 3");
  Oracle expected(whole), found(parts);
  const Values rows = rows_of(whole.model, 11, 1), more = rows_of(whole.model, 7, 2);
  expected.run("step", rows, 0, 11);
  found.run("accumulate", rows, 0, 4);
  found.run("accumulate", rows, 4, 4);
  found.run("step", rows, 8, 3);
  expected.run("step", more, 0, 7);
  found.run("accumulate", more, 0, 6);
  found.run("step", more, 6, 1);
  for (const auto& [name, state] : expected.states) {
    INFO(name);
    REQUIRE(found.states.contains(name));
    CHECK(relative_error(found.states.at(name), state) < 1e-11);
  }
  CHECK(found.states.at("accumulated.rows").data[0] == 0);
  CHECK(found.states.at("accumulated.batches").data[0] == 5);
}

TEST_CASE("a step of several batches has the interpreter's bits at every vector width") {
  const Model model = passes_or_fail(compiled("accumulate = 3").model);
  std::optional<Bytes> expected;
  for (const int lanes : {1, 4, 8, 16}) {
    CAPTURE(lanes);
    const loop::Program program = lower_or_fail(model, lanes, 12);
    if (!expected) {
      expected = trained(program, [&](const std::string& entry, std::int64_t rows, Memory memory) {
        return interpret(program, entry, rows, std::move(memory));
      });
    }
    const auto jit = codegen::Jit::compile(program, codegen::host_machine());
    REQUIRE(jit.ok());
    for (const int threads : {0, 1, 2, 3}) {
      CAPTURE(threads);
      CHECK(trained(program, [&](const std::string& entry, std::int64_t rows, Memory memory) {
              return run((*jit)->entry(entry), rows, std::move(memory), threads);
            }) == *expected);
    }
  }
}

}  // namespace descent::test
