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

TEST_CASE("a batch whose rows all weigh nothing has no loss, and no gradient is lost") {
  const Model model = passes_or_fail(compile_or_fail("weights", R"(model m() {
  input logits : f32[batch, 3]
  input label  : i32[batch] in 0 ..< 3
  input weight : f32[3]
  loss nll = weighted_cross_entropy(logits, label, weight)
  output value = nll
  output d = grad(nll, logits)
}
)")
                                         .model);
  const Tensor logits{{DType::f32, {Extent::batch(), {3}}, {}}, {2, 3}, {1, 2, 3, 4, 5, 6}};
  const Tensor label{{DType::i32, {Extent::batch()}, Range{0, 3}}, {2}, {1, 1}};
  const auto outputs = [&](const std::vector<double>& weights) {
    const Values values{
        {"logits", logits}, {"label", label}, {"weight", Tensor{{DType::f32, {{3}}, {}}, {3}, weights}}};
    const Result<Evaluation> result = evaluate(*model.entry("predict"), 2, values, {});
    if (!result) FAIL(render(result.errors()));
    return result->outputs;
  };
  const std::vector<Tensor> none = outputs({1, 0, 1}), all = outputs({1, 0.25, 1});
  CHECK(none[0].data[0] == 0);
  for (const double d : none[1].data) CHECK(d == 0);
  CHECK(all[0].data[0] == Approx(std::log(std::exp(-1.0) + 1 + std::exp(1.0))));
}

}  // namespace
}  // namespace descent::test
