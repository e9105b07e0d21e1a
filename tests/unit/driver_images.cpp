// The lessons on photographs, nuclei and spoken digits, shortened, where their data lies on this machine; and images
// and sounds in a train block.
#include "tests/support/data.h"
#include "tests/support/training.h"
#include "tests/support/wav.h"

namespace descent::test {
namespace {

using data::test::Folder;

Training block_of(const std::string& lesson, const std::string& block, const std::string& folder,
                  const Settings& settings = {}) {
  CompileOptions options;
  options.train = block;
  options.set = settings;
  return training_of(value_of(compile_file(source_folder + "/examples/" + lesson + ".descent", options)),
                     {.data_folder = folder, .trainer = {}, .checkpoint = {}});
}

std::vector<double> first_losses(Training& training, std::size_t count) {
  std::vector<double> losses;
  value_of(training.run_epoch([&](std::int64_t, double loss) { losses.push_back(loss); },
                              [&] { return losses.size() >= count; }));
  return losses;
}

// The first 50 losses of a block without chance are PyTorch's, who takes the same weights and rows.
void check_losses(const std::string& lesson, const std::string& block, const std::string& folder,
                  const std::string& expected, const Settings& settings = {}) {
  Training training = block_of(lesson, block, folder, settings);
  const std::vector<double> losses = first_losses(training, 50);
  const data::Tensors known = fixture(expected + ".expected");
  REQUIRE(losses.size() == 50);
  CHECK(relative_error(losses, known.arrays.at("loss").as<double>()) < 1e-3);
}

// Rows of two numbers with a class.
std::string model_of(const std::string& data, int batch, const std::string& settings = "epochs = 2") {
  return "model m() {\n"
         "  input x : f32[batch, 2]\n"
         "  input kind : i32[batch] in 0 ..< 3\n"
         "  loss nll = cross_entropy(linear(x, 3), kind)\n"
         "}\n"
         "train t = m() {\n  batch = " +
         std::to_string(batch) + ", " + settings + "\n  optimizer = sgd(rate = 0.1)\n  " + data + "\n}\n";
}

}  // namespace

TEST_CASE("sounds with noise: the same seed gives the same losses at any number of threads") {
  Folder folder;
  std::string index = "file,kind\n";
  for (std::int16_t i = 0; i < 12; ++i) {
    const std::string name = std::to_string(i) + ".wav";
    folder.write(name, data::test::wav_of({static_cast<std::int16_t>(2000 * i), 0, -9000}));
    index += name + "," + std::to_string(i % 3) + "\n";
  }
  folder.write("index.csv", index);
  const std::string text = model_of(
      "data { x = samples(noise(shift(wav(\"index.csv\"), 1), 0.1), length = 2), kind = csv(\"index.csv\", label = "
      "\"kind\") }",
      4);
  const Program program = value_of(compile_text(folder.path("m.descent"), text));
  std::vector<std::vector<double>> losses;
  for (const int threads : {1, 2, 3}) {
    Training training = training_of(program, {.data_folder = {}, .trainer = {.threads = threads}, .checkpoint = {}});
    losses.push_back(losses_of(training, 2));
  }
  CHECK(losses[0] == losses[1]);
  CHECK(losses[0] == losses[2]);
  CHECK(losses[0][0] != losses[0][3]);  // another epoch, another noise
}

TEST_CASE("photographs: the residual network has PyTorch's first losses") {
  const std::string folder = folder_with("cifar10-subset/train_images.npy");
  if (!folder.empty()) check_losses("images/14_cifar", "plain", folder, "14_cifar");
}

TEST_CASE("nuclei: the U-Net has PyTorch's first losses") {
  const std::string folder = folder_with("dsb2018-nuclei/train-images-idx3-ubyte.gz");
  if (!folder.empty()) check_losses("images/25_nuclei", "plain", folder, "25_nuclei");
}

TEST_CASE("photographs and nuclei, mirrored and moved, lower the loss too") {
  const std::string folder = folder_with("cifar10-subset/train_images.npy");
  if (folder.empty()) return;
  const std::pair<const char*, const char*> lessons[] = {{"images/14_cifar", "photographs"},
                                                         {"images/25_nuclei", "nuclei"}};
  for (const auto& [lesson, block] : lessons) {
    Training training = block_of(lesson, block, folder, {{"width", "4"}, {"rate.warmup", "5"}});
    const std::vector<double> losses = first_losses(training, 25);
    REQUIRE(losses.size() == 25);
    CHECK(losses.back() < losses.front());
  }
}

TEST_CASE("spoken digits: both networks have PyTorch's first losses") {
  const std::string folder = folder_with("fsdd/index.csv");
  if (folder.empty()) return;
  const Settings plain = {{"shuffle", "false"}, {"later", "0"}, {"drop", "0"}};
  check_losses("speech/40_digits", "official", folder, "40_official", plain);
  check_losses("speech/40_digits", "dense_official", folder, "40_dense_official", plain);
}

TEST_CASE("spoken digits: the lesson splits by speaker, and its loss falls") {
  const std::string folder = folder_with("fsdd/index.csv");
  if (folder.empty()) return;
  for (const char* block : {"strangers", "dense_strangers"}) {
    Training training = block_of("speech/40_digits", block, folder, {{"rate.warmup", "5"}});
    CHECK(training.rows() == 2500);
    CHECK(training.test_rows() == 500);
    const std::vector<double> losses = first_losses(training, 30);
    CHECK(losses.back() < losses.front());
  }
}

TEST_CASE("digits in a row: the lesson joins recordings and their digits, and its loss falls") {
  const std::string folder = folder_with("fsdd/index.csv");
  if (folder.empty()) return;
  Training training = block_of("speech/41_ctc", "joined", folder, {{"units", "16"}});
  CHECK(training.rows() == 675);
  CHECK(training.test_rows() == 75);
  const std::vector<double> losses = first_losses(training, 12);
  CHECK(losses.back() < losses.front());
}

TEST_CASE("saliency: beside every image the slopes of its answer, the largest being 1") {
  Trainer trainer = value_of(Trainer::create(example("images/26_saliency")));
  REQUIRE(trainer.init(1).empty());
  std::vector<std::uint8_t> images(2 * 28 * 28);
  for (std::size_t i = 0; i < images.size(); ++i) images[i] = static_cast<std::uint8_t>(i * i % 251);
  const Feed feeds[] = {{"image", std::span<const std::uint8_t>(images)}};
  const std::vector<data::Array> outputs = value_of(trainer.predict(2, feeds));
  REQUIRE(outputs.size() == 2);
  const data::Array& saliency = outputs[1];
  REQUIRE(saliency.shape == data::Shape{2, 28, 57});
  for (std::size_t row = 0; row < 2; ++row) {
    float largest = 0;
    for (std::size_t place = 0; place < 28 * 57; ++place) {
      const float value = saliency.as<float>()[row * 28 * 57 + place];
      const std::size_t line = place / 57, column = place % 57;
      if (column < 28) CHECK(value == static_cast<float>(images[row * 784 + line * 28 + column]) / 255);
      if (column > 28) largest = std::max(largest, value);
    }
    CHECK(largest == 1);
  }
}

}  // namespace descent::test
