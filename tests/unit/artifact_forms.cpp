// Every form of an artifact, compiled into programs of C and C++, trains to the bits of the library's Trainer.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "runtime/data/npy.h"
#include "runtime/data/shuffle.h"
#include "tests/support/command.h"
#include "tests/support/shell.h"

namespace descent::test {
namespace {

// How OUT comes to be a program: what is built, and the compiler's further words.
struct ArtifactForm {
  std::string name, build, link;
};
const std::vector<ArtifactForm> forms = {
    {"object", "-o NAME.o", "NAME.o libdescent_runtime.a -pthread"},
    {"static library", "-o libNAME.a", "libNAME.a -pthread"},
    {"shared library", "-o libNAME.so", "libNAME.so -Wl,-rpath,. -pthread"},
    {"assembly", "-o NAME.s", "NAME.s libdescent_runtime.a -pthread"},
    {"LLVM", "-o NAME.ll", "llvm.o libdescent_runtime.a -pthread"},
    {"C++", "-o NAME.cpp", "cpp.o source.o -pthread"},
};

std::string with_name(std::string text, const std::string& name) {
  for (std::size_t at = text.find("NAME"); at != std::string::npos; at = text.find("NAME", at)) {
    text.replace(at, 4, name);
  }
  return text;
}

// Builds a form and a program over it; false: a tool is missing, and that was said.
bool build_program(const Folder& folder, const ArtifactForm& form, const std::string& name, const std::string& model,
                   const std::string& compile) {
  if (form.name == "LLVM" && !is_installed("clang-19")) {
    std::puts("skipped LLVM text: clang-19 is not installed");
    return false;
  }
  const Outcome built = descent_in(folder, fmt::format("build '{}' {}", model, with_name(form.build, name)));
  INFO(built.error);
  REQUIRE(built.code == 0);
  REQUIRE(descent_in(folder, "runtime -o libdescent_runtime.a").code == 0);
  if (form.name == "LLVM") run_in(folder, fmt::format("clang-19 -O2 -ffp-contract=off -w -c {}.ll -o llvm.o", name));
  if (form.name == "C++") {
    run_in(folder, fmt::format("g++ -std=c++17 -O1 -ffp-contract=off -Wall -Wextra -Werror -c {}.cpp -o cpp.o", name));
    run_in(folder,
           "g++ -std=c++20 -O1 -ffp-contract=off -Wall -Wextra -Werror -fno-exceptions -fno-rtti -c "
           "descent_runtime.cpp -o source.o");
  }
  run_in(folder, compile + " " + with_name(form.link, name) + " -o program");
  return true;
}

std::vector<float> floats(const data::Array& array) { return {array.as<float>().begin(), array.as<float>().end()}; }

void check_same_weights(const Trainer& trainer, const std::string& path) {
  const auto saved = data::read_safetensors(path);
  REQUIRE(saved.ok());
  CHECK(saved->arrays.size() == trainer.parameters().size());
  for (const std::string& name : trainer.parameters()) {
    INFO(name);
    REQUIRE(saved->arrays.contains(name));
    CHECK(saved->arrays.at(name) == value_of(trainer.parameter(name)));
  }
}

const std::vector<float> x{0, 0, 0, 1, 1, 0, 1, 1}, y{0, 1, 1, 0};

// What tests/artifact/xor.c does, by the library. The first trainer's weights come back in `trained`.
std::string xor_by_hand(Trainer& trained, Trainer& second) {
  REQUIRE(trained.init(3).empty());
  const Feed feeds[] = {{"x", x}, {"y", y}};
  value_of(trained.steps(100, 4, feeds));
  REQUIRE(trained.set("rate", 0.5).empty());
  const std::vector<float> x3(x.begin(), x.begin() + 6), y3(y.begin(), y.begin() + 3);
  const Feed three[] = {{"x", x3}, {"y", y3}};
  value_of(trained.step(3, three));
  const double loss = value_of(trained.step(4, feeds))[0];
  const double error = value_of(trained.evaluate(4, feeds))[1];
  const float guess = floats(value_of(trained.predict(4, feeds))[0])[2];

  REQUIRE(second.init(4).empty());
  for (std::uint64_t epoch = 0; epoch < 5; ++epoch) {
    std::vector<float> moved_x, moved_y;
    for (std::int64_t row : data::permutation(4, 4, epoch)) {
      const auto at = static_cast<std::size_t>(row);
      moved_x.insert(moved_x.end(), {x[2 * at], x[2 * at + 1]});
      moved_y.push_back(y[at]);
    }
    const Feed moved[] = {{"x", moved_x}, {"y", moved_y}};
    value_of(second.step(4, moved));
  }
  return fmt::format("allocations 0\nsteps 102 rate 0.5 loss {:.17g} error {:.17g} guess {:.9g}\n", loss, error,
                     guess) +
         "expected 1 to 4 rows, found 5\ncannot read '/nowhere/at all'\n";
}

}  // namespace

TEST_CASE("every form of an artifact trains XOR to the Trainer's bits, in C99") {
  const std::string model = source_folder + "/examples/01_xor.descent";
  Trainer first = value_of(Trainer::create(example("01_xor"), {.threads = 1}));
  Trainer second = value_of(Trainer::create(example("01_xor"), {.threads = 1}));
  const std::string expected = xor_by_hand(first, second);
  for (const ArtifactForm& form : forms) {
    INFO(form.name);
    const Folder folder;
    const std::string compile =
        "gcc -std=c99 -Wall -Wextra -Werror -pedantic -O1 -Wl,--wrap=malloc,--wrap=posix_memalign -I. '" +
        source_folder + "/tests/artifact/xor.c'";
    if (!build_program(folder, form, "xor", model, compile)) continue;
    run_in(folder, "./program first.safetensors second.safetensors > said.txt");
    CHECK(read_text(folder.path("said.txt")) == expected);
    check_same_weights(first, folder.path("first.safetensors"));
    check_same_weights(second, folder.path("second.safetensors"));
  }
}

TEST_CASE("without the entry step whole batches are trained on as ever, and short ones refused") {
  const Folder folder;
  const std::string model = source_folder + "/examples/01_xor.descent";
  const ArtifactForm form{"least", "-o libNAME.a --entries init,steps", "libNAME.a -pthread"};
  folder.write("least.c", R"(#include <stdio.h>
#include "xor.h"
int main(void) {
  static const float x[10] = {0, 0, 0, 1, 1, 0, 1, 1}, y[5] = {0, 1, 1, 0};
  xor_trainer* trainer = xor_create(XOR_CONTRACT, NULL, 1);
  if (!trainer || xor_init(trainer, 3) || xor_train(trainer, 9, 4, x, y, NULL, NULL) ||
      xor_step(trainer, 4, x, y, NULL) || xor_save(trainer, "least.safetensors")) {
    return 1;
  }
  if (xor_step(trainer, 3, x, y, NULL) == DESCENT_DONE || xor_train(trainer, 1, 5, x, y, NULL, NULL) == DESCENT_DONE) {
    return 1;
  }
  puts(xor_error(trainer));
  xor_destroy(trainer);
  return 0;
}
)");
  build_program(folder, form, "xor", model, "gcc -std=c99 -Wall -Wextra -Werror -I. least.c");
  CHECK(output_of(folder, "./program") ==
        "expected whole batches of 4 rows, found 5: the model was built without its entry 'step'\n");
  Trainer trainer = value_of(Trainer::create(example("01_xor"), {.threads = 1}));
  REQUIRE(trainer.init(3).empty());
  const Feed feeds[] = {{"x", x}, {"y", y}};
  value_of(trainer.steps(10, 4, feeds));
  check_same_weights(trainer, folder.path("least.safetensors"));
}

namespace {

// Data of tests/artifact/mixed.descent, as arrays and as raw bytes.
struct MixedData {
  static constexpr std::int64_t rows = 70;
  std::vector<std::uint8_t> image;
  std::vector<std::int32_t> label;
  std::vector<float> side;

  MixedData() {
    for (std::int64_t i = 0; i < rows * 9; ++i) image.push_back(static_cast<std::uint8_t>(i * 37 % 251));
    for (std::int64_t i = 0; i < rows; ++i) label.push_back(static_cast<std::int32_t>(i * 7 % 5 % 4));
    for (std::int64_t i = 0; i < rows * 2; ++i) side.push_back(static_cast<float>(i % 13) / 8 - 0.5F);
  }
  template <class T>
  static void write(const Folder& folder, const std::string& name, const std::vector<T>& values) {
    folder.write(name, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
  }
};

// Rows of the data, as a batch.
struct MixedBatch {
  std::vector<std::uint8_t> image;
  std::vector<std::int32_t> label;
  std::vector<float> side;

  MixedBatch(const MixedData& data, std::span<const std::int64_t> rows) : side(2 * rows.size()) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::int64_t row = rows[i];
      image.insert(image.end(), data.image.begin() + 9 * row, data.image.begin() + 9 * (row + 1));
      label.push_back(data.label[static_cast<std::size_t>(row)]);
      for (std::size_t k = 0; k < 2; ++k) {
        side[k * rows.size() + i] = data.side[k * static_cast<std::size_t>(data.rows) + static_cast<std::size_t>(row)];
      }
    }
  }
  std::array<Feed, 3> feeds() const { return {Feed{"image", image}, Feed{"label", label}, Feed{"side", side}}; }
};

// Σ rows·value / Σ rows over batches of at most 16 rows, in this order.
template <class Values>
std::vector<double> means(const MixedData& data, const std::vector<std::int64_t>& order,
                          const Values& values_of_batch) {
  std::vector<double> sums;
  for (std::size_t begin = 0; begin < order.size(); begin += 16) {
    const std::size_t rows = std::min<std::size_t>(16, order.size() - begin);
    const MixedBatch batch(data, std::span(order).subspan(begin, rows));
    const std::vector<double> values = values_of_batch(static_cast<std::int64_t>(rows), batch);
    sums.resize(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) sums[i] += static_cast<double>(rows) * values[i];
  }
  for (double& sum : sums) sum /= static_cast<double>(order.size());
  return sums;
}

// What tests/artifact/mixed.cpp does, by the library.
std::string mixed_by_hand(const Program& program, Trainer& trainer, const MixedData& data) {
  REQUIRE(trainer.init(7).empty());
  trainer.set_total_steps(3 * 5);
  std::vector<double> losses;
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    losses = means(data, data::permutation(data.rows, 7, epoch), [&](std::int64_t rows, const MixedBatch& batch) {
      const auto values = value_of(trainer.step(rows, batch.feeds()));
      return std::vector<double>(values.begin(), values.end());
    });
  }
  std::vector<std::int64_t> all(static_cast<std::size_t>(data.rows));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  const std::vector<double> joined = means(data, all, [&](std::int64_t rows, const MixedBatch& batch) {
    const auto values = value_of(trainer.evaluate(rows, batch.feeds()));
    return std::vector<double>(values.begin(), values.end());
  });
  std::map<std::string, double> metrics;
  for (std::size_t i = 0; i < joined.size(); ++i) metrics[program.outputs("evaluate")[i].name] = joined[i];
  std::vector<Feed> parts;
  for (const Port& port : program.inputs("report")) {
    parts.emplace_back(port.name, Feed::Values(std::span<const double>(&metrics.at(port.name), 1)));
  }
  const double perplexity = value_of(trainer.report(parts))[0];
  const MixedBatch first(data, std::span(all).first(16));
  const auto outputs = value_of(trainer.predict(16, first.feeds()));
  return fmt::format("{:.17g} {:.17g}\n{:.17g} {:.17g} {:.17g} {:.17g}\n{:.9g} {:.9g}\n", losses[0], losses[1],
                     metrics.at("nll"), metrics.at("decay"), metrics.at("hits"), perplexity, floats(outputs[0])[5],
                     floats(outputs[1])[16 + 1]) +
         "the sizes of the spans do not agree with the shapes and with each other\n"
         "row 2 of input 'label' holds 4, expected a value in 0 ..< 4\n"
         "expected a safetensors file, found one that ends early\n";
}

}  // namespace

namespace {

// What the program below does, by the library.
void micro_by_hand(Trainer& trainer, const std::vector<float>& x, const std::vector<float>& y) {
  const std::int64_t all = std::ssize(y);
  const auto take = [&](const std::vector<std::int64_t>& order, std::int64_t begin, std::int64_t rows, bool is_last) {
    std::vector<float> moved_x, moved_y;
    for (std::int64_t i = begin; i < begin + rows; ++i) {
      const std::int64_t row = order[static_cast<std::size_t>(i)];
      moved_x.insert(moved_x.end(), x.begin() + 4 * row, x.begin() + 4 * (row + 1));
      moved_y.push_back(y[static_cast<std::size_t>(row)]);
    }
    const Feed feeds[] = {{"x", moved_x}, {"y", moved_y}};
    value_of(is_last ? trainer.step(rows, feeds) : trainer.accumulate(rows, feeds));
  };
  REQUIRE(trainer.init(7).empty());
  trainer.set_total_steps(4 * 2);
  for (std::uint64_t epoch = 0; epoch < 4; ++epoch) {
    const std::vector<std::int64_t> order = data::permutation(all, 7, epoch);
    for (std::int64_t begin = 0, batch = 1; begin < all; begin += 8, ++batch) {
      const std::int64_t rows = std::min<std::int64_t>(8, all - begin);
      take(order, begin, rows, batch % 3 == 0 || begin + rows == all);
    }
  }
  std::vector<std::int64_t> order(static_cast<std::size_t>(all));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  take(order, 0, 8, false);
  take(order, 0, 3, false);
  take(order, 0, 5, true);
}

}  // namespace

TEST_CASE("artifacts take the Trainer's steps of several batches") {
  const std::string model = source_folder + "/tests/artifact/micro.descent";
  std::vector<float> many_x, many_y;
  for (int i = 0; i < 29 * 4; ++i) many_x.push_back(static_cast<float>(i * i % 23) / 8 - 1);
  for (int i = 0; i < 29; ++i) many_y.push_back(static_cast<float>(i % 5) / 4);
  Trainer trainer = value_of(Trainer::create(value_of(compile_file(model)), {.threads = 1}));
  micro_by_hand(trainer, many_x, many_y);
  for (const ArtifactForm& form : forms) {
    if (form.name != "static library" && form.name != "C++") continue;
    INFO(form.name);
    const Folder folder;
    folder.write("micro.cc", R"(#include <cstdint>
#include "micro.h"
int main() {
  static float x[29 * 4], y[29];
  static std::uint32_t order[29];
  for (int i = 0; i < 29 * 4; ++i) x[i] = static_cast<float>(i * i % 23) / 8 - 1;
  for (int i = 0; i < 29; ++i) y[i] = static_cast<float>(i % 5) / 4;
  micro::Trainer trainer(1);
  if (MICRO_ACCUMULATE != 3 || !trainer.init(7) || !trainer.train(4, x, y, order)) return 1;
  const std::span<const float> xs(x), ys(y);
  if (trainer.steps_taken() != 8 || !trainer.accumulate(xs.first(32), ys.first(8))) return 2;
  micro_losses losses;
  if (micro_accumulate(trainer.get(), 3, x, y, &losses) != DESCENT_DONE || trainer.steps_taken() != 8) return 3;
  if (micro_accumulate(trainer.get(), 9, x, y, &losses) == DESCENT_DONE) return 4;
  if (!trainer.step(xs.first(20), ys.first(5)) || trainer.steps_taken() != 9) return 5;
  return trainer.save("micro.safetensors") ? 0 : 6;
}
)");
    build_program(folder, form, "micro", model,
                  "g++ -std=c++20 -Wall -Wextra -Werror -Wshadow -pedantic -O1 -fno-exceptions -I. micro.cc");
    run_in(folder, "./program");
    check_same_weights(trainer, folder.path("micro.safetensors"));
  }
}

TEST_CASE("a class of C++ does what the Trainer does, whatever its inputs are like") {
  const std::string model = source_folder + "/tests/artifact/mixed.descent";
  const MixedData data;
  const Program program = value_of(compile_file(model));
  Trainer trainer = value_of(Trainer::create(program, {.threads = 1}));
  const std::string expected = mixed_by_hand(program, trainer, data);
  for (const ArtifactForm& form : forms) {
    if (form.name != "static library" && form.name != "C++") continue;
    INFO(form.name);
    const Folder folder;
    MixedData::write(folder, "image.raw", data.image);
    MixedData::write(folder, "label.raw", data.label);
    MixedData::write(folder, "side.raw", data.side);
    const std::string compile = "g++ -std=c++20 -Wall -Wextra -Werror -Wshadow -pedantic -O1 -fno-exceptions -I. '" +
                                source_folder + "/tests/artifact/mixed.cpp'";
    build_program(folder, form, "mixed", model, compile);
    run_in(folder, "./program > said.txt");
    CHECK(read_text(folder.path("said.txt")) == expected);
    check_same_weights(trainer, folder.path("mixed.safetensors"));
    CHECK(trainer.load(folder.path("mixed.safetensors")).empty());
  }
}

}  // namespace descent::test
