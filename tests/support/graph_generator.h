// Random well-typed Graphs for tests: sweeps of every shape, random numbers, scans. A Graph is a function of its seed.
//
// Values stay of order 1, so that f32 and double agree to |error| ≤ 1e-5 · max(1, max |value|) per tensor. What is not
// continuous (comparisons, argmax, conversions to integers) is asked only of values that f32 holds exactly: inputs lie
// on a grid of 1/64.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "ir/graph.h"

namespace descent {

struct GeneratorOptions {
  bool scans = true;
  bool random = true;
  bool doubles = true;     // some sweeps in f64
  bool scatters = true;    // landings that are not injective or go through integers
  bool gradients = false;  // ends with the gradient of a loss, and an update
};

// One model with the entry `step` of about `size` computing nodes.
Model generate_model(std::uint64_t seed, int size, const GeneratorOptions& options = {});

// Values for the inputs and the states of an entry, by name.
struct GeneratedValues {
  std::unordered_map<std::string, Tensor> inputs;
  std::unordered_map<std::string, Tensor> states;
};
GeneratedValues generate_values(const Graph& graph, std::int64_t batch, std::uint64_t seed);

}  // namespace descent
