// Makes points on two rings, trains the compiled model to tell them apart, asks it about one point.
#include <cmath>
#include <cstdio>
#include <vector>

#include "circles.h"

int main() {
  constexpr int rows = 500;
  std::vector<float> points;
  std::vector<std::int32_t> rings;
  for (int i = 0; i < rows; ++i) {
    const float angle = 0.7F * static_cast<float>(i), radius = i % 2 == 0 ? 0.5F : 1.0F;
    points.insert(points.end(), {radius * std::cos(angle), radius * std::sin(angle)});
    rings.push_back(i % 2);
  }

  circles::Trainer trainer;
  if (!trainer || !trainer.init(1)) return 1;
  std::vector<std::uint32_t> order(rows);
  const auto losses = trainer.train(60, points, rings, order);
  const auto metrics = trainer.evaluate(points, rings);
  if (!losses || !metrics) {
    std::printf("%s\n", trainer.error());
    return 1;
  }
  const float point[] = {0, 0.9F};
  float logits[2];
  trainer.predict(point, logits);
  std::printf("loss %.3f, accuracy %.3f, (0, 0.9) lies on the %s ring\n", losses->nll, metrics->accuracy,
              logits[1] > logits[0] ? "outer" : "inner");
  return trainer.save("circles.safetensors") && metrics->accuracy > 0.95 ? 0 : 1;
}
