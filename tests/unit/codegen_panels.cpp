// Arrays in panels: every way to walk them gives the interpreter's bits, and the interpreter finds what lies there.
#include <catch2/catch.hpp>
#include <cstring>

#include "ir/loop_layout.h"
#include "tests/support/loop_run.h"

namespace descent::test {
namespace {

using namespace loop;

// A kernel over x : f32[batch, 37] and y : f32[batch, 37], both in panels of 8, i : i32[batch, 37] in 0 ..< 8.
Program walking(const std::string& body) {
  const std::string text =
      "descent loop 1\nprogram test batch 5 arena 0\n"
      "buffer x : f32[batch, 37] panel 8 state\nbuffer i : i32[batch, 37] in 0 ..< 8 state\n"
      "buffer y : f32[batch, 37] panel 8 state\n"
      "kernel walk(read x : f32[batch, 37] panel 8, read i : i32[batch, 37], update y : f32[batch, 37] panel 8) {\n" +
      body + "}\nentry run() -> () {\n  call walk(x, i, y)\n}\n";
  Result<Program> program = parse_program(std::make_shared<Source>(Source{"panels", text}));
  if (!program) FAIL(render(program.errors()));
  place_buffers(*program);
  if (const Diagnostics wrong = verify(*program); !wrong.empty()) FAIL(render(wrong));
  return std::move(program).value();
}

const char* const walks[] = {
    // panel by panel
    "  parallel j in 0 ..< 32 step 8 {\n    serial b in 0 ..< batch {\n      vector l in 0 ..< 8 {\n"
    "        y[b, j + l] = x[b, j + l] + 1.0\n      }\n    }\n  }\n",
    // half and two panels at a time
    "  serial b in 0 ..< batch {\n    parallel j in 0 ..< 36 step 4 {\n      vector l in 0 ..< 4 {\n"
    "        y[b, j + l] = x[b, j + l] + 1.0\n      }\n    }\n  }\n",
    "  serial b in 0 ..< batch {\n    serial j in 0 ..< 32 step 16 {\n      vector l in 0 ..< 16 {\n"
    "        y[b, j + l] = x[b, j + l] + 1.0\n      }\n    }\n  }\n",
    // across the borders of panels, a shifted read, a last panel that is not full
    "  serial b in 0 ..< batch {\n    serial j in 0 ..< 35 step 5 {\n      vector l in 0 ..< 5 {\n"
    "        y[b, j + l] = x[b, j + l + 2] + x[b, 36 - j - l]\n      }\n    }\n  }\n",
    "  serial b in 0 ..< batch {\n    vector l in 0 ..< 8 {\n      if index(l + 32) < 37 {\n"
    "        y[b, l + 32] = x[b, l + 32 when index(l + 32) < 37 else 2.0]\n      }\n    }\n  }\n",
    // one by one, in strides, by constants
    "  serial b in 0 ..< batch {\n    serial j in 0 ..< 18 {\n      y[b, 2*j + 1] = x[b, j] * x[b, 2*j]\n    }\n"
    "    unrolled j in 0 ..< 37 {\n      y[b, j] = y[b, j] - x[b, 36 - j]\n    }\n  }\n",
    "  serial b in 0 ..< batch {\n    vector j in 0 ..< 16 {\n      y[b, 2*j + 1] = x[b, 2*j]\n    }\n  }\n",
    // rows across a vector
    "  serial j in 0 ..< 37 {\n    vector b in 0 ..< 4 {\n      if index(b) < batch {\n"
    "        y[b, j] = x[b, j when index(b) < batch else 0.0]\n      }\n    }\n  }\n",
    // through an index, the same for all lanes and by lane
    "  serial b in 0 ..< batch {\n    vector l in 0 ..< 8 {\n"
    "      y[b, l] = x[b, @i[b, 3] + l + 16] + x[b, @i[b, l] + 2*l]\n    }\n  }\n",
};

TEST_CASE("arrays in panels are walked in every way") {
  for (const char* body : walks) {
    CAPTURE(body);
    const Program program = walking(body);
    for (std::int64_t batch : {1, 4, 5}) {
      CHECK(compiled_difference(program, "run", batch, {tame_memory(program, "run", 3)}) == "");
    }
  }
}

TEST_CASE("what lies in panels is what lies row by row") {
  for (const char* body : walks) {
    CAPTURE(body);
    Program in_panels = walking(body), row_major = in_panels;
    for (Buffer& buffer : row_major.buffers) buffer.panel = 0;
    for (Array& array : row_major.kernels[0].arrays) array.panel = 0;
    const Memory start = tame_memory(row_major, "run", 3);
    Memory moved = tame_memory(in_panels, "run", 3);
    for (std::size_t b = 0; b < in_panels.buffers.size(); ++b) {
      store_dense(in_panels.buffers[b], 5, start.arena.data() + row_major.buffers[b].offset, moved.arena.data());
    }
    const Memory expected = interpret(row_major, "run", 5, start);
    const Memory found = interpret(in_panels, "run", 5, moved);
    Bytes dense(5 * 37 * 4);
    load_dense(in_panels.buffers[2], 5, found.arena.data(), dense.data());
    CHECK(std::memcmp(dense.data(), expected.arena.data() + row_major.buffers[2].offset, dense.size()) == 0);
  }
}

}  // namespace
}  // namespace descent::test
