// Writes what fuzzing starts from: for every target a folder of inputs taken from the tree or made from it, and a
// dictionary of the words that stand in them.
//
//   seeds FOLDER        → FOLDER/TARGET/…, FOLDER/TARGET.dict
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "frontend/frontend.h"
#include "passes/pipeline.h"
#include "runtime/data/file.h"
#include "runtime/data/npy.h"
#include "runtime/data/npz.h"
#include "runtime/data/picture.h"
#include "runtime/data/safetensors.h"
#include "tests/support/text_file.h"
#include "tests/support/wav.h"

namespace descent::fuzz {
namespace {

namespace fs = std::filesystem;

// In bytes; what is longer is slow to run and mutated in the wrong places. Graphs go all the way down, so they cost
// most.
constexpr std::size_t largest_seed = 4000, largest_graph = 1500;

// Files of the tree with one extension, by name.
std::vector<fs::path> files(const std::vector<std::string>& folders, const std::string& extension) {
  std::vector<fs::path> paths;
  for (const std::string& folder : folders) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(DESCENT_SOURCE_DIR) / folder)) {
      if (entry.path().extension() == extension) paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// The seeds of one target.
class Seeds {
 public:
  Seeds(fs::path folder, std::string target, std::size_t largest = largest_seed)
      : folder_(std::move(folder)), target_(std::move(target)), largest_(largest) {
    fs::create_directories(folder_ / target_);
  }

  void add(std::string_view seed) {
    if (seed.empty() || seed.size() > largest_) return;
    const fs::path path = folder_ / target_ / (std::to_string(count_++) + ".seed");
    std::ofstream(path, std::ios::binary).write(seed.data(), static_cast<std::streamsize>(seed.size()));
    collect_words(seed);
  }

  // libFuzzer's format: a quoted text per line.
  void write_dictionary() const {
    std::ofstream stream(folder_ / (target_ + ".dict"));
    for (const std::string& word : words_) stream << '"' << word << "\"\n";
    for (const char* number : {"0", "-1", "2147483648", "1099511627776", "9223372036854775807", "1e308", "1e-45"}) {
      stream << '"' << number << "\"\n";
    }
  }

 private:
  static bool is_letter(char sign) { return std::isalpha(static_cast<unsigned char>(sign)) != 0 || sign == '_'; }

  void collect_words(std::string_view seed) {
    for (std::size_t at = 0; at < seed.size();) {
      std::size_t end = at;
      while (end < seed.size() && is_letter(seed[end])) ++end;
      if (end - at >= 2 && end - at <= 24) words_.emplace(seed.substr(at, end - at));
      at = end + 1;
    }
  }

  fs::path folder_;
  std::string target_;
  std::size_t largest_;
  int count_ = 0;
  std::set<std::string> words_;
};

SourceRef source_of(std::string text) { return std::make_shared<const Source>(Source{"seed", std::move(text)}); }

// What the tree's own models leave to the library, or bury in long ones: lookups, windows, guards, in a few numbers.
constexpr std::string_view lookup_model = R"(model lookup() {
  input k : i32[batch] in 0 ..< 3
  input x : f32[batch, 3]
  input table : f32[4, 2]
  output y[b] = x[b, k[b]]
  output z[b, j] = table[k[b] + 1, j] - (x[b, j] - x[b, 2*j])
}
)";
constexpr std::string_view lookup_graph = R"(descent graph 1
model lookup

entry predict {
  %k = input k : i32[batch] in 0 ..< 3
  %x = input x : f32[batch, 3]
  %table = input table : f32[4, 2]
  %y = sweep [b < batch] { %x[b, %k[b]] } : f32[batch]
  %z = sweep [b < batch, j < 2] { %table[%k[b] + 1, j] - (%x[b, j] - %x[b, 2*j]) } : f32[batch, 2]
  output y = %y
  output z = %z
}
)";

void write_texts(const fs::path& folder) {
  Seeds language(folder, "language"), graph(folder, "graph", largest_graph), loop(folder, "loop");
  const auto add_graph = [&](const Model& model) {
    graph.add(print(model));
    LowerOptions options;
    options.largest_batch = 4;
    const Result<Model> passed = run_passes(model);
    if (!passed) return;
    graph.add(print(*passed));
    // Entry by entry: whole programs are long, and a kernel that can't run keeps nobody else from it.
    for (const Graph& entry : passed->entries) {
      for (int lanes : {1, 4}) {
        options.lanes = lanes;
        if (const auto program = lower({passed->name, passed->states, {entry}}, options)) {
          loop.add(loop::print(*program));
        }
      }
    }
  };
  for (const fs::path& path : files({"examples", "tests/golden", "frontend/std"}, ".descent")) {
    const auto compiled = frontend::compile(source_of(test::read_text(path)), {});
    // What reaches the limits takes seconds under a sanitizer, and so would all that is made from it.
    if (!compiled && compiled.errors().front().id == "model-too-large") continue;
    language.add(test::read_text(path));
    if (compiled) add_graph(compiled->model);
  }
  for (const fs::path& path : files({"tests/graphs"}, ".graph")) {
    graph.add(test::read_text(path));
    if (const auto model = parse_model(source_of(test::read_text(path)))) add_graph(*model);
  }
  language.add(lookup_model);
  graph.add(lookup_graph);
  for (const fs::path& path : files({"tests/golden/errors/loop"}, ".loop")) loop.add(test::read_text(path));
  for (const Seeds* seeds : {&language, &graph, &loop}) seeds->write_dictionary();
}

// Arrays of every type and some shapes, small.
std::vector<data::Array> arrays() {
  std::vector<data::Array> all;
  for (int type = 0; type <= static_cast<int>(data::DType::boolean); ++type) {
    for (const data::Shape& shape : {data::Shape{}, data::Shape{3}, data::Shape{2, 0}, data::Shape{2, 3, 2}}) {
      all.push_back(data::zeros(static_cast<data::DType>(type), shape));
    }
  }
  return all;
}

void write_npy(const fs::path& folder) {
  Seeds seeds(folder, "npy");
  const auto add_with = [&](std::string file, std::string_view from, std::string_view to) {
    if (const std::size_t at = file.find(from); at != std::string::npos) seeds.add(file.replace(at, from.size(), to));
  };
  for (const data::Array& array : arrays()) {
    const data::Bytes bytes = data::format_npy(array);
    const std::string file(data::text_of(bytes));
    seeds.add(file);
    add_with(file, "False", "True ");
    for (const char* code : {"<u4", "<f2", ">f4", "|i1"}) add_with(file, "<f4", code);
    for (const char* code : {"<i2", "<u2"}) add_with(file, "<i4", code);
  }
  seeds.write_dictionary();
}

void write_safetensors(const fs::path& folder) {
  Seeds seeds(folder, "safetensors");
  for (const fs::path& path : files({"tests/fixtures"}, ".safetensors")) seeds.add(test::read_text(path));
  data::Tensors tensors;
  tensors.metadata = {{"step", "1"}};
  for (const data::Array& array : arrays()) {
    tensors.arrays["tensor." + std::to_string(tensors.arrays.size())] = array;
    seeds.add(data::text_of(*data::format_safetensors(tensors)));
  }
  seeds.write_dictionary();
}

void write_npz(const fs::path& folder) {
  Seeds seeds(folder, "npz");
  for (const fs::path& path : files({"tests/fixtures"}, ".npz")) seeds.add(test::read_text(path));
  data::Tensors tensors;
  for (const data::Array& array : arrays()) {
    seeds.add(data::text_of(*data::format_npz(tensors)));
    tensors.arrays["array." + std::to_string(tensors.arrays.size())] = array;
  }
  seeds.write_dictionary();
}

// Of the model in checkpoint.cpp, as its Trainer would write it, and with a tensor less.
void write_checkpoints(const fs::path& folder) {
  Seeds seeds(folder, "checkpoint");
  data::Tensors tensors;
  tensors.metadata = {{"format", "descent checkpoint"}, {"version", "1"}, {"model", "m"}};
  tensors.arrays["w"] = tensors.arrays["optimizer/w.momentum.v"] = data::zeros(data::DType::f32, {2});
  for (const char* name : {"clock/seed", "clock/step", "clock/steps"}) {
    tensors.arrays[name] = data::zeros(data::DType::i64, {});
    tensors.arrays[name].as<std::int64_t>()[0] = 3;
  }
  for (const char* name : {"rate/rate", "rate/momentum"}) tensors.arrays[name] = data::zeros(data::DType::f64, {});
  seeds.add(data::text_of(*data::format_safetensors(tensors)));
  for (const auto& [name, array] : data::Tensors(tensors).arrays) {
    tensors.arrays.erase(name);
    seeds.add(data::text_of(*data::format_safetensors(tensors)));
    tensors.arrays.emplace(name, array);
  }
  seeds.write_dictionary();
}

// Of the model in support/two_states.h, and with a tensor less or one more.
void write_weights(const fs::path& folder) {
  Seeds seeds(folder, "weights");
  data::Tensors tensors;
  tensors.metadata = {{"format", "descent"}};
  tensors.arrays["weight"] = data::zeros(data::DType::f32, {3, 5});
  seeds.add(data::text_of(*data::format_safetensors(tensors)));
  tensors.arrays["count"] = data::zeros(data::DType::i32, {2});
  seeds.add(data::text_of(*data::format_safetensors(tensors)));
  tensors.arrays["moment"] = data::zeros(data::DType::f32, {2});
  seeds.add(data::text_of(*data::format_safetensors(tensors)));
  seeds.write_dictionary();
}

void write_idx(const fs::path& folder) {
  Seeds seeds(folder, "idx");
  for (const char type : {'\x08', '\x09', '\x0b', '\x0c', '\x0d', '\x0e'}) {
    std::string file{'\0', '\0', type, '\2', '\0', '\0', '\0', '\2', '\0', '\0', '\0', '\3'};
    const std::size_t size = type <= 0x09 ? 1 : type == 0x0b ? 2 : type == 0x0e ? 8 : 4;
    for (std::size_t i = 0; i < 6 * size; ++i) file.push_back(static_cast<char>(i));
    seeds.add(file);
  }
  seeds.write_dictionary();
}

// One channel and two, integers and floats.
void write_wav(const fs::path& folder) {
  Seeds seeds(folder, "wav");
  for (const std::uint16_t channels : {1, 2}) {
    seeds.add(data::test::wav_of({1, 20, 300, 4000, 20000, -20000}, {.channels = channels}));
    seeds.add(data::test::wav_of<float>({0.5F, -1.0F, 0.25F, 0.0F}, {.channels = channels}));
  }
  seeds.write_dictionary();
}

void write_png(const fs::path& folder) {
  Seeds seeds(folder, "png");
  for (const data::Shape& shape : {data::Shape{1, 2, 3}, data::Shape{1, 3, 4, 2}}) {
    data::Array array = data::zeros(data::DType::u8, shape);
    std::uint8_t level = 0;
    for (std::uint8_t& pixel : array.as<std::uint8_t>()) pixel = level += 37;
    const std::string path = (folder / "seed.png").string();
    if (data::write_picture(path, array).ok()) seeds.add(test::read_text(path));
    fs::remove(path);
  }
  seeds.write_dictionary();
}

// The first line chooses options, see csv.cpp.
void write_csv(const fs::path& folder) {
  Seeds seeds(folder, "csv");
  std::vector<std::string> texts = {"a,b,kind\n1,2e3,dog\n-3.5,?,\"ca\"\"t\"\n\n", "1 2  3\r\n4 5 6\r\n",
                                    "1;2\n\"3\";4"};
  for (const fs::path& path : files({"examples"}, ".csv"))
    texts.push_back(test::read_text(path).substr(0, 1000) + "\n");
  for (const std::string& text : texts) {
    for (const char* options :
         {"", "2@@@", "7@@A", "A@@C0, 1", "7BAA1 ..< 3", "4AB@a, kind", "4AB@a?b > 1 and kind == dog"}) {
      seeds.add(std::string(options) + "\n" + text);
    }
  }
  seeds.write_dictionary();
}

// See text.cpp.
void write_text(const fs::path& folder) {
  Seeds seeds(folder, "text");
  for (const std::string& options : std::vector<std::string>{"0", "1", "2", "5", "n", "q"}) {
    seeds.add(options +
              "\n# tokens: words lower\n<padding>\n<unknown>\n<begin>\n<end>\na\n\\n\n---\nA man, a\r\n\n\xC3\x84 b");
    seeds.add(options + "\n# tokens: characters\n<padding>\na\n---\na\xFF");
  }
  seeds.write_dictionary();
}

}  // namespace
}  // namespace descent::fuzz

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: seeds FOLDER\n");
    return 1;
  }
  using namespace descent::fuzz;
  const fs::path folder = arguments[1];
  write_texts(folder);
  write_npy(folder);
  write_npz(folder);
  write_safetensors(folder);
  write_checkpoints(folder);
  write_weights(folder);
  write_idx(folder);
  write_csv(folder);
  write_text(folder);
  write_wav(folder);
  write_png(folder);
  return 0;
}
