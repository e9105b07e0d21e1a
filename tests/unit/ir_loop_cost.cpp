// What Loop programs cost, against counts by hand.
#include <catch2/catch.hpp>

#include "ir/loop_cost.h"
#include "tests/support/loop_text.h"

using namespace descent;
using namespace descent::loop;
using descent::test::verified_loop;

namespace {

// The only kernel of the entry `run`.
KernelCost cost(const std::string& text, std::int64_t batch) {
  const Program program = verified_loop(text);
  const std::vector<KernelCost> costs = cost_of(program, *program.entry("run"), batch);
  REQUIRE(costs.size() == 1);
  return costs[0];
}

// A program of one kernel `k` on x and y.
std::string program_of(const std::string& x, const std::string& y, const std::string& body, int batch = 8) {
  return "descent loop 1\nprogram p batch " + std::to_string(batch) + " arena 0\nbuffer x : " + x +
         " input\nbuffer y : " + y + " output\nkernel k(read x : " + x + ", write y : " + y + ") {\n" + body +
         "}\nentry run(x) -> (y) {\n  call k(x, y)\n}\n";
}

}  // namespace

TEST_CASE("operations count by their rows, on floats only") {
  struct Row {
    const char* body;
    double flops;
  };
  const Row rows[] = {
      {"y[i] = x[i]", 0},
      {"y[i] = x[i] + 1.0", 1},
      {"y[i] = fma(x[i], x[i], x[i])", 2},
      {"y[i] = select(x[i] < 0.0, neg(x[i]), sqrt(x[i]))", 4},
      {"y[i] = f32(index(2*i + 1))", 1},
      {"y[i] = select(batch < index(i), x[i], 0.0)", 1},  // the comparison is of integers
  };
  for (const Row& row : rows) {
    INFO(row.body);
    const KernelCost found =
        cost(program_of("f32[10]", "f32[10]", std::string("  serial i in 0 ..< 10 {\n    ") + row.body + "\n  }\n"), 8);
    CHECK(found.flops == 10 * row.flops);
    CHECK(found.bytes_written == 40);
    CHECK(found.calls == 1);
    CHECK(found.exact);
  }
}

TEST_CASE("bounds that depend on an outer variable are gone through") {
  // 3 pieces: 32 + 32 + 26.
  const std::string pieces =
      "  serial p in 0 ..< 90 step 32 {\n    serial i in p ..< min(p + 32, 90) {\n      y[i] = x[i] * 2.0\n    }\n  "
      "}\n";
  CHECK(cost(program_of("f32[90]", "f32[90]", pieces), 8).flops == 90);
  // The lower triangle.
  const std::string triangle =
      "  serial i in 0 ..< 7 {\n    serial j in 0 ..< i + 1 {\n      y[i, j] = x[i, j] + 1.0\n    }\n  }\n";
  CHECK(cost(program_of("f32[7, 7]", "f32[7, 7]", triangle), 8).flops == 28);
}

TEST_CASE("the batch is the actual one, in tiles and what they leave over") {
  const std::string tiles =
      "  serial b in 0 ..< batch // 4 * 4 step 4 {\n    unrolled c in 0 ..< 4 {\n      y[b + c] = x[b + c] + 1.0\n    "
      "}\n"
      "  }\n  serial b in batch // 4 * 4 ..< batch {\n    y[b] = x[b] + 1.0\n  }\n";
  for (const std::int64_t batch : {1, 3, 4, 7, 8}) {
    INFO(batch);
    const KernelCost found = cost(program_of("f32[batch]", "f32[batch]", tiles), batch);
    CHECK(found.flops == static_cast<double>(batch));
    CHECK(found.bytes_read == 4.0 * static_cast<double>(batch));
    CHECK(found.bytes_written == 4.0 * static_cast<double>(batch));
  }
}

TEST_CASE("bytes: what can be touched, once, and no more than is accessed") {
  // A part of a tensor, read many times.
  CHECK(cost(program_of("f32[10, 20]", "f32[5]",
                        "  serial i in 0 ..< 5 {\n    local sum : f32[]\n    sum[] = 0.0\n"
                        "    serial k in 0 ..< 7 {\n      sum[] = sum[] + x[3, k]\n    }\n    y[i] = sum[]\n  }\n"),
             8)
            .bytes_read == 7 * 4);
  // Through an index: the table is large, the look-ups are few.
  const std::string gather =
      "descent loop 1\nprogram p batch 8 arena 0\nbuffer x : f32[1000, 3] input\nbuffer at : i32[4] in 0 ..< 1000 "
      "input\n"
      "buffer y : f32[4, 3] output\nkernel k(read x : f32[1000, 3], read at : i32[4], write y : f32[4, 3]) {\n"
      "  serial i in 0 ..< 4 {\n    serial j in 0 ..< 3 {\n      let t0 = at[i]\n      y[i, j] = x[@t0, j]\n    }\n  "
      "}\n}\n"
      "entry run(x, at) -> (y) {\n  call k(x, at, y)\n}\n";
  const KernelCost found = cost(gather, 8);
  CHECK(found.bytes_read == 12 * 4 + 4 * 4);
  CHECK(found.bytes_written == 12 * 4);
}

TEST_CASE("a kernel in a repeat counts once per turn, each with its part of a tensor") {
  const std::string text =
      "descent loop 1\nprogram p batch 8 arena 0\nbuffer x : f32[6, 5] input\nbuffer y : f32[6, 5] output\n"
      "kernel k(read x : f32[6, 5], write y : f32[6, 5], index t) {\n"
      "  serial i in 0 ..< 5 {\n    y[t, i] = x[t, i] * 2.0\n  }\n}\n"
      "entry run(x) -> (y) {\n  repeat t < 6 {\n    call k(x, y, t)\n  }\n}\n";
  const KernelCost found = cost(text, 8);
  CHECK(found.calls == 6);
  CHECK(found.flops == 30);
  CHECK(found.bytes_read == 6 * 5 * 4);
  CHECK(found.bytes_written == 6 * 5 * 4);
}

TEST_CASE("loops beyond counting are estimated, soon") {
  const std::string deep =
      "  serial a in 0 ..< 4000 {\n    serial b in 0 ..< a + 1 {\n      serial c in 0 ..< b + 1 {\n"
      "        serial d in 0 ..< c + 1 {\n          y[d] = x[d] + 1.0\n        }\n      }\n    }\n  }\n";
  const KernelCost found = cost(program_of("f32[4000]", "f32[4000]", deep), 8);
  CHECK(!found.exact);
  CHECK(found.flops > 0);
  CHECK(found.bytes_read == 16000);
}
