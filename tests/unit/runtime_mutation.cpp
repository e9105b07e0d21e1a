// Broken input never crashes a reader: well-formed files are cut, flipped, grown and shuffled, and whatever comes out
// is an array whose size fits its shape or an error that says something. Seeded, so that a failure can be repeated.
#include <catch2/catch.hpp>
#include <functional>
#include <random>

#include "runtime/data/csv.h"
#include "runtime/data/idx.h"
#include "runtime/data/npy.h"
#include "runtime/data/npz.h"
#include "runtime/data/safetensors.h"
#include "tests/support/data.h"
#include "tests/support/sanitizer.h"
#include "tests/support/text_file.h"

using namespace descent::data;
using namespace descent::data::test;

namespace {

// What came out of one reader, without its type.
struct Outcome {
  std::vector<Array> arrays;
  std::string error;
};

template <class T>
Outcome outcome(const Expected<T>& result, const std::function<std::vector<Array>(const T&)>& arrays) {
  return result ? Outcome{arrays(*result), {}} : Outcome{{}, to_string(result.error())};
}

// A row per reader: adding a format here brings it under this test.
struct Reader {
  std::string name;
  std::string good;
  std::function<Outcome(const std::string&)> read;
};

std::vector<Reader> readers() {
  Tensors tensors;
  tensors.metadata = {{"step", "1"}};
  tensors.arrays["a.weight"] = array_of<float>(DType::f32, {2, 2}, {1, 2, 3, 4});
  tensors.arrays["b"] = array_of<std::uint8_t>(DType::boolean, {3}, {0, 1, 1});
  const std::string safetensors(text_of(*format_safetensors(tensors)));
  const std::string npy(text_of(format_npy(array_of<float>(DType::f32, {2, 3}, {1, 2, 3, 4, 5, 6}))));
  const std::string idx = bytes("\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x02\1\2\3\4\5\6\7\x08");
  const std::string csv = "age,\"size, m\",kind\n1.5,2e3,dog\n3,\"4\", cat\n?,6,dog\n\n";
  const auto one = [](const Array& array) { return std::vector{array}; };
  const auto all = [](const Tensors& parsed) {
    std::vector<Array> arrays;
    for (const auto& [name, array] : parsed.arrays) arrays.push_back(array);
    return arrays;
  };
  return {
      {"idx", idx, [=](const std::string& text) { return outcome<Array>(parse_idx(bytes_of_text(text), "x"), one); }},
      {"npy", npy, [=](const std::string& text) { return outcome<Array>(parse_npy(bytes_of_text(text), "x"), one); }},
      {"safetensors", safetensors,
       [=](const std::string& text) { return outcome<Tensors>(parse_safetensors(bytes_of_text(text), "x"), all); }},
      {"npz", std::string(text_of(*format_npz(tensors))),
       [=](const std::string& text) { return outcome<Tensors>(parse_npz(bytes_of_text(text), "x"), all); }},
      {"npz deflated", descent::test::read_text(DESCENT_SOURCE_DIR "/tests/fixtures/torch_names.deflated.npz"),
       [=](const std::string& text) { return outcome<Tensors>(parse_npz(bytes_of_text(text), "x"), all); }},
      {"csv", csv,
       [](const std::string& text) {
         const CsvOptions options{.columns = "0, 1", .missing = 0.0};
         return outcome<Table>(parse_csv(text, "x", options), [](const Table& t) { return std::vector{t.values}; });
       }},
      {"csv labels", csv,
       [](const std::string& text) {
         return outcome<Labels>(parse_csv_labels(text, "x", "-1"),
                                [](const Labels& l) { return std::vector{l.values}; });
       }},
      {"gzip", gzip(csv + csv + csv),
       [](const std::string& text) {
         return outcome<Bytes>(unpack_gzip(bytes_of_text(text), "x", 1 << 20), [](const Bytes& bytes) {
           return std::vector{Array{DType::u8, {static_cast<std::int64_t>(bytes.size())}, bytes}};
         });
       }},
  };
}

std::string mutate(std::string text, std::mt19937& random) {
  const auto below = [&](std::size_t bound) { return bound == 0 ? 0 : random() % bound; };
  for (std::size_t times = 1 + below(3); times > 0; --times) {
    switch (below(6)) {
      case 0:
        text.resize(below(text.size() + 1));
        break;
      case 1:
        if (!text.empty()) text[below(text.size())] ^= static_cast<char>(1 << below(8));
        break;
      case 2:
        text.insert(below(text.size() + 1), 1, static_cast<char>(random()));
        break;
      case 3:
        if (!text.empty()) text[below(text.size())] = static_cast<char>(random());
        break;
      case 4:
        text.erase(below(text.size() + 1), below(8));
        break;
      default: {
        const std::string piece = text.substr(below(text.size() + 1), below(16));
        text.insert(below(text.size() + 1), piece);
      }
    }
  }
  return text;
}

}  // namespace

TEST_CASE("mutated files give an array or an error, never a crash") {
  const int mutants = descent::test::repetitions(10'000);
  for (const Reader& reader : readers()) {
    INFO(reader.name);
    REQUIRE(reader.read(reader.good).error == "");
    std::mt19937 random(1);
    int errors = 0;
    for (int i = 0; i < mutants; ++i) {
      const Outcome outcome = reader.read(mutate(reader.good, random));
      INFO("mutant " << i << " of seed 1");
      errors += !outcome.error.empty();
      for (const Array& array : outcome.arrays) {
        const auto bytes = bytes_of(array.dtype, array.shape, largest_file);
        REQUIRE(bytes == static_cast<std::int64_t>(array.bytes.size()));
      }
    }
    // A mutation that nothing notices is possible; one that is hardly ever noticed would mean the test tests nothing.
    CHECK(errors > mutants / 4);
  }
}
