// Random values for the inputs of an entry.
#pragma once

#include <vector>

#include "descent/descent.h"

namespace descent {

// Batches that lie in memory, as Trainer::steps takes them.
struct BenchData {
  std::vector<std::string> names;
  std::vector<data::Array> values;
  std::vector<Feed> feeds;  // into `values`
  std::int64_t batches = 0;
  std::int64_t bytes = 0;
};
// Of the declared types and ranges: floats in [0, 1), bytes of all values, integers without a range 0 or 1. As
// many batches of `rows` rows as are wanted, fewer where they would fill the memory.
BenchData random_data(const std::vector<Port>& inputs, std::int64_t rows, std::int64_t batches);

}  // namespace descent
