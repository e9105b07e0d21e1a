// The Graph in the order of its kernels: the same Graph, every kernel named where the Loop program calls it, and a
// reason between neighbours.
#include <catch2/catch.hpp>
#include <regex>
#include <sstream>

#include "ir/match.h"
#include "passes/fused.h"
#include "tests/support/graph_generator.h"
#include "tests/support/graph_run.h"
#include "tests/support/sanitizer.h"

namespace descent {
namespace {

using namespace test;
using Names = std::vector<std::string>;

struct Fused {
  Model model;
  loop::Program program;
  std::string text;
};
Fused fused(const Model& model) {
  LowerOptions options;
  options.largest_batch = 9;
  options.lanes = 8;
  std::vector<FusedCall> calls;
  Result<loop::Program> program = lower(model, options, &calls);
  if (!program) FAIL(render(program.errors()));
  return {model, std::move(*program), print_fused(model, calls)};
}
Fused fused(const std::string& nodes) {
  return fused(passes_or_fail(parse_or_fail("fused", "descent graph 1\nmodel m\nentry step {\n" + nodes + "}\n")));
}

void add_calls(const loop::Program& program, const loop::Steps& steps, Names& names) {
  for (const auto& step : steps) {
    match(
        step, [&](const loop::Repeat& repeat) { add_calls(program, repeat.steps, names); },
        [&](const loop::Call& call) { names.push_back(program.kernels[static_cast<std::size_t>(call.kernel)].name); });
  }
}
Names called(const loop::Program& program) {
  Names names;
  for (const loop::Entry& entry : program.entries) add_calls(program, entry.steps, names);
  std::sort(names.begin(), names.end());
  return names;
}
Names remarked(const std::string& text) {
  Names names;
  const std::regex kernel("# kernel ([^ :\n]+)");
  for (std::sregex_iterator at(text.begin(), text.end(), kernel), end; at != end; ++at) names.push_back((*at)[1]);
  std::sort(names.begin(), names.end());
  return names;
}

std::string sorted_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    line.erase(0, line.find_first_not_of(' '));
    if (!line.empty() && line[0] != '#') lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all;
}

}  // namespace

TEST_CASE("a kernel stands above what it computes, with why it stands apart from those before") {
  const std::string text = fused(R"(
  %x = input x : f32[batch, 20]
  %a = sweep [b < batch, j < 20] { %x[b, j] * 2.0 } : f32[batch, 20]
  %t = sweep [b < batch, j < 20] sum lanes at [j] { %x[b, j] } : f32[20]
  %y = sweep [b < batch, j < 20] { exp(%a[b, j]) } : f32[batch, 20]
  %z = sweep [b < batch, j < 20] { %y[b, j] + %t[j] } : f32[batch, 20]
  output y = %y
  output z = %z
)")
                               .text;
  CHECK(text == R"(descent graph 1
model m

entry step {
  %x = input x : f32[batch, 20]

  # kernel t
  #   apart from z: it has no loop 'parallel j in 0 ..< 16 step 8'
  %t = sweep [b < batch, j < 20] sum lanes piece 4096 at [j] { %x[b, j] } : f32[20]

  # kernel z
  %a = sweep [b < batch, j < 20] { %x[b, j] * 2.0 } : f32[batch, 20]
  %y = sweep [b < batch, j < 20] { exp(%a[b, j]) } : f32[batch, 20]
  %z = sweep [b < batch, j < 20] { %y[b, j] + %t[j] } : f32[batch, 20]
  output y = %y
  output z = %z
}
)");
}

TEST_CASE("the fused stage is the same Graph, and remarks every call") {
  for (std::uint64_t seed = 1; seed <= static_cast<std::uint64_t>(repetitions(150)); ++seed) {
    const Fused one = fused(passes_or_fail(generate_model(seed, 14, {.scatters = false, .gradients = seed % 2 == 0})));
    INFO(one.text);
    CHECK(sorted_lines(one.text) == sorted_lines(print(one.model)));
    CHECK(remarked(one.text) == called(one.program));
    const Model again = parse_or_fail("fused", one.text);
    CHECK(verify(again, {.differentiated = true, .gathered = true, .ordered = true}).empty());
  }
}

}  // namespace descent
