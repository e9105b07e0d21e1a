// What a train block's data can get wrong, with the exact text; readers by table; where files are looked for.
#include <cstdlib>

#include "driver/readers.h"
#include "tests/support/data.h"
#include "tests/support/training.h"
#include "tests/support/wav.h"

namespace descent::test {
namespace {

using data::test::Folder;

// A model with an input x : f32[batch, 2] and a label in 0 ..< 3, with this data block, in this folder.
std::string model_text(const std::string& data) {
  return "model m() {\n"
         "  input x : f32[batch, 2]\n"
         "  input kind : i32[batch] in 0 ..< 3\n"
         "  output logits = linear(x, 3)\n"
         "  loss nll = cross_entropy(logits, kind)\n"
         "}\n"
         "train t = m() {\n"
         "  batch = 4, epochs = 1, seed = 1\n"
         "  optimizer = sgd(rate = 0.1)\n"
         "  " +
         data + "\n}\n";
}

// Without the folder's own path, so that texts can be exact.
std::string without(std::string text, const std::string& part) {
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos;) text.erase(at, part.size());
  return text;
}

std::string prepare(const Folder& folder, const std::string& data, const TrainingOptions& options = {}) {
  Result<Program> program = compile_text(folder.path("m.descent"), model_text(data));
  if (!program) return render(program.errors());
  return without(errors_of(Training::prepare(*program, options)), folder.path(""));
}

// The header and the message, and the notes, without excerpts.
std::string messages(const std::string& text) {
  std::string kept;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    if (!line.starts_with("  ")) kept += line + "\n";
    begin = end + 1;
  }
  return kept;
}

void fill(const Folder& folder) {
  folder.write("x.csv", "a,b\n1,2\n3,4\n5,6\n");
  folder.write("kind.csv", "kind\n0\n1\n2\n");
  folder.write("far.csv", "kind\n0\n3\n2\n");
  folder.write("half.csv", "kind\n0\n0.5\n2\n");
  folder.write("short.csv", "kind\n0\n1\n");
  folder.write("bad.csv", "a,b\n1,2\n3,four\n");
  const std::string sound = data::test::wav_of({1, 2});
  folder.write("a.wav", sound);
  folder.write("cut.wav", sound.substr(0, sound.size() - 1));
  folder.write("both.wav", data::test::wav_of({1, 2}, {.channels = 2}));
  std::filesystem::create_directory(folder.path("empty"));
}

struct Mistake {
  std::string data;
  std::string expected;
};

}  // namespace

TEST_CASE("data that fits is accepted") {
  Folder folder;
  fill(folder);
  CHECK(prepare(folder, R"(data { x = csv("x.csv"), kind = csv("kind.csv") })") == "no error");
  CHECK(prepare(folder,
                R"(data { x = csv("x.csv", columns = "b, a", header = true), kind = csv("kind.csv", label = 0) })") ==
        "no error");
}

TEST_CASE("mistakes in data, each with its own text") {
  Folder folder;
  fill(folder);
  const std::string good_kind = R"(kind = csv("kind.csv") })";
  const Mistake mistakes[] = {
      {R"(data { x = cvs("x.csv"), )" + good_kind,
       "m.descent:10:14: error: there is no data reader 'cvs'\nnote: did you mean 'csv'?\n"},
      {R"(data { x = parquet("x.csv"), )" + good_kind,
       "m.descent:10:14: error: there is no data reader 'parquet'\nnote: the readers are csv, idx, npy, npz, lines, "
       "bytes, characters, words, wav, samples, log_mel, images, windows, join, append, split, flip, crop, shift, "
       "noise, "
       "shuffle\n"},
      {R"(data { x = csv("x.csv", colums = "a"), )" + good_kind,
       "m.descent:10:36: error: csv() has no argument 'colums'\nnote: did you mean 'columns'?\n"},
      {R"(data { x = csv("x.csv", "y.csv"), )" + good_kind,
       "m.descent:10:27: error: csv() takes one argument without a name, the file\n"},
      {R"(data { x = csv("x.csv", skip = "one"), )" + good_kind,
       "m.descent:10:34: error: 'skip' of csv() is a number, found a text\n"},
      {R"(data { x = csv(3), )" + good_kind,
       "m.descent:10:18: error: 'file' of csv() is the name of a file, found a number\n"},
      {R"(data { x = csv(columns = "a"), )" + good_kind, "m.descent:10:14: error: csv() needs the name of a file\n"},
      {R"(data { x = csv("x.csv", skip = 1, skip = 2), )" + good_kind,
       "m.descent:10:44: error: 'skip' is given twice\n"},
      {R"(data { x = csv("x.cvs"), )" + good_kind,
       "m.descent:10:18: error: there is no data file 'x.cvs'\nnote: looked for 'x.cvs'\nnote: did you mean 'x.csv'?\n"
       "note: --data FOLDER or the variable DESCENT_DATA names another folder to look in\n"},
      {R"(data { x = csv("."), )" + good_kind, "m.descent:10:18: error: expected a data file, found the folder '.'\n"},
      {R"(data { x = csv("bad.csv"), )" + good_kind,
       "m.descent:10:14: error: bad.csv:3: column 1 'b': expected a number, found 'four'\n"},
      {R"(data { x = csv("kind.csv"), )" + good_kind,
       "m.descent:10:14: error: input 'x' expects f32[batch, 2], found f32[3, 1]\n"},
      {R"(data { x = csv("x.csv", where = "a > 1 and b"), )" + good_kind,
       "m.descent:10:14: error: csv(): expected a condition like \"split == train\", found 'b'\n"},
      {R"(data { x = csv("x.csv", where = "a > 9"), kind = csv("kind.csv", label = 0, where = "kind > 9") })",
       "m.descent:10:14: error: expected at least one row, found none\n"},
      {R"(data { x = wav("a.wav"), )" + good_kind,
       "m.descent:10:14: error: sounds are no tensor: log_mel(…) and samples(…) make one of them\n"},
      {R"(data { x = samples(wav("a.wav", rate = 16000), length = 2), )" + good_kind,
       "m.descent:10:22: error: a.wav: expected 16000 samples a second, found 8000\n"},
      {R"(data { x = samples(wav("cut.wav"), length = 2), )" + good_kind,
       "m.descent:10:22: error: cut.wav: truncated: 1 bytes of samples are missing\n"},
      {R"(data { x = samples(wav("both.wav"), length = 2), )" + good_kind,
       "m.descent:10:22: error: both.wav: expected one channel, found 2; choose one with channel = 0\n"},
      {R"(data { x = samples(csv("x.csv"), length = 2), )" + good_kind,
       "m.descent:10:14: error: samples(): expected a stream with sounds: wav(\"…\")\n"},
      {R"(data { x = log_mel(wav("a.wav"), length = 1, bands = 2, window = 31), )" + good_kind,
       "m.descent:10:14: error: log_mel(): expected an even number of samples for 'window'\n"},
      {R"(data { x = log_mel(wav("a.wav")), )" + good_kind,
       "m.descent:10:14: error: log_mel(): it needs 'length', a whole number\n"},
      {R"(data { x = samples(wav("empty"), length = 2), )" + good_kind,
       "m.descent:10:22: error: empty: expected files that end in .wav, found none\n"},
      {R"(data { x = samples(wav("*.wave"), length = 2), )" + good_kind,
       "m.descent:10:26: error: there is no data file that matches '*.wave'\nnote: looked for '*.wave'\nnote: did you "
       "mean 'a.wav'?\n"
       "note: --data FOLDER or the variable DESCENT_DATA names another folder to look in\n"},
      {R"(data { x = images("x.csv", column = "a"), )" + good_kind,
       "m.descent:10:14: error: x.csv:2: there is no file '1' beside the table\n"},
      {R"(data { x = images("a.wav"), )" + good_kind,
       "m.descent:10:14: error: a.wav: expected a PNG file, found another format\n"},
      {R"(data { x = images("a.wav", channels = 2), )" + good_kind,
       "m.descent:10:14: error: a.wav: expected channels = 1 for grey or 3 for colour, found 2\n"},
      {R"(data { x = images("a.wav", height = 2), )" + good_kind,
       "m.descent:10:14: error: a.wav: 'height' and 'width' bring images to one size together\n"},
      {R"(data { x = flip(csv("x.csv")), )" + good_kind,
       "m.descent:10:14: error: flip(): expected images, tensors whose rows have a height and a width, found none\n"},
      {R"(data { x = noise(csv("x.csv")), )" + good_kind,
       "m.descent:10:14: error: noise(): it needs a deviation: noise(…, 0.1)\n"},
      {R"(data { x = shuffle(csv("x.csv"), seed = -1), )" + good_kind,
       "m.descent:10:14: error: shuffle(): expected a whole number from 0 to 2147483647 for 'seed', found -1\n"},
      {R"(data { x = csv("x.csv"), kind = csv("far.csv") })",
       "m.descent:10:35: error: row 1 of input 'kind' holds 3, expected a value in 0 ..< 3\n"},
      {R"(data { x = csv("x.csv"), kind = csv("short.csv") })",
       "m.descent:10:35: error: input 'kind' has 2 rows but 'x' has 3\nm.descent:10:14: note: 'x' is read here\n"},
      {R"(data { x = csv("x.csv", label = 0, missing = 1), )" + good_kind,
       "m.descent:10:14: error: x.csv: 'label' reads one column: 'missing' means nothing here\n"},
      {R"(data { x = csv("x.csv", separator = "ab"), )" + good_kind,
       "m.descent:10:14: error: x.csv: expected one character as separator, found 'ab'\n"},
      {R"(data { x = csv("x.csv", skip = 0.5), )" + good_kind,
       "m.descent:10:14: error: x.csv: expected a number of lines to skip, found 0.5\n"},
  };
  for (const Mistake& mistake : mistakes) {
    INFO(mistake.data);
    CHECK(messages(prepare(folder, mistake.data)) == mistake.expected);
  }
  const std::string half = messages(prepare(folder, R"(data { x = csv("x.csv"), kind = csv("half.csv") })"));
  CHECK(half.find("m.descent:10:35: error: input 'kind' expects i32[batch] in 0 ..< 3, found f32[3]: ") == 0);
  CHECK(half.find("0.5") != std::string::npos);
  CHECK(messages(prepare(folder, R"(data { x = csv("x.csv") })"))
            .find("input 'kind' : i32[batch] in 0 ..< 3 has no data") != std::string::npos);
}

TEST_CASE("a file is looked for beside the model, then in --data, then in DESCENT_DATA") {
  Folder model, option, environment;
  const std::string data = R"(data { x = csv("x.csv"), kind = csv("kind.csv") })";
  TrainingOptions options;
  options.data_folder = option.path("");
  ::setenv("DESCENT_DATA", environment.path("").c_str(), 1);
  model.write("x.csv", "1,2\n");
  environment.write("kind.csv", "0\n");
  CHECK(prepare(model, data, options) == "no error");
  option.write("kind.csv", "7\n");  // found first
  CHECK(messages(prepare(model, data, options)).find("row 0 of input 'kind' holds 7") != std::string::npos);
  model.write("kind.csv", "1\n");
  CHECK(prepare(model, data, options) == "no error");
  ::unsetenv("DESCENT_DATA");
  const std::string elsewhere = R"(data { x = csv("nowhere.csv"), kind = csv(")" + model.path("kind.csv") + R"(") })";
  const std::string text = messages(prepare(model, elsewhere, options));
  CHECK(text ==
        "m.descent:10:18: error: there is no data file 'nowhere.csv'\nnote: looked for 'nowhere.csv'\n"
        "note: looked for '" +
            option.path("nowhere.csv") + "'\n");
}

TEST_CASE("every reader reads the file its ending names") {
  using Kind = ReaderArgument::Kind;
  for (const Reader& reader : readers()) {
    INFO(reader.name);
    CHECK(find_reader(reader.name) == &reader);
    REQUIRE(reader.arguments.size() >= reader.positional);
    CHECK(!reader.summary.empty());
    for (const std::string_view ending : reader.endings) {
      CHECK(reader_for("some" + std::string(ending)) == &reader);
      CHECK(reader_for("some" + std::string(ending) + ".gz") == &reader);
    }
    const ReaderArgument& first = reader.arguments[0];
    if (first.kind != Kind::path && first.kind != Kind::source) continue;
    ReaderCall call;
    call.set(first.name, std::string("no/such/file"));
    const Streams streams = reader.read(call);
    REQUIRE(!streams.ok());
    CHECK(streams.error().file == "no/such/file");
  }
  CHECK(reader_for("weights.bin") == nullptr);
}

}  // namespace descent::test
