// The Loop IR's text: what the printer writes, what the parser makes of it, and what it says about mistakes.
#include <catch2/catch.hpp>

#include "ir/loop_builder.h"
#include "tests/support/loop_text.h"

using namespace descent;
using namespace descent::loop;
using descent::test::loop_source;
using descent::test::parsed_loop;
using descent::test::verified_loop;

namespace {

const std::string linear = R"(descent loop 1
program xor batch 4 arena 1024
buffer x : f32[batch, 2] input
buffer w : f32[2, 3] state at 64
buffer h : f32[batch, 3] arena at 128
buffer label : i32[batch] in 0 ..< 10 input
buffer table : f32[10, 3] panel 2 state at 192

# hidden = linear(x, 3)
#   xor.descent:7
kernel hidden(read x : f32[batch, 2], read w : f32[2, 3], write h : f32[batch, 3]) {
  parallel b in 0 ..< batch {
    local sum : f32[3]
    vector j in 0 ..< 3 {
      sum[j] = 0.0
    }
    serial k in 0 ..< 2 {
      vector j in 0 ..< 3 {
        sum[j] = fma(x[b, k], w[k, j], sum[j])
      }
    }
    vector j in 0 ..< 3 {
      let t0 = sum[j]
      h[b, j] = select(t0 > 0.0, t0, 0.0)
    }
  }
}

kernel look_up(read label : i32[batch], read table : f32[10, 3] panel 2, update h : f32[batch, 3], index t) {
  serial b in 0 ..< batch // 2 * 2 step 2 {
    unrolled u in 0 ..< 2 {
      let t0 = batch > index(3*t + b)
      h[b + u, 0] = table[@label[b + u], 2] + table[@label[b + u] - 1, t when t0 else -1.5]
      if t0 && true {
        h[b + u, 1] = f32(u32(-7) >> 3_u32) * (h[b, 1] - h[b, 2])
      }
    }
  }
  serial b in batch // 2 * 2 ..< min(batch, 7) {
    h[b, 2] = -inf
  }
}

entry step(x, label) -> () {
  call hidden(x, w, h)
  repeat t < 3 reversed {
    call look_up(label, table, h, t)
  }
}

entry steps(x) -> () turns {
  call hidden(x, w, h)
}
)";

}  // namespace

TEST_CASE("a Loop program prints as it was written", "[loop]") {
  const Program program = verified_loop(linear);
  CHECK(print(program) == linear);
  CHECK(program.kernels[0].comment == "hidden = linear(x, 3)\n  xor.descent:7");
  CHECK(program.kernels[1].indices == 1);
}

TEST_CASE("the builder's kernel reads like a sentence", "[loop]") {
  KernelBuilder k("scale", "y = 2 x");
  const ArrayId x = k.parameter(Array::Role::read, "x", DType::f32, {Extent::batch(), {4}});
  const ArrayId y = k.parameter(Array::Role::update, "y", DType::f32, {Extent::batch(), {4}});
  k.loop(LoopKind::parallel, "i", Bound::of(Extent::batch()), [&](VariableId b) {
    k.loop(LoopKind::serial, "i", Bound::of(0), {Bound::of(4)}, 2, [&](VariableId i) {
      const auto place = at({Affine::axis(b), Affine::axis(i)});
      const TempId twice = k.operation(Op::mul, {k.load(x, place), k.literal(2, DType::f32)});
      k.store(y, place, k.operation(Op::add, {twice, k.load(y, place)}));
      // Equal values are one temp; the load of y is a new one since y was stored to.
      CHECK(k.operation(Op::mul, {k.load(x, place), k.literal(2, DType::f32)}) == twice);
      k.store(y, place, k.operation(Op::sub, {twice, k.operation(Op::sub, {k.load(y, place), twice})}));
    });
  });
  CHECK(print(std::move(k).finish()) == R"(# y = 2 x
kernel scale(read x : f32[batch, 4], update y : f32[batch, 4]) {
  parallel i in 0 ..< batch {
    serial i_2 in 0 ..< 4 step 2 {
      let t0 = x[i, i_2] * 2.0
      y[i, i_2] = t0 + y[i, i_2]
      y[i, i_2] = t0 - (y[i, i_2] - t0)
    }
  }
}
)");
}

TEST_CASE("a load is not printed behind a store that changes it", "[loop]") {
  KernelBuilder k("swap");
  const ArrayId x = k.parameter(Array::Role::update, "x", DType::f32, {{2}});
  const TempId first = k.load(x, at({Affine::of(0)}));
  const TempId second = k.operation(Op::neg, {k.load(x, at({Affine::of(1)}))});
  k.store(x, at({Affine::of(1)}), first);
  k.store(x, at({Affine::of(0)}), second);
  CHECK(print(std::move(k).finish()) == R"(kernel swap(update x : f32[2]) {
  let t0 = neg(x[1])
  x[1] = x[0]
  x[0] = t0
}
)");
}

TEST_CASE("deep expressions are cut by lets", "[loop]") {
  KernelBuilder k("deep");
  const ArrayId x = k.parameter(Array::Role::update, "x", DType::f32, {});
  TempId value = k.load(x, {});
  for (int n = 0; n < 500; ++n) value = k.operation(Op::max, {k.literal(n + 0.5, DType::f32), value});
  k.store(x, {}, value);
  Program program;
  program.name = "deep";
  program.kernels.push_back(std::move(k).finish());
  const std::string text = print(program);
  CHECK(print(parsed_loop(text)) == text);
}

namespace {

struct Mistake {
  std::string statement;  // stands in the body of a kernel over x : f32[4] (read), y : f32[4] (update), l : i32[4]
  std::string message;
};
const std::vector<Mistake> mistakes = {
    {"y[0] = x[0", "7:1: error: expected ']' after the subscripts, found '}'"},
    {"y[0] = z[0]", "6:10: error: there is no array 'z' here"},
    {"y[0] = xx[0]", "6:10: error: there is no array 'xx' here"},
    {"y[i] = 1.0", "6:5: error: there is no variable 'i' here"},
    {"y[0] = t0", "6:10: error: there is no value 't0' here"},
    {"y[0] = maxx(x[0], 1.0)", "6:10: error: there is no operation 'maxx'"},
    {"y[0] = max(x[0])", "6:10: error: 'max' expects 2 operands, found 1"},
    {"y[0] = x[0] + 1", "6:10: error: 'add' does not take (f32, i32)"},
    {"y[0] = 1", "6:3: error: 'y' holds f32, but the value is i32"},
    {"y[0] = x[@x[0]]", "6:13: error: expected an i32 after '@', found f32"},
    {"y[0] = x[0 when true else 1]", "6:29: error: expected a literal of f32, found i32"},
    {"y[0, 1] = x[0]", "6:6: error: expected ']' after the subscripts, found ','"},
    {"if true { let a = 1.0 }\n  y[0] = a", "7:10: error: there is no value 'a' here"},
    {"forever { }", "6:3: error: expected a statement, found 'forever'"},
    {"serial i in 0 ..< 4 step 0 { }", "6:28: error: expected a step from 1 to 1099511627776, found 0"},
    {"serial i in 0 ..< batch // 4 * 5 { }", "6:34: error: expected the same multiple again, 4, found 5"},
    {"local y : f32[4]", "6:9: error: there is an array 'y' already"},
    {"local s : f16[4]", "6:13: error: expected an element type such as f32, found 'f16'"},
    {"y[99999999999999999999] = 1.0",
     "6:5: error: expected a number from 0 to 1099511627776, found 99999999999999999999"},
};

std::string with_statement(const std::string& statement) {
  return "descent loop 1\nprogram p batch 4 arena 0\n\n# a kernel\nkernel k(read x : f32[4], update y : f32[4], read l "
         ": i32[4]) "
         "{\n  " +
         statement + "\n}\n\nentry e() -> () {\n}\n";
}

}  // namespace

TEST_CASE("the Loop parser says what it expected and what it found", "[loop]") {
  for (const Mistake& mistake : mistakes) {
    const Result<Program> program = parse_program(loop_source(with_statement(mistake.statement)));
    INFO(mistake.statement);
    REQUIRE(!program.ok());
    CHECK(program.errors().size() == 1);
    const std::string text = render(program.errors());
    CHECK(text.substr(0, text.find('\n')) == "test.loop:" + mistake.message);
  }
}

TEST_CASE("the Loop parser goes on after a mistake", "[loop]") {
  const std::string text =
      "descent loop 1\nprogram p batch 4 arena 0\nbuffer x : f33[4]\nbuffer y : f32[4] arena\n"
      "kernel k(read y : f32[4]) {\n  y[0] = 1\n  y[0] = 2\n}\nentry e(q) -> () {\n  call kk(y)\n}\n"
      "entry f() -> () {\n  call kk(y)\n}\nentry g() -> () {\n  call k(y)\n}\n";
  const Result<Program> program = parse_program(loop_source(text));
  REQUIRE(!program.ok());
  std::string messages;
  for (const Diagnostic& diagnostic : program.errors()) messages += std::string(diagnostic.id) + "\n";
  CHECK(messages == "unknown-type\nwrong-type\nunknown-buffer\nunknown-kernel\n");
}

TEST_CASE("every prefix and every damaged byte of a program is survived", "[loop]") {
  for (std::size_t size = 0; size < linear.size(); size += 3) {
    const Result<Program> program = parse_program(loop_source(linear.substr(0, size)));
    if (program.ok()) verify(*program);
  }
  for (std::size_t at = 0; at < linear.size(); ++at) {
    for (const char byte : {'\0', '[', '9', '}', '@', '"', '-', '\xff'}) {
      std::string text = linear;
      text[at] = byte;
      const Result<Program> program = parse_program(loop_source(text));
      if (program.ok()) verify(*program);
    }
  }
}

TEST_CASE("deep nesting is a mistake, not a crash", "[loop]") {
  const std::vector<std::pair<std::string, std::string>> nests = {
      {"y[0] = ", "("}, {"y[0] = ", "x[@"}, {"y[0] = ", "neg("}, {"", "if true {"}, {"y[", "@l["}};
  for (const auto& [begin, unit] : nests) {
    std::string statement = begin;
    for (int n = 0; n < 100000; ++n) statement += unit;
    const Result<Program> program = parse_program(loop_source(with_statement(statement)));
    REQUIRE(!program.ok());
    CHECK(program.errors()[0].id == "nested-too-deeply");
  }
}
