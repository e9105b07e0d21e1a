// Lowering: states written in place only when nobody needs the old value, one arena whose buffers never meet, scans
// whose carried values change places.
#include <catch2/catch.hpp>

#include "ir/loop_layout.h"
#include "tests/support/graph_run.h"

namespace descent {
namespace {

using namespace test;

// Every buffer of the arena in a place of its own.
loop::Program spread_out(loop::Program program) {
  std::int64_t at = 0;
  for (loop::Buffer& buffer : program.buffers) {
    if (buffer.offset < 0) continue;
    buffer.offset = at;
    at += (loop::stored_bytes(buffer, program.largest_batch) + 63) / 64 * 64;
  }
  program.arena_bytes = at;
  return program;
}

Runner runner(loop::Interpreter& interpreter) {
  return [&interpreter](const std::string& entry, std::int64_t batch, const auto& in, const auto& out) {
    interpreter.run(entry, batch, in, out);
  };
}

std::vector<float> state(const loop::Program& program, loop::Interpreter& interpreter, const std::string& name) {
  for (const loop::Buffer& buffer : program.buffers) {
    if (buffer.storage != loop::Buffer::Storage::state || buffer.name != name) continue;
    std::vector<float> values(static_cast<std::size_t>(count(buffer.type.shape, 1)));
    loop::load_dense(buffer, 1, interpreter.arena().data(), reinterpret_cast<std::byte*>(values.data()));
    return values;
  }
  FAIL("no state " << name);
  return {};
}

// `updates` run twice on states a = 1, 2 and c = 10, 20; what a, c and the output are then.
struct Outcome {
  std::vector<float> a, c, output;
  bool operator==(const Outcome&) const = default;
};
Outcome run_twice(const std::string& nodes) {
  const std::string text =
      "descent graph 1\nmodel m\nstate a : f32[2] parameter\nstate c : f32[2] parameter\n"
      "entry init {\n  %x = sweep [i < 2] { f32(index(i + 1)) } : f32[2]\n"
      "  %y = sweep [i < 2] { f32(index(10*i + 10)) } : f32[2]\n  update a = %x\n  update c = %y\n}\n"
      "entry step {\n  %a = state a : f32[2]\n  %c = state c : f32[2]\n" +
      nodes + "}\n";
  const Model model = passes_or_fail(parse_or_fail("states", text));
  const loop::Program program = lower_or_fail(model, 4, 1);
  REQUIRE(render(loop::verify(program)) == "");
  loop::Interpreter interpreter(program);
  run_entry(program, runner(interpreter), "init", 1, {});
  run_entry(program, runner(interpreter), "step", 1, {});
  const Bits bits = run_entry(program, runner(interpreter), "step", 1, {});
  Outcome outcome{state(program, interpreter, "a"), state(program, interpreter, "c"), std::vector<float>(2)};
  std::memcpy(outcome.output.data(), bits.outputs[0].data(), 8);
  return outcome;
}

TEST_CASE("updates see the values from before the step") {
  // The states change places.
  CHECK(run_twice("  update a = %c\n  update c = %a\n  output o = %a\n") == Outcome{{1, 2}, {10, 20}, {10, 20}});
  // The old value is read after the new one is known.
  CHECK(run_twice("  %n = sweep [i < 2] { %a[i] + 1.0 } : f32[2]\n  update a = %n\n"
                  "  %o = sweep [i < 2] { %a[i] * %n[i] } : f32[2]\n  update c = %o\n  output o = %o\n") ==
        Outcome{{3, 4}, {6, 12}, {6, 12}});
  // The new value needs another element of the old one.
  CHECK(run_twice("  %n = sweep [i < 2] { %a[1 - i] } : f32[2]\n  update a = %n\n  output o = %c\n") ==
        Outcome{{1, 2}, {10, 20}, {10, 20}});
  CHECK(run_twice("  %n = sweep [i < 2, j < 2] sum at [i] { %a[j] * f32(index(i + 1)) } : f32[2]\n  update a = %n\n"
                  "  output o = %n\n") == Outcome{{9, 18}, {10, 20}, {9, 18}});
  // One new value for two states; an output that is the old one.
  CHECK(run_twice("  %n = sweep [i < 2] { %a[i] + %c[i] } : f32[2]\n  update a = %n\n  update c = %n\n"
                  "  output o = %a\n") == Outcome{{22, 44}, {22, 44}, {11, 22}});
}

TEST_CASE("carried values may change places and be yielded") {
  const std::string text = R"(descent graph 1
model m
entry step {
  %x = input x : f32[2]
  %y = input y : f32[2]
  %p, %q, %old, %new = scan [t < 3] {
    carry %a = %x : f32[2]
    carry %c = %y : f32[2]
    %n = sweep [i < 2] { %a[i] + f32(index(t + 1)) } : f32[2]
    next %a = %c
    next %c = %n
    yield %a
    yield %n
  } : f32[2], f32[2], f32[3, 2], f32[3, 2]
  output p = %p
  output q = %q
  output old = %old
  output new = %new
}
)";
  const Model model = passes_or_fail(parse_or_fail("scan", text));
  const Graph& graph = model.entries[0];
  const Values values = random_inputs(graph, 1, 9);
  const Result<Evaluation> oracle = evaluate(graph, 1, values, {});
  REQUIRE(oracle.ok());
  const loop::Program program = lower_or_fail(model, 4, 1);
  loop::Interpreter interpreter(program);
  const Bits bits = run_entry(program, runner(interpreter), "step", 1, values);
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    CAPTURE(graph.outputs[i].name);
    CHECK(relative_error(unpack(bits.outputs[i], graph.type(graph.outputs[i].value), 1, 1), oracle->outputs[i]) < 1e-6);
  }
}

TEST_CASE("buffers that share bytes never live at the same time") {
  for (const char* folder : {"gradients", "training"}) {
    const std::filesystem::path path = std::filesystem::path(DESCENT_SOURCE_DIR) / "tests/graphs" / folder;
    for (const std::string& name : names_in(path)) {
      const Model model = passes_or_fail(parse_or_fail(name, in_single(read_text(path / (name + ".graph")))));
      const loop::Program planned = lower_or_fail(model, 4, 6);
      const loop::Program apart = spread_out(planned);
      CHECK(planned.arena_bytes <= apart.arena_bytes);
      loop::Interpreter together(planned), alone(apart);
      for (const Graph& entry : model.entries) {
        CAPTURE(name, entry.name);
        const Values values = random_inputs(entry, 5, 13);
        CHECK(run_entry(planned, runner(together), entry.name, 5, values) ==
              run_entry(apart, runner(alone), entry.name, 5, values));
      }
    }
  }
}

TEST_CASE("a tensor of one column runs in vectors over the batch, its end in masked lanes") {
  const Model model = passes_or_fail(
      parse_or_fail("column",
                    "descent graph 1\nmodel m\nentry step {\n  %x = input x : f32[batch, 1]\n"
                    "  %y = sweep [b < batch] at [b, 0] { exp(%x[b, 0]) } : f32[batch, 1]\n  output y = %y\n}\n"));
  const loop::Program plain = lower_or_fail(model, 1, 19), program = lower_or_fail(model, 8, 19);
  REQUIRE(program.kernels.size() == 1);
  const std::string text = print(program.kernels[0]);
  CHECK(text.find("parallel b in 0 ..< batch // 8 * 8 step 8 {\n    vector") != std::string::npos);
  CHECK(text.find("parallel b in batch // 8 * 8 ..< batch step 8 {\n    vector") != std::string::npos);
  CHECK(text.find("= 0.0\n") == std::string::npos);  // nothing is filled that is written anyway
  for (std::int64_t batch = 1; batch <= 19; ++batch) {
    CAPTURE(batch);
    const Values values = random_inputs(model.entries[0], batch, 3);
    loop::Interpreter one(plain), eight(program);
    CHECK(run_entry(program, runner(eight), "step", batch, values) ==
          run_entry(plain, runner(one), "step", batch, values));
  }
}

TEST_CASE("what is too large is refused before machine code is made of it") {
  std::string wide =
      "descent graph 1\nmodel wide\nentry step {\n  %x = input x : f32[batch]\n  %y = sweep [b < batch] { ";
  for (int i = 0; i < 700; ++i) wide += "exp(%x[b] * " + std::to_string(i) + ".0) + ";
  const Result<loop::Program> body =
      lower(passes_or_fail(parse_or_fail("wide", wide + "1.0 } : f32[batch]\n  output y = %y\n}\n")), {});
  REQUIRE(!body.ok());
  CHECK(body.errors()[0].message == "this expression comes to more than 4096 operations; split it or make it smaller");

  // Gradients of gradients, each about twice the last.
  std::string deep =
      "descent graph 1\nmodel deep\nentry step {\n  %x = input x : f64[4]\n"
      "  %l0 = sweep [i < 4] sum at [] { tanh(%x[i]) * exp(%x[i]) } : f64[]\n";
  for (int i = 0; i < 40; ++i) {
    const std::string n = std::to_string(i), next = std::to_string(i + 1);
    deep += "  %g" + n + " = gradient of %l" + n + " by %x : f64[4]\n  %l" + next +
            " = sweep [i < 4] sum at [] { tanh(%g" + n + "[i]) * %x[i] } : f64[]\n";
  }
  const Result<Model> nested = run_passes(parse_or_fail("deep", deep + "  output l = %l40\n}\n"));
  REQUIRE(!nested.ok());
  CHECK(nested.errors()[0].message ==
        "entry 'step' of model 'deep' has more than 20000 nodes after differentiate; make the model smaller");
}

TEST_CASE("an arena beyond the limit is refused") {
  const std::string text =
      "descent graph 1\nmodel huge\nentry step {\n  %x = input x : f32[batch, 70000]\n"
      "  %y = sweep [b < batch, i < 70000, j < 70000] { %x[b, i] * %x[b, j] } : f32[batch, 70000, 70000]\n"
      "  %s = sweep [b < batch, i < 70000] sum at [b] { %y[b, i, i] } : f32[batch]\n  output s = %s\n}\n";
  LowerOptions options;
  Result<loop::Program> program = lower(passes_or_fail(parse_or_fail("huge", text)), options);
  REQUIRE(!program.ok());
  CHECK(render(program.errors()) ==
        "error: model 'huge' needs more than 16 GiB of memory at batch 64; make the model or the batch smaller\n");
}

}  // namespace
}  // namespace descent
