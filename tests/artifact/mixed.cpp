// Trains a model with all kinds of inputs through its class, on data that the test wrote as raw bytes, and writes what
// came of it.
#include "mixed.h"

#include <cstdio>
#include <vector>

namespace {

template <class T>
std::vector<T> read(const char* path) {
  std::vector<T> values;
  std::FILE* file = std::fopen(path, "rb");
  if (file == nullptr) return values;
  for (T value; std::fread(&value, sizeof value, 1, file) == 1;) values.push_back(value);
  std::fclose(file);
  return values;
}

}  // namespace

int main() {
  const auto image = read<std::uint8_t>("image.raw");
  auto label = read<std::int32_t>("label.raw");
  const auto side = read<float>("side.raw");
  mixed::Trainer trainer(2);
  if (!trainer || !trainer.init(7)) return 1;
  std::vector<std::uint32_t> order(label.size());
  const auto losses = trainer.train(3, image, label, side, order);
  const auto metrics = trainer.evaluate(image, label, side);
  std::vector<float> logits(label.size() * 4), turned(label.size() * 4);
  if (!losses || !metrics || !trainer.predict(image, side, logits, turned)) {
    std::printf("%s\n", trainer.error());
    return 1;
  }
  std::printf("%.17g %.17g\n%.17g %.17g %.17g %.17g\n", losses->nll, losses->decay, metrics->nll, metrics->decay,
              metrics->hits, metrics->perplexity);
  std::printf("%.9g %.9g\n", static_cast<double>(logits[5]), static_cast<double>(turned[label.size() + 1]));
  if (!trainer.save("mixed.safetensors")) return 1;
  if (trainer.step(image, {label.data(), 3}, side)) return 1;
  std::printf("%s\n", trainer.error());
  label[2] = 4;
  if (trainer.train(1, image, label, side)) return 1;
  std::printf("%s\n", trainer.error());

  std::vector<std::uint8_t> packed(MIXED_WEIGHTS_BYTES);
  mixed::Trainer other(1);
  std::vector<float> bias(4), same(4);
  if (!trainer.pack(packed) || !other.init(1) || !other.unpack(packed)) return 1;
  if (!trainer.read(MIXED_LOGITS_LINEAR_BIAS, bias) || !other.read(MIXED_LOGITS_LINEAR_BIAS, same)) return 1;
  if (bias != same || other.unpack({packed.data(), packed.size() - 1})) return 1;
  std::printf("%s\n", other.error());
  packed[12] = '?';
  if (other.unpack(packed)) return 1;
  return 0;
}
