// Data that is odd but no mistake: it is told by name and row, and training goes on.
#include <cmath>

#include "runtime/data/npy.h"
#include "tests/support/command.h"

namespace descent::test {
namespace {

std::string warnings_of(const Training& training) {
  std::string text;
  for (const Diagnostic& warning : training.warnings()) {
    text += std::string(warning.id) + " " + std::to_string(origin_of(warning.at).line) + ": " + warning.message + "\n";
  }
  return text;
}

Training training_in(const Folder& folder, const std::string& lines, const std::string& data) {
  const std::string text = "model m() {\n  input x : f32[batch, 2]\n  input label : i32[batch] in 0 ..< 4\n" + lines +
                           "}\ntrain t = m() {\n  batch = 2, epochs = 1, shuffle = false\n"
                           "  optimizer = sgd(rate = 0.1)\n  data {\n    x = csv(\"rows.csv\", columns = \"a, b\")\n"
                           "    label = csv(\"rows.csv\", label = \"c\", classes = \"0, 1, 2, 3\")\n  }\n}\n";
  folder.write("rows.csv", data);
  return training_of(value_of(compile_text(folder.path("m.descent"), text)));
}

const std::string classifier = "  output logits = linear(x, 4)\n  loss nll = cross_entropy(logits, label)\n";

}  // namespace

TEST_CASE("classes that no row has are named; other integers are no classes") {
  Folder folder;
  CHECK(warnings_of(training_in(folder, classifier, "a,b,c\n1,2,0\n3,4,1\n5,6,3\n")) ==
        "empty-class 12: expected rows of each of the 4 classes of input 'label', found none of class 2\n");
  CHECK(warnings_of(training_in(folder, classifier, "a,b,c\n1,2,0\n3,4,1\n5,6,3\n5,6,2\n")).empty());
  CHECK(warnings_of(training_in(folder, classifier, "a,b,c\n1,2,2\n3,4,2\n")) ==
        "empty-class 12: expected rows of each of the 4 classes of input 'label', found none of classes 0, 1 and 3\n");
  // Needed to predict: a token, or what a prediction is made of. Added up: a count.
  CHECK(warnings_of(training_in(folder, "  output y = embedding(label, 4, 2)\n  loss l = mean_squared_error(y, x)\n",
                                "a,b,c\n1,2,0\n"))
            .empty());
  CHECK(warnings_of(training_in(folder, "  output y = linear(x, 1)\n  loss l = mean[b](f32(label[b]) * y[b, 0])\n",
                                "a,b,c\n1,2,0\n"))
            .empty());
}

TEST_CASE("a number that is none is told by input and row before training begins") {
  Folder folder;
  data::Array x = data::zeros(data::DType::f32, {4, 2});
  x.as<float>()[2] = NAN;
  REQUIRE(data::write_npy(folder.path("x.npy"), x).ok());
  // The first number of a row takes no part in the loss: nothing else would say it.
  const std::string text =
      "model m() {\n  input x : f32[batch, 2]\n  half[b, j < 1] = x[b, 1]\n  output y = linear(half, 1)\n"
      "  loss l = mean[...](y^2)\n}\ntrain t = m() {\n  batch = 2, epochs = 1\n  optimizer = sgd(rate = 0.1)\n"
      "  data { x = npy(\"x.npy\") }\n}\n";
  Training training = training_of(value_of(compile_text(folder.path("m.descent"), text)));
  CHECK(warnings_of(training) == "data-not-finite 10: row 1 of input 'x' holds nan, expected a finite number\n");
  CHECK(std::isfinite(losses_of(training, 1)[0]));
}

TEST_CASE("a batch of one row leaves the running variance of a batch norm finite") {
  Folder folder;
  // Two rows, then one.
  Training training =
      training_in(folder, "  output logits = linear(batch_norm(x), 4)\n  loss nll = cross_entropy(logits, label)\n",
                  "a,b,c\n1,2,0\n3,4,1\n5,6,3\n");
  losses_of(training, 1);
  const data::Array spread = value_of(training.trainer().parameter("logits.batch_norm.spread"));
  // 0.9 · (0.9 · 1 + 0.1 · 2) + 0.1 · 0
  for (const float value : spread.as<float>()) CHECK(value == Approx(0.99));
}

}  // namespace descent::test
