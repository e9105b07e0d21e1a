// What the tests of the public library share: examples compiled with overrides, their trainings, fixtures.
#pragma once

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "descent/training.h"
#include "runtime/data/safetensors.h"
#include "tests/support/shared_data.h"

namespace descent::test {

using Settings = std::vector<Setting>;

inline const std::string source_folder = DESCENT_SOURCE_DIR;

template <class T>
T value_of(Result<T> result) {
  INFO((result.ok() ? std::string() : render(result.errors())));
  REQUIRE(result.ok());
  return std::move(result).value();
}

template <class T>
std::string errors_of(const Result<T>& result) {
  return result.ok() ? "no error" : render(result.errors());
}

inline Program example(const std::string& name, const Settings& settings = {}) {
  CompileOptions options;
  options.set = settings;
  return value_of(compile_file(source_folder + "/examples/" + name + ".descent", options));
}

inline Training training_of(const Program& program, const TrainingOptions& options = {}) {
  return value_of(Training::prepare(program, options));
}

// The folder of the large data with `file` in it; empty, and a word of it: the test is skipped.
inline std::string folder_with(const std::string& file) {
  const std::string folder = shared_folder_with(file);
  if (folder.empty()) WARN("skipped: " << file << " is not on this machine (DESCENT_DATA names its folder)");
  return folder;
}

inline data::Tensors fixture(const std::string& name) {
  auto tensors = data::read_safetensors(source_folder + "/tests/fixtures/" + name + ".safetensors");
  REQUIRE(tensors.ok());
  return std::move(*tensors);
}

// Runs all epochs; the first loss of every step.
inline std::vector<double> losses_of(Training& training, std::int64_t epochs) {
  std::vector<double> losses;
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    value_of(training.run_epoch([&](std::int64_t, double loss) { losses.push_back(loss); }));
  }
  return losses;
}

inline double value_named(const NamedValues& values, const std::string& name) {
  for (const auto& [known, value] : values) {
    if (known == name) return value;
  }
  FAIL("no value '" << name << "'");
  return 0;
}

// max |error| / max |value|
inline double relative_error(const std::vector<double>& found, std::span<const double> expected) {
  double error = 0, largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    error = std::max(error, std::abs(found[i] - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  return error / largest;
}

}  // namespace descent::test
