// Streams: what readers give and transforms take. Tensors by the names of the inputs they feed, and perhaps text or
// sounds that are no tensor yet, all with the same rows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/data/series.h"
#include "runtime/data/text.h"

namespace descent::data {

struct StreamTensor {
  std::string name;  // of an input; empty: whoever takes the stream says
  RowsRef rows;
};

struct Stream {
  std::vector<StreamTensor> tensors;  // at most one without a name
  TextsRef texts = {};                // or null
  SeriesRef sounds = {};              // or null

  std::int64_t rows() const;
  // The tensor without a name; null when all have one.
  const StreamTensor* principal() const;
};

Stream stream_of(RowsRef rows);
Stream select(const Stream& stream, const std::vector<std::int64_t>& rows);

// Streams of the same rows as one. A name that two have is an error.
Expected<Stream> join(const std::vector<Stream>& streams);

// The rows of one behind those of another; all have the same names. `origin`: an input that gets the number of the
// stream, from 0, that a row comes from; empty: none does.
Expected<Stream> append(const std::vector<Stream>& streams, const std::string& origin);

// Two streams with this share of the rows, rounded, and the others: in order, or those that a shuffle by `seed` puts
// in front. Rows keep their order.
Expected<std::vector<Stream>> split(const Stream& stream, double share, std::optional<std::uint64_t> seed);

// Runs of `length` rows, one every `stride` rows, in one row each; sounds end to end. `shifted`: an input that gets, of
// the tensor without a name, the same runs `shift` rows later, so that at every place it holds what follows.
struct WindowOptions {
  std::int64_t length = 0, stride = 0, shift = 1;
  std::string inputs = {}, shifted = {};  // empty: no name; none
};
Expected<Stream> windows(const Stream& stream, const WindowOptions& options);

}  // namespace descent::data
