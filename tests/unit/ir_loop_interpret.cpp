// The Loop interpreter against programs computed by hand.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <numeric>

#include "ir/loop_builder.h"
#include "ir/loop_flat.h"
#include "tests/support/loop_text.h"

using namespace descent;
using namespace descent::loop;
using descent::test::verified_loop;

namespace {

// Runs the entry `run` of a program whose buffers x, y, … are its inputs and outputs.
template <class T>
std::vector<T> run(const std::string& text, std::int64_t batch, const std::vector<const void*>& inputs,
                   std::size_t size) {
  const Program program = verified_loop(text);
  Interpreter interpreter(program);
  std::vector<T> output(size);
  interpreter.run("run", batch, inputs, {output.data()});
  return output;
}

std::string program_of(const std::string& buffers, const std::string& parameters, const std::string& body,
                       const std::string& entry, int batch = 8) {
  return "descent loop 1\nprogram p batch " + std::to_string(batch) + " arena 0\n" + buffers + "\nkernel k(" +
         parameters + ") {\n" + body + "}\nentry run(" + entry + ") -> (y) {\n  call k(" + entry +
         (entry.empty() ? "" : ", ") + "y)\n}\n";
}

}  // namespace

TEST_CASE("a matrix product by chains of fused multiply-adds", "[loop]") {
  const std::string text =
      program_of("buffer x : f32[batch, 3] input\nbuffer w : f32[3, 5] input\nbuffer y : f32[batch, 5] output\n",
                 "read x : f32[batch, 3], read w : f32[3, 5], update y : f32[batch, 5]", R"(
  parallel b in 0 ..< batch {
    vector j in 0 ..< 5 {
      y[b, j] = 0.0
    }
    serial k in 0 ..< 3 {
      vector j in 0 ..< 5 {
        y[b, j] = fma(x[b, k], w[k, j], y[b, j])
      }
    }
  }
)",
                 "x, w");
  std::vector<float> x(2 * 3), w(3 * 5);
  for (std::size_t n = 0; n < x.size(); ++n) x[n] = 0.1f * static_cast<float>(n) - 0.3f;
  for (std::size_t n = 0; n < w.size(); ++n) w[n] = 1.0f / static_cast<float>(n + 1);
  const std::vector<float> y = run<float>(text, 2, {x.data(), w.data()}, 2 * 5);
  for (std::size_t b = 0; b < 2; ++b) {
    for (std::size_t j = 0; j < 5; ++j) {
      float sum = 0;
      for (std::size_t k = 0; k < 3; ++k) sum = std::fmaf(x[b * 3 + k], w[k * 5 + j], sum);
      CHECK(y[b * 5 + j] == sum);
    }
  }
}

TEST_CASE("a sum in sixteen lanes, folded by halves", "[loop]") {
  const std::string text =
      program_of("buffer x : f32[100] input\nbuffer y : f32[] output\n", "read x : f32[100], write y : f32[]", R"(
  local lane : f32[16]
  vector l in 0 ..< 16 {
    lane[l] = 0.0
  }
  serial i in 0 ..< 96 step 16 {
    vector l in 0 ..< 16 {
      lane[l] = lane[l] + x[i + l]
    }
  }
  vector l in 0 ..< 4 {
    lane[l] = lane[l] + x[l + 96]
  }
  vector l in 0 ..< 8 {
    lane[l] = lane[l] + lane[l + 8]
  }
  vector l in 0 ..< 4 {
    lane[l] = lane[l] + lane[l + 4]
  }
  vector l in 0 ..< 2 {
    lane[l] = lane[l] + lane[l + 2]
  }
  y[] = lane[0] + lane[1]
)",
                 "x");
  std::vector<float> x(100);
  for (std::size_t n = 0; n < x.size(); ++n) x[n] = std::sin(static_cast<float>(n)) * 1e3f;
  float lane[16] = {};
  for (std::size_t n = 0; n < x.size(); ++n) lane[n % 16] += x[n];
  for (int half = 8; half >= 1; half /= 2) {
    for (int l = 0; l < half; ++l) lane[l] += lane[l + half];
  }
  CHECK(run<float>(text, 1, {x.data()}, 1)[0] == lane[0]);
}

TEST_CASE("guards keep loads inside, and what they give instead is computed with", "[loop]") {
  const std::string text =
      program_of("buffer x : f32[4] input\nbuffer y : f32[6] output\n", "read x : f32[4], update y : f32[6]", R"(
  serial i in 0 ..< 6 {
    y[i] = 2.0 * x[i - 1 when (index(i - 1) >= 0) && (index(4 - i) >= 0) else 0.5]
    if (index(i) == 3) || (index(i) == 5) {
      y[i] = neg(y[i])
    }
  }
)",
                 "x");
  const std::vector<float> x = {1, 2, 3, 4};
  CHECK(run<float>(text, 1, {x.data()}, 6) == std::vector<float>{1, 2, 4, -6, 8, -1});
}

TEST_CASE("a smaller batch leaves gaps where batch is not the first axis", "[loop]") {
  const std::string text = program_of("buffer x : i32[2, batch] input\nbuffer y : i32[batch] output\n",
                                      "read x : i32[2, batch], write y : i32[batch]", R"(
  serial b in 0 ..< batch // 2 * 2 step 2 {
    unrolled u in 0 ..< 2 {
      y[b + u] = x[1, b + u] * batch
    }
  }
  serial b in batch // 2 * 2 ..< batch {
    y[b] = neg(x[1, b])
  }
)",
                                      "x", 4);
  const std::vector<std::int32_t> x = {1, 2, 3, 4, 5, 6, 7, 8};
  CHECK(run<std::int32_t>(text, 3, {x.data()}, 3) == std::vector<std::int32_t>{15, 18, -7});
}

TEST_CASE("repeats pass their variable, downwards when reversed, and states live on", "[loop]") {
  const Program program = verified_loop(R"(descent loop 1
program p batch 1 arena 64
buffer s : i32[2] state at 0
buffer y : i32[2] output
kernel push(update s : i32[2], index t, index u) {
  s[0] = s[0] * 10 + index(t)
  s[1] = s[1] + index(u)
}
kernel out(read s : i32[2], write y : i32[2]) {
  serial i in 0 ..< 2 {
    y[i] = s[i]
  }
}
entry run() -> (y) {
  repeat t < 3 reversed {
    call push(s, t, 1)
    repeat v < 2 {
      call push(s, 2*v + t, v)
    }
  }
  call out(s, y)
}
)");
  Interpreter interpreter(program);
  std::vector<std::int32_t> y(2);
  interpreter.run("run", 1, {}, {y.data()});
  CHECK(y == std::vector<std::int32_t>{224113002, 6});
  interpreter.run("run", 1, {}, {y.data()});
  CHECK(y[1] == 12);
  std::int32_t state[2];
  std::memcpy(state, interpreter.arena().data(), sizeof state);
  CHECK(state[1] == 12);
}

TEST_CASE("Philox 4x32-10 by the op table's integers", "[loop]") {
  // Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011); known answers of its library.
  std::string body =
      "  let a = 0_u32\n  let b = 0_u32\n  let c = 0_u32\n  let d = 0_u32\n  let k = 0_u32\n  let m = 0_u32\n";
  for (int round = 0; round < 10; ++round) {
    body += R"(  let e = multiply_high(c, 3449720151_u32) ^ b ^ k
  let f = c * 3449720151_u32
  let g = multiply_high(a, 3528531795_u32) ^ d ^ m
  let d = a * 3528531795_u32
  let a = e
  let b = f
  let c = g
  let k = k + 2654435769_u32
  let m = m + 3144134277_u32
)";
  }
  body += "  y[0] = a\n  y[1] = b\n  y[2] = c\n  y[3] = d\n";
  const std::string text = program_of("buffer y : u32[4] output\n", "write y : u32[4]", body, "");
  CHECK(run<std::uint32_t>(text, 1, {}, 4) ==
        std::vector<std::uint32_t>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
}

TEST_CASE("conversions to integers go toward zero and saturate", "[loop]") {
  const std::string text =
      program_of("buffer x : f32[7] input\nbuffer y : i32[21] output\n", "read x : f32[7], write y : i32[21]", R"(
  serial i in 0 ..< 7 {
    y[3*i] = i32(x[i])
    y[3*i + 1] = i32(u32(x[i]))
    y[3*i + 2] = i32(u8(x[i]))
  }
)",
                 "x");
  const float infinity = INFINITY;
  const std::vector<float> x = {1.9f, -1.9f, 3e9f, -3e9f, infinity, -infinity, NAN};
  const std::int32_t most = INT32_MAX, least = INT32_MIN;
  CHECK(run<std::int32_t>(text, 1, {x.data()}, 21) == std::vector<std::int32_t>{1,    1,     1,     -1, 0, 0,    most,
                                                                                most, 255,   least, 0,  0, most, most,
                                                                                255,  least, 0,     0,  0, 0,    0});
}

TEST_CASE("tiles with several upper bounds cover every element once", "[loop]") {
  const std::string text = program_of("buffer y : i32[10] output\n", "update y : i32[10]", R"(
  serial i in 0 ..< 10 {
    y[i] = 0
  }
  parallel i in 0 ..< 10 step 4 {
    serial j in i ..< min(i + 4, 10) {
      y[j] = y[j] + index(i + 1)
    }
  }
)",
                                      "");
  CHECK(run<std::int32_t>(text, 1, {}, 10) == std::vector<std::int32_t>{1, 1, 1, 1, 5, 5, 5, 5, 9, 9});
}

TEST_CASE("an indirect index reaches the table's row", "[loop]") {
  const std::string text =
      program_of("buffer t : f64[3, 2] input\nbuffer l : i32[batch] input\nbuffer y : f64[batch, 2] output\n",
                 "read t : f64[3, 2], read l : i32[batch], write y : f64[batch, 2]", R"(
  parallel b in 0 ..< batch {
    serial j in 0 ..< 2 {
      y[b, j] = t[@l[b] + 1, j]
    }
  }
)",
                 "t, l");
  const std::vector<double> t = {1, 2, 3, 4, 5, 6};
  const std::vector<std::int32_t> l = {1, -1, 0};
  CHECK(run<double>(text, 3, {t.data(), l.data()}, 6) == std::vector<double>{5, 6, 1, 2, 3, 4});
}

TEST_CASE("a local that is read before it is written holds NaNs", "[loop]") {
  const std::string text = program_of("buffer y : f32[3] output\n", "write y : f32[3]", R"(
  serial i in 0 ..< 3 {
    local s : f32[1]
    if index(i) == 1 {
      s[0] = 2.0
    }
    y[i] = s[0]
  }
)",
                                      "");
  const std::vector<float> y = run<float>(text, 1, {}, 3);
  CHECK((std::isnan(y[0]) && y[1] == 2 && std::isnan(y[2])));
}

namespace {

// What a child that runs the program says on the error stream, and how it exits.
std::pair<std::string, int> end_of(const Program& program, std::int64_t batch, const void* input, void* output) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    Interpreter(program).run("run", batch, {input}, {output});
    _exit(0);
  }
  close(ends[1]);
  std::string said(4096, '\0');
  said.resize(static_cast<std::size_t>(std::max<ssize_t>(read(ends[0], said.data(), said.size()), 0)));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return {said, WEXITSTATUS(status)};
}

}  // namespace

TEST_CASE("an index that leaves its array ends the run and names kernel and place", "[loop]") {
  const Program program =
      verified_loop(program_of("buffer x : i32[batch] input\nbuffer y : f32[batch, 3] output\n",
                               "read x : i32[batch], write y : f32[batch, 3]", "  y[@x[0], 2] = 1.0\n", "x"));
  std::vector<float> output(8 * 3);
  for (const std::int32_t index : {-1, 4, 5, 8}) {
    const auto [said, code] = end_of(program, 5, &index, output.data());
    INFO(said);
    CHECK(code == (index == 4 ? 0 : 2));
    const std::string place = "kernel k: index " + std::to_string(index) + " leaves axis 0 of y[batch, 3] at batch 5";
    CHECK((said.find(place) != std::string::npos) == (index != 4));
  }
}

// The interpreter has handlers of its own for float arithmetic; they must do what apply_exact does.
TEST_CASE("every native operation does what apply_exact does", "[loop]") {
  const std::vector<double> samples = {0.0, -0.0, 1.0, -1.5, 3.25, 1e-40, 1e30, INFINITY, -INFINITY, NAN, 2.5, 1000.0};
  const std::vector<DType> types = {DType::f32, DType::f64, DType::i32, DType::u32, DType::u8, DType::boolean};
  int compared = 0;
  for (const OpRow& row : op_table()) {
    if (!is_native(row.op)) continue;
    for (DType operand_type : types) {
      for (DType first_type : {operand_type, DType::boolean}) {
        std::vector<DType> operands(static_cast<std::size_t>(row.arity), operand_type);
        operands[0] = first_type;
        const std::optional<DType> result = result_type(row.op, operands);
        if (!result || (first_type == DType::boolean && operand_type != first_type && row.op != Op::select)) continue;
        for (std::size_t n = 0; n < samples.size() * samples.size(); ++n) {
          Word words[4];
          for (std::size_t k = 0; k < operands.size(); ++k) {
            words[k] =
                word_of(samples[(n / (k == 0 ? 1 : samples.size()) + 5 * (k / 2) * n) % samples.size()], operands[k]);
          }
          const Word expected = apply_exact(row.op, operand_type, *result, words);
          Instruction instruction{.result = 3,
                                  .operands = {0, row.arity > 1 ? 1 : -1, row.arity > 2 ? 2 : -1},
                                  .op = row.op,
                                  .operand_type = operand_type,
                                  .type = *result};
          Frame frame;
          frame.registers = words;
          operation_handler(row.op, operand_type)(frame, &instruction);
          const double found = double_of(words[3], *result);
          const double wanted = double_of(expected, *result);
          INFO(row.name << " of " << name_of(operand_type) << ": " << found << " instead of " << wanted);
          const bool same = words[3].bits == expected.bits || (std::isnan(found) && std::isnan(wanted));
          if (!same) CHECK(words[3].bits == expected.bits);
          ++compared;
        }
      }
    }
  }
  CHECK(compared > 5000);
}

TEST_CASE("turns go on in states, from batch to batch, output by output", "[loop]") {
  const Program program = verified_loop(R"(descent loop 1
program p batch 1 arena 64
buffer x : f32[2] input
buffer clock : i32[] input
buffer y : f32[2] output
buffer s : f32[2] state at 0
kernel k(read x : f32[2], read clock : i32[], update s : f32[2], write y : f32[2]) {
  serial i in 0 ..< 2 {
    s[i] = s[i] + x[i]
    y[i] = s[i] * f32(clock[])
  }
}
entry run(x, clock) -> (y) turns {
  call k(x, clock, s, y)
}
)");
  const std::vector<float> batches{1, 10, 2, 20, 3, 30};
  const std::vector<std::int32_t> clock{1, 2, 3, 4};
  std::vector<float> y(8);
  Interpreter interpreter(program);
  interpreter.run("run", 1, {batches.data(), clock.data()}, {y.data()}, {{2, 0, 0, 1}, {{8, 0}, {0, 4}}, {{0, 8}}});
  CHECK(y == std::vector<float>{3, 30, 8, 80, 15, 150, 28, 280});
  float left[2];
  std::memcpy(left, interpreter.arena().data(), sizeof left);
  CHECK(left[0] == 7);
  CHECK(left[1] == 70);
}
