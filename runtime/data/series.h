// Rows without a common length: recordings, and what is made of them. Each row is a number of steps with `width` floats
// each; padded to one length they become tensors.
#pragma once

#include "runtime/data/rows.h"

namespace descent::data {

class Series {
 public:
  Series(std::int64_t count, std::int64_t width, double rate) : count_(count), width_(width), rate_(rate) {}
  Series(const Series&) = delete;
  Series& operator=(const Series&) = delete;
  virtual ~Series() = default;

  std::int64_t count() const { return count_; }
  std::int64_t width() const { return width_; }
  double rate() const { return rate_; }  // steps a second

  // [steps, width]; never more than `largest_array` bytes.
  virtual Expected<std::vector<float>> read(std::int64_t row, const Draw& draw) const = 0;
  // How many `read` would give, without reading.
  virtual std::int64_t steps(std::int64_t row, const Draw& draw) const = 0;
  virtual bool draws() const { return false; }

 private:
  std::int64_t count_;
  std::int64_t width_;
  double rate_;
};
using SeriesRef = std::shared_ptr<const Series>;

SeriesRef select_series(SeriesRef series, RowNumbers numbers);
// One behind the other; of the same width and rate.
Expected<SeriesRef> append_series(std::vector<SeriesRef> parts);
// Row r of the result is rows first + r·stride … + length - 1 end to end.
SeriesRef window_series(SeriesRef series, std::int64_t first, std::int64_t stride, std::int64_t length,
                        std::int64_t count);

// Tensors of one length: longer rows are cut, shorter ones filled with `padding`.
struct SeriesParts {
  RowsRef values;   // f32[length, width], with width 1 f32[length]
  RowsRef lengths;  // i32[]: steps that are no padding
  RowsRef mask;     // bool[length]: 1 for each of them
};
// `padding` has `width` floats.
SeriesParts pad_series(SeriesRef series, std::int64_t length, std::vector<float> padding);

}  // namespace descent::data
