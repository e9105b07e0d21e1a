// Every reason of the Loop verifier, each with a program that violates just that; and what it must let pass.
#include <catch2/catch.hpp>
#include <functional>
#include <set>

#include "ir/loop_builder.h"
#include "tests/support/loop_text.h"

using namespace descent;
using namespace descent::loop;
using descent::test::parsed_loop;
using descent::test::verified_loop;

namespace {

// A kernel over all kinds of parameters, its body given.
std::string kernel_with(const std::string& body) {
  return R"(descent loop 1
program p batch 12 arena 4096
buffer x : f32[batch, 10] input
buffer l : i32[batch] input
buffer w : f32[10, 16] state at 0
buffer u : f32[batch, 10] arena at 1024
buffer y : f32[batch, 16] output
kernel k(read x : f32[batch, 10], read l : i32[batch], update w : f32[10, 16], update u : f32[batch, 10], write y : f32[batch, 16], index t) {
)" + body +
         R"(
}
entry e(x, l) -> (y) {
  repeat s < 3 {
    call k(x, l, w, u, y, 2*s + 1)
  }
}
)";
}

std::string reasons(const Program& program) {
  std::string text;
  for (const Diagnostic& diagnostic : verify(program))
    text += std::string(diagnostic.id) + ": " + diagnostic.message + "\n";
  return text;
}

struct Refused {
  std::string body;
  std::string reason;
};
const std::vector<Refused> refused = {
    // Index bounds.
    {"serial i in 0 ..< 10 { w[i + 3, 0] = 0.0 }",
     "index-outside: kernel k: index i + 3 reaches 12 in axis of 10 of w[i + 3, 0]"},
    {"serial i in 0 ..< 10 { w[i - 1, 0] = 0.0 }",
     "index-outside: kernel k: index i - 1 reaches -1 in axis of 10 of w[i - 1, 0]"},
    {"serial i in 0 ..< 10 step 4 { unrolled j in 0 ..< 4 { w[i + j, 0] = 0.0 } }",
     "index-outside: kernel k: index i + j reaches 11 in axis of 10 of w[i + j, 0]"},
    {"serial i in 0 ..< min(12, 11) { w[i, 0] = 0.0 }",
     "index-outside: kernel k: index i reaches 10 in axis of 10 of w[i, 0]"},
    {"serial b in 0 ..< 12 { y[b, 0] = 0.0 }",
     "index-outside: kernel k: index b reaches 11 in axis of batch of y[b, 0]"},
    {"serial b in 0 ..< batch step 4 { unrolled j in 0 ..< 4 { y[b + j, 0] = 0.0 } }",
     "index-outside: kernel k: index b + j reaches 14 in axis of batch of y[b + j, 0]"},
    {"serial b in 0 ..< batch // 4 * 4 step 2 { unrolled j in 0 ..< 3 { y[b + j, 0] = 0.0 } }",
     "index-outside: kernel k: index b + j reaches 12 in axis of batch of y[b + j, 0]"},
    {"w[2*t, 0] = 0.0", "index-outside: kernel k: index 2*t reaches 10 in axis of 10 of w[2*t, 0]"},
    {"serial i in 0 ..< 3 { u[0, 0] = x[@l[0], 4*i + 1] + x[0, @l[0]] + x[0, 5*i] }",
     "index-outside: kernel k: index 5*i reaches 10 in axis of 10 of x[0, 5*i]"},
    {"serial b in 0 ..< batch { u[0, 0] = w[b, 0] }",
     "index-outside: kernel k: index b reaches 11 in axis of 10 of w[b, 0]"},
    {"serial b in 0 ..< batch { serial i in batch // 4 * 4 ..< min(batch, b + 3) { w[i - b + 1, 0] = 0.0 } }",
     "index-outside: kernel k: index -b + i + 1 reaches -1 in axis of 10 of w[-b + i + 1, 0]"},
    // Roles.
    {"x[0, 0] = 0.0", "loop-role: kernel k: store to x[0, 0], which is only read"},
    {"u[0, 0] = y[0, 0]", "loop-role: kernel k: load of y[0, 0], which is only written"},
    // Kinds of loops.
    {"vector j in 1 ..< 3 { w[0, j] = 0.0 }", "loop-kind: kernel k: vector loop j must run from 0 to one constant end"},
    {"unrolled j in 0 ..< min(3, 4) { w[0, j] = 0.0 }",
     "loop-kind: kernel k: unrolled loop j must run from 0 to one constant end"},
    {"vector j in 0 ..< batch { y[j, 0] = 0.0 }",
     "loop-kind: kernel k: vector loop j must run from 0 to one constant end"},
    {"vector j in 0 ..< 8 { parallel i in 0 ..< 10 { w[i, j] = 0.0 } }",
     "loop-kind: kernel k: parallel loop i stands in a vector loop"},
    // Iterations that meet.
    {"parallel b in 0 ..< batch { w[0, 0] = x[b, 0] }",
     "loop-dependence: kernel k: iterations of parallel loop b may touch the same place of w: a store's place does "
     "not depend on b"},
    {"parallel b in 0 ..< batch { w[0, 0] = w[0, 0] + x[b, 0] }",
     "loop-dependence: kernel k: iterations of parallel loop b may touch the same place of w: a store's place does "
     "not depend on b"},
    {"local s : f32[2]\nvector j in 0 ..< 10 { s[1] = s[1] + x[0, j] }",
     "loop-dependence: kernel k: iterations of vector loop j may touch the same place of s: a store's place does not "
     "depend on j"},
    {"vector j in 0 ..< 9 { w[0, j] = w[0, j + 1] }",
     "loop-dependence: kernel k: iterations of vector loop j may touch the same place of w"},
    {"vector j in 0 ..< 9 { w[j, 0] = w[j + 1, 0] }",
     "loop-dependence: kernel k: iterations of vector loop j may touch the same place of w"},
    {"vector j in 0 ..< 9 { w[0, j] = w[0, 8 - j] }",
     "loop-dependence: kernel k: iterations of vector loop j may touch the same place of w"},
    {"parallel i in 0 ..< 7 { serial j in 0 ..< 3 { w[i + j, 0] = 0.0 } }",
     "loop-dependence: kernel k: iterations of parallel loop i may touch the same place of w"},
    {"parallel i in 0 ..< 8 step 2 { serial j in i ..< i + 3 { w[j, 0] = 0.0 } }",
     "loop-dependence: kernel k: iterations of parallel loop i may touch the same place of w"},
    {"parallel i in 0 ..< 3 { serial j in 0 ..< 3 { w[i + 2*j, 0] = 0.0 } }",
     "loop-dependence: kernel k: iterations of parallel loop i may touch the same place of w"},
    {"parallel b in 0 ..< batch { w[@l[b], 0] = 0.0 }",
     "loop-dependence: kernel k: iterations of parallel loop b may touch the same place of w: a store's place does "
     "not depend on b"},
    {"parallel b in 0 ..< batch { u[b, 0] = 0.0\nserial c in 0 ..< batch { u[c, 1] = 0.0 } }",
     "loop-dependence: kernel k: iterations of parallel loop b may touch the same place of u: a store's place does "
     "not depend on b"},
    {"parallel b in 0 ..< batch { u[b, 0] = u[0, 0] }",
     "loop-dependence: kernel k: iterations of parallel loop b may touch the same place of u"},
    // Operations.
    {"w[0, 0] = exp(1.0)", "not-native: kernel k: 'exp' is not native; it must be expanded"},
    // Locals.
    {"if true {\nlocal s : f32[2]\n}\ns[0] = 0.0", "out-of-scope: kernel k: local s is used where it is not declared"},
    {"local s : f32[batch]", "batch-in-local: kernel k: local s has an axis of batch"},
};

}  // namespace

TEST_CASE("the Loop verifier says why a kernel is refused", "[loop]") {
  for (const Refused& row : refused) {
    INFO(row.body);
    CHECK(reasons(parsed_loop(kernel_with(row.body))) == row.reason + "\n");
  }
}

TEST_CASE("the Loop verifier lets sound kernels pass", "[loop]") {
  const std::vector<std::string> bodies = {
      "parallel i in 0 ..< 2 { serial j in 0 ..< 3 { w[i + 2*j, 0] = 0.0 } }",
      "parallel i in 0 ..< 3 { serial j in 0 ..< 9 step 3 { w[i + j, 0] = w[j + i, 1] } }",
      "serial i in 0 ..< 8 step 4 { vector j in 0 ..< 4 { w[i + j, 0] = 0.0 } }",
      "serial i in 0 ..< 10 step 4 { serial j in i ..< min(i + 4, 10) { w[j, 0] = 0.0 } }",
      "serial i in 0 ..< 10 step 4 { serial j in 0 ..< min(4, 10 - i) { w[i + j, 0] = 0.0 } }",
      "serial p in 0 ..< 10 step 8 { serial i in p ..< min(p + 8, 11) step 4 { w[i + 1, 0] = 0.0 } }",
      "parallel b in 0 ..< batch // 4 * 4 step 4 { unrolled j in 0 ..< 4 { y[b + j, 0] = x[b + j, t] } }\n"
      "serial b in batch // 4 * 4 ..< batch { y[b, 0] = x[b, 5] }",
      "parallel b in 0 ..< batch step 4 { serial c in b ..< min(b + 4, batch) { y[c, 0] = x[c, 0] } }",
      "serial i in 0 ..< 20 { let a = x[0, i when index(i) < 10 else 0.0]\nif index(i) < 10 { w[i, 0] = a } }",
      "parallel b in 0 ..< batch { local s : f32[1]\ns[0] = 0.0\nserial j in 0 ..< 10 { s[0] = s[0] + x[b, j] }\n"
      "serial j in 0 ..< 10 { u[b, j] = s[0] }\nserial j in 0 ..< 9 { u[b, j] = u[b, j + 1] } }",
      "vector j in 0 ..< 8 { w[0, j] = w[0, j + 8] }",
      "vector j in 0 ..< 8 { w[0, 2*j] = w[0, 2*j + 1] }",
      "vector j in 0 ..< 8 { w[0, j] = w[1, j] + w[1, 0] }",
      "vector j in 0 ..< 4 { serial i in 0 ..< 4 { w[0, 4*j + i] = w[0, 4*j + 3 - i] } }",
      "parallel j in 0 ..< 16 { serial b in 0 ..< batch { w[@l[b], j] = w[@l[b], j] + 1.0 } }",
      "parallel j in 5 ..< 5 { w[j + 9, 0] = 0.0\nw[0, 0] = 0.0 }",
      "serial b in 0 ..< batch { serial i in batch // 4 * 4 ..< min(batch, b + 3) { w[i - b + 2, 0] = 0.0 } }",
      "vector j in 0 ..< 1 { w[0, 0] = w[0, 0] + 1.0 }",
      "serial k in 0 ..< 10 { vector j in 0 ..< 16 { w[0, j] = w[0, j] + x[0, k] } }",
  };
  for (const std::string& body : bodies) {
    INFO(body);
    CHECK(reasons(parsed_loop(kernel_with(body))) == "");
  }
}

namespace {

const std::string sound = R"(descent loop 1
program p batch 4 arena 512
buffer x : f32[batch] input
buffer y : f32[batch] output
buffer s : f32[batch] state at 0
buffer a : f32[batch] arena at 64
buffer c : f32[batch] arena at 64
kernel k(read x : f32[batch], read z : f32[batch], update a : f32[batch], index t) {
  serial b in 0 ..< batch {
    let q = x[b]
    if q > 0.0 {
      a[b] = q + z[b]
    }
    a[b] = a[b] * q * q
  }
}
entry e(x) -> (y) {
  repeat s < 2 {
    call k(x, x, a, s)
  }
  call k(x, s, y, 1)
}
)";

Call& second_call(Program& program) { return std::get<Call>(program.entries[0].steps[1]); }
For& first_loop(Program& program) { return std::get<For>(program.kernels[0].body[0].node); }
Let& first_let(Program& program) { return std::get<Let>(first_loop(program).body[0].node); }
Let literal_of(TempId temp, double value) { return {temp, descent::Literal{value}}; }

// A change of the sound program and what the verifier says of it.
struct Broken {
  std::function<void(Program&)> change;
  std::string reason;
};
const std::vector<Broken> broken = {
    // Temps and types.
    {[](Program& p) {
       std::swap(first_loop(p).body[0], first_loop(p).body[1]);
       std::swap(first_loop(p).body[1], first_loop(p).body[2]);
     },
     "out-of-scope: kernel k: temp 0 is used before its definition"},
    {[](Program& p) { p.kernels[0].body.push_back({Store{2, at({Affine::of(0)}), 0}}); },
     "out-of-scope: kernel k: temp 0 is used outside the block that defines it"},
    {[](Program& p) { first_loop(p).body.push_back({first_let(p)}); },
     "duplicate-name: kernel k: temp 0 is defined twice"},
    {[](Program& p) { first_loop(p).body.push_back({Store{2, at({Affine::of(0)}), 99}}); },
     "unknown-value: kernel k: there is no temp 99"},
    {[](Program& p) {
       p.kernels[0].temps.push_back(DType::f64);
       p.kernels[0].body.push_back(
           {Let{static_cast<TempId>(p.kernels[0].temps.size()) - 1, Load{0, at({Affine::of(0)})}}});
     },
     "wrong-type: kernel k: expected an element of x to be f32, found temp 8 of f64"},
    {[](Program& p) {
       p.kernels[0].temps.push_back(DType::f64);
       first_loop(p).body.push_back({Let{8, Operation{Op::add, {0, 0}}}});
     },
     "wrong-type: kernel k: expected the result of 'add' to be f32, found temp 8 of f64"},
    {[](Program& p) {
       p.kernels[0].temps.push_back(DType::f32);
       first_loop(p).body.push_back({Let{8, Operation{Op::select, {0, 0, 0}}}});
     },
     "wrong-type: kernel k: 'select' does not take (f32, f32, f32)"},
    {[](Program& p) { first_loop(p).body.push_back({If{0, {}}}); },
     "wrong-type: kernel k: expected a condition to be bool, found temp 0 of f32"},
    {[](Program& p) { first_loop(p).body.push_back({Store{2, {{Affine{}, 0}}, 0}}); },
     "wrong-type: kernel k: expected a subscript to be i32, found temp 0 of f32"},
    {[](Program& p) {
       p.kernels[0].temps.push_back(DType::i32);
       p.kernels[0].body.push_back({literal_of(8, 0.5)});
     },
     "not-representable: kernel k: 0.5 is no value of i32"},
    {[](Program& p) {
       p.kernels[0].temps.push_back(DType::f32);
       p.kernels[0].body.push_back({literal_of(8, 0.1)});
     },
     "not-representable: kernel k: 0.1 is no value of f32"},
    // Arrays and variables.
    {[](Program& p) { first_loop(p).body.push_back({Store{7, {}, 0}}); },
     "unknown-array: kernel k: there is no array 7"},
    {[](Program& p) { first_loop(p).body.push_back({Store{2, {}, 0}}); },
     "index-count: kernel k: 0 subscripts for a[batch]"},
    {[](Program& p) { p.kernels[0].body.push_back({Declare{0}}); },
     "out-of-scope: kernel k: x is declared, but is no local"},
    {[](Program& p) {
       p.kernels[0].arrays.push_back({Array::Role::local, "q", DType::f32, {{2}}});
       p.kernels[0].body.push_back({Declare{3}});
       p.kernels[0].body.push_back({Declare{3}});
     },
     "out-of-scope: kernel k: q is declared, but lives already"},
    {[](Program& p) {
       p.kernels[0].temps.push_back(DType::i32);
       p.kernels[0].body.push_back({Let{8, IndexValue{Affine::axis(1)}}});
     },
     "out-of-scope: kernel k: variable b is used outside its loop"},
    {[](Program& p) {
       p.kernels[0].temps.push_back(DType::i32);
       p.kernels[0].body.push_back({Let{8, IndexValue{Affine::axis(5)}}});
     },
     "unknown-variable: kernel k: there is no variable 5"},
    {[](Program& p) { first_loop(p).body.push_back({For{LoopKind::serial, 1, {}, {Bound::of(1)}, 1, {}}}); },
     "out-of-scope: kernel k: loop b is inside itself"},
    {[](Program& p) { p.kernels[0].body.push_back({For{LoopKind::serial, 0, {}, {Bound::of(1)}, 1, {}}}); },
     "unknown-variable: kernel k: there is no loop variable 0"},
    {[](Program& p) { p.kernels[0].body.push_back({For{LoopKind::serial, 1, {}, {}, 1, {}}}); },
     "loop-bounds: kernel k: loop b has 0 ends and a step of 1"},
    {[](Program& p) { p.kernels[0].body.push_back({For{LoopKind::serial, 1, {}, {Bound::of(1)}, 0, {}}}); },
     "loop-bounds: kernel k: loop b has 1 ends and a step of 0"},
    {[](Program& p) { p.kernels[0].body.push_back({For{LoopKind::serial, 1, {}, {Bound{{}, -2}}, 1, {}}}); },
     "loop-bounds: kernel k: a bound rounds the batch down to a multiple of -2"},
    {[](Program& p) { p.kernels[0].arrays[1].name = "x"; }, "duplicate-name: kernel k: two arrays are named x"},
    {[](Program& p) { p.kernels[0].arrays[2].role = Array::Role::local; },
     "loop-signature: kernel k: array a is local, but stands as a parameter"},
    {[](Program& p) { p.kernels[0].arrays.push_back({Array::Role::local, "q", DType::f32, {{-2}}}); },
     "bad-extent: kernel k: array q has an extent of -2"},
    {[](Program& p) { p.kernels[0].arrays.push_back({Array::Role::local, "q", DType::f32, {{INT64_MAX}}}); },
     "tensor-too-large: kernel k: array q is too large"},
    // Buffers.
    {[](Program& p) { p.largest_batch = 0; }, "batch-limit: the largest batch is 0"},
    {[](Program& p) { p.buffers[4].name = "x"; }, "duplicate-name: two buffers are named x"},
    {[](Program& p) { p.kernels.push_back(p.kernels[0]); }, "duplicate-name: two kernels are named k"},
    {[](Program& p) { p.entries.push_back(p.entries[0]); }, "duplicate-name: two entries are named e"},
    {[](Program& p) { p.buffers[4].offset = 100; }, "loop-offset: buffer c stands at 100, not at a multiple of 64"},
    {[](Program& p) { p.buffers[4].offset = 512; }, "loop-offset: buffer c ends at 528 in an arena of 512 bytes"},
    {[](Program& p) { p.buffers[0].offset = 128; }, "loop-offset: buffer x has an offset but is not in the arena"},
    {[](Program& p) { p.buffers[4].offset = 0; }, "loop-overlap: state s overlaps c"},
    {[](Program& p) {
       p.buffers[2].offset = 128;
       p.buffers[4].type.shape = {{32}};
     },
     "loop-overlap: state s overlaps c"},
    {[](Program& p) { p.buffers[4].type.shape = {{INT64_MAX}}; },
     "tensor-too-large: buffer c : f32[9223372036854775807] is too large"},
    // Entries and calls.
    {[](Program& p) { p.entries[0].inputs.push_back(1); }, "loop-entry: entry e: y stands among the inputs"},
    {[](Program& p) { p.entries[0].inputs.push_back(0); }, "loop-entry: entry e: input x stands twice"},
    {[](Program& p) { p.entries[0].inputs.push_back(9); }, "loop-entry: entry e: there is no buffer 9"},
    {[](Program& p) { std::get<Repeat>(p.entries[0].steps[0]).count = 0; }, "loop-entry: entry e: s repeats 0 times"},
    {[](Program& p) { second_call(p).kernel = 3; }, "loop-call: entry e: there is no kernel 3"},
    {[](Program& p) { second_call(p).buffers.pop_back(); },
     "loop-call: entry e: k takes 3 buffers and 1 indices, not 2 and 1"},
    {[](Program& p) { second_call(p).buffers[1] = 17; }, "loop-entry: entry e: there is no buffer 17"},
    {[](Program& p) { p.buffers[3].type.shape = {{4}}; },
     "loop-call: entry e: k expects a : f32[batch], found a : f32[4]"},
    {[](Program& p) { p.entries[0].outputs.clear(); },
     "loop-call: entry e: k is given y, which is no input or output of the entry"},
    {[](Program& p) { second_call(p).buffers = {3, 3, 0}; }, "loop-call: entry e: k writes the input x"},
    {[](Program& p) { second_call(p).buffers = {3, 3, 3}; },
     "loop-alias: entry e: k is given a twice and writes it\nloop-alias: entry e: k is given a twice and writes it"},
    {[](Program& p) { second_call(p).buffers = {0, 3, 4}; }, "loop-alias: entry e: k is given a and c, which overlap"},
    {[](Program& p) { second_call(p).indices[0] = Affine::axis(0); },
     "loop-call: entry e: an index of k uses repeat variable 0 of 0"},
};

}  // namespace

TEST_CASE("the Loop verifier says why a program is refused", "[loop]") {
  REQUIRE(reasons(parsed_loop(sound)) == "");
  for (const Broken& row : broken) {
    Program program = parsed_loop(sound);
    row.change(program);
    INFO(row.reason);
    CHECK(reasons(program) == row.reason + "\n");
    print(program);  // whatever is wrong, it can be looked at
  }
}

TEST_CASE("many upper bounds do not make the Loop verifier slow", "[loop]") {
  std::string body;
  for (int n = 0; n < 60; ++n) {
    const std::string outer = n == 0 ? "0" : "v" + std::to_string(n - 1);
    body += "serial v" + std::to_string(n) + " in 0 ..< min(" + outer + " + 2, " + outer + " + 3, 9) {\n";
  }
  body += "w[v59, 0] = 0.0\n" + std::string(60, '}');
  verify(parsed_loop(kernel_with(body)));
}
