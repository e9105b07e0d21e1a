// A host program: a network written in C++, trained on data that the program makes, steered and read while it learns,
// asked about one place, saved, and taken up again. CMakeLists.txt beside it says how it is built.
#include <descent/library.h>

#include <cmath>
#include <cstdio>

using namespace descent::builder;
using namespace descent::builder::library;

int fail(const descent::Diagnostics& errors) { return std::fputs(descent::render(errors).c_str(), stderr), 1; }

int main() {
  constexpr int rows = 256;  // of two spirals, one turned half way round
  std::vector<float> places;
  std::vector<std::int32_t> arms;
  for (int n = 0; n < rows; ++n) {
    const float turn = 6.0f * static_cast<float>(n) / rows + 0.5f, radius = (n % 2 ? -0.15f : 0.15f) * turn;
    places.insert(places.end(), {radius * std::cos(turn), radius * std::sin(turn)});
    arms.push_back(n % 2);
  }

  Builder model("spirals");
  Value place = model.input("place", f32[{batch, 2}]);
  Value arm = model.input("arm", i32[{batch}].in(0, 2));
  Value weight = model.param("weight", f32[{2, 32}], normal(1));
  auto [b, i, j] = indices("b", "i", "j");
  Value drive = model.let("drive");
  drive(b, j) = sum(i, place(b, i) * weight(i, j));
  Value hidden = model.let("hidden", tanh(linear(tanh(drive), 32)));
  Value logits = model.output("logits", linear(hidden, 2));
  model.loss("nll", cross_entropy(logits, arm));
  model.train("fit").batch(rows).optimizer(adam({"rate", 1e-2}));

  auto program = compile(model);
  if (!program) return fail(program.errors());
  auto trainer = descent::Trainer::create(*program), resumed = descent::Trainer::create(*program);
  if (!trainer || !resumed) return fail(trainer ? resumed.errors() : trainer.errors());
  if (auto wrong = trainer->init(/*seed=*/1); !wrong.empty()) return fail(wrong);

  const std::vector<descent::Feed> feeds{{"place", places}, {"arm", arms}};
  for (int step = 1; step <= 800; ++step) {
    auto losses = trainer->step(rows, feeds);
    if (!losses) return fail(losses.errors());
    if (step % 200 == 0) std::printf("step %d: loss %.4f\n", step, (*losses)[0]);
    if (step == 600) trainer->set("rate", 1e-3);
  }
  std::printf("weight[0, 0] is %.4f\n", static_cast<double>(trainer->parameter("weight")->as<float>()[0]));

  const std::vector<float> asked{places[0], places[1]};
  auto answer = trainer->predict(1, std::vector<descent::Feed>{{"place", asked}});
  if (!answer) return fail(answer.errors());
  std::printf("the first place lies on arm %d\n", answer->front().as<float>()[1] > answer->front().as<float>()[0]);

  if (auto wrong = trainer->save_checkpoint("spirals.safetensors"); !wrong.empty()) return fail(wrong);
  if (auto wrong = resumed->load_checkpoint("spirals.safetensors"); !wrong.empty()) return fail(wrong);
  const bool same = (*trainer->step(rows, feeds))[0] == (*resumed->step(rows, feeds))[0];
  std::printf("the resumed training takes %s step\n", same ? "the same" : "another");
}
