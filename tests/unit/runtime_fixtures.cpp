// The committed files: the weights that another library wrote, the lessons' data and their splits.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "runtime/data/csv.h"
#include "runtime/data/safetensors.h"
#include "tests/support/data.h"

using namespace descent::data;
using namespace descent::data::test;

namespace {

const std::string fixtures = DESCENT_SOURCE_DIR "/tests/fixtures/";
const std::string examples = DESCENT_SOURCE_DIR "/examples/data/";

}  // namespace

TEST_CASE("every fixture is read, and written again holds the same") {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(fixtures)) {
    if (entry.path().extension() != ".safetensors") continue;
    ++count;
    const auto tensors = read_safetensors(entry.path().string());
    INFO(message(tensors));
    REQUIRE(tensors);
    CHECK(!tensors->arrays.empty());
    CHECK(*parse_safetensors(*format_safetensors(*tensors), "x") == *tensors);
  }
  CHECK(count >= 8);
}

TEST_CASE("weights stand under the names the language gives, as [in, out]") {
  const auto weights = read_safetensors(fixtures + "xor.weights.safetensors");
  REQUIRE(weights);
  CHECK(weights->arrays.at("hidden.linear.weight").shape == Shape{2, 3});
  CHECK(weights->arrays.at("prediction.linear.weight").shape == Shape{3, 1});
  CHECK(weights->arrays.at("hidden.linear.weight").dtype == DType::f32);
}

TEST_CASE("the digits split as their list says") {
  const std::string file = examples + "digits.csv.gz", list = examples + "digits.test.csv";
  const auto all = read_csv(file, {.drop_columns = "64"});
  const auto train = read_csv(file, {.drop_columns = "64", .drop_rows = list});
  const auto test = read_csv(file, {.drop_columns = "-1", .rows = list});
  REQUIRE(all);
  REQUIRE(train);
  REQUIRE(test);
  CHECK(all->values.shape == Shape{1797, 64});
  CHECK(train->values.shape == Shape{1437, 64});
  CHECK(test->values.shape == Shape{360, 64});
  const std::int64_t first[] = {0, 5}, second[] = {1, 2};
  const std::int64_t head[] = {0, 1};
  CHECK(take_rows(test->values, head) == take_rows(all->values, first));
  CHECK(take_rows(train->values, head) == take_rows(all->values, second));
  const auto labels = read_csv_labels(file, "64", {.rows = list});
  REQUIRE(labels);
  CHECK(labels->values.shape == Shape{360});
  CHECK(labels->classes == std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"});
}

TEST_CASE("iris begins with a line that is not data; its test rows hold ten of each species") {
  const std::string file = examples + "iris.csv";
  CHECK(message(read_csv(file)) == file + ":1: column 2: expected a number, found 'setosa'");
  const CsvOptions options{.skip = 1, .columns = "0 ..< 4", .rows = examples + "iris.test.csv"};
  const auto table = read_csv(file, options);
  const auto labels = read_csv_labels(file, "4", options);
  REQUIRE(table);
  REQUIRE(labels);
  CHECK(table->values.shape == Shape{30, 4});
  const auto species = values<std::int32_t>(labels->values);
  for (const std::int32_t kind : {0, 1, 2}) CHECK(std::count(species.begin(), species.end(), kind) == 10);
}

TEST_CASE("the diabetes table's scale is the mean and the deviation of its training rows") {
  const std::string list = examples + "diabetes.test.csv";
  const auto train = read_csv(examples + "diabetes.csv", {.drop_columns = "progression", .drop_rows = list});
  const auto scale = read_csv(examples + "diabetes.scale.csv");
  REQUIRE(train);
  REQUIRE(scale);
  CHECK(train->values.shape == Shape{353, 10});
  CHECK(scale->values.shape == Shape{2, 10});
  CHECK(scale->names == train->names);
  const auto cells = train->values.as<float>();
  for (std::size_t j = 0; j < 10; ++j) {
    double sum = 0, squares = 0;
    for (std::size_t row = 0; row < 353; ++row) sum += cells[10 * row + j];
    for (std::size_t row = 0; row < 353; ++row) squares += std::pow(cells[10 * row + j] - sum / 353, 2);
    CHECK(scale->values.as<float>()[j] == Approx(sum / 353).epsilon(1e-5));
    CHECK(scale->values.as<float>()[10 + j] == Approx(std::sqrt(squares / 353)).epsilon(1e-5));
  }
}
