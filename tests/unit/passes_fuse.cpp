// Fusion: what joins, what must not, and that the bits never show it.
#include <catch2/catch.hpp>

#include "ir/loop_layout.h"
#include "passes/fuse.h"
#include "tests/support/graph_generator.h"
#include "tests/support/graph_run.h"
#include "tests/support/sanitizer.h"

namespace descent {
namespace {

using namespace test;

Model entry_of(const std::string& nodes) {
  return passes_or_fail(parse_or_fail("fuse", "descent graph 1\nmodel m\nentry step {\n" + nodes + "}\n"));
}

loop::Program lowered(const Model& model, bool fuse, int lanes = 8, std::int64_t batch = 9) {
  LowerOptions options;
  options.largest_batch = batch;
  options.lanes = lanes;
  options.fuse = fuse;
  Result<loop::Program> program = lower(model, options);
  if (!program) FAIL(render(program.errors()));
  return std::move(program).value();
}

std::vector<std::string> calls_of(const loop::Program& program) {
  std::vector<std::string> names;
  for (const auto& step : program.entries[0].steps) {
    const auto* call = std::get_if<loop::Call>(&step);
    names.push_back(call ? program.kernels[static_cast<std::size_t>(call->kernel)].name : "repeat");
  }
  return names;
}

bool has_buffer(const loop::Program& program, const std::string& name) {
  return std::any_of(program.buffers.begin(), program.buffers.end(),
                     [&](const loop::Buffer& buffer) { return buffer.name == name; });
}

// The outputs, then the states as the entry leaves them.
Bits run(const loop::Program& program, std::int64_t batch, const Values& values) {
  loop::Interpreter interpreter(program);
  Bits bits = run_entry(
      program, [&](const auto& e, auto b, const auto& in, const auto& out) { interpreter.run(e, b, in, out); },
      program.entries[0].name, batch, values);
  for (const loop::Buffer& buffer : program.buffers) {
    if (buffer.storage != loop::Buffer::Storage::state) continue;
    std::vector<std::byte>& dense = bits.outputs.emplace_back(count(buffer.type.shape, 1) * size_of(buffer.type.dtype));
    loop::load_dense(buffer, 1, interpreter.arena().data(), dense.data());
  }
  return bits;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a chain of elementwise sweeps is one kernel that stores only its end") {
  const loop::Program program = lowered(entry_of(R"(
  %x = input x : f32[batch, 20]
  %a = sweep [b < batch, j < 20] { %x[b, j] * 2.0 } : f32[batch, 20]
  %s = sweep [b < batch, j < 20] { exp(%a[b, j]) } : f32[batch, 20]
  %y = sweep [b < batch, j < 20] { %s[b, j] / (1.0 + %s[b, j]) + %a[b, j] } : f32[batch, 20]
  output y = %y
)"),
                                        true);
  CHECK(calls_of(program) == Names{"y"});
  CHECK(!has_buffer(program, "a"));
  CHECK(!has_buffer(program, "s"));
  CHECK(program.kernels[0].arrays[0].role == loop::Array::Role::read);
  CHECK(program.kernels[0].arrays[1].role == loop::Array::Role::write);
}

TEST_CASE("what follows a contraction runs on its register tile") {
  const Model model = entry_of(R"(
  %x = input x : f32[batch, 40]
  %w = input w : f32[40, 50]
  %c = input c : f32[50]
  %sum = sweep [b < batch, j < 50, i < 40] sum at [b, j] { %x[b, i] * %w[i, j] } : f32[batch, 50]
  %h = sweep [b < batch, j < 50] { %c[j] + %sum[b, j] } : f32[batch, 50]
  %y = sweep [b < batch, j < 50] { max(%h[b, j], 0.0) } : f32[batch, 50]
  output y = %y
)");
  const loop::Program program = lowered(model, true);
  CHECK(calls_of(program) == Names{"y"});
  CHECK(!has_buffer(program, "sum"));
  CHECK(!has_buffer(program, "h"));
  CHECK(calls_of(lowered(model, false)).size() == 3);
}

TEST_CASE("a row with several reductions is one kernel") {
  const loop::Program program = lowered(entry_of(R"(
  %x = input x : f32[batch, 10]
  %top = sweep [b < batch, c < 10] max at [b] { %x[b, c] } : f32[batch]
  %e = sweep [b < batch, c < 10] { exp(%x[b, c] - %top[b]) } : f32[batch, 10]
  %all = sweep [b < batch, c < 10] sum at [b] { %e[b, c] } : f32[batch]
  %inverse = sweep [b < batch] { 1.0 / %all[b] } : f32[batch]
  %y = sweep [b < batch, c < 10] { %e[b, c] * %inverse[b] } : f32[batch, 10]
  output y = %y
)"),
                                        true);
  CHECK(calls_of(program) == Names{"y"});
  for (const char* gone : {"top", "all", "inverse"}) CHECK(!has_buffer(program, gone));
}

TEST_CASE("an iteration that needs another one's value stays in a kernel of its own") {
  const auto kernels = [](const std::string& second) {
    const Model model = entry_of(
        "  %x = input x : f32[batch, 20]\n  %k = input k : i32[20] in 0 ..< 20\n"
        "  %a = sweep [b < batch, j < 20] { %x[b, j] * 2.0 } : f32[batch, 20]\n" +
        second + "  output y = %y\n  output a = %a\n");
    return calls_of(lowered(model, true)).size();
  };
  CHECK(kernels("  %y = sweep [b < batch, j < 20] { %a[b, j] + 1.0 } : f32[batch, 20]\n") == 1);
  CHECK(kernels("  %y = sweep [b < batch, j < 20] { %a[b, -j + 19] + 1.0 } : f32[batch, 20]\n") == 1);  // by rows
  CHECK(kernels("  %y = sweep [j < 20, b < batch] { %a[b, j] + 1.0 } : f32[20, batch]\n") == 2);
  CHECK(kernels("  %y = sweep [b < batch, j < 20] sum at [j] { %a[b, j] } : f32[20]\n") == 2);
  CHECK(kernels("  %y = sweep [b < batch, j < 20] { %a[b, j + 1 else 0.0] + 1.0 } : f32[batch, 20]\n") == 1);
  CHECK(kernels("  %y = sweep [b < batch, j < 20] { %a[b, %k[j]] + 1.0 } : f32[batch, 20]\n") == 1);
}

TEST_CASE("reductions of what they share are one kernel, unless one needs the other's end") {
  const auto check = [](const std::string& second, std::size_t kernels) {
    CAPTURE(second);
    const Model model = entry_of(
        "  %x = input x : f32[batch, 24]\n  %z = input z : f32[batch, 24]\n"
        "  %s = sweep [b < batch, c < 24] sum at [c] { %x[b, c] * %z[b, c] } : f32[24]\n" +
        second + "  output s = %s\n  output y = %y\n");
    for (const int lanes : {1, 8, 16}) {
      const loop::Program program = lowered(model, true, lanes);
      if (lanes > 1) CHECK(calls_of(program).size() == kernels);
      const Values values = random_inputs(model.entries[0], 9, 3);
      CHECK(run(program, 9, values) == run(lowered(model, false, lanes), 9, values));
    }
  };
  check("  %y = sweep [b < batch, c < 24] sum at [c] { %x[b, c] * %x[b, c] } : f32[24]\n", 1);
  check("  %y = sweep [b < batch, c < 24] sum at [c] { %x[b, c] * (%z[b, c] - %s[c]) } : f32[24]\n", 2);
  check("  %y = sweep [b < batch, c < 24] sum at [c] { %x[b, c] * %s[-c + 23] } : f32[24]\n", 2);
}

TEST_CASE("kernels whose locals would not fit on one stack stay apart") {
  const auto fused = [](std::int64_t elements) {
    const std::string size = std::to_string(elements);
    const std::string kernel =
        "(read x : f32[batch], write y : f32[batch]) {\n  parallel b in 0 ..< batch {\n"
        "    local a : f32[" +
        size + "]\n    serial i in 0 ..< " + size + " {\n      a[i] = x[b]\n    }\n    y[b] = a[0]\n  }\n}\n";
    Result<loop::Program> program = loop::parse_program(std::make_shared<Source>(Source{
        "locals",
        "descent loop 1\nprogram p batch 4 arena 0\nbuffer u : f32[batch] input\n"
        "buffer v : f32[batch] output\nbuffer w : f32[batch] output\nkernel one" +
            kernel + "kernel two" + kernel + "entry step(u) -> (v, w) {\n  call one(u, v)\n  call two(v, w)\n}\n"}));
    if (!program) FAIL(render(program.errors()));
    return fuse({program->kernels[0], {0, 1}}, {program->kernels[1], {1, 2}}, {}, 4);
  };
  CHECK(fused(1000).kernel);
  CHECK(fused(300'000).why_not == "together they are too large");  // 2.4 MB
}

TEST_CASE("kernels that do the same are one, those of the same parts in another order are not") {
  const loop::Program program = lowered(entry_of(R"(
  %x = input x : f32[batch, 20]
  %u = input u : f32[batch, 20]
  %w = input w : f32[batch, 20]
  %y = sweep [b < batch, j < 20] { %x[b, j] * 2.0 - (%x[b, j] + 1.0) } : f32[batch, 20]
  %v = sweep [b < batch, j < 20] { %u[b, j] * 2.0 - (%u[b, j] + 1.0) } : f32[batch, 20]
  %z = sweep [b < batch, j < 20] { %w[b, j] + 1.0 - %w[b, j] * 2.0 } : f32[batch, 20]
  output y = %y
  output v = %v
  output z = %z
)"),
                                        true);
  CHECK(calls_of(program) == Names{"y", "y", "z"});
  CHECK(program.kernels.size() == 2);
}

TEST_CASE("calls meet past others that neither needs, up or down") {
  const std::string head =
      "  %x = input x : f32[20]\n  %z = input z : f32[30]\n"
      "  %a = sweep [j < 20] { %x[j] * 2.0 } : f32[20]\n"
      "  %b = sweep [j < 30] { %z[j] * 3.0 } : f32[30]\n";
  CHECK(calls_of(lowered(entry_of(head + "  %y = sweep [j < 20] { %a[j] + 1.0 } : f32[20]\n"
                                         "  output y = %y\n  output b = %b\n"),
                         true)) == Names{"y", "b"});
  // %y needs %s, which needs %b: %a moves down to it.
  CHECK(calls_of(lowered(entry_of(head + "  %s = sweep [j < 30] sum at [] { %b[j] } : f32[]\n"
                                         "  %y = sweep [j < 20] { %a[j] + %s[] } : f32[20]\n"
                                         "  output y = %y\n  output b = %b\n"),
                         true)) == Names{"b", "s", "y"});
}

// The kernel with its stores forwarded; it takes the buffers 0, 1, …, of which 0 is nobody else's.
std::string forwarded(const std::string& body) {
  const std::string text =
      "descent loop 1\nprogram p batch 4 arena 0\nbuffer x : f32[8] input\n"
      "kernel k(update x : f32[8], update y : f32[8]) {\n" +
      body + "}\n";
  Result<loop::Program> program = loop::parse_program(std::make_shared<Source>(Source{"text", text}));
  if (!program) FAIL(render(program.errors()));
  LoweredKernel lowered{program->kernels[0], {0, 1}};
  forward_stores(lowered, [](loop::BufferId id) { return id == 0; });
  return print(lowered.kernel);
}

TEST_CASE("a load gives way to the store right before it, and to no other") {
  CHECK(forwarded("x[1] = 2.0\ny[0] = x[1]\n") == "kernel k(write y : f32[8]) {\n  y[0] = 2.0\n}\n");
  CHECK(forwarded("x[1] = y[2]\nserial j in 0 ..< 8 {\n  y[j] = x[1]\n}\n") ==
        "kernel k(update y : f32[8]) {\n  let t0 = y[2]\n  serial j in 0 ..< 8 {\n    y[j] = t0\n  }\n}\n");
  // Another iteration stores there too.
  const std::string carried = forwarded("x[1] = 2.0\nserial j in 0 ..< 8 {\n  y[j] = x[1]\n  x[1] = 3.0\n}\n");
  CHECK(carried.find("y[j] = x[1]") != std::string::npos);
  // The same place under another name.
  const std::string renamed = forwarded("serial j in 0 ..< 8 {\n  x[j] = 2.0\n  x[7 - j] = 3.0\n  y[j] = x[j]\n}\n");
  CHECK(renamed.find("y[j] = x[j]") != std::string::npos);
  // Only where the condition holds.
  const std::string guarded = forwarded("x[1] = 2.0\nif y[0] < 1.0 {\n  x[1] = 3.0\n}\ny[0] = x[1]\n");
  CHECK(guarded.find("y[0] = x[1]") != std::string::npos);
}

TEST_CASE("fusion changes no bit of generated Graphs") {
  std::size_t before = 0, after = 0;
  const auto seeds = static_cast<std::uint64_t>(repetitions(300));
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const Model model = generate_model(seed, 10, {.gradients = seed % 2 == 1});
    INFO("seed " << seed << "\n" << print(model));
    const Model passed = passes_or_fail(model);
    const int lanes = seed % 3 == 0 ? 1 : 8;
    const loop::Program apart = lowered(passed, false, lanes, 5), joined = lowered(passed, true, lanes, 5);
    before += apart.kernels.size();
    after += joined.kernels.size();
    const std::int64_t batch = 1 + static_cast<std::int64_t>(seed % 5);
    const GeneratedValues values = generate_values(model.entries[0], batch, seed);
    Values inputs(values.inputs.begin(), values.inputs.end());
    const Bits expected = run(apart, batch, inputs), found = run(joined, batch, inputs);
    CHECK(expected.outputs == found.outputs);
  }
  CAPTURE(before, after);
  CHECK(5 * after < 4 * before);
}

}  // namespace descent
