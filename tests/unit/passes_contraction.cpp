// Contractions: every blocking, packing and tail gives the bits of the plain loops, and the shape of the nest is what
// the machine asks for.
#include <catch2/catch.hpp>

#include "ir/loop_layout.h"
#include "passes/schedule.h"
#include "tests/support/graph_run.h"

namespace descent {
namespace {

using namespace test;

struct Case {
  const char* name;
  const char* nodes;
};

const Case cases[] = {
    {"rows of the batch",
     "  %x = input x : f32[batch, 37]\n  %w = input w : f32[37, 43]\n"
     "  %y = sweep [b < batch, j < 43, k < 37] sum at [b, j] { %x[b, k] * %w[k, j] } : f32[batch, 43]\n"},
    {"the right factor transposed",
     "  %x = input x : f32[batch, 37]\n  %w = input w : f32[43, 37]\n"
     "  %y = sweep [b < batch, j < 43, k < 37] sum at [b, j] { %x[b, k] * %w[j, k] } : f32[batch, 43]\n"},
    {"the left factor transposed",
     "  %x = input x : f32[37, 29]\n  %w = input w : f32[37, 43]\n"
     "  %y = sweep [i < 29, j < 43, k < 37] sum at [i, j] { %w[k, j] * %x[k, i] } : f32[29, 43]\n"},
    {"both factors transposed",
     "  %x = input x : f32[37, 29]\n  %w = input w : f32[43, 37]\n"
     "  %y = sweep [i < 29, j < 43, k < 37] sum at [i, j] { %x[k, i] * %w[j, k] } : f32[29, 43]\n"},
    {"the result transposed",
     "  %x = input x : f32[29, 37]\n  %w = input w : f32[37, 43]\n"
     "  %y = sweep [i < 29, j < 43, k < 37] sum at [j, i] { %x[i, k] * %w[k, j] } : f32[43, 29]\n"},
    {"summed over the batch",
     "  %x = input x : f32[batch, 29]\n  %d = input d : f32[batch, 43]\n"
     "  %y = sweep [i < 29, j < 43, b < batch] sum at [i, j] { %x[b, i] * %d[b, j] } : f32[29, 43]\n"},
    {"batched",
     "  %x = input x : f32[batch, 3, 11, 19]\n  %w = input w : f32[batch, 3, 19, 21]\n"
     "  %y = sweep [b < batch, h < 3, i < 11, j < 21, k < 19] sum at [b, h, i, j] { %x[b, h, i, k] * %w[b, h, k, j] } "
     ": f32[batch, 3, 11, 21]\n"},
    {"a window that steps by two",
     "  %x = input x : f32[batch, 25, 5]\n  %w = input w : f32[4, 5, 21]\n"
     "  %y = sweep [b < batch, o < 11, c < 21, r < 4, d < 5] sum at [b, o, c] { %x[b, 2*o + r, d] * %w[r, d, c] } "
     ": f32[batch, 11, 21]\n"},
    {"padded",
     "  %x = input x : f32[batch, 21, 5]\n  %w = input w : f32[3, 5, 21]\n"
     "  %y = sweep [b < batch, o < 21, c < 21, r < 3, d < 5] sum at [b, o, c] "
     "{ %x[b, o + r - 1, d else 0.0] * %w[r, d, c] } : f32[batch, 21, 21]\n"},
    {"a matrix and a vector",
     "  %x = input x : f32[37]\n  %w = input w : f32[37, 43]\n"
     "  %y = sweep [j < 43, k < 37] sum at [j] { %x[k] * %w[k, j] } : f32[43]\n"},
    {"a vector and a matrix that lies along the terms",
     "  %x = input x : f32[77]\n  %w = input w : f32[75, 77]\n"
     "  %y = sweep [j < 75, k < 77] sum at [j] { %w[j, k] * %x[k] } : f32[75]\n"},
    {"rows of the batch and a vector",
     "  %x = input x : f32[batch, 77]\n  %w = input w : f32[77]\n"
     "  %y = sweep [b < batch, k < 77] sum at [b] { %x[b, k] * %w[k] } : f32[batch]\n"},
    {"windows along the terms, and one filter",
     "  %x = input x : f32[70, 5, 23]\n  %w = input w : f32[4, 23]\n"
     "  %y = sweep [i < 70, o < 2, r < 4, d < 23] sum at [i, o] { %x[i, o + r, d] * %w[r, d] } : f32[70, 2]\n"},
    {"few rows and a large matrix",
     "  %x = input x : f32[3, 37]\n  %w = input w : f32[37, 1500]\n"
     "  %y = sweep [i < 3, j < 1500, k < 37] sum at [i, j] { %x[i, k] * %w[k, j] } : f32[3, 1500]\n"},
    {"few rows and a large matrix, transposed",
     "  %x = input x : f32[3, 37]\n  %w = input w : f32[300, 37]\n"
     "  %y = sweep [i < 3, j < 300, k < 37] sum at [i, j] { %x[i, k] * %w[j, k] } : f32[3, 300]\n"},
    {"a factor that is computed",
     "  %x = input x : f32[batch, 37]\n  %w = input w : f32[37, 43]\n  %s = input s : f32[43]\n"
     "  %y = sweep [b < batch, j < 43, k < 37] sum at [b, j] { %x[b, k] * (%w[k, j] * exp(%s[j])) } "
     ": f32[batch, 43]\n"},
    {"a factor that is looked up",
     "  %t = input t : i32[37] in 0 ..< 50\n  %x = input x : f32[batch, 37]\n  %w = input w : f32[50, 43]\n"
     "  %y = sweep [b < batch, j < 43, k < 37] sum at [b, j] { %x[b, k] * %w[%t[k], j] } : f32[batch, 43]\n"},
    {"only some of the terms",
     "  %x = input x : f32[batch, 37]\n  %w = input w : f32[37, 43]\n"
     "  %y = sweep [b < batch, j < 43, k < 37 where j - k >= 0] sum at [b, j] { %x[b, k] * %w[k, j] } : f32[batch, "
     "43]\n"},
    {"in double",
     "  %x = input x : f64[batch, 37]\n  %w = input w : f64[37, 43]\n"
     "  %y = sweep [b < batch, j < 43, k < 37] sum at [b, j] { %x[b, k] * %w[k, j] } : f64[batch, 43]\n"},
    {"more terms than a piece",
     "  %x = input x : f32[batch, 4200]\n  %w = input w : f32[4200, 17]\n"
     "  %y = sweep [b < batch, j < 17, k < 4200] sum at [b, j] { %x[b, k] * %w[k, j] } : f32[batch, 17]\n"},
    {"more terms than a piece, of a matrix and a vector",
     "  %x = input x : f32[4200]\n  %w = input w : f32[4200, 70]\n"
     "  %y = sweep [j < 70, k < 4200] sum at [j] { %x[k] * %w[k, j] } : f32[70]\n"},
    {"more terms than a piece, of a matrix that lies along them and a vector",
     "  %x = input x : f32[4200]\n  %w = input w : f32[35, 4200]\n"
     "  %y = sweep [j < 35, k < 4200] sum at [j] { %w[j, k] * %x[k] } : f32[35]\n"},
    {"many tiles",
     "  %x = input x : f32[batch, 37]\n  %w = input w : f32[37, 150]\n"
     "  %y = sweep [b < batch, j < 150, k < 37] sum at [b, j] { %x[b, k] * %w[k, j] } : f32[batch, 150]\n"},
    {"many tiles, the right factor transposed",
     "  %x = input x : f32[29, 37]\n  %w = input w : f32[150, 37]\n"
     "  %y = sweep [i < 29, j < 150, k < 37] sum at [i, j] { %x[i, k] * %w[j, k] } : f32[29, 150]\n"},
    {"many tiles, the left factor transposed",
     "  %x = input x : f32[37, 29]\n  %w = input w : f32[37, 150]\n"
     "  %y = sweep [i < 29, j < 150, k < 37] sum at [i, j] { %x[k, i] * %w[k, j] } : f32[29, 150]\n"},
    {"many tiles, both factors transposed",
     "  %x = input x : f32[37, 48]\n  %w = input w : f32[128, 37]\n"
     "  %y = sweep [i < 48, j < 128, k < 37] sum at [i, j] { %x[k, i] * %w[j, k] } : f32[48, 128]\n"},
    {"many tiles, summed over the batch",
     "  %x = input x : f32[29, batch]\n  %d = input d : f32[150, batch]\n"
     "  %y = sweep [i < 29, j < 150, b < batch] sum at [i, j] { %x[i, b] * %d[j, b] } : f32[29, 150]\n"},
    {"many tiles of a window, channels last but one",
     "  %x = input x : f32[batch, 14, 9]\n  %w = input w : f32[100, 4, 9]\n"
     "  %y = sweep [b < batch, o < 11, c < 100, r < 4, d < 9] sum at [b, o, c] { %x[b, o + r, d] * %w[c, r, d] } "
     ": f32[batch, 11, 100]\n"},
    {"many tiles and what follows on them",
     "  %x = input x : f32[29, 37]\n  %w = input w : f32[37, 150]\n  %c = input c : f32[150]\n"
     "  %s = sweep [b < 29, j < 150, k < 37] sum at [b, j] { %x[b, k] * %w[k, j] } : f32[29, 150]\n"
     "  %y = sweep [b < 29, j < 150] { max(%s[b, j] + %c[j], 0.0) } : f32[29, 150]\n"},
    {"more terms than a piece, many tiles",
     "  %x = input x : f32[9, 4200]\n  %w = input w : f32[70, 4200]\n"
     "  %y = sweep [i < 9, j < 70, k < 4200] sum at [i, j] { %x[i, k] * %w[j, k] } : f32[9, 70]\n"},
    {"filters over images",
     "  %x = input x : f32[batch, 3, 7, 13]\n  %w = input w : f32[10, 3, 3, 3]\n"
     "  %y = sweep [b < batch, o < 10, i < 5, j < 11, k < 3, r < 3, s < 3] sum at [b, o, i, j] "
     "{ %x[b, k, i + r, j + s] * %w[o, k, r, s] } : f32[batch, 10, 5, 11]\n"},
    {"filters over images with borders, and what follows on the tile",
     "  %x = input x : f32[batch, 3, 7, 21]\n  %w = input w : f32[10, 3, 3, 3]\n"
     "  %s = sweep [b < batch, o < 10, i < 7, j < 21, k < 3, r < 3, s < 3] sum at [b, o, i, j] "
     "{ %x[b, k, i + r - 1, j + s - 1 else 0.0] * %w[o, k, r, s] } : f32[batch, 10, 7, 21]\n"
     "  %y = sweep [b < batch, o < 10, i < 7, j < 21] { max(%s[b, o, i, j], 0.0) } : f32[batch, 10, 7, 21]\n"},
    {"filters over one image",
     "  %x = input x : f32[3, 7, 9]\n  %w = input w : f32[10, 3, 3, 3]\n"
     "  %y = sweep [o < 10, i < 7, j < 9, k < 3, r < 3, s < 3] sum at [o, i, j] "
     "{ %x[k, i + r - 1, j + s - 1 else 0.0] * %w[o, k, r, s] } : f32[10, 7, 9]\n"},
    {"filters over one line",
     "  %x = input x : f32[3, 29]\n  %w = input w : f32[10, 3, 5]\n"
     "  %y = sweep [o < 10, j < 29, k < 3, s < 5] sum at [o, j] { %x[k, j + s - 2 else 0.0] * %w[o, k, s] } "
     ": f32[10, 29]\n"},
    {"filters that step by two over images with borders",
     "  %x = input x : f32[batch, 3, 7, 19]\n  %w = input w : f32[10, 3, 3, 3]\n"
     "  %y = sweep [b < batch, o < 10, i < 4, j < 10, k < 3, r < 3, s < 3] sum at [b, o, i, j] "
     "{ %x[b, k, 2*i + r - 1, 2*j + s - 1 else 0.0] * %w[o, k, r, s] } : f32[batch, 10, 4, 10]\n"},
    {"back to the images",
     "  %d = input d : f32[batch, 10, 7, 9]\n  %w = input w : f32[10, 3, 3, 3]\n"
     "  %y = sweep [b < batch, o < 10, i < 7, j < 9, k < 3, r < 3, s < 3] sum at [b, k, i + r - 1, j + s - 1] "
     "{ %d[b, o, i, j] * %w[o, k, r, s] } : f32[batch, 3, 7, 9]\n"},
    {"back to images that were stepped over by two",
     "  %d = input d : f32[batch, 10, 4, 5]\n  %w = input w : f32[10, 3, 3, 3]\n"
     "  %y = sweep [b < batch, o < 10, i < 4, j < 5, k < 3, r < 3, s < 3] sum at [b, k, 2*i + r - 1, 2*j + s - 1] "
     "{ %d[b, o, i, j] * %w[o, k, r, s] } : f32[batch, 3, 7, 9]\n"},
    {"back to the filters",
     "  %d = input d : f32[batch, 17, 7, 9]\n  %x = input x : f32[batch, 6, 7, 9]\n"
     "  %y = sweep [b < batch, o < 17, i < 7, j < 9, k < 6, r < 3, s < 3] sum at [o, k, r, s] "
     "{ %d[b, o, i, j] * %x[b, k, i + r - 1, j + s - 1 else 0.0] } : f32[17, 6, 3, 3]\n"},
    {"back to the filters of lines",
     "  %d = input d : f32[batch, 17, 9]\n  %x = input x : f32[batch, 6, 11]\n"
     "  %y = sweep [b < batch, o < 17, j < 9, k < 6, s < 3] sum at [o, k, s] "
     "{ %d[b, o, j] * %x[b, k, j + s] } : f32[17, 6, 3]\n"},
    {"more terms than a piece, of filters over images with borders",
     "  %x = input x : f32[batch, 460, 2, 9]\n  %w = input w : f32[16, 460, 3, 3]\n"
     "  %y = sweep [b < batch, o < 16, i < 2, j < 9, k < 460, r < 3, s < 3] sum at [b, o, i, j] "
     "{ %x[b, k, i + r - 1, j + s - 1 else 0.0] * %w[o, k, r, s] } : f32[batch, 16, 2, 9]\n"},
    {"channels of images, each with its own",
     "  %x = input x : f32[batch, 19, 5, 21]\n  %w = input w : f32[batch, 19, 5, 21]\n  %m = input m : f32[19]\n"
     "  %y = sweep [b < batch, c < 19, i < 5, j < 21] sum at [c] { (%x[b, c, i, j] - %m[c]) * %w[b, c, i, j] } "
     ": f32[19]\n"},
    {"rows of the batch, each with its own",
     "  %x = input x : f32[batch, 4, 19]\n  %w = input w : f32[batch, 5, 19]\n"
     "  %y = sweep [b < batch, t < 4, s < 5, d < 19] sum at [b, t, s] { %x[b, t, d] * %w[b, s, d] } "
     ": f32[batch, 4, 5]\n"},
    {"sixteen lanes, filled by rows of eight",
     "  %x = input x : f32[batch, 3, 4, 8]\n"
     "  %y = sweep [b < batch, c < 3, i < 4, j < 8] sum at [c] { %x[b, c, i, j] } : f32[3]\n"},
    {"heads that land side by side",
     "  %x = input x : f32[batch, 2, 9, 37]\n  %w = input w : f32[batch, 37, 46]\n"
     "  %y = sweep [b < batch, h < 2, i < 9, d < 23, k < 37] sum at [b, i, 23*h + d] "
     "{ %x[b, h, i, k] * %w[b, k, 23*h + d] } : f32[batch, 9, 46]\n"},
    {"with what follows on the tile",
     "  %x = input x : f32[batch, 37]\n  %w = input w : f32[37, 43]\n  %c = input c : f32[43]\n"
     "  %s = sweep [b < batch, j < 43, k < 37] sum at [b, j] { %x[b, k] * %w[k, j] } : f32[batch, 43]\n"
     "  %y = sweep [b < batch, j < 43] { max(%s[b, j] + %c[j], 0.0) } : f32[batch, 43]\n"},
};

Model model_of(const std::string& nodes) {
  return passes_or_fail(
      parse_or_fail("contraction", "descent graph 1\nmodel m\nentry step {\n" + nodes + "  output y = %y\n}\n"));
}

// Caches of these sizes; registers and ports as of a processor with 256-bit vectors, unless there are others.
loop::Program lowered(const Model& model, std::int64_t l1, std::int64_t l2, int lanes, std::int64_t batch,
                      int registers = 16, int ports = 2, bool halves = false) {
  LowerOptions options;
  options.machine.vector_bytes = 32;
  options.machine.fma_ports = ports;
  options.machine.halves_vectors = halves;
  options.machine.vector_registers = registers;
  options.machine.l1_bytes = l1;
  options.machine.l2_bytes = l2;
  options.largest_batch = batch;
  options.lanes = lanes;
  Result<loop::Program> program = lower(model, options);
  if (!program) FAIL(render(program.errors()));
  return std::move(program).value();
}

Bits run(const loop::Program& program, std::int64_t batch, const Values& values) {
  loop::Interpreter interpreter(program);
  return run_entry(
      program, [&](const auto& e, auto b, const auto& in, const auto& out) { interpreter.run(e, b, in, out); }, "step",
      batch, values);
}

// The lines of the first kernel that open a loop or begin a local array, without what is in them.
std::string nest_of(const loop::Program& program) {
  std::istringstream text(print(program.kernels[0]));
  std::string nest;
  for (std::string line; std::getline(text, line);) {
    for (const char* word : {"parallel ", "serial ", "unrolled ", "vector ", "local "}) {
      if (line.find(word) != std::string::npos) nest += line.substr(2, line.find_last_not_of(" {") - 1) + "\n";
    }
  }
  return nest;
}

TEST_CASE("blocks, panels and tails do not change a bit of a contraction") {
  for (const Case& one : cases) {
    const Model model = model_of(one.nodes);
    const bool is_long = std::string(one.name).find("more terms than a piece") == 0;
    for (const std::int64_t batch : {1, 5, 19, 40}) {
      if (is_long && batch > 5) continue;
      const Values values = random_inputs(model.entries[0], batch, 7);
      const Bits plain = run(lowered(model, 32 << 10, 512 << 10, 1, 40), batch, values);
      // Everything in one panel; panels of a few terms; those and blocks of a few rows.
      for (const auto& [l1, l2] :
           {std::pair{32 << 10, 512 << 10}, std::pair{1 << 10, 512 << 10}, std::pair{1 << 10, 1 << 10}}) {
        for (const int lanes : {4, 8}) {
          CAPTURE(one.name, batch, l1, l2, lanes);
          const loop::Program program = lowered(model, l1, l2, lanes, 40);
          REQUIRE(render(loop::verify(program)) == "");
          CHECK(run(program, batch, values) == plain);
        }
      }
    }
  }
}

// One port and many registers: a tile so wide that its factors may come from beyond the first-level cache.
TEST_CASE("what passes by a wide tile does not change a bit of a contraction") {
  for (const Case& one : cases) {
    const Model model = model_of(one.nodes);
    if (std::string(one.name).find("more terms than a piece") == 0) continue;
    for (const std::int64_t batch : {5, 40}) {
      const Values values = random_inputs(model.entries[0], batch, 7);
      const Bits plain = run(lowered(model, 32 << 10, 512 << 10, 1, 40), batch, values);
      for (const std::int64_t l2 : {8 << 10, 32 << 10}) {
        for (const int lanes : {4, 8, 16}) {
          CAPTURE(one.name, batch, l2, lanes);
          const loop::Program program = lowered(model, 512, l2, lanes, 40, 32, 1);
          REQUIRE(render(loop::verify(program)) == "");
          CHECK(run(program, batch, values) == plain);
        }
      }
    }
  }
}

TEST_CASE("half vectors do not change a bit of a contraction") {
  for (const Case& one : cases) {
    const Model model = model_of(one.nodes);
    const Values values = random_inputs(model.entries[0], 5, 7);
    const Bits plain = run(lowered(model, 32 << 10, 512 << 10, 1, 5), 5, values);
    for (const auto& [l1, l2] : {std::pair{32 << 10, 512 << 10}, std::pair{1 << 10, 1 << 10}}) {
      for (const int lanes : {4, 8, 16}) {
        CAPTURE(one.name, l1, l2, lanes);
        const loop::Program program = lowered(model, l1, l2, lanes, 5, 32, 1, true);
        REQUIRE(render(loop::verify(program)) == "");
        CHECK(run(program, 5, values) == plain);
      }
    }
  }
}

TEST_CASE("the factors of a wide tile pass by it: panels from the second-level cache, for many rows") {
  const auto opens_with = [](const std::string& factor, const std::string& at, const std::string& nest) {
    const Model model = model_of("  %x = input x : f32[" + factor + "]\n  %w = input w : f32[1024, 1024]\n" +
                                 "  %y = sweep [i < 1000, j < 1024, k < 1024] sum at [i, j] { %x[" + at +
                                 "] * %w[k, j] } : f32[1000, 1024]\n");
    CHECK("\n" + nest_of(lowered(model, 32 << 10, 1 << 20, 16, 1, 32, 1)).substr(0, nest.size() - 1) == nest);
  };
  opens_with("1000, 1024", "i, k", R"(
parallel j in 0 ..< 1024 step 64
  local sums : f32[64000]
  local panel : f32[32768]
  serial k in 0 ..< min(512, 1024)
    vector j_2 in 0 ..< 64
  serial i in 0 ..< 996 step 6
    local sum : f32[6, 64]
)");
  opens_with("1024, 1000", "k, i", R"(
parallel i in 0 ..< 1000 step 250
  serial j in 0 ..< 1024 step 512
    local sums : f32[128000]
    serial k in 0 ..< 896 step 128
      local rows : f32[32000]
      serial k_2 in k ..< min(k + 128, 1024) step 16
        serial i_2 in i ..< i + 246 step 6
          unrolled k_3 in 0 ..< 16
            vector i_3 in 0 ..< 6
        unrolled k_3 in 0 ..< 16
          vector i_2 in 0 ..< 4
      serial j_2 in j ..< min(j + 512, 1024) step 256
        local panel : f32[32768]
)");
}

TEST_CASE("what is left of a tile is two tiles at most, each of which divides the whole one where it must") {
  using Widths = std::vector<std::int64_t>;
  CHECK(rest_widths(0, 64, 16, true).empty());
  CHECK(rest_widths(33, 64, 16, false) == Widths{48});
  CHECK(rest_widths(33, 64, 16, true) == Widths{32, 16});
  CHECK(rest_widths(33, 64, 8, false) == Widths{40});
  CHECK(rest_widths(33, 64, 8, true) == Widths{32, 8});
  CHECK(rest_widths(50, 64, 8, true) == Widths{64});
  CHECK(rest_widths(9, 64, 8, true) == Widths{16});
  CHECK(rest_widths(17, 48, 8, true) == Widths{24});
  CHECK(rest_widths(33, 48, 8, true) == Widths{48});
}

TEST_CASE("one element beyond whole vectors costs half a vector where the widest run as halves") {
  const Model model = model_of(
      "  %x = input x : f32[64, 96]\n  %w = input w : f32[96, 97]\n"
      "  %y = sweep [i < 64, j < 97, k < 96] sum at [i, j] { %x[i, k] * %w[k, j] } : f32[64, 97]\n");
  for (const bool halves : {false, true}) {
    const std::string nest = nest_of(lowered(model, 32 << 10, 1 << 20, 16, 1, 32, 2, halves));
    CAPTURE(halves, nest);
    CHECK((nest.find("local sum_2 : f32[4, 8]") != std::string::npos || nest.find(", 8]") != std::string::npos) ==
          halves);
  }
}

TEST_CASE("the last block of columns may end anywhere") {
  for (const std::int64_t columns : {260, 266, 390, 402, 515, 518, 650}) {
    const std::string n = std::to_string(columns);
    const Model model =
        model_of("  %x = input x : f32[48, 96]\n  %w = input w : f32[96, " + n + "]\n  %y = sweep [i < 48, j < " + n +
                 ", k < 96] sum at [i, j] { %x[i, k] * %w[k, j] } : f32[48, " + n + "]\n");
    for (const std::int64_t l2 : {16 << 10, 20 << 10, 32 << 10}) {
      for (const bool halves : {false, true}) {
        CAPTURE(columns, l2, halves);
        CHECK(render(loop::verify(lowered(model, 4 << 10, l2, 8, 1, 16, 2, halves))) == "");
      }
    }
  }
}

TEST_CASE("three vectors may be left of a tile of four in a block of columns") {
  for (const std::int64_t columns : {536, 560, 1072, 1080}) {
    const std::string n = std::to_string(columns);
    const Model model =
        model_of("  %x = input x : f32[96, 48]\n  %w = input w : f32[96, " + n + "]\n  %y = sweep [i < 48, j < " + n +
                 ", k < 96] sum at [i, j] { %x[k, i] * %w[k, j] } : f32[48, " + n + "]\n");
    for (const std::int64_t l2 : {64 << 10, 128 << 10}) {
      for (const int lanes : {8, 16}) {
        CAPTURE(columns, l2, lanes);
        const loop::Program program = lowered(model, 4 << 10, l2, lanes, 1, 32);
        CHECK(render(loop::verify(program)) == "");
        const Values values = random_inputs(model.entries[0], 1, 7);
        CHECK(run(program, 1, values) == run(lowered(model, 32 << 10, 512 << 10, 1, 1), 1, values));
      }
    }
  }
}

TEST_CASE("a contraction is blocked for the caches") {
  const Model model = model_of(
      "  %x = input x : f32[48, 96]\n  %w = input w : f32[96, 128]\n"
      "  %y = sweep [i < 48, j < 128, k < 96] sum at [i, j] { %x[i, k] * %w[k, j] } : f32[48, 128]\n");
  CHECK("\n" + nest_of(lowered(model, 4 << 10, 16 << 10, 8, 1)) == R"(
parallel i in 0 ..< 48 step 24
  local sums : f32[3072]
  serial k in 0 ..< 64 step 32
    local rows : f32[768]
    serial i_2 in i ..< i + 24 step 6
      serial k_2 in k ..< min(k + 32, 96) step 8
        unrolled k_3 in 0 ..< 8
          vector i_3 in 0 ..< 6
    serial j in 0 ..< 128 step 64
      local panel : f32[2048]
      serial k_2 in k ..< min(k + 32, 96)
        serial j_2 in j ..< min(j + 64, 128) step 16
          vector j_3 in 0 ..< 16
      serial j_2 in j ..< min(j + 64, 128) step 16
        serial i_2 in i ..< i + 24 step 6
          local sum : f32[6, 16]
          unrolled i_3 in 0 ..< 6
            vector j_3 in 0 ..< 16
          serial k_2 in k ..< min(k + 32, 96)
            unrolled i_3 in 0 ..< 6
              vector j_3 in 0 ..< 16
          unrolled i_3 in 0 ..< 6
            vector j_3 in 0 ..< 16
  local rows_2 : f32[768]
  serial i_2 in i ..< i + 24 step 6
    serial k in 64 ..< 96 step 8
      unrolled k_2 in 0 ..< 8
        vector i_3 in 0 ..< 6
  serial j in 0 ..< 128 step 64
    local panel_2 : f32[2048]
    serial k in 64 ..< 96
      serial j_2 in j ..< min(j + 64, 128) step 16
        vector j_3 in 0 ..< 16
    serial j_2 in j ..< min(j + 64, 128) step 16
      serial i_2 in i ..< i + 24 step 6
        local sum_2 : f32[6, 16]
        unrolled i_3 in 0 ..< 6
          vector j_3 in 0 ..< 16
        serial k in 64 ..< 96
          unrolled i_3 in 0 ..< 6
            vector j_3 in 0 ..< 16
        unrolled i_3 in 0 ..< 6
          vector j_3 in 0 ..< 16
)");
}

// How loops and copies of a window's sums look, with most of the lines left out.
// One port whose latency a single row of four vectors hides as well as a tile does: what counts is that the right
// factor lies beyond the first-level cache, and that rows of a tile share its way from there.
TEST_CASE("what many rows read lies in panels, or comes once for a tile of rows") {
  LowerOptions options;
  options.machine.vector_bytes = 64;
  options.machine.vector_registers = 32;
  options.machine.fma_ports = 1;
  options.machine.l2_bytes = 1 << 20;
  options.largest_batch = 64;
  options.lanes = 16;
  for (const char* rows : {"batch", "64", "12"}) {
    const std::string n = rows;
    const Model model =
        model_of("  %x = input x : f32[" + n + ", 784]\n  %w = input w : f32[784, 512]\n  %y = sweep [i < " + n +
                 ", j < 512, k < 784] sum at [i, j] { %x[i, k] * %w[k, j] } : f32[" + n + ", 512]\n");
    Result<loop::Program> program = lower(model, options);
    REQUIRE(program.ok());
    CAPTURE(n, nest_of(*program));
    CHECK(nest_of(*program).find("unrolled i") != std::string::npos);
  }
}

TEST_CASE("windows are read from patches that know no borders") {
  const Model forward = model_of(
      "  %x = input x : f32[batch, 3, 9, 16]\n  %w = input w : f32[8, 3, 3, 3]\n"
      "  %y = sweep [b < batch, o < 8, i < 9, j < 16, k < 3, r < 3, s < 3] sum at [b, o, i, j] "
      "{ %x[b, k, i + r - 1, j + s - 1 else 0.0] * %w[o, k, r, s] } : f32[batch, 8, 9, 16]\n");
  const std::string forward_nest = nest_of(lowered(forward, 32 << 10, 512 << 10, 8, 4));
  CAPTURE(forward_nest);
  CHECK(forward_nest.find("parallel b in 0 ..< batch\n  local patch : f32[3, 11, 18]\n") == 0);
  CHECK(forward_nest.find("  serial i in 0 ..< 9\n    serial o in 0 ..< 8 step 4\n") != std::string::npos);
  CHECK(forward_nest.find("unrolled s in 0 ..< 3") != std::string::npos);

  // All places of a few rows at a time, however many a block of their sums could have.
  const Model deep = model_of(
      "  %d = input d : f32[batch, 32, 16, 16]\n  %w = input w : f32[32, 16, 2]\n"
      "  %y = sweep [b < batch, k < 16, i < 16, j < 16, o < 32, r < 2] sum at [b, k, 2*i + 1, 2*j] "
      "{ %d[b, o, i - r + 1, j else 0.0] * %w[o, k, r] } : f32[batch, 16, 32, 32]\n");
  const std::string deep_nest = nest_of(lowered(deep, 32 << 10, 1 << 20, 16, 64, 32));
  CAPTURE(deep_nest);
  CHECK(deep_nest.find("local patch : f32[8, 32, 17, 16]") != std::string::npos);

  // The panel of one factor serves every place of the filter.
  const Model backward = model_of(
      "  %d = input d : f32[batch, 16, 9, 16]\n  %x = input x : f32[batch, 3, 9, 16]\n"
      "  %y = sweep [b < batch, o < 16, i < 9, j < 16, k < 3, r < 3, s < 3] sum at [o, k, r, s] "
      "{ %d[b, o, i, j] * %x[b, k, i + r - 1, j + s - 1 else 0.0] } : f32[16, 3, 3, 3]\n");
  const std::string backward_nest = nest_of(lowered(backward, 32 << 10, 512 << 10, 8, 4));
  CAPTURE(backward_nest);
  const std::size_t patch = backward_nest.find("local patch : f32[2, 3, 11, 18]"),
                    panel = backward_nest.find("local panel"), places = backward_nest.find("serial r in 0 ..< 3");
  CHECK((patch < panel && panel < places && places != std::string::npos));

  // Of one tile of filters: half of the channels, for threads, have room in one patch and share a panel.
  const Model wide = model_of(
      "  %d = input d : f32[batch, 64, 24, 24]\n  %x = input x : f32[batch, 32, 26, 26]\n"
      "  %y = sweep [b < batch, o < 64, i < 24, j < 24, k < 32, r < 3, s < 3] sum at [o, k, r, s] "
      "{ %d[b, o, i, j] * %x[b, k, i + r, j + s] } : f32[64, 32, 3, 3]\n");
  const std::string wide_nest = nest_of(lowered(wide, 32 << 10, 1 << 20, 16, 64, 32));
  CAPTURE(wide_nest);
  CHECK(wide_nest.find("parallel k in 0 ..< 32 step 16\n") == 0);
}

TEST_CASE("a result is written from its begin to its end, whatever stands first in the box") {
  const Model model = model_of(
      "  %x = input x : f32[batch, 6, 32]\n  %c = input c : f32[6]\n"
      "  %y = sweep [c < 6, b < batch, i < 32] at [b, c, i] { %x[b, c, i] * %c[c] } : f32[batch, 6, 32]\n");
  CHECK(nest_of(lowered(model, 32 << 10, 512 << 10, 8, 4)).find("parallel b in 0 ..< batch\n  serial c in 0 ..< 6\n") ==
        0);
}

TEST_CASE("what lies along the terms of a channel is turned in registers") {
  const Model model = model_of(
      "  %x = input x : f32[batch, 24, 4, 16]\n  %w = input w : f32[batch, 24, 4, 16]\n"
      "  %y = sweep [b < batch, c < 24, i < 4, j < 16] sum at [c] { %x[b, c, i, j] * %w[b, c, i, j] } : f32[24]\n");
  const std::string nest = nest_of(lowered(model, 32 << 10, 512 << 10, 8, 4));
  CAPTURE(nest);
  CHECK(nest.find("serial j in 0 ..< 16 step 8") != std::string::npos);
  CHECK(nest.find("unrolled j_2 in 0 ..< 8") != std::string::npos);
}

TEST_CASE("rows of eight fill sixteen lanes") {
  const Model model = model_of(
      "  %x = input x : f32[batch, 3, 4, 8]\n"
      "  %y = sweep [b < batch, c < 3, i < 4, j < 8] sum at [c] { %x[b, c, i, j] } : f32[3]\n");
  const std::string nest = nest_of(lowered(model, 32 << 10, 512 << 10, 8, 4));
  CAPTURE(nest);
  CHECK(nest.find("serial i in 0 ..< 4 step 2\n      unrolled i_2 in 0 ..< 2\n        vector lane in 0 ..< 8") !=
        std::string::npos);
}

TEST_CASE("an axis that lands in a dimension with another one fills vectors too") {
  const Model model = model_of(
      "  %x = input x : f32[2, 24, 32]\n  %w = input w : f32[32, 32]\n"
      "  %y = sweep [h < 2, i < 24, d < 16, k < 32] sum at [i, 16*h + d] { %x[h, i, k] * %w[k, 16*h + d] } "
      ": f32[24, 32]\n");
  const std::string nest = nest_of(lowered(model, 32 << 10, 512 << 10, 8, 1));
  CAPTURE(nest);
  CHECK(nest.find("local sum : f32[12, 8]") != std::string::npos);
}

TEST_CASE("a factor that strides is transposed into a panel") {
  const Model right = model_of(
      "  %x = input x : f32[64, 32]\n  %w = input w : f32[48, 32]\n"
      "  %y = sweep [i < 64, j < 48, k < 32] sum at [i, j] { %x[i, k] * %w[j, k] } : f32[64, 48]\n");
  CHECK("\n" + nest_of(lowered(right, 32 << 10, 512 << 10, 8, 1)) == R"(
parallel j in 0 ..< 48 step 16
  local panel : f32[512]
  serial j_2 in 0 ..< 16 step 8
    serial k in 0 ..< 32 step 8
      unrolled k_2 in 0 ..< 8
        vector j_3 in 0 ..< 8
  serial i in 0 ..< 60 step 6
    local sum : f32[6, 16]
    unrolled i_2 in 0 ..< 6
      vector j_2 in 0 ..< 16
    serial k in 0 ..< 32
      unrolled i_2 in 0 ..< 6
        vector j_2 in 0 ..< 16
    unrolled i_2 in 0 ..< 6
      vector j_2 in 0 ..< 16
  local sum_2 : f32[4, 16]
  unrolled i in 0 ..< 4
    vector j_2 in 0 ..< 16
  serial k in 0 ..< 32
    unrolled i in 0 ..< 4
      vector j_2 in 0 ..< 16
  unrolled i in 0 ..< 4
    vector j_2 in 0 ..< 16
)");
}

// A dense layer's step: y = x w, w -= 0.125 xᵀ d.
Model step_model() {
  return passes_or_fail(parse_or_fail(
      "step",
      "descent graph 1\nmodel m\nstate w : f32[24, 37] parameter\nstate m : f32[24, 37] optimizer\nentry step {\n"
      "  %x = input x : f32[batch, 24]\n  %d = input d : f32[batch, 37]\n  %w = state w : f32[24, 37]\n"
      "  %m = state m : f32[24, 37]\n"
      "  %y = sweep [b < batch, j < 37, k < 24] sum at [b, j] { %x[b, k] * %w[k, j] } : f32[batch, 37]\n"
      "  %g = sweep [k < 24, j < 37, b < batch] sum at [k, j] { %x[b, k] * %d[b, j] } : f32[24, 37]\n"
      "  %n = sweep [k < 24, j < 37] { 0.5 * %m[k, j] + %g[k, j] } : f32[24, 37]\n"
      "  %v = sweep [k < 24, j < 37] { %w[k, j] - 0.125 * %n[k, j] } : f32[24, 37]\n"
      "  update m = %n\n  update w = %v\n  output y = %y\n}\n"));
}

TEST_CASE("weights and moments lie as their kernels want them, and are updated on the gradient's tile") {
  const Model model = step_model();
  const loop::Program program = lowered(model, 32 << 10, 512 << 10, 8, 40);
  for (const loop::Buffer& buffer : program.buffers) {
    CAPTURE(buffer.name);
    CHECK((buffer.panel > 0) == (buffer.storage == loop::Buffer::Storage::state));
    CHECK(buffer.storage != loop::Buffer::Storage::arena);  // no gradient is stored
  }
  CHECK(program.kernels.size() == 2);

  // The same bits as the plain loops, after two steps.
  const loop::Program plain = lowered(model, 32 << 10, 512 << 10, 1, 40);
  std::vector<std::vector<std::byte>> states[2];
  for (const auto& [which, one] : {std::pair{0, &program}, std::pair{1, &plain}}) {
    loop::Interpreter interpreter(*one);
    for (const std::int64_t batch : {40, 7}) {
      run_entry(
          *one, [&](const auto& e, auto b, const auto& in, const auto& out) { interpreter.run(e, b, in, out); }, "step",
          batch, random_inputs(model.entries[0], batch, 5));
    }
    for (const loop::Buffer& buffer : one->buffers) {
      if (buffer.storage != loop::Buffer::Storage::state) continue;
      auto& dense = states[which].emplace_back(24 * 37 * 4);
      loop::load_dense(buffer, 1, interpreter.arena().data(), dense.data());
    }
  }
  CHECK(states[0] == states[1]);
}

TEST_CASE("a matrix that meets one vector is read where it lies") {
  const Model along = model_of(
      "  %x = input x : f32[96]\n  %w = input w : f32[64, 96]\n"
      "  %y = sweep [j < 64, k < 96] sum at [j] { %x[k] * %w[j, k] } : f32[64]\n");
  CHECK("\n" + nest_of(lowered(along, 4 << 10, 16 << 10, 8, 1)) == R"(
parallel j in 0 ..< 64 step 32
  local sum : f32[32]
  vector j_2 in 0 ..< 32
  serial k in 0 ..< 96 step 32
    serial j_2 in 0 ..< 32 step 8
      serial k_2 in 0 ..< 32 step 8
        unrolled k_3 in 0 ..< 8
          vector j_3 in 0 ..< 8
  vector j_2 in 0 ..< 32
)");
  const Model across = model_of(
      "  %x = input x : f32[40]\n  %w = input w : f32[40, 2048]\n"
      "  %y = sweep [j < 2048, k < 40] sum at [j] { %x[k] * %w[k, j] } : f32[2048]\n");
  CHECK("\n" + nest_of(lowered(across, 4 << 10, 16 << 10, 8, 1)) == R"(
parallel j in 0 ..< 2048 step 1024
  local sums : f32[1024]
  serial at in 0 ..< 1024 step 8
    vector lane in 0 ..< 8
  serial k in 0 ..< 40 step 4
    serial j_2 in j ..< min(j + 1024, 2048) step 32
      local sum : f32[32]
      vector j_3 in 0 ..< 32
      serial k_2 in k ..< min(k + 4, 40)
        vector j_3 in 0 ..< 32
      vector j_3 in 0 ..< 32
  serial j_2 in j ..< min(j + 1024, 2048) step 32
    vector j_3 in 0 ..< 32
)");
}

}  // namespace
}  // namespace descent
