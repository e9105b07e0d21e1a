// Masks at the ends of their range.
#include "tests/support/fixture.h"
#include "tests/support/graph_run.h"

namespace descent::test {
namespace {

TEST_CASE("a sequence of no length attends to its first place, and no gradient is lost") {
  const Model model = passes_or_fail(compile_or_fail("masks", R"(model m() {
  input q      : f32[batch, 1, 2, 2]
  input length : i32[batch] in 0 ..< 3
  y = attend(padding_mask(attention_scores(q, q), length), q)
  output value = y
  output d = grad(sum[...](y^2), q)
}
)")
                                         .model);
  const TensorType type{DType::f32, {Extent::batch(), {1}, {2}, {2}}, {}};
  const Values values{{"q", Tensor{type, {2, 1, 2, 2}, {1, 2, 3, 4, 1, 2, 3, 4}}},
                      {"length", Tensor{{DType::i32, {Extent::batch()}, Range{0, 3}}, {2}, {0, 1}}}};
  const Result<Evaluation> result = evaluate(*model.entry("predict"), 2, values, {});
  if (!result) FAIL(render(result.errors()));
  CHECK(result->outputs[0].data == std::vector<double>{1, 2, 1, 2, 1, 2, 1, 2});
  for (const double d : result->outputs[1].data) CHECK(std::isfinite(d));
}

}  // namespace
}  // namespace descent::test
