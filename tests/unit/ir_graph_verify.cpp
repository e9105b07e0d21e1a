// The verifier: for each reason a Graph that violates just it.
#include <catch2/catch.hpp>
#include <functional>
#include <regex>
#include <set>

#include "ir/graph.h"
#include "tests/support/text_file.h"

namespace descent {
namespace {

Model parsed(const std::string& text) {
  const Result<Model> model = parse_model(std::make_shared<Source>(Source{"test.graph", text}));
  INFO((model.ok() ? "" : render(model.errors())));
  REQUIRE(model.ok());
  return *model;
}

const std::string head = R"(descent graph 1
model m
state w : f32[3, 4] parameter
state n : i32[] in 0 ..< 9 statistic
entry run {
  %x = input x : f32[batch, 3]
  %v = input v : f32[4]
  %k = input k : i32[batch] in 0 ..< 4
  %any = input any : i32[batch]
  %seed = input seed : i32[]
  %w = state w : f32[3, 4]
)";

struct Case {
  std::string statement;
  std::string expected;  // id and message; empty: well-formed
  Legality legality = {};
};

std::string first_of(const Diagnostics& diagnostics) {
  return diagnostics.empty() ? "" : std::string(diagnostics[0].id) + ": " + diagnostics[0].message;
}

constexpr Legality differentiated{.differentiated = true};
constexpr Legality gathered{.gathered = true};
constexpr Legality ordered{.ordered = true};

const std::vector<Case> table = {
    {"", ""},
    // types
    {"%y = input y : u32[3]", "bad-type: the type of %y is malformed: u32 does not leave scalar expressions"},
    {"%y = input y : f32[3] in 0 ..< 4", "bad-type: the type of %y is malformed: a range belongs to i32, found f32"},
    {"%y = input y : f32[1099511627776, 2]", "bad-type: the type of %y is malformed: expected at most 2^40 elements"},
    {"%y = sweep [i < 4] { %v[i] } : f64[4]", "wrong-type: expected the result to be f32, found f64"},
    {"%y = sweep [i < 4] argmax at [] { %v[i] } : f32[]", "wrong-type: expected the result to be i32, found f32"},
    {"%y = sweep [i < 4] sum at [] { %v[i] > 0.0 } : bool[]", "wrong-type: 'sum' combines f32, f64 or i32, found bool"},
    {"%y = input x : f32[2]", "duplicate-name: input 'x' is there twice"},
    // ranks
    {"%y = sweep [i < 4] { %w[i] } : f32[4]", "index-count: expected 2 indices for %w [3, 4], found 1"},
    {"%y = sweep [i < 4] at [i, 0] { %v[i] } : f32[4]",
     "index-count: expected one landing index per axis of [4], found 2"},
    // reads stay inside
    {"%y = sweep [i < 4] { %v[i + 1] } : f32[4]",
     "index-outside: dimension 0 of %v has 4, but its index runs from 1 to 4; name the value outside with 'else'"},
    {"%y = sweep [i < 4] { %v[i - 1] } : f32[4]",
     "index-outside: dimension 0 of %v has 4, but its index runs from -1 to 2; name the value outside with 'else'"},
    {"%y = sweep [i < 4] { %v[i + 1 else 0.0] } : f32[4]", ""},
    {"%y = sweep [i < 4 where 2 - i >= 0] { %v[i + 1] } : f32[4]", ""},
    {"%y = sweep [i < 4, j < 4 where i - j >= 0] sum at [i] { %v[i - j] } : f32[4]", ""},
    {"%y = sweep [i < 4, j < 4 where i - j + 1 >= 0] sum at [i] { %v[i - j] } : f32[4]",
     "index-outside: dimension 0 of %v has 4, but its index runs from -1 to 3; name the value outside with 'else'"},
    {"%y = sweep [i < 9, j < 4 where 3 + 2*j - 2*i >= 0] sum at [i] { %v[i - j + 2 else 0.0] * %v[j] } : f32[9]", ""},
    {"%y = sweep [i < 9, j < 2 where 7 - 2*i + j >= 0] sum at [i] { %v[i - 1 else 0.0] } : f32[9]", ""},
    {"%y = sweep [i < 9 where 7 - 2*i >= 0] { %v[i] } : f32[9]", ""},
    {"%y = sweep [i < 9 where 8 - 2*i >= 0] { %v[i] } : f32[9]",
     "index-outside: dimension 0 of %v has 4, but its index runs from 0 to 4; name the value outside with 'else'"},
    {"%y = sweep [b < batch] { %v[%k[b]] } : f32[batch]", ""},
    {"%y = sweep [b < batch] { %v[%k[b] + 1] } : f32[batch]",
     "index-outside: dimension 0 of %v has 4, but its index runs from 1 to 4; name the value outside with 'else'"},
    {"%y = sweep [b < batch] { %v[%any[b]] } : f32[batch]",
     "unknown-range: dimension 0 of %v is indexed through integers without a range; name the value outside with "
     "'else'"},
    {"%y = sweep [b < batch] { %v[%any[b] else 0.0] } : f32[batch]", ""},
    // ranges
    {"%y = sweep [b < batch] { %k[b] + 1 } : i32[batch] in 1 ..< 5", ""},
    {"%y = sweep [b < batch] { %k[b] + 1 } : i32[batch] in 0 ..< 4",
     "bad-range: expected integers in 0 ..< 4, found 1 ..< 5"},
    {"%y = sweep [b < batch] { %any[b] } : i32[batch] in 0 ..< 4",
     "bad-range: expected integers in 0 ..< 4, found no range that can be told"},
    {"%y = sweep [i < 4] argmax at [] { %v[i] } : i32[] in 0 ..< 4", ""},
    {"%y = sweep [i < 4] argmax at [] { %v[i] } : i32[] in 0 ..< 3",
     "bad-range: expected integers in 0 ..< 3, found 0 ..< 4"},
    {"%y = sweep [b < batch] { min(max(%any[b], 0), 3) } : i32[batch] in 0 ..< 4", ""},
    {"%y = sweep [b < batch] { min(max(%any[b], 0), 4) } : i32[batch] in 0 ..< 4",
     "bad-range: expected integers in 0 ..< 4, found 0 ..< 5"},
    {"%y = sweep [b < batch, i < 3] min at [b] { min(max(%any[b], 0), 3) - index(i) } : i32[batch] in -2 ..< 4", ""},
    {"%y = sweep [b < batch, i < 3] max at [b] { min(max(%any[b], 0), 3) - index(i) } : i32[batch] in 0 ..< 4",
     "bad-range: expected integers in 0 ..< 4, found -2 ..< 4"},
    {"%y = sweep [b < batch, i < 3 where 1 - i >= 0] max at [b] { %k[b] } : i32[batch] in 0 ..< 4",
     "bad-range: expected integers in 0 ..< 4, found no range that can be told"},
    // batch is only ever a whole axis
    {"%y = sweep [b < batch, i < 3] { %x[b, i] } : f32[batch, 3]", ""},
    {"%y = sweep [i < 3] { %x[0, i] } : f32[3]",
     "batch-not-whole: expected dimension 0 of %x to be indexed by a whole batch axis alone, found 0"},
    {"%y = sweep [b < batch, i < 3] { %x[b + 1, i] } : f32[batch, 3]",
     "batch-not-whole: expected dimension 0 of %x to be indexed by a whole batch axis alone, found b + 1"},
    {"%y = sweep [b < batch, i < 3] { %x[b + 1, i else 0.0] } : f32[batch, 3]",
     "batch-not-whole: expected dimension 0 of %x to be indexed by a whole batch axis alone, found b + 1"},
    {"%y = sweep [b < batch, i < 3] { %x[2*b, i else 0.0] } : f32[batch, 3]",
     "batch-not-whole: expected dimension 0 of %x to be indexed by a whole batch axis alone, found 2*b"},
    {"%y = sweep [b < batch, i < 3] { %x[%k[b], i else 0.0] } : f32[batch, 3]",
     "batch-not-whole: expected dimension 0 of %x to be indexed by a whole batch axis alone, found 0"},
    {"%y = sweep [b < batch] { %v[b else 0.0] } : f32[batch]",
     "batch-not-whole: a batch axis may index a batch dimension only, but dimension 0 of %v has 4"},
    {"%y = sweep [b < batch] sum at [b] { %x[b, 0] } : f32[9]",
     "batch-not-whole: a batch axis may index a batch dimension only, but dimension 0 of the result has 9"},
    {"%y = sweep [b < 9] at [b] { 1.0 } : f32[batch]",
     "batch-not-whole: expected dimension 0 of the result to be indexed by a whole batch axis alone, found b"},
    {"%y = sweep [b < batch, c < batch where b - c - 1 >= 0] sum at [b] { %x[c, 0] } : f32[batch]", ""},
    // without a combiner at most one point lands on a place
    {"%y = sweep [i < 4] at [] { %v[i] } : f32[]",
     "not-injective: without a combiner at most one point may land on a place, but axis 'i' does not stand in the "
     "landing"},
    {"%y = sweep [i < 4, r < 2] at [i + r] { %v[i] } : f32[5]",
     "not-injective: without a combiner at most one point may land on a place, but axes 'i' and 'r' meet in i + r"},
    {"%y = sweep [i < 4, r < 2] at [2*i + r] { %v[i] } : f32[8]", ""},
    {"%y = sweep [i < 4, r < 1] at [i] { %v[i] } : f32[4]", ""},
    {"%y = sweep [b < batch] at [%k[b]] { 1.0 } : f32[4]",
     "not-injective: without a combiner at most one point may land on a place, but it lands through an integer tensor"},
    // order
    {"%y = sweep [i < 4] chain { %v[i] } : f32[4]", "bad-order: a sweep without a combiner has no order"},
    {"%y = sweep [i < 4] sum chain piece 2 { %v[i] } : f32[4]", "bad-order: pieces of 2 steps need a reduced axis"},
    {"%y = sweep [i < 4] sum chain fused at [] { %v[i] } : f32[]",
     "bad-order: a fused order needs a sum of floating products"},
    {"%y = sweep [i < 4] max chain fused at [] { %v[i] * %v[i] } : f32[]",
     "bad-order: a fused order needs a sum of floating products"},
    {"%y = sweep [i < 4] sum chain fused at [] { %v[i] * %v[i] } : f32[]", "", ordered},
    {"%y = sweep [i < 4] sum at [] { %v[i] } : f32[]",
     "no-order: the reduction that makes %y must carry its order after order", ordered},
    // scatters
    {"%y = sweep [i < 4, r < 2] sum at [i + r] { %v[i] } : f32[5]", ""},
    {"%y = sweep [i < 4, r < 2] sum at [i + r] { %v[i] } : f32[5]",
     "scatter-left: the scatter that makes %y must be gone after gather: axes 'i' and 'r' meet in i + r", gathered},
    {"%y = sweep [b < batch] sum at [%k[b]] { 1.0 } : f32[4]", "", gathered},
    // gradients of a function's own
    {"%g = adjoint g : f32[4]\n%y = override %v adjoint %g gradient %v = %g : f32[4]", ""},
    {"%g = adjoint g : f32[4]", "gradient-left: adjoint node %g must be gone after differentiate", differentiated},
    {"%g = adjoint g : f32[3]\n%y = override %v adjoint %g gradient %v = %v : f32[4]",
     "wrong-type: expected %g to be f32[4], found f32[3]"},
    {"%y = override %v adjoint %v gradient %v = %v : f32[4]", "wrong-type: expected an adjoint, found %v"},
    {"%g = adjoint g : f32[4]\n%y = override %v adjoint %g gradient %w = %g : f32[4]",
     "wrong-type: expected the gradient of %w to be f32[3, 4], found f32[4]"},
    {"%g = adjoint g : f32[4]\n%y = override %v, %v adjoint %g gradient %v = %g : f32[4]",
     "value-count: expected 2 results, found 1"},
    {"%g = adjoint g : f32[4]\n%y, %z = override %v, %v adjoint %g gradient %v = %g : f32[4], f32[4]",
     "value-count: expected 2 adjoints, found 1"},
    {"%g = adjoint g : i32[batch]\n%y = override %any adjoint %g gradient %v = %v : i32[batch]",
     "wrong-type: expected an override of floating tensors, found i32[batch]"},
    // the other nodes
    {"%y = random s(%seed, %k) : f32[2]",
     "wrong-type: expected seed and step to be i32[], found %k of i32[batch] in 0 ..< 4"},
    {"%y = random s(%seed, %seed) : f64[2]", "wrong-type: expected random numbers to be f32, found f64"},
    {"%y = gradient of %v by %w : f32[3, 4]", "wrong-type: expected the gradient of a floating scalar, found f32[4]"},
    {"%l = sweep [] { 1.0 } : f32[]\n%y = gradient of %l by %k : i32[batch] in 0 ..< 4",
     "wrong-type: expected a gradient by a floating tensor, found i32[batch] in 0 ..< 4"},
    {"%l = sweep [] { 1.0 } : f32[]\n%y = gradient of %l by %w : f32[4]",
     "wrong-type: expected the gradient by %w to be f32[3, 4], found f32[4]"},
    {"%l = sweep [] { 1.0 } : f32[]\n%y = gradient of %l by %w : f32[3, 4]", ""},
    {"%l = sweep [] { 1.0 } : f32[]\n%y = gradient of %l by %w : f32[3, 4]",
     "gradient-left: gradient node %y must be gone after differentiate", differentiated},
    {"%y = state u : f32[2]", "unknown-state: the model declares no state 'u'"},
    {"%y = state w : f32[2]", "wrong-type: expected state 'w' to be f32[3, 4], found f32[2]"},
    {"update u = %v", "unknown-state: the model declares no state 'u'"},
    {"update w = %v", "wrong-type: expected state 'w' to become f32[3, 4], found f32[4]"},
    {"update n = %seed", "wrong-type: expected state 'n' to become i32[] in 0 ..< 9, found i32[]"},
    {"update w = %w\nupdate w = %w", "duplicate-update: state 'w' is updated twice"},
    {"output y = %v\noutput y = %w", "duplicate-name: output 'y' is there twice"},
    {"output y = %v\nmetric y = %w", ""},
    {"loss y = %v", "wrong-type: expected loss 'y' to be a floating scalar, found f32[4]"},
    {"loss y = %seed", "wrong-type: expected loss 'y' to be a floating scalar, found i32[]"},
    // scans
    {"%y = scan [t < 4] {\ncarry %c = %v : f32[3]\nnext %c = %c\n} : f32[3]",
     "wrong-type: expected %v to enter the scan as f32[3], found f32[4]"},
    {"%y = scan [t < 4] {\ncarry %c = %v : f32[4]\n%n = sweep [] { 1.0 } : f32[]\nnext %c = %n\n} : f32[4]",
     "wrong-type: expected the next of %y as f32[4], found f32[]"},
    {"%y = scan [t < 4] {\ncarry %c = %v : f32[4]\nnext %c = %c\n} : f32[3]",
     "wrong-type: expected %y to be f32[4], found f32[3]"},
    {"%y = scan [t < 4] {\ncapture %c = %v : f32[4]\nyield %c\n} : f32[4]",
     "wrong-type: expected %y to be f32[4, 4], found f32[4]"},
    {"%y, %z = scan [t < 4] {\ncapture %c = %v : f32[4]\nyield %c\n} : f32[4, 4], f32[4, 4]",
     "value-count: expected 1 results, found 2"},
    {"%y = scan [t < 4] {\ncapture %c = %v : f32[4]\n%z = sweep [] { %c[t] } : f32[]\nyield %z\n} : f32[4]", ""},
    {"%y = scan [t < 5] {\ncapture %c = %v : f32[4]\n%z = sweep [] { %c[t] } : f32[]\nyield %z\n} : f32[5]",
     "index-outside: dimension 0 of %c has 4, but its index runs from 0 to 4; name the value outside with 'else'"},
    {"%y = scan [t < 4] {\n%c = state w : f32[3, 4]\nyield %c\n} : f32[4, 3, 4]",
     "state-in-scan: state 'w' must enter the scan as a captured value"},
};

TEST_CASE("the verifier says why a Graph is malformed") {
  for (const Case& test : table) {
    INFO(test.statement);
    const Diagnostics found = verify(parsed(head + test.statement + "\n}\n"), test.legality);
    CHECK(first_of(found) == test.expected);
    CHECK(found.size() == (test.expected.empty() ? 0 : 1));
  }
}

// Malformed in ways that no text can write.
struct Mutation {
  std::function<void(Model&)> change;
  std::string expected;
};

Graph& entry(Model& model) { return model.entries[0]; }
Sweep& sweep(Model& model) { return std::get<Sweep>(entry(model).nodes.back().op); }
Scalar& root(Model& model) { return sweep(model).body.scalars.back(); }
Scan& scan(Model& model) { return std::get<Scan>(entry(model).nodes[6].op); }
Graph changed(const Graph& graph, const std::function<void(Graph&)>& change) {
  Graph copy = graph;
  change(copy);
  return copy;
}

const std::vector<Mutation> mutations = {
    {[](Model&) {}, ""},
    {[](Model& m) { m.states.push_back(m.states[0]); }, "duplicate-name: state 'w' is declared twice"},
    {[](Model& m) { m.states[0].type.dtype = DType::u32; },
     "bad-type: the type of state 'w' is malformed: u32 does not leave scalar expressions"},
    {[](Model& m) { m.states[1].type.shape = {Extent::batch()}; }, "batch-in-state: state 'n' can't depend on batch"},
    {[](Model& m) { m.entries.push_back({"run", {}, {}, {}}); }, "duplicate-name: entry 'run' is there twice"},
    {[](Model& m) { entry(m).outputs.push_back({Output::Kind::output, "o", 99}); }, "bad-link: output 'o' is no value"},
    {[](Model& m) { entry(m).nodes.back().results[0] = 0; }, "bad-link: result 0 does not belong to its node"},
    {[](Model& m) { entry(m).nodes.back().results.clear(); }, "value-count: expected 1 results, found 0"},
    {[](Model& m) { sweep(m).body.scalars.clear(); }, "empty-body: expected a scalar in the sweep's body, found none"},
    {[](Model& m) { sweep(m).axes[0].extent.size = -1; },
     "bad-extent: expected axis 'i' to have 1 to 2^40 points, found -1"},
    {[](Model& m) { sweep(m).guards.push_back(Affine::axis(7)); },
     "unknown-axis: a guard uses axis 7, but the sweep has 2 and stands in 0 scans"},
    {[](Model& m) { sweep(m).guards.push_back(Affine::axis(-1)); },
     "unknown-axis: a guard uses axis -1, but the sweep has 2 and stands in 0 scans"},
    {[](Model& m) { sweep(m).guards.push_back({0, {{1, 1}, {0, 1}}}); },
     "not-canonical: a guard is not canonical: terms must ascend and not be zero"},
    {[](Model& m) { root(m).type = DType::f64; }, "wrong-type: '+' of (f32, f32) is f32, found f64"},
    {[](Model& m) { std::get<Apply>(root(m).node).operands.pop_back(); },
     "argument-count: '+' expects 2 operands, found 1"},
    {[](Model& m) { std::get<Apply>(root(m).node).operands[0] = 99; },
     "use-before-definition: an operand of '+' does not stand before it"},
    {[](Model& m) { root(m) = {DType::f32, Literal{0.1}}; },
     "not-representable: expected literal to be a value of f32, found 0.1"},
    {[](Model& m) { root(m) = {DType::f32, AxisValue{Affine::axis(0)}}; },
     "wrong-type: expected an index value to be i32, found f32"},
    {[](Model& m) { root(m) = {DType::i32, AxisExtent{2}}; },
     "unknown-axis: the extent of axis 2 is asked for, but the sweep has 2"},
    {[](Model& m) { root(m) = {DType::f32, AxisExtent{0}}; }, "wrong-type: expected an extent to be i32, found f32"},
    {[](Model& m) { sweep(m).body.scalars[0].type = DType::i32; },
     "wrong-type: expected a read of %v to be f32, found i32"},
    {[](Model& m) { std::get<Read>(sweep(m).body.scalars[0].node).tensor = 99; },
     "use-before-definition: operand 99 does not stand before its user"},
    {[](Model& m) { std::get<Read>(sweep(m).body.scalars[0].node).otherwise = 0.1; },
     "not-representable: expected the value after 'else' to be a value of f32, found 0.1"},
    {[](Model& m) { std::get<Read>(sweep(m).body.scalars[0].node).at[0].through = 0; },
     "bad-index: an index of %v must go through an earlier read of an i32 tensor"},
    {[](Model& m) { sweep(m).landing[0].through = 0; },
     "bad-index: a landing index must go through an earlier read of an i32 tensor"},
    {[](Model& m) { scan(m).body = nullptr; }, "empty-body: expected a body in the scan, found none"},
    {[](Model& m) { scan(m).axis.extent = Extent::batch(); },
     "bad-extent: expected a scan over 1 to 2^40 steps, found batch"},
    {[](Model& m) { scan(m).captured.clear(); }, "wrong-scan: 0 values enter the scan, but its body has 1 inputs"},
    {[](Model& m) {
       scan(m).initial = std::exchange(scan(m).captured, {});
       scan(m).body = std::make_shared<Graph>(changed(*scan(m).body, [](Graph& g) { g.outputs.clear(); }));
     },
     "wrong-scan: 1 values are carried, but the body gives 0"},
    {[](Model& m) {
       scan(m).body = std::make_shared<Graph>(
           changed(*scan(m).body, [](Graph& g) { g.nodes.push_back({Update{"w", 0}, {}, {}}); }));
     },
     "update-in-scan: a scan's body can't update a state"},
    {[](Model& m) {
       for (int depth = 0; depth < 300; ++depth) {
         const Scan inner = scan(m);
         scan(m).body = std::make_shared<Graph>(changed(*inner.body, [&](Graph& g) {
           g.nodes.resize(1);
           g.values.resize(1);
           g.nodes.push_back({Scan{inner.axis, false, {}, {0}, inner.body}, {1}, {}});
           g.values.push_back({entry(m).type(6), 1, ""});
         }));
       }
     },
     "nested-too-deeply: expected at most 200 scans in one another"},
};

TEST_CASE("the verifier sees through what no text can write, and points into the printed text") {
  const Model good = parsed(head + R"(  %s = scan [t < 2] {
    capture %v = %v : f32[4]
    yield %v
  } : f32[2, 4]
  %y = sweep [i < 4, j < 3] sum at [i] { %v[i] + %w[j, i] } : f32[4]
}
)");
  for (const Mutation& mutation : mutations) {
    Model model = good;
    for (Node& node : model.entries[0].nodes) node.origin = {};
    mutation.change(model);
    INFO(mutation.expected);
    const Diagnostics found = verify(model);
    CHECK(first_of(found) == mutation.expected);
    for (const Diagnostic& diagnostic : found) CHECK(diagnostic.at.source != nullptr);
  }
}

// Every kind of finding in the verifier's sources has a case above.
TEST_CASE("every reason of the verifier has a test") {
  std::set<std::string> tested;
  for (const Case& test : table) tested.insert(test.expected.substr(0, test.expected.find(':')));
  for (const Mutation& test : mutations) tested.insert(test.expected.substr(0, test.expected.find(':')));
  for (const std::string file : {"/ir/graph_verify.cpp", "/ir/sweep_verify.cpp"}) {
    const std::string text = test::read_text(DESCENT_SOURCE_DIR + file);
    REQUIRE(text.size() > 1000);
    const std::regex id("(?:report|add)\\([^\"]{0,40}\"([a-z-]+)\"");
    for (std::sregex_iterator found(text.begin(), text.end(), id), end; found != end; ++found) {
      INFO((*found)[1].str());
      CHECK(tested.count((*found)[1].str()) == 1);
    }
  }
}

struct Landing {
  std::string head;  // axes and landing of a sum
  std::string expected;
};

TEST_CASE("a landing is injective when elimination pins every axis in it") {
  const std::vector<Landing> landings = {
      {"[i < 4] sum at [i] { 1.0 } : f32[4]", ""},
      {"[i < 4, j < 3] sum at [i] { 1.0 } : f32[4]", ""},
      {"[i < 4, r < 3] sum at [i, i + r] { 1.0 } : f32[4, 6]", ""},
      {"[i < 4, r < 3] sum at [i + r, i] { 1.0 } : f32[6, 4]", ""},
      {"[i < 4, r < 3] sum at [i + r] { 1.0 } : f32[6]", "axes 'i' and 'r' meet in i + r"},
      {"[i < 4, r < 2] sum at [2*i + r] { 1.0 } : f32[8]", ""},
      {"[i < 4, r < 2] sum at [7 - 2*i - r] { 1.0 } : f32[8]", ""},
      {"[i < 4, r < 3] sum at [2*i + r] { 1.0 } : f32[9]", "axes 'i' and 'r' meet in 2*i + r"},
      {"[c < 2, i < 3, j < 4] sum at [12*c + 4*i + j] { 1.0 } : f32[24]", ""},
      {"[c < 2, i < 4, j < 4] sum at [12*c + 4*i + j] { 1.0 } : f32[28]",
       "axes 'c', 'i' and 'j' meet in 12*c + 4*i + j"},
      {"[c < 2, i < 4, j < 4] sum at [12*c + 4*i + j, i] { 1.0 } : f32[28, 4]", ""},
      {"[i < 4, r < 1] sum at [i + r] { 1.0 } : f32[4]", ""},
      {"[i < 4, r < 3, s < 3] sum at [i + r, i + s] { 1.0 } : f32[6, 6]", "axes 'i' and 'r' meet in i + r"},
  };
  for (const Landing& landing : landings) {
    INFO(landing.head);
    const Model model = parsed("descent graph 1\nmodel m\nentry run {\n%y = sweep " + landing.head + "\n}\n");
    CHECK(why_scatters(std::get<Sweep>(model.entries[0].nodes[0].op)) == landing.expected);
    CHECK(render(verify(model)) == "");
  }
}

}  // namespace
}  // namespace descent
