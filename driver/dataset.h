// The data of a train block, in memory or read batch by batch, and its batches.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "descent/descent.h"
#include "driver/data_source.h"

namespace descent {

struct Column {
  std::string input;
  data::RowsRef rows;  // of the input's own type
  bool by_row = true;  // the first axis is batch; otherwise every step gets the whole array
  Span at;
};

struct Dataset {
  std::vector<Column> columns;
  std::int64_t rows = 0;
};

struct TrainingData {
  Dataset data;
  std::optional<Dataset> test;
  Vocabularies vocabularies;
};
// Reads what the block names and checks it against the program's inputs.
Result<TrainingData> load_data(const Program& program, const frontend::TrainBlock& block, const Folders& folders);

// Arrays that already fit these inputs; every data input among `ports` must be there, all with the same rows.
Result<Dataset> dataset_of(const std::vector<Port>& ports,
                           const std::vector<std::pair<std::string, data::Array>>& arrays);

// The first number in the data in memory that is none or infinite, as a note where the data is named; nothing when all
// are finite.
std::optional<Note> not_finite_in(const Dataset& dataset);

// Bytes of a row in all columns.
std::int64_t row_bytes(const Dataset& dataset);

// Picks rows into memory of its own, the same for every batch.
class Batcher {
 public:
  // At most `most` rows at a time.
  Batcher(const Dataset& dataset, std::int64_t most);

  // The values of these rows; they stay until the next call. What is read only now may fail.
  Result<std::span<const Feed>> take(std::span<const std::int64_t> rows, const data::Draw& draw = {});
  // Rows begin, begin + 1, …
  Result<std::span<const Feed>> take(std::int64_t begin, std::int64_t count, const data::Draw& draw = {});

 private:
  std::span<const Feed> shown(std::int64_t rows);

  const Dataset* dataset_;
  std::vector<std::vector<std::byte>> memory_;  // per column
  std::vector<Feed> feeds_;
};

}  // namespace descent
