// Trainings on text: streams in a train block, vocabularies kept with the weights, and the lessons on sentences where
// their data lies on this machine.
#include "descent/prediction.h"
#include "tests/support/data.h"
#include "tests/support/training.h"

namespace descent::test {
namespace {

using data::test::Folder;

// Sentences of two kinds, told apart by one word.
void write_sentences(const Folder& folder) {
  std::string bad, good;
  for (int i = 0; i < 20; ++i) {
    bad += "a dull film number " + std::to_string(i % 7) + "\n";
    good += "a bright film number " + std::to_string(i % 5) + "\n";
  }
  folder.write("bad.txt", bad);
  folder.write("good.txt", good);
}

std::string model_text(const std::string& data, const std::string& settings = "batch = 4, epochs = 12") {
  return "model m(entries : size = 16) {\n"
         "  input sentence : i32[batch, 6] in 0 ..< entries\n"
         "  input kind : i32[batch] in 0 ..< 2\n"
         "  word = embedding(sentence, entries, 8)\n"
         "  meaning[b, j] = mean[t](word[b, t, j])\n"
         "  output logits = linear(meaning, 2)\n"
         "  loss nll = cross_entropy(logits, kind)\n"
         "  metric accuracy = accuracy(logits, kind)\n"
         "}\n"
         "train t = m() {\n  " +
         settings + "\n  optimizer = adam(rate = 1e-1)\n  " + data + "\n}\n";
}

const std::string both =
    "data, test = split(words(append(lines(\"bad.txt\"), lines(\"good.txt\"), origin = kind), inputs = sentence, "
    "length = 6), 0.75, seed = 2)";

Program program_in(const Folder& folder, const std::string& data, const std::string& settings) {
  return value_of(compile_text(folder.path("m.descent"), model_text(data, settings)));
}

// A train block, and what tests/fixtures/first_losses_torch.py calls it.
struct Lesson {
  std::string file, block, expected;
  Settings settings = {};
};

}  // namespace

TEST_CASE("sentences from two files: split, trained, kept with their vocabulary, predicted from text") {
  Folder folder;
  write_sentences(folder);
  const Program program = program_in(folder, both, "batch = 4, epochs = 12");
  Training training = training_of(program);
  CHECK(training.rows() == 30);
  CHECK(training.test_rows() == 10);
  losses_of(training, training.epochs());
  CHECK(value_named(value_of(training.evaluate()), "accuracy") == 1);
  const std::string weights = folder.path("w.safetensors");
  REQUIRE(training.trainer().save(weights).empty());
  const auto saved = data::read_safetensors(weights);
  REQUIRE(saved.ok());
  const std::string& vocabulary = saved->metadata.at("vocabulary/sentence");
  CHECK(vocabulary.starts_with("# tokens: words\n<padding>\n<unknown>\na\nfilm\nnumber\n"));
  Trainer trainer = value_of(Trainer::create(program));
  REQUIRE(trainer.load(weights).empty());
  folder.write("new.txt", "bright\nsuch a dull one\n");
  const NamedArrays rows = value_of(read_inputs(trainer, {{"sentence", folder.path("new.txt")}}));
  const NamedArrays outputs = value_of(predict_all(trainer, rows));
  const auto logits = outputs[0].second.as<float>();
  REQUIRE(logits.size() == 4);
  CHECK(logits[1] > logits[0]);
  CHECK(logits[2] > logits[3]);
}

// A model that repeats a line backwards, as far as the line goes.
const std::string mirror =
    "model m(entries : size = 8, length : size = 5) {\n"
    "  input line : i32[batch, length] in 0 ..< entries\n"
    "  input words : i32[batch] in 1 ..< length + 1\n"
    "  input bias : f32[batch]\n"
    "  param w : f32[1] ~ zeros\n"
    "  turned[b, t < length] = line[b, words[b] - 1 - t else 0]\n"
    "  output back = turned\n"
    "  loss e = mean[b]((w[0] - bias[b] * f32(turned[b, 0]))^2)\n"
    "}\n"
    "train t = m() {\n  batch = 4, epochs = 1\n  optimizer = sgd(rate = 0.1)\n"
    "  data = join(words(lines(\"lines.txt\"), inputs = line, lengths = words, length = length, end = true,\n"
    "                    lower = true), bias = csv(\"bias.csv\"))\n}\n";

TEST_CASE("lines to predict are read as training reads its own, and tokens become lines") {
  Folder folder;
  folder.write("lines.txt", "the cat sat\nA dog\n");
  folder.write("bias.csv", "1\n2\n");
  const Program program = value_of(compile_text(folder.path("m.descent"), mirror));
  Training training = training_of(program);
  const std::string weights = folder.path("w.safetensors");
  REQUIRE(training.trainer().save(weights).empty());
  Trainer trainer = value_of(Trainer::create(program));
  folder.write("new.txt", "THE dog sat\ncat the\n");
  CHECK(
      errors_of(read_inputs(trainer, {{"line", folder.path("new.txt")}})).find("keep no vocabulary of input 'line'") !=
      std::string::npos);
  REQUIRE(trainer.load(weights).empty());
  const NamedArrays rows = value_of(read_inputs(trainer, {{"line", folder.path("new.txt")}}));
  REQUIRE(rows.size() == 2);
  CHECK(rows[1].first == "words");
  CHECK(rows[1].second.as<std::int32_t>()[0] == 4);  // <end> is one of them
  const NamedArrays outputs = value_of(predict_all(trainer, rows));
  // <end> comes first when a line is read backwards, and nothing stands before it.
  CHECK(value_of(texts_of(trainer, outputs, {{"back", "line"}})).at("back") == "\n\n");
  NamedArrays forward = {{"back", rows[0].second}};
  CHECK(value_of(texts_of(trainer, forward, {{"back", "line"}})).at("back") == "the dog sat\ncat the\n");
  forward[0].second.as<std::int32_t>()[5] = 9;
  CHECK(errors_of(texts_of(trainer, forward, {{"back", "line"}}))
            .find("output 'back', row 1: token 9 is not among the 8 of the vocabulary") != std::string::npos);
  CHECK(render(check_outputs(program, {{"back", "b.txt"}})).find("say of which input's vocabulary with --text back=") !=
        std::string::npos);
  CHECK(check_outputs(program, {{"back", "b.txt"}}, {{"back", "line"}}).empty());
  const std::string file = folder.path("b.txt");
  forward[0].second.as<std::int32_t>()[5] = 0;
  REQUIRE(write_outputs(forward, {{"back", file}}, value_of(texts_of(trainer, forward, {{"back", "line"}}))).empty());
  CHECK(data::read_file(file)->size() == 16);
}

TEST_CASE("test data takes the vocabulary of the training data, whatever it holds itself") {
  Folder folder;
  write_sentences(folder);
  folder.write("test.txt", "zebra film\n");
  folder.write("one.csv", "1\n");
  folder.write("kinds.csv", [] {
    std::string text;
    for (int i = 0; i < 20; ++i) text += "0\n";
    return text;
  }());
  const Program program =
      program_in(folder,
                 "data { sentence = words(lines(\"bad.txt\"), length = 6), kind = csv(\"kinds.csv\") }\n"
                 "  test { sentence = words(lines(\"test.txt\"), length = 6), kind = csv(\"one.csv\") }",
                 "batch = 4, epochs = 0");
  Training training = training_of(program);
  REQUIRE(training.trainer().save(folder.path("w.safetensors")).empty());
  const auto saved = data::read_safetensors(folder.path("w.safetensors"));
  CHECK(saved->metadata.at("vocabulary/sentence").find("zebra") == std::string::npos);
}

TEST_CASE("a training on streams goes on bit for bit") {
  Folder folder;
  write_sentences(folder);
  const Program program = program_in(folder, both, "batch = 4, epochs = 3");
  Training whole = training_of(program);
  losses_of(whole, 3);
  Training first = training_of(program, {.data_folder = {}, .trainer = {.whole_loop = false}, .checkpoint = {}});
  losses_of(first, 1);
  int asked = 0;
  REQUIRE(!value_of(first.run_epoch({}, [&] { return asked++ == 3; })));
  const std::string checkpoint = folder.path("c.safetensors");
  REQUIRE(first.save_checkpoint(checkpoint).empty());
  Training second = training_of(program, {.data_folder = {}, .trainer = {}, .checkpoint = checkpoint});
  losses_of(second, 2);
  for (const std::string& name : whole.trainer().parameters()) {
    CHECK(value_of(second.trainer().parameter(name)).bytes == value_of(whole.trainer().parameter(name)).bytes);
  }
}

TEST_CASE("lessons on text have PyTorch's first 50 losses") {
  const std::string folder = folder_with("tinyshakespeare/input.txt");
  if (folder.empty()) return;
  const Lesson lessons[] = {{"31_shakespeare", "plays", "31_shakespeare"},
                            {"31_shakespeare", "plain", "31_plain"},
                            {"34_gpt", "plays", "34_gpt"},
                            {"35_translation", "captions", "35_translation", {{"drop", "0"}}},
                            {"36_transformer", "captions", "36_transformer", {{"drop", "0"}}}};
  for (const Lesson& lesson : lessons) {
    INFO(lesson.expected);
    CompileOptions options;
    options.train = lesson.block;
    options.set = lesson.settings;
    options.set.push_back({"shuffle", "false"});
    Training training =
        training_of(value_of(compile_file(source_folder + "/examples/text/" + lesson.file + ".descent", options)),
                    {.data_folder = folder, .trainer = {}, .checkpoint = {}});
    std::vector<double> losses;
    value_of(training.run_epoch([&](std::int64_t, double loss) { losses.push_back(loss); },
                                [&] { return losses.size() >= 50; }));
    const data::Tensors expected = fixture(lesson.expected + ".expected");
    REQUIRE(losses.size() == 50);
    CHECK(relative_error(losses, expected.arrays.at("loss").as<double>()) < 1e-3);
  }
}

TEST_CASE("the language of a caption is told by its letters") {
  const std::string folder = folder_with("tinyshakespeare/input.txt");
  if (folder.empty()) return;
  Training training =
      training_of(example("text/32_caption_language"), {.data_folder = folder, .trainer = {}, .checkpoint = {}});
  CHECK(training.rows() == 58000);
  losses_of(training, 1);
  CHECK(value_named(value_of(training.evaluate()), "accuracy") >= 0.98);
}

TEST_CASE("sentences about films: the first steps of the lesson lower the loss") {
  const std::string folder = folder_with("tinyshakespeare/input.txt");
  if (folder.empty()) return;
  Training training = training_of(example("text/30_sentiment", {{"filters", "16"}, {"width", "16"}}),
                                  {.data_folder = folder, .trainer = {}, .checkpoint = {}});
  CHECK(training.rows() == 9596);
  CHECK(training.test_rows() == 1066);
  const std::vector<double> losses = losses_of(training, 1);
  CHECK(losses.size() == 192);
  CHECK(value_named(value_of(training.evaluate()), "nll") < 0.693);
}

}  // namespace descent::test
