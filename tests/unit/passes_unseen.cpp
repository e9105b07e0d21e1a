// What drop_unseen takes away, and what it must leave.
#include <catch2/catch.hpp>

#include "ir/loop.h"
#include "passes/unseen.h"

namespace descent {
namespace {

// The kernel's text before and after, both as printed.
std::string after(const std::string& body) {
  const std::string text =
      "descent loop 1\nprogram m batch 8 arena 0\n"
      "kernel k(read x : f32[8], read n : i32[8], update y : f32[8], update z : f32[8]) {\n" +
      body + "}\n";
  Result<loop::Program> program = loop::parse_program(std::make_shared<const Source>(Source{"unseen.loop", text}));
  if (!program) FAIL(render(program.errors()));
  drop_unseen(program->kernels[0]);
  CHECK(loop::verify(*program).empty());
  const std::string printed = loop::print(program->kernels[0]);
  const std::size_t begin = printed.find('\n') + 1;
  return printed.substr(begin, printed.rfind('}') - begin);
}

}  // namespace

TEST_CASE("a select under its own condition is its value") {
  CHECK(after(R"(  vector j in 0 ..< 8 {
    let t0 = index(j) < 3
    let t1 = select(t0, select(t0, x[j when t0 else 0.0] + select(t0, y[j], 0.0), 1.0), 2.0)
    if t0 {
      z[j] = t1
    }
  }
)") == R"(  vector j in 0 ..< 8 {
    let t0 = index(j) < 3
    let t1 = x[j when t0 else 0.0] + y[j]
    if t0 {
      z[j] = t1
    }
  }
)");
}

TEST_CASE("what else is looked at stays as it is") {
  const std::string both_sides = R"(  vector j in 0 ..< 8 {
    let t0 = index(j) < 3
    let t1 = select(t0, x[j], 0.0)
    if t0 {
      z[j] = t1
    }
    y[j] = t1
  }
)";
  CHECK(after(both_sides) == both_sides);
  const std::string other_condition = R"(  vector j in 0 ..< 8 {
    let t0 = select(index(j) < 4, x[j], 0.0)
    if index(j) < 3 {
      z[j] = t0
    }
  }
)";
  CHECK(after(other_condition) == other_condition);
  const std::string other_side = R"(  vector j in 0 ..< 8 {
    let t0 = index(j) < 3
    z[j] = select(t0, x[j], select(t0, y[j], 1.0))
  }
)";
  CHECK(after(other_side) == other_side);
}

TEST_CASE("what keeps a subscript inside its array stays") {
  const std::string through = R"(  vector j in 0 ..< 8 {
    let t0 = index(j) < 3
    let t1 = select(t0, min(max(n[j], 0), 7), 0)
    if t0 {
      z[j] = x[@t1]
    }
  }
)";
  CHECK(after(through).find("select(") != std::string::npos);
}

TEST_CASE("what does nothing goes: values, branches and loops that only held it") {
  CHECK(after(R"(  vector j in 0 ..< 8 {
    let t0 = exp(x[j])
    let t1 = t0 + t0
    if t0 < t1 {
    }
    z[j] = 1.0
  }
  serial i in 0 ..< 8 {
    if x[i] < 0.0 {
    }
  }
)") == R"(  vector j in 0 ..< 8 {
    z[j] = 1.0
  }
)");
}

}  // namespace descent
