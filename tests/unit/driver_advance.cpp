// The entry `advance`: place by place the bits of `predict`, whatever carries the past; why there is none elsewhere;
// and text sampled through it and through windows.
#include <algorithm>
#include <random>

#include "descent/sampling.h"
#include "passes/advance.h"
#include "tests/support/command.h"

namespace descent::test {
namespace {

constexpr std::int64_t rows = 3, places = 5;

struct Case {
  std::string name, body;
};

const std::string head = "model m(length : size = 5) {\n  input x : f32[batch, length, 4]\n";
const std::string tokens = "model m(length : size = 5) {\n  input text : i32[batch, length] in 0 ..< 7\n";

const std::vector<Case> carrying{
    {"rnn", head + "y, h = rnn(x, 6)\noutput out = y\n}\n"},
    {"gru of tokens", tokens + "y, h = gru(embedding(text, 7, 4), 5)\noutput out = linear(y, 7)\n}\n"},
    {"two lstm, one after the other, with a normalisation between",
     tokens + "y, h, c = lstm(embedding(text, 7, 4), 5)\n  z, g, d = lstm(layer_norm(y), 3)\n"
              "output out = linear(z, 7)\noutput again = relu(y)\n}\n"},
    {"layers of a repeat", head + "repeat 3 as layer carry z = x {\n    y, h, c = lstm(z, 4)\n    next z = z + y\n  "
                                  "}\noutput out = linear(z, 2)\n}\n"},
    {"a repeat within the scan",
     head + "scan t < length carry h : f32[batch, 4] = 0 {\n    here[b, j] = x[b, t, j]\n"
            "    repeat 2 as layer carry u = h {\n      next u = tanh(linear(u, 4) + here)\n    }\n"
            "    next h = u\n    yield y[b, t, j] = next h[b, j]\n  }\noutput out = y\n}\n"},
    {"a decoder that looks at all that an encoder said",
     "model m(length : size = 5) {\n  input x : f32[batch, 6, 4]\n  input size : i32[batch] in 1 ..< 7\n"
     "  input text : i32[batch, length] in 0 ..< 7\n"
     "  memory, a, b = lstm(x, 5)\n  y, h, c = lstm_from(embedding(text, 7, 4), a, b)\n"
     "  output logits = linear(luong_attention(y, memory, size), 7)\n}\n"},
    {"numbers of rows that are carried, the turn in the middle",
     head + "scan t < length carry seen : i32[batch] in 0 ..< 8 = 1, most : f32[batch, 4] = -1 {\n"
            "    next seen[b] = if x[b, t, 0] > 0 then 2 else seen[b]\n"
            "    next most[b, j] = max(most[b, j], x[b, t, j])\n    yield y[j, t, b] = next most[b, j] * f32(next "
            "seen[b])\n"
            "  }\noutput out = y\n}\n"},
    {"an input without places beside one with",
     head + "input w : f32[batch, 6]\ny, h = rnn(x, 6)\noutput out[b, t, j] = y[b, t, j] * w[b, j]\n}\n"},
};

const std::vector<Case> others{
    {"a scan goes from the last place to the first",
     head + "scan t < length carry h : f32[batch, 4] = 0 {\n    next h[b, j] = h[b, j] + x[b, t, j]\n"
            "    yield y[b, t, j] = h[b, j]\n  }\nmodel_loss = sum[...](y^2)\noutput out = grad(model_loss, x)\n}\n"},
    {"reads 'x' at other places than its own", head + "y, h = rnn(reversed(x), 6)\noutput out = y\n}\n"},
    {"reads 'x' at other places than its own", head + "z[b, t < length, j] = x[b, t - 1, j else 0]\ny, h = rnn(z, "
                                                      "6)\noutput out[b, t, j] = y[b, t, j] + x[b, t, 0]\n}\n"},
    {"the parameter 'where' has a value for each place",
     head + "y, h = rnn(x, 6)\nparam where : f32[length] ~ zeros\noutput out[b, t, j] = y[b, t, j] + where[t]\n}\n"},
    {"'out' depends on the number of the place",
     head + "y, h = rnn(x, 6)\noutput out[b, t, j] = y[b, t, j] * f32(t)\n}\n"},
    {"has a value for each pair of places", head + "y, h = rnn(x, 6)\nnear[b, t, s] = sum[j](y[b, t, j] * y[b, s, j])\n"
                                                   "output out[b, t, j] = sum[s](near[b, t, s] * y[b, s, j])\n}\n"},
    {"'middle.sum' looks at all places",
     head +
         "y, h = rnn(x, 6)\nmiddle[b, j] = mean[t](y[b, t, j])\noutput out[b, t, j] = y[b, t, j] - middle[b, j]\n}\n"},
    {"is carried for all rows as one",
     head + "scan t < length carry h : f32[4] = 0 {\n    next h[j] = h[j] + mean[b](x[b, t, j])\n"
            "    yield y[b, t, j] = x[b, t, j] - next h[j]\n  }\noutput out = y\n}\n"},
    {"no scan goes along the places", head + "output out = tanh(x)\n}\n"},
    {"no scan goes along the places", head + "y, h = rnn(x, 6)\noutput out = h\n}\n"},
};

Program compiled(const std::string& text) {
  CompileOptions options;
  options.largest_batch = 4;
  return value_of(compile_text("m.descent", text, options));
}

// Random values of an input, one row after the other.
data::Array random_values(const Port& port, std::mt19937& engine) {
  data::Shape shape;
  for (const Extent& extent : port.type.shape) shape.push_back(extent.is_batch() ? rows : extent.size);
  data::Array array = data::zeros(port.type.dtype == DType::i32 ? data::DType::i32 : data::DType::f32, shape);
  if (port.type.dtype == DType::i32) {
    std::uniform_int_distribution<int> draw(static_cast<int>(port.type.range->low),
                                            static_cast<int>(port.type.range->high) - 1);
    for (std::int32_t& value : array.as<std::int32_t>()) value = draw(engine);
  } else {
    for (float& value : array.as<float>()) value = std::uniform_real_distribution<float>(-1, 1)(engine);
  }
  return array;
}

Feed feed_of(const std::string& name, const data::Array& array) {
  if (array.dtype == data::DType::i32) return {name, array.as<std::int32_t>()};
  return {name, array.as<float>()};
}

// The slice at `place` of the axis along which `whole` is longer than `one`, which has 1 there.
data::Array slice_at(const data::Array& whole, const TensorType& one, std::int64_t place) {
  std::size_t axis = 0;
  while (axis < whole.shape.size() && (one.shape[axis].is_batch() || one.shape[axis].size == whole.shape[axis])) ++axis;
  if (axis == whole.shape.size()) return whole;
  data::Shape shape = whole.shape;
  shape[axis] = 1;
  data::Array result = data::zeros(whole.dtype, shape);
  std::size_t inner = 4, outer = 1;
  for (std::size_t d = axis + 1; d < shape.size(); ++d) inner *= static_cast<std::size_t>(shape[d]);
  for (std::size_t d = 0; d < axis; ++d) outer *= static_cast<std::size_t>(shape[d]);
  for (std::size_t o = 0; o < outer; ++o) {
    const std::size_t from =
        (o * static_cast<std::size_t>(whole.shape[axis]) + static_cast<std::size_t>(place)) * inner;
    std::copy_n(whole.bytes.begin() + static_cast<std::ptrdiff_t>(from), inner,
                result.bytes.begin() + static_cast<std::ptrdiff_t>(o * inner));
  }
  return result;
}

}  // namespace

TEST_CASE("advance has the bits of predict, place by place") {
  for (const Case& one : carrying) {
    INFO(one.name);
    const Program program = compiled(one.body);
    REQUIRE(program.has("advance"));
    Trainer trainer = value_of(Trainer::create(program, {.threads = 1}));
    REQUIRE(trainer.init(3).empty());
    std::mt19937 engine(7);
    // Two sequences one after the other, the second one fresh in every row.
    for (int sequence = 0; sequence < 2; ++sequence) {
      std::vector<std::pair<std::string, data::Array>> values;
      std::vector<Feed> feeds;
      for (const Port& port : program.inputs("predict")) values.emplace_back(port.name, random_values(port, engine));
      for (const auto& [name, array] : values) feeds.push_back(feed_of(name, array));
      const std::vector<data::Array> whole = value_of(trainer.predict(rows, feeds));
      for (std::int64_t place = 0; place < places; ++place) {
        std::vector<data::Array> here;
        std::vector<Feed> one_place;
        for (const auto& [name, array] : values) {
          const auto& ports = program.inputs("advance");
          const auto port = std::find_if(ports.begin(), ports.end(), [&](const Port& p) { return p.name == name; });
          REQUIRE(port != ports.end());
          here.push_back(slice_at(array, port->type, place));
        }
        for (std::size_t i = 0; i < here.size(); ++i) one_place.push_back(feed_of(values[i].first, here[i]));
        const std::vector<std::uint8_t> fresh(rows, place == 0 ? 1 : 0);
        const std::vector<data::Array> now = value_of(trainer.advance(rows, one_place, fresh));
        REQUIRE(now.size() == whole.size());
        for (std::size_t i = 0; i < now.size(); ++i) {
          CAPTURE(i, place);
          CHECK(now[i].bytes == slice_at(whole[i], program.outputs("advance")[i].type, place).bytes);
        }
      }
    }
  }
}

TEST_CASE("fresh begins a sequence in its row alone") {
  const Program program = compiled(carrying[0].body);
  Trainer trainer = value_of(Trainer::create(program, {.threads = 1}));
  REQUIRE(trainer.init(1).empty());
  const std::vector<float> x(2 * 4, 0.5F);
  const Feed feeds[] = {{"x", x}};
  const std::vector<data::Array> first = value_of(trainer.advance(2, feeds));
  const std::uint8_t second_row[] = {0, 1};
  const std::vector<data::Array> second = value_of(trainer.advance(2, feeds, second_row));
  const auto row = [](const data::Array& array, std::size_t r) {
    const std::span<const float> all = array.as<float>();
    return std::vector<float>(all.begin() + static_cast<std::ptrdiff_t>(6 * r),
                              all.begin() + static_cast<std::ptrdiff_t>(6 * r + 6));
  };
  CHECK(row(second[0], 0) != row(first[0], 0));
  CHECK(row(second[0], 1) == row(first[0], 1));
  CHECK(value_of(trainer.advance(1, std::vector{Feed{"x", std::span(x).first(4)}}))[0].as<float>()[0] ==
        first[0].as<float>()[0]);  // other rows: all begin
  const std::uint8_t three[] = {0, 1, 0};
  CHECK(contains(errors_of(trainer.advance(2, feeds, three)),
                 "expected `fresh` with a byte for each of 2 rows, found 3"));
  CHECK(contains(errors_of(trainer.advance(9, feeds)), "expected 1 to 4 rows"));
}

TEST_CASE("where places are not gone through one by one there is no advance, and a reason") {
  for (const Case& one : others) {
    INFO(one.body);
    const Program program = compiled(one.body);
    CHECK(!program.has("advance"));
    Trainer trainer = value_of(Trainer::create(program, {.threads = 1}));
    const std::string why = errors_of(trainer.advance(1, {}));
    INFO(why);
    CHECK(contains(why, "model 'm' has no entry 'advance': "));
    CHECK((contains(why, one.name)));
  }
}

// -- sampling --------------------------------------------------------------------------------------------------------

namespace {

std::string language_model(const std::string& network) {
  return "model chars(letters : size = 6, length : size = 12) {\n"
         "  input text, goal : i32[batch, length] in 0 ..< letters\n" +
         network +
         "  loss nll = cross_entropy(logits, goal)\n"
         "}\n"
         "train plays = chars() {\n"
         "  batch = 8, epochs = 3\n"
         "  optimizer = adam(rate = 2e-2)\n"
         "  data = windows(characters(\"text.txt\"), inputs = text, shifted = goal, length = length)\n"
         "}\n";
}
const std::string recurrent =
    "  y, h, c = lstm(embedding(text, letters, 8), 16)\n  output logits = linear(y, letters)\n";
const std::string windowed =
    "  word = embedding(text, letters, 8)\n  before[b, t < length, j] = word[b, t - 1, j else 0]\n"
    "  output logits = linear(relu(linear(concatenate(word, before), 16) as up), letters)\n";

// A folder with a trained model of "abcde " over and over.
void train_on_letters(const Folder& folder, const std::string& network) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "abcde ";
  folder.write("text.txt", text);
  folder.write("m.descent", language_model(network));
  const Outcome trained = descent_in(folder, "train m.descent --quiet --threads 1");
  INFO(trained.error);
  REQUIRE(trained.code == 0);
}

const std::string predict = "predict m.descent --weights runs/plays/weights.safetensors --threads 1 ";

}  // namespace

TEST_CASE("text is sampled: by places or by windows, the same for a seed") {
  for (const std::string& network : {recurrent, windowed}) {
    Folder folder;
    train_on_letters(folder, network);
    const Outcome likeliest = descent_in(folder, predict + "--sample 20 --prompt abc --temperature 0");
    INFO(likeliest.error);
    CHECK(likeliest.out == "abcde abcde abcde abcde\n");
    const bool by_window = network == windowed;
    CHECK(contains(likeliest.error, "note: every token costs a window of 12 places: ") == by_window);
    const std::string warm = predict + "--sample 30 --prompt abc --temperature 3 ";
    const std::string one = descent_in(folder, warm + "--seed 3").out;
    CHECK(one == descent_in(folder, warm + "--seed 3").out);
    CHECK(one != descent_in(folder, warm + "--seed 4").out);
    CHECK(descent_in(folder, warm + "--top 1").out ==
          descent_in(folder, predict + "--sample 30 --prompt abc --top 1").out);
    const std::string two = descent_in(folder, warm + "--seed 3 --prompt e").out;
    CHECK(two.substr(0, one.size()) == one);  // a row does not depend on those beside it
    CHECK(two.substr(one.size(), 1) == "e");
  }
}

TEST_CASE("a place at a time gives the text that windows give") {
  Folder folder;
  train_on_letters(folder, recurrent);
  const Program program = value_of(compile_file(folder.path("m.descent")));
  Trainer trainer = value_of(Trainer::create(program, {.threads = 1}));
  REQUIRE(trainer.load(folder.path("runs/plays/weights.safetensors")).empty());
  const std::vector<std::string> letters{" ", "a", "b", "c", "d", "e"};
  std::vector<std::int32_t> window(12, 0);
  std::string text = "d";
  window[0] = 4;
  for (std::size_t place = 0; place < 11; ++place) {
    const data::Array logits = value_of(trainer.predict(1, std::vector{Feed{"text", window}}))[0];
    const auto scores = logits.as<float>().subspan(6 * place, 6);
    window[place + 1] = static_cast<std::int32_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
    text += letters[static_cast<std::size_t>(window[place + 1])];
  }
  const Sampled sampled = value_of(sample(trainer, {}, {.tokens = 11, .prompts = {"d"}, .temperature = 0}));
  CHECK(sampled.texts == std::vector{text});
  CHECK(sampled.notes.empty());
}

TEST_CASE("what is wrong with a sample is said") {
  Folder folder;
  train_on_letters(folder, recurrent);
  folder.write("x.csv", "0,1,2,3,4,5,0,1,2,3,4,5\n");
  const std::vector<std::pair<std::string, std::string>> mistakes{
      {"--sample 3", "expected --prompt TEXT to begin with: the vocabulary has no <begin>, and the prompt is empty"},
      {"--sample 3 --prompt xyz", "--prompt 'xyz': "},
      {"--sample 3 --prompt a --temperature -1", "expected a temperature of 0 or more, found -1"},
      {"--sample 0 --prompt a", "--sample"},
      {"--prompt a", "--sample"},
      {"--sample 3 --prompt a --output logits=y.npy", "--output"},
      {"--sample 3 --prompt a --input text=x.csv", "input 'text' is what is sampled: give --prompt"},
  };
  for (const auto& [arguments, expected] : mistakes) {
    const Outcome outcome = descent_in(folder, predict + arguments);
    INFO(arguments + ": " + outcome.error);
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.error, expected));
  }
  Trainer other = value_of(Trainer::create(compiled(others[8].body)));
  CHECK(contains(errors_of(sample(other, {}, {.tokens = 1})),
                 "expected one input i32[batch, places] in 0 ..< n and an output f32[batch, places, n], found none"));
}

}  // namespace descent::test
